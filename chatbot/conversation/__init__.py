"""The heart: a conversation is a list of turns in a store, and the service is its only writer."""

from chatbot.conversation.service import (
    ConversationBusyError,
    ConversationConflictError,
    ConversationError,
    ConversationNotFoundError,
    ConversationService,
    MessageError,
)
from chatbot.conversation.store import ConversationStore
from chatbot.conversation.turn import Conversation, Failure, Turn, TurnStatus, Usage
from chatbot.conversation.window import WindowMemory

__all__ = [
    "Conversation",
    "ConversationBusyError",
    "ConversationConflictError",
    "ConversationError",
    "ConversationNotFoundError",
    "ConversationService",
    "ConversationStore",
    "Failure",
    "MessageError",
    "Turn",
    "TurnStatus",
    "Usage",
    "WindowMemory",
]
