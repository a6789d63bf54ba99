"""What was used, by day, deployment and visitor: counts that outlive the conversations they come from.

A row counts what one visitor had of one kind at one deployment on one day (UTC): answers by how they ended, titles,
thumbs. Nothing that anybody said is in it. A visitor is a salted hash of an owner: neither a cookie nor an owner's
name can be found from what is printed of it. All who have no cookie are one visitor, and so are all temporary
conversations, whoever has them. A key of the API is told by its id, by which its owner knows it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from operator import itemgetter
from typing import Any, Final, Literal

from sqlalchemy import Insert, RowMapping, and_, case, delete, distinct, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from chatbot.conversation.caller import API_KEY
from chatbot.conversation.retention import is_passing
from chatbot.conversation.store.database import Database, to_its_end
from chatbot.conversation.store.schema import usage, usage_salt
from chatbot.conversation.turn import FROM_CACHE, FROM_RECORDING, Feedback, Rating, Timing, Turn, TurnStatus, Usage

ANSWERED: Final = "answered"
STOPPED: Final = "stopped"
FILTERED: Final = "filtered"
CACHED: Final = "cached"
TITLED: Final = "titled"
"""What is counted beside failures, which are named by their kind, and thumbs, which are by their rating."""

NO_COOKIE: Final = "no cookie"
"""The visitor that all are who cannot come back."""

TEMPORARY_CHATS: Final = "temporary"
"""The visitor that all are in temporary conversations: of nobody it is written down that they had one."""

VISITOR_DIGITS: Final = 12
"""Hexadecimal digits of a visitor's hash: enough to tell millions apart."""

_LONGEST_EVENT: Final = 64
_RATINGS: Final = tuple(rating.value for rating in Rating)
_NOT_FAILED: Final = frozenset((ANSWERED, STOPPED, FILTERED, CACHED, TITLED, *_RATINGS))

Grouping = Literal["day", "deployment", "visitor"]


@dataclass(frozen=True, slots=True)
class UsageLine:
    """What was used on one day, at one deployment or by one visitor.

    Attributes:
        key: The day as ``2026-11-27``, the deployment's name or the visitor's hash; empty where it is all together.
        visitors: How many there were; those without a cookie count as one, and so do temporary conversations.
        messages: How many answers were asked for, retries among them, however they ended.
        stopped: How many of them their visitor stopped.
        filtered: How many of them a content filter refused or cut short.
        cached: How many of them came from the cache.
        titles: How many titles the model looked for.
        input_tokens: As the endpoints counted them, of answers and titles.
        output_tokens: The same.
        cost: Of them, where prices are known.
        errors: How many of the messages failed, by the kind of the failure.
        up: Thumbs that answers have of this day, deployment or visitor.
        down: The same.
    """

    key: str
    visitors: int = 0
    messages: int = 0
    stopped: int = 0
    filtered: int = 0
    cached: int = 0
    titles: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    errors: Mapping[str, int] = field(default_factory=dict)
    up: int = 0
    down: int = 0


