"""What was used of what is limited: counters in the store, which all processes share and no restart forgets.

A row is what one subject used in one slot of time. What is asked for is reserved in the slot in which it is, and
settled there. A reservation counts for a while only: of a process that was killed, none stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Executable, RowMapping, Select, bindparam, case, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.conversation.store.database import Database, to_its_end
from chatbot.conversation.store.schema import usage_counters as counters

REMOVED_COUNTERS: Final = 1_000
"""How many rows are removed at a time: a few milliseconds' work."""


@dataclass(frozen=True, slots=True)
class Used:
    """What a subject used, and what is reserved for it, within some time.

    Attributes:
        cost: In the currency of the prices.
    """

    messages: int = 0
    tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """What is added to a row; a negative number takes away.

    Attributes:
        subject: Whose row.
        began_at: When its slot began, in seconds since 1970.
        expires_at: When the row may be removed.
        held_tokens: Reserved, and so is ``held_cost``.
    """

    subject: str
    began_at: int
    expires_at: int
    messages: int = 0
    tokens: int = 0
    cost: float = 0.0
    held_tokens: int = 0
    held_cost: float = 0.0


class Since(NamedTuple):
    """How far back is looked, in seconds since 1970: at slots that began after these moments.

    Attributes:
        starts: One for each sum that is wanted.
        held: What was reserved before does not count any more.
    """

    starts: tuple[int, ...]
    held: int


Totals = Mapping[str, Sequence[Used]]
"""By subject, what it used since each of the starts."""


class Slot(NamedTuple):
    """What was used in a slot, without what is reserved."""

    subject: str
    began_at: int
    used: Used


_DOOR: Final = ""
"""The subject of the row that each reservation writes first. So one looks at a time, and sees all that were before: the
rows of different slots alone would let two pass that look at the same moment."""

_ADDED: Final = ("messages", "tokens", "cost", "held_tokens", "held_cost")


class UsageCounters:
    """The counters of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(
        self, changes: Sequence[Change], since: Since, check: Callable[[Totals], None]
    ) -> Mapping[str, Sequence[Used]]:
        """Write down what is reserved, unless it is too much; return what each subject used, with it.

        Args:
            changes: One for each subject, in the order in which everybody names them.
            since: How far back is looked.
            check: Raises where the sums, with the changes, are more than may be: then nothing is written.
        """
        return await to_its_end(self._reserve(changes, since, check))

    async def settle(self, changes: Sequence[Change]) -> None:
        """Write down what was used in the place of what was reserved for it."""
        await to_its_end(self._settle(changes))

    async def used(self, subjects: Collection[str], since: Since) -> Totals:
        """Return what subjects used, and what is reserved for them."""
        rows = await self._database.read(_totals(len(since.starts)), _looked_for(subjects, since))
        return _read(rows, subjects, since)

    async def slots(self, subjects: Collection[str], start: int) -> Sequence[Slot]:
        """Return what subjects used, by slots that began after a moment, the earliest first."""
        mine = (counters.c.subject.in_(list(subjects)), counters.c.began_at > start)
        rows = await self._database.read(select(counters).where(*mine).order_by(counters.c.began_at))
        return [
            Slot(row["subject"], row["began_at"], Used(row["messages"], row["tokens"], row["cost"])) for row in rows
        ]

    async def remove_expired(self) -> bool:
        """Remove some of the rows that nobody looks at any more; return whether there may be more."""
        return await to_its_end(self._remove_expired()) == REMOVED_COUNTERS

    async def _reserve(self, changes: Sequence[Change], since: Since, check: Callable[[Totals], None]) -> Totals:
        subjects = [each.subject for each in changes]
        door = Change(_DOOR, 0, max(each.expires_at for each in changes))
        async with self._database.writing() as connection, connection.begin():
            await _add(connection, [door, *changes])
            found = await connection.execute(_totals(len(since.starts)), _looked_for(subjects, since))
            totals = _read(found.mappings().all(), subjects, since)
            check(totals)
        return totals

    async def _settle(self, changes: Sequence[Change]) -> None:
        async with self._database.writing() as connection, connection.begin():
            await _add(connection, changes)

    async def _remove_expired(self) -> int:
        key = (counters.c.subject, counters.c.began_at)
        some = select(*key).where(counters.c.expires_at < int(time.time())).limit(REMOVED_COUNTERS)
        async with self._database.writing() as connection, connection.begin():
            those = tuple_(*key).in_(some.with_for_update(skip_locked=True))
            return (await connection.execute(delete(counters).where(those))).rowcount


async def _add(connection: AsyncConnection, changes: Sequence[Change]) -> None:
    # One after the other, in the order that all keep to: who waits for another's row waits in no circle.
    await connection.execute(_upsert(connection.dialect.name), [asdict(each) for each in changes])


@cache
def _upsert(dialect: str) -> Executable:
    new: Any = (postgresql if dialect == "postgresql" else sqlite).insert(counters)
    sums = {name: counters.c[name] + new.excluded[name] for name in _ADDED}
    return new.on_conflict_do_update(  # type: ignore[no-any-return]
        index_elements=[counters.c.subject, counters.c.began_at], set_=sums | {"expires_at": new.excluded.expires_at}
    )


@cache
def _totals(count: int) -> Select[Any]:
    """The sums since so many moments. Made once: to make it takes as long as to run it."""
    held = counters.c.began_at > bindparam("held")
    tokens = counters.c.tokens + case((held, counters.c.held_tokens), else_=0)
    cost = counters.c.cost + case((held, counters.c.held_cost), else_=0.0)

    def sums(number: int) -> list[ColumnElement[Any]]:
        is_within = counters.c.began_at > bindparam(f"start_{number}")
        several = {"messages": counters.c.messages, "tokens": tokens, "cost": cost}
        return [func.sum(case((is_within, each), else_=0)).label(f"{name}_{number}") for name, each in several.items()]

    return (
        select(counters.c.subject, *(each for number in range(count) for each in sums(number)))
        .where(
            counters.c.subject.in_(bindparam("subjects", expanding=True)), counters.c.began_at > bindparam("earliest")
        )
        .group_by(counters.c.subject)
    )


def _looked_for(subjects: Collection[str], since: Since) -> dict[str, Any]:
    starts = {f"start_{number}": start for number, start in enumerate(since.starts)}
    return {"subjects": list(subjects), "earliest": min(since.starts), "held": since.held, **starts}


def _read(rows: Sequence[RowMapping], subjects: Collection[str], since: Since) -> Totals:
    nothing = [Used()] * len(since.starts)
    by_subject = {
        row["subject"]: [
            # PostgreSQL's sums of whole numbers are decimal ones.
            Used(int(row[f"messages_{number}"]), int(row[f"tokens_{number}"]), float(row[f"cost_{number}"]))
            for number in range(len(since.starts))
        ]
        for row in rows
    }
    return {subject: by_subject.get(subject, nothing) for subject in subjects}
