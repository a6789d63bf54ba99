"""The heart: a conversation is a list of turns in a store, and the service is its only writer."""

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.context.memory import WindowMemory
from chatbot.conversation.context.section import Entry, Inclusion, PlannedItem, Section
from chatbot.conversation.context.tokens import TokenCounter
from chatbot.conversation.context.window import PlannedTurn, WindowSection
from chatbot.conversation.deployments import Deployment, Deployments, EffectiveOptions, Prices
from chatbot.conversation.errors import (
    AnswerUnsavedError,
    ApplicationBusyError,
    ConversationBusyError,
    ConversationConflictError,
    ConversationError,
    ConversationNotFoundError,
    DatabaseMovedError,
    MessageError,
    OriginBusyError,
    OwnerBusyError,
    TextTooLongError,
    TitleError,
    TransferBusyError,
    UnreadableExportError,
)
from chatbot.conversation.generation import Generation
from chatbot.conversation.import_export import DocumentWords
from chatbot.conversation.options import OPTIONS, PARAMETERS, Option, Options
from chatbot.conversation.recall import Mention
from chatbot.conversation.retention import COOKIE_SECONDS, PASSING
from chatbot.conversation.service import ConversationService
from chatbot.conversation.store import ConversationStore
from chatbot.conversation.turn import (
    Conversation,
    Failure,
    Feedback,
    Notice,
    Rating,
    Timing,
    Turn,
    TurnMemory,
    TurnStatus,
    Usage,
    Value,
    Waiting,
)
from chatbot.conversation.view import View

__all__ = [
    "COOKIE_SECONDS",
    "OPTIONS",
    "PARAMETERS",
    "PASSING",
    "AnswerUnsavedError",
    "ApplicationBusyError",
    "ContextPlan",
    "Conversation",
    "ConversationBusyError",
    "ConversationConflictError",
    "ConversationError",
    "ConversationNotFoundError",
    "ConversationService",
    "ConversationStore",
    "DatabaseMovedError",
    "Deployment",
    "Deployments",
    "DocumentWords",
    "EffectiveOptions",
    "Entry",
    "Failure",
    "Feedback",
    "Generation",
    "Inclusion",
    "Mention",
    "MessageError",
    "Notice",
    "Option",
    "Options",
    "OriginBusyError",
    "OwnerBusyError",
    "PlannedItem",
    "PlannedTurn",
    "Prices",
    "Rating",
    "Section",
    "TextTooLongError",
    "Timing",
    "TitleError",
    "TokenCounter",
    "TransferBusyError",
    "Turn",
    "TurnMemory",
    "TurnStatus",
    "UnreadableExportError",
    "Usage",
    "Value",
    "View",
    "Waiting",
    "WindowMemory",
    "WindowSection",
]