class UsageStore:
    """Counts of what was used.

    Args:
        database: Where they are.
        kept_days: How many days are kept; None keeps them all.
    """

    def __init__(self, database: Database, kept_days: int | None = None) -> None:
        self._database = database
        self._kept_days = kept_days
        self._salt = b""

    # ---------------------------------------------------- counting, each inside its caller's transaction, as its last

    async def count(
        self, connection: AsyncConnection, owner: str, deployment: str, event: str, used: Usage | None = None
    ) -> None:
        """Count one event of an owner, and the tokens it took, for today."""
        await self._add(connection, await self._key(connection, today(), owner, deployment, event), used)

    async def count_answer(self, connection: AsyncConnection, owner: str, turn: Turn) -> None:
        """Count an answer as it ended."""
        await self.count(connection, owner, turn.deployment, _event_of(turn), turn.usage)

    async def count_abandoned(
        self, connection: AsyncConnection, owner: str, rows: Iterable[RowMapping], event: str
    ) -> None:
        """Count answers that were ended in their writer's stead, from their rows: the writer will not."""
        for row in rows:
            used = Usage(**row["usage"]) if row["usage"] else None
            await self.count(connection, owner, row["deployment"], event, used)

    async def count_rating(self, connection: AsyncConnection, row: RowMapping, feedback: Feedback | None) -> None:
        """Count a thumb on the day of its answer, in place of the one that the answer had.

        Args:
            connection: In a transaction.
            row: ``owner``, ``deployment``, ``timing`` and ``feedback`` of the answer as they were.
            feedback: What it has from now on.
        """
        before = row["feedback"]["rating"] if row["feedback"] else None
        now = None if feedback is None else feedback.rating.value
        if before == now:
            return
        timing = Timing(**row["timing"]) if row["timing"] else None
        day = today() if timing is None else datetime.fromtimestamp(timing.ended_at, UTC).date()
        if before is not None:
            key = await self._key(connection, day, row["owner"], row["deployment"], before)
            it = and_(*(usage.c[name] == value for name, value in key.items()), usage.c.times > 0)
            await connection.execute(update(usage).where(it).values(times=usage.c.times - 1))
        if now is not None:
            await self._add(connection, await self._key(connection, day, row["owner"], row["deployment"], now))

    async def record(self, owner: str, turn: Turn) -> None:
        """Count an answer as it ended that is kept nowhere, in a transaction of its own."""
        await to_its_end(self._record(owner, turn))

    async def _record(self, owner: str, turn: Turn) -> None:
        async with self._database.writing() as connection, connection.begin():
            await self.count_answer(connection, owner, turn)

    # ------------------------------------------------------------ moving what was counted, in transactions of their own

    async def take(self) -> Sequence[Mapping[str, Any]]:
        """Take out all that is counted but thumbs, for :meth:`add`; whose it was is forgotten."""
        taken = delete(usage).where(usage.c.event.not_in(_RATINGS)).returning(usage)
        async with self._database.writing() as connection, connection.begin():
            rows = (await connection.execute(taken)).mappings().all()
        return [{**row, "visitor": TEMPORARY_CHATS} for row in rows]

    async def add(self, counts: Sequence[Mapping[str, Any]]) -> None:
        """Count what was taken out of another store as well: all of it, or nothing."""
        # In one order everywhere: two processes that add to the same rows do not wait for each other.
        ordered = sorted(counts, key=itemgetter(*(column.name for column in usage.primary_key)))
        async with self._database.writing() as connection, connection.begin():
            await connection.execute(_ADD[connection.dialect.name == "sqlite"], ordered)

    async def _add(self, connection: AsyncConnection, key: Mapping[str, Any], used: Usage | None = None) -> None:
        used = used or Usage(0, 0)
        took = {"input_tokens": used.input_tokens, "output_tokens": used.output_tokens, "cost": used.cost}
        await connection.execute(_ADD[connection.dialect.name == "sqlite"], {**key, "times": 1, **took})

    async def _key(
        self, connection: AsyncConnection, day: date, owner: str, deployment: str, event: str
    ) -> dict[str, Any]:
        visitor = NO_COOKIE
        if owner.startswith(API_KEY):
            visitor = owner
        elif not is_passing(owner):
            self._salt = self._salt or (await connection.scalars(select(usage_salt.c.salt))).one().encode()
            visitor = hmac.digest(self._salt, owner.encode(), hashlib.sha256).hex()[:VISITOR_DIGITS]
        return {"day": day, "deployment": deployment, "visitor": visitor, "event": event[:_LONGEST_EVENT]}

    # ------------------------------------------------------------------------------------------ reading

    async def lines(self, days: int, by: Grouping, *, limit: int = 100) -> list[UsageLine]:
        """Return what was used in the last days, today among them.

        Args:
            days: How many.
            by: What a line is about: days come newest first, the others by how many answers were asked for.
            limit: The most lines to return.
        """
        period, key = _within(days), usage.c[by]
        asked = func.sum(case((usage.c.event.in_(_RATINGS), 0), else_=usage.c.times))
        order = key.desc() if by == "day" else asked.desc()
        groups = select(key.label("key"), func.count(distinct(usage.c.visitor)).label("visitors")).where(period)
        found = await self._database.read(groups.group_by(key).order_by(order, key).limit(limit))
        visitors: dict[Any, int] = {row["key"]: row["visitors"] for row in found}
        events = _sums(key.label("key")).where(period, key.in_(list(visitors))).group_by(key, usage.c.event)
        rows: defaultdict[Any, list[RowMapping]] = defaultdict(list)
        for row in await self._database.read(events) if visitors else ():
            rows[row["key"]].append(row)
        return [_line(str(each), count, rows[each]) for each, count in visitors.items()]

    async def total(self, days: int) -> UsageLine:
        """Return what was used in the last days altogether."""
        period = _within(days)
        [counted] = await self._database.read(select(func.count(distinct(usage.c.visitor)).label("n")).where(period))
        rows = await self._database.read(_sums().where(period).group_by(usage.c.event))
        return _line("", counted["n"], rows)

    async def remove_old(self) -> bool:
        """Remove the oldest day, where it is not to be kept any longer; return whether there was one."""
        if self._kept_days is None:
            return False
        oldest = select(func.min(usage.c.day)).scalar_subquery()
        old = and_(usage.c.day == oldest, usage.c.day <= today() - timedelta(self._kept_days))
        async with self._database.writing() as connection, connection.begin():
            return (await connection.execute(delete(usage).where(old))).rowcount > 0


