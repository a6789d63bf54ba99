"""Numbers for Prometheus: of answers, of the store and of the event loop. None is counted per word of an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
    start_http_server,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from chatbot.conversation import ConversationError, Generation, GenerationListener, Turn, TurnStatus, Usage

WORD_SECONDS: Final = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80)
ANSWER_SECONDS: Final = (0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)
STORE_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
LAG_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

LOOK_SECONDS: Final = 0.5
"""How often it is looked how late the event loop is."""


class Metrics(GenerationListener):
    """The numbers of one process, in a registry of their own.

    Labels are names of deployments, kinds of failures and of refusals: few, and the owner's own. None is a visitor's.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._answers = self._counter("answers", "Answers that ended", "deployment", "outcome", "error")
        self._first_word = self._histogram(
            "first_word_seconds", "Until the first word of an answer", WORD_SECONDS, "deployment"
        )
        self._seconds = self._histogram(
            "answer_seconds", "Until the end of an answer", ANSWER_SECONDS, "deployment", "outcome"
        )
        self._tokens = self._counter("tokens", "Tokens, of titles too", "deployment", "direction")
        self._cost = self._counter("cost", "What they cost, in the currency of the prices", "deployment")
        self._refusals = self._counter("refusals", "Questions and titles that were refused", "kind")
        self._active = Gauge("chatbot_answers_active", "Answers being written", registry=self.registry)
        self._store = self._histogram("store_seconds", "A step of the store", STORE_SECONDS, "operation")
        self._lag = self._histogram("event_loop_lag_seconds", "How late the event loop is", LAG_SECONDS)

    def began(self, generation: Generation) -> None:
        """Count an answer as active."""
        self._active.inc()

    def ended(self, generation: Generation, turn: Turn) -> None:
        """Count how an answer ended, how long it took, and what it cost."""
        self._active.dec()
        failure, timing = turn.failure, turn.timing
        outcome = "failed" if turn.status is TurnStatus.STREAMING else turn.status.value
        self._answers.labels(turn.deployment, outcome, "" if failure is None else failure.kind).inc()
        if timing is not None:
            self._seconds.labels(turn.deployment, outcome).observe(timing.total)
            if timing.first_word is not None:
                self._first_word.labels(turn.deployment).observe(timing.first_word)
        self._spend(turn.deployment, turn.usage)

    def named(self, deployment: str, usage: Usage | None) -> None:
        """Count what a title took."""
        self._spend(deployment, usage)

    def refused(self, error: ConversationError) -> None:
        """Count a refusal by its kind."""
        self._refusals.labels(error.kind).inc()

    def store_took(self, operation: Literal["read", "write"], seconds: float) -> None:
        """Count a step of the store."""
        self._store.labels(operation).observe(seconds)

    def watch_pages(self, count: Callable[[], int]) -> None:
        """Have the open pages told, by whoever counts them."""
        Gauge("chatbot_pages_open", "Open pages", registry=self.registry).set_function(count)

    def watch_breakers(self, states: Callable[[], Mapping[str, str]]) -> None:
        """Have the state of each deployment's breaker told: 1 for the one it is in."""
        self.registry.register(_Breakers(states))

    async def watch_loop(self) -> None:
        """Look again and again how late the event loop is, until cancelled."""
        while True:
            due = time.perf_counter() + LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)
            self._lag.observe(max(time.perf_counter() - due, 0.0))

    def _spend(self, deployment: str, usage: Usage | None) -> None:
        if usage is not None:
            self._tokens.labels(deployment, "input").inc(usage.input_tokens)
            self._tokens.labels(deployment, "output").inc(usage.output_tokens)
            self._cost.labels(deployment).inc(usage.cost or 0.0)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(f"chatbot_{name}", about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"chatbot_{name}", about, labels, buckets=buckets, registry=self.registry)


class _Breakers(Collector):
    def __init__(self, states: Callable[[], Mapping[str, str]]) -> None:
        self._states = states

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "chatbot_breaker_state", "The state of a deployment's breaker", labels=("deployment", "state")
        )
        for deployment, state in self._states().items():
            family.add_metric([deployment, state], 1)
        yield family


class MetricsRoute:
    """The numbers for the owner.

    Args:
        metrics: The numbers.
        admits: Whether a request is the owner's.
    """

    def __init__(self, metrics: Metrics, admits: Callable[[Request], bool]) -> None:
        self._metrics = metrics
        self._admits = admits

    async def answer(self, request: Request) -> Response:
        """Return the numbers, or with status 401 nothing."""
        if not self._admits(request):
            return PlainTextResponse("The owner's token is missing.", 401, headers={"www-authenticate": "Bearer"})
        numbers = await asyncio.to_thread(generate_latest, self._metrics.registry)
        return Response(numbers, headers={"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"})


def serve_metrics(metrics: Metrics, host: str, port: int) -> None:
    """Serve the numbers on a port of their own, from a thread of their own, to whoever can reach it.

    Raises:
        OSError: The port is taken, or the address is not this machine's.
    """
    start_http_server(port, host, metrics.registry)
