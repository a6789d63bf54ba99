"""Where conversations live: one implementation for every database SQLAlchemy speaks to, SQLite by default."""

from chatbot.conversation.store.api_keys import ApiKey, ApiKeyStore
from chatbot.conversation.store.blobs import MAX_BLOB_BYTES, MAX_OWNER_BYTES, BlobStore
from chatbot.conversation.store.ceilings import Ceilings
from chatbot.conversation.store.counters import Change, Since, UsageCounters, Used
from chatbot.conversation.store.shares import Share, ShareStore
from chatbot.conversation.store.statements import AnsweringError, RevisionError
from chatbot.conversation.store.store import SILENCE, Begun, ConversationStore, Ended, Recent, StoredTurn
from chatbot.conversation.store.usage import Grouping, UsageLine, UsageStore

__all__ = [
    "MAX_BLOB_BYTES",
    "MAX_OWNER_BYTES",
    "SILENCE",
    "AnsweringError",
    "ApiKey",
    "ApiKeyStore",
    "Begun",
    "BlobStore",
    "Ceilings",
    "Change",
    "ConversationStore",
    "Ended",
    "Grouping",
    "Recent",
    "RevisionError",
    "Share",
    "ShareStore",
    "Since",
    "StoredTurn",
    "UsageCounters",
    "UsageLine",
    "UsageStore",
    "Used",
]
