"""How much visitors, network addresses and everybody together may use: reserved before a request, settled after it.

Counted in slots of a few seconds or minutes, of which a sliding period has twelve or more. The slot at its far end
counts whole, so never more than the limit passes within any such period; what was used in it comes free up to a slot
later.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from operator import itemgetter
from types import MappingProxyType
from typing import Final, NamedTuple, get_args

from chatbot.conversation.caller import Caller
from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.context.learned import USUAL_ANSWER
from chatbot.conversation.deployments import Deployment, EffectiveOptions
from chatbot.conversation.errors import BudgetError, LimitError, LimitName, TitleError
from chatbot.conversation.retention import is_passing
from chatbot.conversation.store import Change, Since, UsageCounters, Used
from chatbot.conversation.turn import ANSWER_TIMEOUT, FROM_RECORDING, Turn, Usage

logger = logging.getLogger(__name__)

PERIODS: Final[Mapping[str, int]] = MappingProxyType({"minute": 60, "hour": 3600, "day": 24 * 3600})
"""Seconds of the periods that a rate can name."""

TODAY: Final = "today"
"""The period of a budget: since midnight, UTC."""

SLOTS: Final = 12
"""Into how many the shortest period is divided."""

LONGEST_SLOT: Final = 300
"""Seconds: an hour's twelfth."""

SETTLING_SECONDS: Final = 10.0
"""When to try again where the room is only reserved, for answers that are being written."""

USUAL_QUESTION: Final = 1_000
"""Tokens of an earlier question where no budget bounds what is remembered: more than most have."""

_ROUNDING: Final = 1e-9


class Rate(NamedTuple):
    """So many of something within a period.

    Attributes:
        most: How many; at least one.
        period: One of :data:`PERIODS`.
    """

    most: int
    period: str


@dataclass(frozen=True, slots=True)
class UsageLimits:
    """What may be used; without any of it, everything.

    Attributes:
        visitor_messages: How many messages one visitor may send; all rates hold. Who cannot be known again (no cookie)
            is one visitor with all others of the same address who cannot.
        visitor_tokens: How many tokens the answers to them may take, read and written.
        address_messages: The same for everybody at one network address.
        address_tokens: And their tokens.
        daily_tokens: How many tokens all answers of a day may take, by UTC.
        daily_cost: What they may cost, in the currency of the prices; what has no price costs nothing.
        stand_in: Who answers once the day's budget is used up; None is nobody.
    """

    visitor_messages: Sequence[Rate] = ()
    visitor_tokens: Sequence[Rate] = ()
    address_messages: Sequence[Rate] = ()
    address_tokens: Sequence[Rate] = ()
    daily_tokens: int | None = None
    daily_cost: float | None = None
    stand_in: Deployment | None = None


NO_LIMITS: Final = UsageLimits()


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a limit.

    Attributes:
        name: Which: ``visitor_messages`` and the like.
    """

    name: str
    left: int
    most: int
    period: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a visitor stands with the limits.

    Attributes:
        messages: What is left of the limit that is nearest; None where there is none.
        tokens: The same of tokens.
        budget: Part of the day's budget that is left; None where there is none.
        is_over_budget: Whether the next answer could take more than that.
        stand_in: Name of who answers then; empty is nobody.
    """

    messages: Left | None = None
    tokens: Left | None = None
    budget: float | None = None
    is_over_budget: bool = False
    stand_in: str = ""


class _Limit(NamedTuple):
    name: LimitName | None
    """None is the budget."""
    scope: str
    unit: str
    most: float
    period: str

    def of(self, used: Used) -> float:
        return float(getattr(used, self.unit))

    def is_passed_by(self, amount: float) -> bool:
        return amount > self.most * (1 + _ROUNDING)


_EVERYBODY: Final = "all"
_SCOPES: Final = ("visitor", "address", _EVERYBODY)
"""In the order in which their rows are written."""


class _TooMuchError(Exception):
    def __init__(self, passed: Sequence[_Limit]) -> None:
        super().__init__(passed)
        self.passed = passed


