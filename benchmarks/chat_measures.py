"""What one fresh process measures of one client, printed as JSON. Started by ``chat_model.py``.

    python benchmarks/chat_measures.py calls|streams|stop CLIENT URL EFFORT

The first argument is a method of :class:`Measures`; EFFORT is how often it repeats things, 1 being the least.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from contextlib import aclosing, closing
from http.client import HTTPConnection
from statistics import median, quantiles
from typing import Final
from urllib.parse import urlsplit

from chat_clients import CLIENTS, Client
from chat_server import Scenario

CALLS: Final = 50
STREAMS: Final = 100

SHORT: Final = Scenario(tokens=4)
LATE: Final = Scenario(tokens=4, late_ms=15)
BURST: Final = Scenario(tokens=2000)
GATHERED: Final = Scenario(tokens=2000, together=16)
PACED: Final = Scenario(tokens=200, pause_ms=10)
SLOW: Final = Scenario(tokens=2, pause_ms=100)

Figures = dict[str, float]


class Measures:
    """Measures of one client, whose event loop stays the same."""

    def __init__(self, client: Client, url: str, effort: int) -> None:
        self._client = client
        self._server = urlsplit(url).netloc
        self._effort = effort
        self._run = asyncio.Runner().run

    def calls(self) -> Figures:
        """One stream after the other. Connections first: those calls also warm up what follows."""
        figures = {}
        modes: dict[str, Callable[[Scenario], float]] = {
            "async": lambda scenario: self._run(self._read_async(scenario))
        }
        if self._client.stream:
            modes["sync"] = self._read
        for mode, read in modes.items():
            for name, scenario in (("connects", SHORT), ("late connects", LATE)):
                before = self._stats()["connections"]
                for _ in range(CALLS):
                    read(scenario)
                figures[f"{name} {mode}"] = self._stats()["connections"] - before
            # The quickest tenth: what makes a call wait longer is mostly what else the machine does.
            figures[f"first token {mode}"] = 1e6 * quantiles([read(SHORT) for _ in range(100 * self._effort)], n=10)[0]
            for name, scenario in (("burst", BURST), ("gathered", GATHERED)):
                figures[f"{name} {mode}"] = self._cpu_per_token(read, scenario)
        return figures

    def streams(self) -> Figures:
        """Many streams at once, at the pace of a model."""

        async def read_all() -> list[float]:
            return await asyncio.gather(*(self._read_async(PACED) for _ in range(STREAMS)))

        self._run(self._read_async(SHORT))
        gc.collect()
        before, start = _cpu(), time.perf_counter()
        firsts = self._run(read_all())
        wall, cpu = time.perf_counter() - start, _cpu() - before
        return {
            "wall": wall / (PACED.tokens * PACED.pause_ms / 1000),
            "first token p99": 1e3 * quantiles(firsts, n=100)[98],
            "cpu": 1e6 * cpu / (STREAMS * PACED.tokens),
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }

    def stop(self) -> Figures:
        """Milliseconds until the server knows of a Stop between two tokens."""
        return {
            "close": median([self._noticed_after(self._close()) for _ in range(7)]),
            "aclose": median([self._noticed_after(self._run(self._close_async())) for _ in range(7)]),
            "cancel": median([self._noticed_after(self._run(self._cancel())) for _ in range(7)]),
        }

    def _read(self, scenario: Scenario) -> float:
        """Return the seconds to the first text; :meth:`_read_async` in an event loop."""
        assert self._client.stream
        text_of, texts, first = self._client.text, [], 0.0
        start = time.perf_counter()
        for chunk in self._client.stream(scenario.prompt):
            texts.append(text := text_of(chunk))
            if text and not first:
                first = time.perf_counter() - start
        _require(texts, scenario)
        return first

    async def _read_async(self, scenario: Scenario) -> float:
        text_of, texts, first = self._client.text, [], 0.0
        start = time.perf_counter()
        async for chunk in self._client.astream(scenario.prompt):
            texts.append(text := text_of(chunk))
            if text and not first:
                first = time.perf_counter() - start
        _require(texts, scenario)
        return first

    def _cpu_per_token(self, read: Callable[[Scenario], float], scenario: Scenario) -> float:
        """Microseconds of this process, user and system."""
        repeats = 2 * self._effort
        read(scenario)
        gc.collect()
        before = _cpu()
        for _ in range(repeats):
            read(scenario)
        return 1e6 * (_cpu() - before) / (repeats * scenario.tokens)

    def _close(self) -> float:
        """Stop at the first token by closing the stream; return when (``time.monotonic``) that began."""
        assert self._client.stream
        with closing(self._client.stream(SLOW.prompt)) as stream:  # type: ignore[type-var]
            next(chunk for chunk in stream if self._client.text(chunk))
            return time.monotonic()

    async def _close_async(self) -> float:
        async with aclosing(self._client.astream(SLOW.prompt)) as stream:  # type: ignore[type-var]
            async for chunk in stream:
                if self._client.text(chunk):
                    break
            stopped = time.monotonic()
        await asyncio.sleep(SLOW.pause_ms / 2000)  # an application's loop goes on
        return stopped

    async def _cancel(self) -> float:
        """Stop the task that reads, as the application does."""
        has_begun = asyncio.Event()

        async def read() -> None:
            async for chunk in self._client.astream(SLOW.prompt):
                if self._client.text(chunk):
                    has_begun.set()

        task = asyncio.create_task(read())
        await has_begun.wait()
        await asyncio.sleep(SLOW.pause_ms / 4000)
        stopped = time.monotonic()
        task.cancel()
        await asyncio.wait([task])
        await asyncio.sleep(SLOW.pause_ms / 2000)
        return stopped

    def _noticed_after(self, stopped: float) -> float:
        while (cut := self._stats()["cut_at"]) < stopped:
            time.sleep(0.001)
            if time.monotonic() > stopped + 1:
                return 1000.0  # not at all: the stream went on to its end
        return 1e3 * (cut - stopped)

    def _stats(self) -> Figures:
        with closing(HTTPConnection(self._server)) as connection:
            connection.request("GET", "/stats")
            stats: Figures = json.load(connection.getresponse())
            return stats


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _require(texts: list[str], scenario: Scenario) -> None:
    if (text := "".join(texts)) != scenario.text:
        raise AssertionError(f"{len(text)} characters of text instead of {len(scenario.text)}")


def main() -> None:
    method, name, url, effort = sys.argv[1:]
    try:
        client = CLIENTS[name](url)
    except ModuleNotFoundError as error:
        print(json.dumps({"missing": error.name}))
        return
    print(json.dumps(getattr(Measures(client, url, int(effort)), method)()))


if __name__ == "__main__":
    main()
