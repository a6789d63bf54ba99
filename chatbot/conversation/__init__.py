"""The heart: a conversation is a list of turns in a store, and the service is its only writer."""

from chatbot.conversation.context.tokens import TokenCounter
from chatbot.conversation.context.window import ContextPlan, Inclusion, PlannedTurn, WindowMemory
from chatbot.conversation.deployments import OPTIONS, PARAMETERS, Deployment, Deployments, EffectiveOptions, Prices
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
)
from chatbot.conversation.generation import Generation
from chatbot.conversation.import_export import UnreadableExportError
from chatbot.conversation.recall import Mention
from chatbot.conversation.retention import COOKIE_SECONDS, PASSING
from chatbot.conversation.service import ConversationService
from chatbot.conversation.store import ConversationStore
from chatbot.conversation.turn import (
    Conversation,
    Failure,
    Feedback,
    Options,
    Rating,
    Timing,
    Turn,
    TurnMemory,
    TurnStatus,
    Usage,
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
    "EffectiveOptions",
    "Failure",
    "Feedback",
    "Generation",
    "Inclusion",
    "Mention",
    "MessageError",
    "Options",
    "OriginBusyError",
    "OwnerBusyError",
    "PlannedTurn",
    "Prices",
    "Rating",
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
    "View",
    "Waiting",
    "WindowMemory",
]