class Reservation:
    """What is set aside for one answer.

    Attributes:
        took: What was counted for it; as long as that is not known, all that is set aside.
        standing: How its asker stands with it; None where nothing is limited.
        stand_in: Who is to answer since the budget is used up; None where who was chosen does.
    """

    def __init__(self, quota: Quota | None = None, asked: _Asked | None = None) -> None:
        self._quota, self._asked = quota, asked
        self.took: Usage | None = None
        self.standing = None if quota is None or asked is None else quota.standing_of(asked)
        self.stand_in = None if quota is None or asked is None or not asked.is_handed_over else quota.stand_in

    def effective(self, chosen: EffectiveOptions) -> EffectiveOptions:
        """Return who answers, and how it is asked."""
        if self.stand_in is None:
            return chosen
        return EffectiveOptions(self.stand_in, self.stand_in.within_limits(chosen.options), chosen.conversation_id)

    async def settle(self, usage: Usage | None) -> None:
        """Count what was used in the place of what was reserved; of None, nothing was asked, and nothing is counted.

        What cannot be written down is only logged: a reservation ends by itself.
        """
        if self._quota is None or self._asked is None:
            return
        asked, self._asked = self._asked, None
        try:
            self.standing = await self._quota.settle(asked, usage)
        except Exception:
            logger.exception("What an answer used could not be counted")


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that was let through."""

    subjects: Mapping[str, str]
    """By scope."""
    changes: Mapping[str, Change]
    """By scope."""
    totals: Mapping[str, Sequence[Used]]
    """By subject."""
    most: Usage
    is_handed_over: bool = False


class Quota:
    """Lets requests through as long as the limits are kept.

    Args:
        limits: What may be used.
        counters: Where it is counted.
        hold_seconds: How long a reservation counts that nobody settles: longer than any answer takes.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        limits: UsageLimits,
        counters: UsageCounters,
        *,
        hold_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._limits = tuple(_limits(limits))
        self._periods = tuple(dict.fromkeys(limit.period for limit in self._limits))
        self.stand_in = limits.stand_in
        self._counters = counters
        self._hold_seconds = hold_seconds
        self._clock = clock
        lengths = [PERIODS[each] for each in self._periods if each != TODAY]
        self._slot = min(min(lengths, default=LONGEST_SLOT * SLOTS) // SLOTS, LONGEST_SLOT)

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit; where there is none, nothing is counted."""
        return bool(self._limits)

    async def reserve(self, owner: str, caller: Caller, most: Usage, *, may_hand_over: bool = True) -> Reservation:
        """Set aside what an answer may take, before anything is written down or asked for it.

        Args:
            owner: Whose conversation it is in.
            caller: Who asks.
            most: The most it may take. A limit that is smaller lets one through where nothing else was used.
            may_hand_over: Whether another deployment may answer once the budget is used up.

        Raises:
            LimitError: The visitor, or their address, used too much; says when there is room again.
            BudgetError: The day's budget is used up, and nobody stands in.
        """
        subjects = self._subjects(owner, caller)
        if not subjects:
            return Reservation()
        try:
            return Reservation(self, await self._reserve(subjects, most))
        except _TooMuchError as error:
            passed = error.passed
        if self.stand_in is not None and may_hand_over:
            # Beyond the budget it is only the other limits that refuse.
            passed = [each for each in passed if each.scope != _EVERYBODY]
        if not passed:
            rest = {scope: subject for scope, subject in subjects.items() if scope != _EVERYBODY}
            try:
                return Reservation(self, replace(await self._reserve(rest, most), is_handed_over=True))
            except _TooMuchError as error:
                passed = error.passed
        raise await self._refusal(passed, subjects, most)

    @asynccontextmanager
    async def reserving(self, owner: str, caller: Caller, most: Usage) -> AsyncIterator[Reservation]:
        """A title that is looked for, counted as :attr:`Reservation.took` tells when it was found.

        Args:
            owner: As for :meth:`reserve`, and so are the others; raises as it does, and nobody stands in.
            caller: Who asks.
            most: The most it may take.
        """
        reserved = await self.reserve(owner, caller, most, may_hand_over=False)
        took: Usage | None = most
        try:
            yield reserved
            took = reserved.took or most
        except TitleError as error:
            took = most if error.reason == "too_slow" else None
            raise
        finally:
            await reserved.settle(took)

    async def settle(self, asked: _Asked, usage: Usage | None) -> Standing:
        """Count what a request used; return how its asker stands then."""
        used = Used(-1) if usage is None else Used(0, usage.input_tokens + usage.output_tokens, usage.cost or 0.0)
        changes = [
            held._replace(
                messages=used.messages,
                tokens=used.tokens,
                cost=used.cost,
                held_tokens=-held.held_tokens,
                held_cost=-held.held_cost,
            )
            for held in asked.changes.values()
        ]
        if changes:
            await self._counters.settle(changes)
        totals = {
            held.subject: [_settled(each, held, used) for each in asked.totals[held.subject]]
            for held in asked.changes.values()
        }
        return self.standing_of(replace(asked, totals=totals), asked.most)

    async def standing(self, owner: str, caller: Caller, most: Usage) -> Standing | None:
        """Return how somebody stands with the limits; None where nothing is limited.

        Args:
            owner: Whose conversation is looked at.
            caller: Who looks at it.
            most: The most their next answer may take.
        """
        subjects = self._subjects(owner, caller)
        if not subjects:
            return None
        totals = await self._counters.used(list(subjects.values()), self._since(self._clock()))
        return self.standing_of(_Asked(subjects, {}, totals, most), most)

    def standing_of(self, asked: _Asked, following: Usage | None = None) -> Standing:
        """Return how somebody stands with the limits, from what was counted.

        Args:
            asked: What was let through, or is only looked at.
            following: The most that the next answer may take; None while one is being written.
        """
        left: list[tuple[float, _Limit]] = []
        is_over = asked.is_handed_over
        for limit, used in self._counted(asked.subjects, asked.totals):
            left.append((max(limit.most - used, 0.0), limit))
            if limit.scope == _EVERYBODY and following is not None:
                is_over |= limit.is_passed_by(used + _most(limit, following))
        messages, tokens = (
            _nearest((rest, limit) for rest, limit in left if limit.unit == unit and limit.scope != _EVERYBODY)
            for unit in ("messages", "tokens")
        )
        budget = min((rest / limit.most for rest, limit in left if limit.scope == _EVERYBODY), default=None)
        stand_in = self.stand_in.name if is_over and self.stand_in is not None else ""
        return Standing(messages, tokens, budget, is_over, stand_in)

    def _subjects(self, owner: str, caller: Caller) -> dict[str, str]:
        """Whose rows a request is counted in, by scope: those that a limit is for, and that are known."""
        at = None if caller.origin is None else f"address:{caller.origin}"
        # With a name of its own: what all at an address used is not what those used who have no cookie.
        unknown = None if caller.origin is None else f"visitors:{caller.origin}"
        known = {
            "visitor": unknown if is_passing(owner) else f"visitor:{owner}",
            "address": at,
            _EVERYBODY: _EVERYBODY,
        }
        limited = {each.scope for each in self._limits}
        return {scope: subject for scope in _SCOPES if scope in limited and (subject := known[scope]) is not None}

    async def _reserve(self, subjects: Mapping[str, str], most: Usage) -> _Asked:
        now = self._clock()
        began_at = int(now) // self._slot * self._slot
        changes = {scope: self._change(scope, subject, began_at, most) for scope, subject in subjects.items()}
        if not changes:
            return _Asked(subjects, changes, {}, most)

        def check(totals: Mapping[str, Sequence[Used]]) -> None:
            if passed := [limit for limit, used in self._counted(subjects, totals) if limit.is_passed_by(used)]:
                raise _TooMuchError(passed)

        totals = await self._counters.reserve(list(changes.values()), self._since(now), check)
        return _Asked(subjects, changes, totals, most)

    def _change(self, scope: str, subject: str, began_at: int, most: Usage) -> Change:
        def held(unit: str) -> float:
            mine = (limit for limit in self._limits if (limit.scope, limit.unit) == (scope, unit))
            return min((_most(limit, most) for limit in mine), default=0.0)

        # A day is the longest period; an hour more, so that who settles late finds the row.
        expires_at = began_at + self._slot + PERIODS["day"] + 3600
        return Change(subject, began_at, expires_at, 1, held_tokens=int(held("tokens")), held_cost=held("cost"))

    def _since(self, now: float) -> Since:
        starts = [
            _midnight(now) - 1 if period == TODAY else int(now) - PERIODS[period] - self._slot
            for period in self._periods
        ]
        return Since(tuple(starts), int(now - self._hold_seconds) - self._slot)

    def _counted(
        self, subjects: Mapping[str, str], totals: Mapping[str, Sequence[Used]]
    ) -> Iterable[tuple[_Limit, float]]:
        for limit in self._limits:
            if (subject := subjects.get(limit.scope)) in totals:
                yield limit, limit.of(totals[str(subject)][self._periods.index(limit.period)])

    async def _refusal(
        self, passed: Sequence[_Limit], subjects: Mapping[str, str], most: Usage
    ) -> LimitError | BudgetError:
        """Name the limit that is passed for longest, and when it is not any more."""
        now = self._clock()
        since = dict(zip(self._periods, self._since(now).starts, strict=True))
        those = {subjects[limit.scope] for limit in passed}
        slots = await self._counters.slots(those, min(since[limit.period] for limit in passed))

        def opens_at(limit: _Limit) -> float:
            mine = [
                (slot.began_at, limit.of(slot.used))
                for slot in slots
                if slot.subject == subjects[limit.scope] and slot.began_at > since[limit.period]
            ]
            total = sum(amount for _, amount in mine) + _most(limit, most)
            if not limit.is_passed_by(total):
                return now + SETTLING_SECONDS
            if limit.period == TODAY:
                return float(_midnight(now) + PERIODS["day"])
            for began_at, amount in mine:
                total -= amount
                if not limit.is_passed_by(total):
                    return float(began_at + self._slot + PERIODS[limit.period])
            return now + PERIODS[limit.period]

        until, limit = max(((opens_at(limit), limit) for limit in passed), key=itemgetter(0))
        if limit.name is None:
            return BudgetError(until)
        return LimitError(limit.name, int(limit.most), limit.period, until)


def most_usage(several: Iterable[EffectiveOptions], text: str, *, is_first: bool) -> Usage:
    """Return the most that a request and its answer may take, as it is estimated before anything is read.

    Args:
        several: Who may come to be asked, and how.
        text: The question.
        is_first: Whether nothing was said before it.
    """
    return largest([_most_usage(effective, text, is_first=is_first) for effective in several])


def largest(several: Sequence[Usage]) -> Usage:
    """Return what is enough for each of several requests and their answers, of which one will be made."""
    return Usage(
        max(one.input_tokens for one in several),
        max(one.output_tokens for one in several),
        max((one.cost for one in several if one.cost is not None), default=None),
    )


def most_of_plan(effective: EffectiveOptions, plan: ContextPlan) -> Usage:
    """Return the most that a planned request and its answer may take.

    Args:
        effective: Who is asked, and how.
        plan: What the request holds.
    """
    return effective.priced(Usage(plan.tokens, effective.parameters.get("max_tokens") or USUAL_ANSWER))


def _most_usage(effective: EffectiveOptions, text: str, *, is_first: bool) -> Usage:
    count = effective.deployment.learned.counter(effective.conversation_id)
    answer = effective.parameters.get("max_tokens") or USUAL_ANSWER
    request = count(effective.system_prompt) + count(text)
    if effective.k and not is_first:
        together = effective.deployment.memory.budget(answer_tokens=0, max_tokens=effective.options.token_budget)
        remembered = effective.k * (answer + USUAL_QUESTION)
        # What is always sent may go beyond the budget.
        request = request + remembered if together is None else max(together - answer, request)
    return effective.priced(Usage(request, answer))


def usage_of(turn: Turn, plan: ContextPlan, effective: EffectiveOptions) -> Usage | None:
    """Return what an answer took: as it was counted, or else as it is estimated; None where no model read the question.

    Args:
        turn: As it ended.
        plan: What its request held.
        effective: Who was asked.
    """
    if turn.usage is not None:
        return turn.usage
    failure = turn.failure
    if any(each.kind == FROM_RECORDING for each in turn.notices):
        return None
    if failure is not None and not (turn.answer or failure.blocked or failure.kind in _READ):
        return None
    count = effective.deployment.learned.counter(effective.conversation_id)
    written = count(turn.answer_text + turn.reasoning_text) if turn.answer else 0
    return effective.priced(Usage(plan.tokens, written))


_READ: Final = frozenset({"ModelTimeoutError", "ModelRefusalError", ANSWER_TIMEOUT})
"""Kinds of failures of answers whose question was read, though nothing came of it."""


def _limits(limits: UsageLimits) -> Iterable[_Limit]:
    for name in get_args(LimitName):
        scope, _, unit = name.partition("_")
        for rate in getattr(limits, name):
            yield _Limit(name, scope, unit, rate.most, rate.period)
    for unit, most in (("tokens", limits.daily_tokens), ("cost", limits.daily_cost)):
        if most is not None:
            yield _Limit(None, _EVERYBODY, unit, most, TODAY)


def _most(limit: _Limit, most: Usage) -> float:
    """What is reserved of a limit: never more than there is, lest a small one let nobody through."""
    wanted = {"messages": 1, "tokens": most.input_tokens + most.output_tokens, "cost": most.cost or 0.0}
    return min(wanted[limit.unit], limit.most)


def _settled(total: Used, held: Change, used: Used) -> Used:
    return Used(
        total.messages + used.messages,
        total.tokens - held.held_tokens + used.tokens,
        total.cost - held.held_cost + used.cost,
    )


def _nearest(several: Iterable[tuple[float, _Limit]]) -> Left | None:
    found = min(several, key=lambda each: each[0] / each[1].most, default=None)
    if found is None:
        return None
    rest, limit = found
    return Left(str(limit.name), int(rest), int(limit.most), limit.period)


def _midnight(now: float) -> int:
    """The last one, by UTC."""
    return int(now) // PERIODS["day"] * PERIODS["day"]
