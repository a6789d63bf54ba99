"""One process of visitors of one system. Started by ``load.py``, which tells it what to do in one line of JSON.

    python benchmarks/load_clients.py PLAN

PLAN is a :class:`Plan` as JSON. Prints "open" when all pages are open, begins when a line comes in, prints a
:class:`Report` as JSON, and closes the pages when another line comes in.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import resource
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Final

from chat_server import Scenario
from load_visitors import VISITORS, Turn, Visitor

OPENING: Final = 10
"""Pages that are being opened at the same time: opening them is no part of what is measured."""

LAG_SECONDS: Final = 0.01
"""How often the event loop is asked how late it is."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the visitors of a process do.

    Attributes:
        system: A key of ``VISITORS``.
        url: Where its page is.
        visitors: People at the same time.
        first: The number of the first of them; no two in a run have the same.
        within: Seconds within which they begin to type, each at a moment of their own.
        key: Mean seconds between two keys.
        tokens: Of an answer.
        pause_ms: Between two tokens.
        visits: How many people follow one another in each place, each with a page of their own.
        turns: Of each visit.
        timeout: Seconds after which a turn has failed.
    """

    system: str
    url: str
    visitors: int
    first: int
    within: float
    key: float
    tokens: int
    pause_ms: int
    visits: int = 1
    turns: int = 1
    timeout: float = 300.0

    @property
    def scenario(self) -> Scenario:
        """What the endpoint is asked for."""
        return Scenario(self.tokens, pause_ms=self.pause_ms)


@dataclass(slots=True)
class Report:
    """What the visitors of a process saw, and whether the process could keep up.

    Attributes:
        first_words: Seconds from Enter to the first text of the answer, by turn.
        turns: Seconds from Enter until the page is ready for the next question, by turn.
        failures: Turns that brought anything but the whole answer, by what went wrong.
        cpu: The largest share of a core that the process used over a second.
        lags: Seconds that its event loop was late, asked a hundred times a second.
    """

    first_words: list[float] = field(default_factory=list)
    turns: list[float] = field(default_factory=list)
    failures: dict[str, int] = field(default_factory=dict)
    cpu: float = 0.0
    lags: list[float] = field(default_factory=list)

    @classmethod
    def read(cls, line: str) -> Report:
        """Return the report that a process has printed."""
        return cls(**json.loads(line))


class Crowd:
    """The visitors of one process."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._chance = random.Random(plan.first)
        self._opening = asyncio.Semaphore(OPENING)
        self._places = range(plan.first, plan.first + plan.visitors)
        self._report = Report()

    async def run(self) -> None:
        """Do as planned."""
        here = await asyncio.gather(*(self._open() for _ in self._places))
        gc.collect()
        gc.freeze()
        print("open", flush=True)
        await _line()
        watch = asyncio.create_task(self._watch())
        here = await asyncio.gather(*map(self._visits, self._places, here))
        watch.cancel()
        print(json.dumps(asdict(self._report)), flush=True)
        await _line()
        await asyncio.gather(*(each.close() for each in here if each))

    async def _visits(self, number: int, visitor: Visitor | None) -> Visitor | None:
        """Let people follow one another in one place; return the last, whose page stays open."""
        await asyncio.sleep(self._chance.random() * self._plan.within)
        for visit in range(self._plan.visits):
            if visit:
                if visitor:
                    await visitor.close()
                visitor = await self._open()
            for turn in range(self._plan.turns):
                await self._turn(visitor, f"Visitor {number}.{visit}.{turn}: {self._plan.scenario.prompt}")
        return visitor

    async def _open(self) -> Visitor | None:
        async with self._opening:
            visitor = VISITORS[self._plan.system](self._plan.url)
            try:
                async with asyncio.timeout(self._plan.timeout):
                    await visitor.open()
            except Exception as error:  # noqa: BLE001 - whatever a server does to a visitor is a figure
                self._fail("the page did not open", error, turns=self._plan.turns)
                with suppress(Exception):
                    await visitor.close()
                return None
            return visitor

    async def _turn(self, visitor: Visitor | None, question: str) -> None:
        if visitor is None:
            return
        try:
            for length in range(1, len(question) + 1):
                visitor.type(question[:length])
                await asyncio.sleep(self._plan.key * self._chance.uniform(0.5, 1.5))
            async with asyncio.timeout(self._plan.timeout):
                self._take(await visitor.ask(question))
        except Exception as error:  # noqa: BLE001 - as above
            self._fail("the turn broke", error)

    def _take(self, turn: Turn) -> None:
        if turn.first is None or turn.text.strip() != self._plan.scenario.text.strip():
            self._fail(f"{len(turn.text)} characters instead of {len(self._plan.scenario.text)}")
            return
        self._report.first_words.append(turn.first - turn.asked)
        self._report.turns.append(turn.ended - turn.asked)

    def _fail(self, what: str, error: Exception | None = None, turns: int = 1) -> None:
        reason = f"{what}: {type(error).__name__} {error}".strip() if error else what
        self._report.failures[reason] = self._report.failures.get(reason, 0) + turns

    async def _watch(self) -> None:
        """Note how late the loop is and how much of a core the process takes."""
        loop = asyncio.get_running_loop()
        since, used = loop.time(), _cpu()
        while True:
            due = loop.time() + LAG_SECONDS
            await asyncio.sleep(LAG_SECONDS)
            now = loop.time()
            self._report.lags.append(round(now - due, 4))
            if now - since >= 1:
                self._report.cpu = max(self._report.cpu, (_cpu() - used) / (now - since))
                since, used = now, _cpu()


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def _line() -> None:
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)


if __name__ == "__main__":
    asyncio.run(Crowd(Plan(**json.loads(sys.argv[1]))).run())