def today() -> date:
    """Return the day in UTC."""
    return datetime.now(UTC).date()


def _event_of(turn: Turn) -> str:
    if turn.finish_reason == "content_filter" or (turn.failure is not None and turn.failure.blocked):
        return FILTERED
    if turn.failure is not None:
        return turn.failure.kind
    if turn.status is TurnStatus.STOPPED:
        return STOPPED
    unasked = any(notice.kind in (FROM_CACHE, FROM_RECORDING) for notice in turn.notices)
    return CACHED if unasked else ANSWERED


def _within(days: int) -> Any:
    return usage.c.day > today() - timedelta(days)


def _sums(*keys: Any) -> Any:
    names = ("times", "input_tokens", "output_tokens", "cost")
    return select(*keys, usage.c.event, *(func.sum(usage.c[name]).label(name) for name in names))


def _line(key: str, visitors: int, rows: Iterable[RowMapping]) -> UsageLine:
    rows = list(rows)
    times = {row["event"]: int(row["times"]) for row in rows}
    costs = [row["cost"] for row in rows if row["cost"] is not None]
    return UsageLine(
        key,
        visitors=visitors,
        messages=sum(count for event, count in times.items() if event not in (TITLED, *_RATINGS)),
        **{name: times.get(name, 0) for name in (STOPPED, FILTERED, CACHED, *_RATINGS)},
        titles=times.get(TITLED, 0),
        input_tokens=sum(int(row["input_tokens"]) for row in rows),
        output_tokens=sum(int(row["output_tokens"]) for row in rows),
        cost=sum(costs) if costs else None,
        errors={event: count for event, count in sorted(times.items()) if event not in _NOT_FAILED},
    )


def _added(insert: Any) -> Insert:
    """The one statement that counts: a new row, or more in the one there is."""
    new = insert(usage)
    more = {name: usage.c[name] + new.excluded[name] for name in ("times", "input_tokens", "output_tokens")}
    known = func.coalesce(usage.c.cost, 0.0) + new.excluded.cost
    more["cost"] = case((new.excluded.cost.is_(None), usage.c.cost), else_=known)
    upsert: Insert = new.on_conflict_do_update(index_elements=list(usage.primary_key), set_=more)
    return upsert


# Made once, as it is needed for every answer; whether the database is SQLite chooses.
_ADD: Final = {True: _added(sqlite.insert), False: _added(postgresql.insert)}
