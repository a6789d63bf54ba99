"""The heart: a conversation is a list of turns in a store, and the service is its only writer."""

from chatbot.conversation.answers import Generation
from chatbot.conversation.deployments import OPTIONS, PARAMETERS, Choice, Deployment, Deployments, Prices
from chatbot.conversation.errors import (
    AnswerUnsavedError,
    ApplicationBusyError,
    ConversationBusyError,
    ConversationConflictError,
    ConversationError,
    ConversationNotFoundError,
    DatabaseMovedError,
    MessageError,
    OwnerBusyError,
    TextTooLongError,
    TitleError,
    TransferBusyError,
)
from chatbot.conversation.exchange import UnreadableExportError
from chatbot.conversation.recall import Mention
from chatbot.conversation.service import ConversationService
from chatbot.conversation.store import ConversationStore
from chatbot.conversation.tokens import TokenCounter
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
from chatbot.conversation.window import Entry, Place, Plan, WindowMemory

__all__ = [
    "OPTIONS",
    "PARAMETERS",
    "AnswerUnsavedError",
    "ApplicationBusyError",
    "Choice",
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
    "Entry",
    "Failure",
    "Feedback",
    "Generation",
    "Mention",
    "MessageError",
    "Options",
    "OwnerBusyError",
    "Place",
    "Plan",
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
