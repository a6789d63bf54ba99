"""The tables, and how values become rows.

A turn's row is one *version* of the turn at its index. ``parent`` is the version of the turn before it that it follows,
so the rows of a conversation are a tree, of which the rows that are ``shown`` are one path: what the page draws and
what the model may be sent. A retry or an edit adds a row, an undo hides one; no row is changed once its turn has ended,
but for ``shown`` and ``memory``. The columns of text are what is searched and named by; what a question or an answer is
made of beside that stands in a column of parts, empty where there is nothing else. A change here needs a migration
beside it (``migrations/versions``); a test checks that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from json import dumps
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    TypeDecorator,
    literal_column,
)

from chatbot.conversation.options import Options
from chatbot.conversation.turn import Comparison, Conversation, Turn, TurnMemory, TurnStatus, Usage
from chatbot.conversation.turn_data import turn_data

_ESCAPE: Final = "\x1a"


class ExactText(TypeDecorator[str]):
    """Text as it is, also with the one character PostgreSQL cannot store: NUL is written as an escape."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Escape on the way in."""
        return None if value is None else value.replace(_ESCAPE, _ESCAPE + "1").replace("\0", _ESCAPE + "0")

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Undo it on the way out."""
        return None if value is None else value.replace(_ESCAPE + "0", "\0").replace(_ESCAPE + "1", _ESCAPE)


metadata: Final = MetaData()

conversations: Final = Table(
    "conversations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("title", ExactText, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("options", JSON, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost", Float),
    Column("updated_at", Float, nullable=False),
    Column("deleted_at", Float),
    Column("expires_at", Float),
    Column("pinned", Boolean, nullable=False),
    Column("archived", Boolean, nullable=False),
    Column("comparison", JSON(none_as_null=True)),
    Index("conversations_of_owner", "owner", "updated_at"),
    Index("conversations_expiring", "expires_at"),
    Index("conversations_written", "updated_at"),
)

turns: Final = Table(
    "turns",
    metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("parent", Integer),
    Column("shown", Boolean, nullable=False),
    Column("user", ExactText, nullable=False),
    Column("assistant", ExactText, nullable=False),
    Column("status", String(16), nullable=False),
    Column("finish_reason", ExactText),
    Column("usage", JSON(none_as_null=True)),
    Column("failure", JSON(none_as_null=True)),
    Column("memory", String(16), nullable=False),
    Column("notices", JSON(none_as_null=True)),
    Column("reasoning", ExactText, nullable=False),
    Column("timing", JSON(none_as_null=True)),
    Column("deployment", ExactText, nullable=False),
    Column("feedback", JSON(none_as_null=True)),
    Column("writer", String(32)),
    Column("touched_at", Float, nullable=False),
    Column("question_parts", JSON(none_as_null=True)),
    Column("answer_parts", JSON(none_as_null=True)),
    Column("size", BigInteger),
    Index("turns_sized", "conversation_id", "size"),
)
"""The size is in bytes, and in an index of its own: what a visitor keeps is added up without reading it."""

blobs: Final = Table(
    "blobs",
    metadata,
    Column("owner", String(128), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("touched_at", Float, nullable=False),
    Index("blobs_touched", "touched_at"),
)

blob_pieces: Final = Table(
    "blob_pieces",
    metadata,
    Column("owner", String(128), primary_key=True),
    Column("sha256", String(64), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
    ForeignKeyConstraint(["owner", "sha256"], ["blobs.owner", "blobs.sha256"], ondelete="CASCADE"),
)

turn_blobs: Final = Table(
    "turn_blobs",
    metadata,
    Column("conversation_id", String(64), primary_key=True),
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("sha256", String(64), primary_key=True),
    Column("owner", String(128), nullable=False),
    ForeignKeyConstraint(
        ["conversation_id", "index", "version"],
        ["turns.conversation_id", "turns.index", "turns.version"],
        ondelete="CASCADE",
    ),
    Index("turns_of_blob", "owner", "sha256"),
)
"""Which bytes a turn refers to: whoever removes the turn removes this, and bytes without any are removed later."""

usage_counters: Final = Table(
    "usage_counters",
    metadata,
    Column("subject", String(160), primary_key=True),
    Column("began_at", BigInteger, primary_key=True, autoincrement=False),
    Column("messages", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("cost", Float, nullable=False),
    Column("held_tokens", BigInteger, nullable=False),
    Column("held_cost", Float, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index("usage_counters_expiring", "expires_at"),
)
"""What a visitor, a network address or everybody used in a few minutes, and what is reserved for answers that were
asked for in them and have not ended."""

usage: Final = Table(
    "usage",
    metadata,
    Column("day", Date, primary_key=True),
    Column("deployment", ExactText, primary_key=True),
    Column("visitor", String(16), primary_key=True),
    Column("event", String(64), primary_key=True),
    Column("times", BigInteger, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost", Float),
)
"""How often what happened on a day, and what that took (``usage.py``): it refers to nothing, so it outlives it all."""

usage_salt: Final = Table("usage_salt", metadata, Column("salt", String(64), primary_key=True))
"""One row, made with the table: what the names of visitors are hashed with."""

shared_secrets: Final = Table(
    "secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
"""What all processes know and nobody else."""

revoked_sessions: Final = Table(
    "revoked_sessions",
    metadata,
    Column("key", String(128), primary_key=True),
    Column("revoked_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
)
"""Who signed out; whose session has expired anyway need not be known."""

api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("name", ExactText, nullable=False),
    Column("deployments", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("last_used_at", Float),
    Column("revoked_at", Float),
)
"""Keys of the API. Of the keys themselves there are only hashes; one that is revoked stays, to be told from one that
never was."""

shares: Final = Table(
    "shares",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("title", ExactText, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("page", LargeBinary, nullable=False),
    Index("shares_of_conversation", "conversation_id"),
    Index("shares_expiring", "expires_at"),
)
"""Links by which others may read a conversation, each with what it shows. Of their tokens there are only hashes."""

acceptances: Final = Table(
    "acceptances",
    metadata,
    Column("owner", String(128), primary_key=True),
    Column("version", String(64), primary_key=True),
    Column("accepted_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Index("acceptances_expiring", "expires_at"),
)
"""Who has accepted which terms."""

# Few rows of a conversation are growing or pinned: they are found without reading the others. The words are literals,
# because a statement with a parameter in their place is not known to mean the index.
IS_IN_PROGRESS: Final = turns.c.status == literal_column(f"'{TurnStatus.STREAMING}'")
IS_PINNED: Final = turns.c.memory == literal_column(f"'{TurnMemory.PINNED}'")
Index(
    "turns_growing",
    turns.c.conversation_id,
    turns.c.index,
    sqlite_where=IS_IN_PROGRESS,
    postgresql_where=IS_IN_PROGRESS,
)
Index("turns_pinned", turns.c.conversation_id, turns.c.index, sqlite_where=IS_PINNED, postgresql_where=IS_PINNED)


_SINCE_ASKED: Final = (
    "conversation_id",
    "index",
    "version",
    "parent",
    "user",
    "question_parts",
    "memory",
    "feedback",
)
"""Columns of a turn that an answer does not change."""


def conversation_of(row: RowMapping) -> Conversation:
    """Return the conversation in a row."""
    return Conversation(
        row["id"],
        row["owner"],
        row["revision"],
        row["title"],
        Options(**row["options"]),
        row["updated_at"],
        Usage(row["input_tokens"], row["output_tokens"], row["cost"]),
        is_pinned=row["pinned"],
        is_archived=row["archived"],
        comparison=None if row["comparison"] is None else _comparison_of(row["comparison"]),
    )


def _comparison_of(column: Mapping[str, Any]) -> Comparison:
    options = {int(version): Options(**chosen) for version, chosen in column["options"].items()}
    return Comparison(column["index"], dict(sorted(options.items())))


def options_row(options: Options) -> dict[str, Any]:
    """Return the column of what was chosen: what was not takes no room, and may change its default."""
    return {"options": {name: value for name, value in asdict(options).items() if value is not None}}


def comparison_row(comparison: Comparison | None) -> dict[str, Any]:
    """Return the column of the answers that are compared."""
    if comparison is None:
        return {"comparison": None}
    options = {str(version): options_row(each)["options"] for version, each in comparison.options.items()}
    return {"comparison": {"index": comparison.index, "options": options}}


def turn_row(conversation_id: str, turn: Turn) -> dict[str, Any]:
    """Return the columns of a turn that are its own."""
    data = turn_data(turn)
    # Most have none, which takes no room.
    return data | {"conversation_id": conversation_id, "notices": data["notices"] or None, "size": _size(data)}


def answer_row(turn: Turn) -> dict[str, Any]:
    """Return the columns of a turn that change while it is answered."""
    return {name: value for name, value in turn_row("", turn).items() if name not in _SINCE_ASKED}


def _size(data: Mapping[str, Any]) -> int:
    """How many bytes a turn's words take, and what else it is made of; those of pictures and files are not counted."""
    texts = (data["user"], data["assistant"], data["reasoning"])
    parts = filter(None, (data["question_parts"], data["answer_parts"]))
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) + sum(len(dumps(each)) for each in parts)
