"""Where conversations live: one implementation for every database SQLAlchemy speaks to, SQLite by default."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    delete,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from chatbot.conversation.turn import Conversation, Failure, Turn, TurnStatus, Usage

_metadata = MetaData()

_conversations = Table(
    "conversations",
    _metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(128), nullable=False),
    Column("title", String(200), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index("conversations_of_owner", "owner", "updated_at"),
)

_turns = Table(
    "turns",
    _metadata,
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True),
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("user", Text, nullable=False),
    Column("assistant", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("finish_reason", String(64)),
    Column("usage", JSON),
    Column("failure", JSON),
    Column("created_at", Float, nullable=False),
)


class RevisionError(Exception):
    """The conversation is not at the revision the writer had seen: somebody else wrote first."""


class ConversationStore:
    """Conversations and their turns, by owner.

    Args:
        url: Any SQLAlchemy URL with an async driver; ``sqlite:///file.db`` is completed with the right one.
            The folder of an SQLite file and the tables are made when they are missing.

    Raises:
        ValueError: The URL is none, or its database's driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._has_tables = False
        self._opening = asyncio.Lock()

    async def check(self) -> None:
        """Open the database once, make what is missing, and let go of it again.

        Raises:
            ValueError: It cannot be opened, with the database's own words.
        """
        try:
            await self._open()
        except (SQLAlchemyError, OSError) as error:
            raise ValueError(f"the database cannot be opened ({getattr(error, 'orig', None) or error})") from error
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Close all connections; a later call opens new ones."""
        await self._engine.dispose()

    async def get(self, id: str) -> Conversation | None:  # noqa: A002 - the field's own name
        """Return the conversation with this id, whoever owns it, or None."""
        query = select(_conversations).where(_conversations.c.id == id)
        async with (await self._open()).connect() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else _conversation(row)

    async def list(self, owner: str, limit: int = 50) -> list[Conversation]:
        """Return the owner's conversations, the one written to last first."""
        query = (
            select(_conversations)
            .where(_conversations.c.owner == owner)
            .order_by(_conversations.c.updated_at.desc())
            .limit(limit)
        )
        async with (await self._open()).connect() as connection:
            return [_conversation(row) for row in (await connection.execute(query)).mappings()]

    async def create(self, conversation: Conversation) -> Conversation:
        """Write down a conversation that begins, at revision 1."""
        row = {
            "id": conversation.id,
            "owner": conversation.owner,
            "title": conversation.title,
            "revision": 1,
            "updated_at": time.time(),
        }
        async with (await self._open()).begin() as connection:
            await connection.execute(insert(_conversations).values(row))
        return Conversation(conversation.id, conversation.owner, 1, conversation.title)

    async def turns(self, id: str) -> Sequence[Turn]:  # noqa: A002
        """Return all turns of a conversation, in order."""
        query = select(_turns).where(_turns.c.conversation_id == id).order_by(_turns.c.index)
        async with (await self._open()).connect() as connection:
            return [_turn(row) for row in (await connection.execute(query)).mappings()]

    async def tail(self, id: str, limit: int, *, before: int | None = None) -> Sequence[Turn]:  # noqa: A002
        """Return the newest ``limit`` turns (of those ``before`` an index), in order: one indexed range read."""
        query = select(_turns).where(_turns.c.conversation_id == id)
        if before is not None:
            query = query.where(_turns.c.index < before)
        query = query.order_by(_turns.c.index.desc()).limit(limit)
        async with (await self._open()).connect() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [_turn(row) for row in reversed(rows)]

    async def save(self, id: str, index: int, turn: Turn | None, revision: int) -> int:  # noqa: A002
        """Cut the conversation to ``index`` turns, then add ``turn``, in one transaction.

        One operation serves a new turn, a retry, an edit and an undo.

        Returns:
            The new revision.

        Raises:
            RevisionError: The conversation is gone, or no longer at ``revision``. Nothing was changed.
        """
        of_conversation = _turns.c.conversation_id == id
        async with (await self._open()).begin() as connection:
            # The compare-and-set comes first: it also takes the write lock before anything is read.
            claimed = await connection.execute(
                update(_conversations)
                .where(_conversations.c.id == id, _conversations.c.revision == revision)
                .values(revision=revision + 1, updated_at=time.time())
            )
            if claimed.rowcount != 1:
                raise RevisionError(f"conversation is no longer at revision {revision}")
            await connection.execute(delete(_turns).where(of_conversation, _turns.c.index >= index))
            if turn is not None:
                await connection.execute(insert(_turns).values(_row(id, index, turn)))
        return revision + 1

    async def delete(self, id: str) -> None:  # noqa: A002
        """Delete a conversation and its turns."""
        async with (await self._open()).begin() as connection:
            await connection.execute(delete(_turns).where(_turns.c.conversation_id == id))
            await connection.execute(delete(_conversations).where(_conversations.c.id == id))

    async def _open(self) -> AsyncEngine:
        if not self._has_tables:
            async with self._opening:
                _make_folder(self._engine.url)
                async with self._engine.begin() as connection:
                    await connection.run_sync(_metadata.create_all)
                self._has_tables = True
        return self._engine


def _engine(url: str) -> AsyncEngine:
    try:
        parsed = make_url(url)
        driver = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg"}.get(parsed.drivername)
        parsed = parsed.set(drivername=driver) if driver else parsed
        # A connection to a server may die while it idles; one to a file does not.
        engine = create_async_engine(parsed, pool_pre_ping=parsed.get_backend_name() != "sqlite")
    except (SQLAlchemyError, ImportError) as error:
        # The message of a parse error may repeat the URL, and a URL may hold a password.
        reason = f"its driver is missing ({error})" if isinstance(error, ImportError) else type(error).__name__
        raise ValueError(f"this is no database URL that can be used here: {reason}") from None
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    return engine


def _make_folder(url: URL) -> None:
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)


def _prepare_sqlite(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    # Readers do not wait for the writer, and a crash of the process loses nothing that was committed.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA busy_timeout=10000")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _conversation(row: RowMapping) -> Conversation:
    return Conversation(row["id"], row["owner"], row["revision"], row["title"])


def _turn(row: RowMapping) -> Turn:
    return Turn(
        index=row["index"],
        user=row["user"],
        assistant=row["assistant"],
        status=TurnStatus(row["status"]),
        finish_reason=row["finish_reason"],
        usage=Usage(**row["usage"]) if row["usage"] else None,
        failure=Failure(**row["failure"]) if row["failure"] else None,
    )


def _row(id: str, index: int, turn: Turn) -> dict[str, Any]:  # noqa: A002
    return {
        "conversation_id": id,
        "index": index,
        "user": turn.user,
        "assistant": turn.assistant,
        "status": turn.status.value,
        "finish_reason": turn.finish_reason,
        "usage": None if turn.usage is None else asdict(turn.usage),
        "failure": None if turn.failure is None else asdict(turn.failure),
        "created_at": time.time(),
    }
