"""Where conversations live: one implementation for every database SQLAlchemy speaks to, SQLite by default."""

from chatbot.conversation.store.statements import AnsweringError, RevisionError
from chatbot.conversation.store.store import SILENCE, Begun, ConversationStore, Recent, StoredTurn

__all__ = [
    "SILENCE",
    "AnsweringError",
    "Begun",
    "ConversationStore",
    "Recent",
    "RevisionError",
    "StoredTurn",
]
