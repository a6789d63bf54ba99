"""The steps that changes are made of, each inside its caller's transaction.

The row of the conversation always comes first, and is written, not read: that takes the lock everyone else waits
for, in the same order everywhere, so that no two changes interleave and none waits for another in a circle.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, and_, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.conversation.retention import LASTING_SECONDS, PASSING, PASSING_SECONDS, UNDELETE_SECONDS, lifetime
from chatbot.conversation.store.schema import (
    IS_IN_PROGRESS,
    comparison_row,
    conversation_of,
    conversations,
    options_row,
    turns,
)
from chatbot.conversation.turn import INTERRUPTED, Comparison, Conversation, Failure, TurnStatus, Usage, counting
from chatbot.conversation.turn_data import turn_from


class RevisionError(Exception):
    """The conversation is gone, or not at the revision the writer had seen: somebody else wrote first."""


class AnsweringError(Exception):
    """An answer is being written in the conversation, by this process or another."""


async def create(connection: AsyncConnection, conversation: Conversation, *, is_hidden: bool = False) -> Conversation:
    """Write down a conversation that begins, hidden as a deleted one is if told so; return it at its first revision.

    Raises:
        RevisionError: There is one with this id.
    """
    now = time.time()
    row = {
        "id": conversation.id,
        "owner": conversation.owner,
        "title": conversation.title,
        "revision": 1,
        **options_row(conversation.options),
        "input_tokens": conversation.usage.input_tokens,
        "output_tokens": conversation.usage.output_tokens,
        "cost": conversation.usage.cost,
        "updated_at": now,
        "deleted_at": now if is_hidden else None,
        "expires_at": now + (UNDELETE_SECONDS if is_hidden else lifetime(conversation.owner)),
        "pinned": conversation.is_pinned,
        "archived": conversation.is_archived,
    }
    try:
        await connection.execute(insert(conversations).values(row))
    except IntegrityError:
        raise RevisionError(f"conversation {conversation.id} has begun already") from None
    return replace(conversation, revision=1, updated_at=now)


async def advance(
    connection: AsyncConnection,
    id: str,  # noqa: A002
    revision: int,
    **values: Any,
) -> Conversation:
    """Move a conversation from one revision to the next; return it as it stands then.

    Raises:
        RevisionError: It is gone, or not at this revision.
    """
    at_revision = and_(
        conversations.c.id == id, conversations.c.revision == revision, conversations.c.deleted_at.is_(None)
    )
    values |= {"revision": revision + 1, **_touched()}
    moved = update(conversations).where(at_revision).values(values).returning(*conversations.c)
    row = (await connection.execute(moved)).mappings().first()
    if row is None:
        raise RevisionError(f"conversation {id} is not at revision {revision}")
    return conversation_of(row)


async def touch(connection: AsyncConnection, id: str, usage: Usage | None = None) -> Conversation | None:  # noqa: A002
    """Note that a conversation was written to, where its revision stays, and what an answer in it took.

    Returns:
        The conversation as it stands then; None where it is gone.
    """
    values = _touched() | ({} if usage is None else _added(usage))
    touched = update(conversations).where(conversations.c.id == id).values(values).returning(*conversations.c)
    row = (await connection.execute(touched)).mappings().first()
    return None if row is None else conversation_of(row)


async def compare(
    connection: AsyncConnection, conversation: Conversation, comparison: Comparison | None, **values: Any
) -> Conversation:
    """Note which answers are compared in a conversation from now on, if any are; return it as it stands then."""
    this = update(conversations).where(conversations.c.id == conversation.id)
    moved = this.values(comparison_row(comparison) | values).returning(*conversations.c)
    return conversation_of((await connection.execute(moved)).mappings().one())


async def show_counting(connection: AsyncConnection, id: str, comparison: Comparison) -> None:  # noqa: A002
    """Show the one of the answers that are compared that counts as long as none is kept."""
    at_index = and_(turns.c.conversation_id == id, turns.c.index == comparison.index)
    rows = (await connection.execute(select(turns).where(at_index).order_by(turns.c.version))).mappings().all()
    compared = [row for row in rows if row["version"] in comparison.options]
    chosen = counting([turn_from(row) for row in compared])
    if not any(row["shown"] and row["version"] == chosen.version for row in compared):
        await show_only(connection, id, comparison.index, [chosen.key])


async def spend(connection: AsyncConnection, id: str, usage: Usage) -> None:  # noqa: A002
    """Add to what a conversation took, where nothing was written to it."""
    await connection.execute(update(conversations).where(conversations.c.id == id).values(_added(usage)))


def kept_until(now: float) -> ColumnElement[float]:
    """Return until when a conversation is kept whose owner was here at a time."""
    return case(
        (conversations.c.owner.startswith(PASSING), now + PASSING_SECONDS),
        else_=now + LASTING_SECONDS,
    )


def _touched() -> dict[str, Any]:
    now = time.time()
    return {"updated_at": now, "expires_at": kept_until(now)}


def _added(usage: Usage) -> dict[Any, Any]:
    # Counted here, and not over all turns whenever somebody looks: a long conversation is shown as quickly.
    values: dict[Any, Any] = {
        "input_tokens": conversations.c.input_tokens + usage.input_tokens,
        "output_tokens": conversations.c.output_tokens + usage.output_tokens,
    }
    if usage.cost is not None:
        values["cost"] = func.coalesce(conversations.c.cost, 0.0) + usage.cost
    return values


async def claim(connection: AsyncConnection, conversation: Conversation, silent_before: float) -> list[RowMapping]:
    """See to it that nobody is answering.

    An answer that nobody has touched since a time ends as interrupted.

    Returns:
        The rows of those, as :func:`in_progress` has them.

    Raises:
        AnsweringError: An answer is being written.
    """
    interrupted = []
    for row in await in_progress(connection, conversation.id):
        if row["touched_at"] >= silent_before:
            raise AnsweringError(f"conversation {conversation.id} is being answered")
        # What was to replace an answer and did not get to: the answer is still there.
        ended = {"status": TurnStatus.FAILED.value, "failure": asdict(Failure(INTERRUPTED))}
        await end_in_progress(connection, conversation, row, keep=row["shown"], ended=ended)
        interrupted.append(row)
    return interrupted


async def in_progress(connection: AsyncConnection, id: str) -> Sequence[RowMapping]:  # noqa: A002
    """Return the rows of the answers that have not ended, in the order they were begun."""
    has_parts = turns.c.answer_parts.is_not(None).label("has_parts")
    columns = (
        *(turns.c.index, turns.c.version, turns.c.shown, turns.c.writer, turns.c.touched_at, turns.c.assistant),
        *(turns.c.deployment, turns.c.usage, has_parts),
    )
    query = select(*columns).where(turns.c.conversation_id == id)
    rows = (await connection.execute(query.where(IS_IN_PROGRESS))).mappings().all()
    return sorted(rows, key=lambda row: (row["index"], row["version"]))


async def end_in_progress(
    connection: AsyncConnection,
    conversation: Conversation,
    row: RowMapping,
    *,
    keep: bool,
    ended: dict[str, Any],
) -> None:
    """End an answer in its writer's stead: keep and show it, or drop it; the writer notices at its next write.

    Of answers that are compared each is kept, and the one that counts is shown.
    """
    key = row["index"], row["version"]
    it = is_version(conversation.id, *key)
    is_compared = conversation.compares(key)
    if not keep and not is_compared:
        await connection.execute(delete(turns).where(it))
        return
    await connection.execute(update(turns).where(it).values(ended))
    if is_compared and conversation.comparison is not None:
        await show_counting(connection, conversation.id, conversation.comparison)
    elif not row["shown"]:
        await show_only(connection, conversation.id, row["index"], [key])


async def show_only(
    connection: AsyncConnection,
    id: str,  # noqa: A002
    start: int,
    path: Sequence[tuple[int, int]],
) -> None:
    """From index ``start`` on, show these versions and nothing else."""
    shown = and_(turns.c.conversation_id == id, turns.c.index >= start, turns.c.shown)
    await connection.execute(update(turns).where(shown).values(shown=False))
    for index, version in path:
        await connection.execute(update(turns).where(is_version(id, index, version)).values(shown=True))


async def path_from(connection: AsyncConnection, id: str, index: int, version: int) -> list[tuple[int, int]]:  # noqa: A002
    """Return a version beside the one that is shown and the newest of what once followed it, as (index, version).

    Where none is shown at the index, because it was taken back, it is one that follows what is shown before it.

    Raises:
        RevisionError: There is no such version, or it is not beside the one that is shown.
    """
    columns = (turns.c.index, turns.c.version, turns.c.parent, turns.c.shown)
    query = select(*columns).where(turns.c.conversation_id == id, turns.c.index >= index - 1).order_by(turns.c.version)
    rows = (await connection.execute(query)).mappings().all()
    before = {row["version"] for row in rows if row["index"] == index - 1 and row["shown"]}
    shown = {row["parent"] for row in rows if row["index"] == index and row["shown"]}
    follows = shown or before or ({None} if index == 0 else set())
    wanted = {row["parent"] for row in rows if row["index"] == index and row["version"] == version}
    if not wanted or wanted != follows:
        raise RevisionError(f"conversation {id} has no version {version} beside the turn {index} that is shown")
    newest = {(row["index"], row["parent"]): row["version"] for row in rows}
    path = [(index, version)]
    while (follower := newest.get((path[-1][0] + 1, path[-1][1]))) is not None:
        path.append((path[-1][0] + 1, follower))
    return path


def is_version(id: str, index: int, version: int) -> ColumnElement[bool]:  # noqa: A002
    """Return the condition that names one row of turns."""
    return and_(turns.c.conversation_id == id, turns.c.index == index, turns.c.version == version)
