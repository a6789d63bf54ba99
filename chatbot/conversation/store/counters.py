"""What was used of what is limited: counters in the store, which all processes share and no restart forgets.

A row is what one subject used in one slot of time. What is asked for is reserved in the slot in which it is, and
settled there. A reservation counts for a while only: of a process that was killed, none stays.

What is asked for while a transaction is under way is written in the next one together: two hundred questions within a
second take a few.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from operator import add, sub
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Executable, RowMapping, Select, bindparam, case, delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.conversation.store.database import Database, to_its_end
from chatbot.conversation.store.schema import usage_counters as counters

REMOVED_COUNTERS: Final = 1_000
"""How many rows are removed at a time: a few milliseconds' work."""

MOST_TOGETHER: Final = 50
"""How many requests are written in one transaction: a few milliseconds of the event loop."""


@dataclass(frozen=True, slots=True)
class Used:
    """What a subject used, and what is reserved for it, within some time.

    Attributes:
        cost: In the currency of the prices.
    """

    messages: int = 0
    tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: Used) -> Used:
        return Used(self.messages + other.messages, self.tokens + other.tokens, self.cost + other.cost)

    def __sub__(self, other: Used) -> Used:
        return Used(self.messages - other.messages, self.tokens - other.tokens, self.cost - other.cost)


class Change(NamedTuple):
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

    def taken_back(self) -> Change:
        """Return what undoes it."""
        return self._replace(**{name: -getattr(self, name) for name in _ADDED})

    def of(self, since: Since) -> Sequence[Used]:
        """Return what it adds to each of the sums."""
        is_held = self.began_at > since.held
        used = Used(
            self.messages,
            self.tokens + (self.held_tokens if is_held else 0),
            self.cost + (self.held_cost if is_held else 0.0),
        )
        return [used if self.began_at > start else Used() for start in since.starts]


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
"""The subject of the row that each transaction writes first. So one looks at a time, and sees all that were before: the
rows of different slots alone would let two pass that look at the same moment."""

_ADDED: Final = ("messages", "tokens", "cost", "held_tokens", "held_cost")

Check = Callable[[Totals], None]
"""Raises where there is more than may be."""


@dataclass(eq=False, slots=True)
class _Request:
    """What somebody waits for to be written: what was used, or with a check what is to be reserved."""

    changes: Sequence[Change]
    since: Since | None = None
    check: Check | None = None
    outcome: asyncio.Future[Totals] = field(default_factory=asyncio.Future)


class UsageCounters:
    """The counters of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[_Request] = []
        self._writing = asyncio.Lock()

    async def reserve(self, changes: Sequence[Change], since: Since, check: Check) -> Mapping[str, Sequence[Used]]:
        """Write down what is reserved, unless it is too much; return what each subject used, with it.

        Args:
            changes: One for each subject, in the order in which everybody names them.
            since: How far back is looked.
            check: Raises where the sums, with the changes, are more than may be: then nothing is written.
        """
        return await to_its_end(self._written(_Request(changes, since, check)))

    async def settle(self, changes: Sequence[Change]) -> None:
        """Write down what was used in the place of what was reserved for it."""
        await to_its_end(self._written(_Request(changes)))

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

    async def _written(self, request: _Request) -> Totals:
        self._waiting.append(request)
        async with self._writing:
            # Whoever wrote before may have taken this one along.
            if not request.outcome.done():
                together, self._waiting = self._waiting[:MOST_TOGETHER], self._waiting[MOST_TOGETHER:]
                try:
                    await self._write(together)
                except Exception as error:  # noqa: BLE001 - it is raised to each whose request it ended
                    for each in together:
                        if not each.outcome.done():
                            each.outcome.set_exception(error)
        return await request.outcome

    async def _write(self, together: Sequence[_Request]) -> None:
        door = Change(_DOOR, 0, max(change.expires_at for each in together for change in each.changes))
        found: dict[_Request, Totals | Exception] = {}
        async with self._database.writing() as connection, connection.begin() as transaction:
            await _add(connection, [door, *(change for each in together for change in each.changes)])
            asked = [each for each in together if each.since is not None]
            for since, several in groupby(asked, lambda each: each.since):
                undecided = [each for each in asked if not isinstance(found.get(each), dict)]
                found |= await _checked(connection, since, list(several), undecided)
            refused = [each for each in asked if isinstance(found[each], Exception)]
            if len(refused) == len(together):
                await transaction.rollback()
            elif refused:
                await _add(connection, [change.taken_back() for each in refused for change in each.changes])
        for each in together:
            outcome = found.get(each, {})
            if isinstance(outcome, Exception):
                each.outcome.set_exception(outcome)
            else:
                each.outcome.set_result(outcome)

    async def _remove_expired(self) -> int:
        key = (counters.c.subject, counters.c.began_at)
        some = select(*key).where(counters.c.expires_at < int(time.time())).limit(REMOVED_COUNTERS)
        async with self._database.writing() as connection, connection.begin():
            those = tuple_(*key).in_(some.with_for_update(skip_locked=True))
            return (await connection.execute(delete(counters).where(those))).rowcount


async def _checked(
    connection: AsyncConnection, since: Since, several: Sequence[_Request], undecided: Iterable[_Request]
) -> dict[_Request, Totals | Exception]:
    """Return what each of several requests finds, one after the other, or why it is refused.

    Args:
        connection: Where they are written already, as are all that come with them.
        since: How far back they look.
        several: Those that look that far back.
        undecided: Those that do not count for the first of them: what was refused, and what comes after it.
    """
    subjects = {change.subject for each in several for change in each.changes}
    rows = await connection.execute(_totals(len(since.starts)), _looked_for(subjects, since))
    counted = {subject: list(sums) for subject, sums in _read(rows.mappings().all(), subjects, since).items()}

    def count(request: _Request, how: Callable[[Used, Used], Used]) -> None:
        for change in request.changes:
            if change.subject in counted:
                counted[change.subject] = list(map(how, counted[change.subject], change.of(since)))

    for each in undecided:
        count(each, sub)
    found: dict[_Request, Totals | Exception] = {}
    for each in several:
        count(each, add)
        totals = {change.subject: counted[change.subject] for change in each.changes}
        try:
            if each.check is not None:
                each.check(totals)
        except Exception as error:  # noqa: BLE001 - whatever a check raises is its asker's
            count(each, sub)
            found[each] = error
        else:
            found[each] = totals
    return found


async def _add(connection: AsyncConnection, changes: Sequence[Change]) -> None:
    await connection.execute(_upsert(connection.dialect.name), [each._asdict() for each in changes])


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
