"""Where conversations live: one implementation for every database SQLAlchemy speaks to, SQLite by default."""

from chatbot.conversation.store.blobs import MAX_BLOB_BYTES, MAX_OWNER_BYTES, BlobStore
from chatbot.conversation.store.statements import AnsweringError, RevisionError
from chatbot.conversation.store.store import SILENCE, Begun, ConversationStore, Ended, Recent, StoredTurn

__all__ = [
    "MAX_BLOB_BYTES",
    "MAX_OWNER_BYTES",
    "SILENCE",
    "AnsweringError",
    "Begun",
    "BlobStore",
    "ConversationStore",
    "Ended",
    "Recent",
    "RevisionError",
    "StoredTurn",
]
