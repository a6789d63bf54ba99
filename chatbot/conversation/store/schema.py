"""The tables, and how values become rows.

A turn's row is one *version* of the turn at its index. ``parent`` is the version of the turn before it that it follows,
so the rows of a conversation are a tree, of which the rows that are ``shown`` are one path: what the page draws and
what the model may be sent. A retry or an edit adds a row, an undo hides one; no row is changed once its turn has ended,
but for ``shown`` and ``memory``. The columns of text are what is searched and named by; what a question or an answer is
made of beside that stands in a column of parts, empty where there is nothing else. A change here needs a migration
beside it (``migrations/versions``); a test checks that.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
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
from chatbot.conversation.parts import answer_data, answer_of, question_data, question_of
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
)

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
    Index("conversations_of_owner", "owner", "updated_at"),
    Index("conversations_expiring", "expires_at"),
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
)

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
    )


def options_row(options: Options) -> dict[str, Any]:
    """Return the column of what was chosen: what was not takes no room, and may change its default."""
    return {"options": {name: value for name, value in asdict(options).items() if value is not None}}


def turn_of(row: RowMapping) -> Turn:
    """Return the turn in a row."""
    return Turn(
        index=row["index"],
        question=question_of(row["user"], row["question_parts"]),
        answer=answer_of(row["assistant"], row["reasoning"], row["answer_parts"]),
        status=TurnStatus(row["status"]),
        finish_reason=row["finish_reason"],
        usage=Usage(**row["usage"]) if row["usage"] else None,
        failure=Failure(**row["failure"]) if row["failure"] else None,
        memory=TurnMemory(row["memory"]),
        notices=tuple(Notice(**each) for each in row["notices"] or ()),
        version=row["version"],
        parent=row["parent"],
        timing=Timing(**row["timing"]) if row["timing"] else None,
        deployment=row["deployment"],
        feedback=Feedback(Rating(row["feedback"]["rating"]), row["feedback"]["comment"]) if row["feedback"] else None,
    )


def answer_row(turn: Turn) -> dict[str, Any]:
    """Return the columns of a turn that change while it is answered."""
    return {
        "assistant": turn.answer_text,
        "status": turn.status.value,
        "finish_reason": turn.finish_reason,
        "usage": None if turn.usage is None else asdict(turn.usage),
        "failure": None if turn.failure is None else asdict(turn.failure),
        "notices": [asdict(each) for each in turn.notices] or None,
        "reasoning": turn.reasoning_text,
        "answer_parts": answer_data(turn.answer),
        "timing": None if turn.timing is None else asdict(turn.timing),
        "deployment": turn.deployment,
    }


def turn_row(conversation_id: str, turn: Turn) -> dict[str, Any]:
    """Return the columns of a turn that are its own."""
    return {
        "conversation_id": conversation_id,
        "index": turn.index,
        "version": turn.version,
        "parent": turn.parent,
        "user": turn.question_text,
        "question_parts": question_data(turn.question),
        "memory": turn.memory.value,
        "feedback": None if turn.feedback is None else asdict(turn.feedback),
        **answer_row(turn),
    }
