"""The figures of ``chat_model.py`` as tables: what was measured, and whether it is what was asked for. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from chat_clients import CLIENTS, OURS, PEERS, RAW

TOLERANCE: Final = 1.15
"""Of what is compared with a peer: two runs of the same code differ by that on a shared machine."""


class Results:
    """What the rounds brought, by client and figure."""

    def __init__(self) -> None:
        self._rounds: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.left_out: dict[str, str] = {}
        """Why a client has no figures."""

    def add(self, client: str, figures: Mapping[str, float]) -> None:
        """Add what one round brought."""
        for name, figure in figures.items():
            self._rounds[client, name].append(figure)

    def get(self, client: str, name: str) -> float | None:
        """Return the median over the rounds, or None where nothing was measured."""
        return median(rounds) if (rounds := self._rounds.get((client, name))) else None

    def over_the_socket(self, client: str, name: str) -> float | None:
        """Return the median of what a client takes longer than the raw socket in the same round."""
        pairs = zip(self._rounds.get((client, name), ()), self._rounds.get((RAW, name), ()), strict=False)
        differences = [figure - floor for figure, floor in pairs]
        return median(differences) if differences else None


@dataclass(frozen=True, slots=True)
class Bar:
    """What is asked of our class.

    Attributes:
        limit: The most that is allowed.
        measured: What was measured, or None where nothing was.
        unit: Of both.
        tolerance: The factor by which the limit may be passed.
    """

    what: str
    limit: float
    measured: float | None
    unit: str = "×"
    tolerance: float = 1.0

    @property
    def verdict(self) -> str:
        """Say whether it holds."""
        if self.measured is None:
            return "not measured"
        if self.measured <= self.limit:
            return "holds"
        return "holds, within the tolerance" if self.measured <= self.limit * self.tolerance else "does not hold"


def bars(results: Results) -> list[Bar]:
    """Return the bars, with what was measured."""
    return [
        Bar("burst, async: CPU per token, of the best peer class's", 0.08, *_of_peer(results, "calls: burst async")),
        Bar("burst, sync: CPU per token, of the best peer class's", 0.3, *_of_peer(results, "calls: burst sync")),
        Bar("100 streams: CPU per token, of the best peer class's", 0.20, *_of_peer(results, "streams: cpu")),
        Bar("100 streams: wall time, of the ideal", 1.06, results.get(OURS, "streams: wall")),
        Bar("first token over the socket's, async, of the best peer class's", 0.2, *_first_token(results)),
        *(
            Bar(f"connects in 50 calls, {words}", 1, results.get(OURS, f"calls: {name}"), unit="")
            for name, words in (
                ("connects sync", "sync"),
                ("connects async", "async"),
                ("late connects sync", "sync, late end of HTTP"),
                ("late connects async", "async, late end of HTTP"),
            )
        ),
        *(
            Bar(f"Stop reaches the server, {words}", 5, results.get(OURS, f"stop: {name}"), unit=" ms")
            for name, words in (
                ("close", "stream closed"),
                ("aclose", "async stream closed"),
                ("cancel", "task cancelled"),
            )
        ),
        Bar("import of BaseChatModel and ours, of BaseChatModel's alone", 1.1, results.get(OURS, "import")),
    ]


def _of_peer(results: Results, name: str) -> tuple[float | None, str, float]:
    best = _least(results.get(peer, name) for peer in PEERS)
    return _ratio(results.get(OURS, name), best), "×", TOLERANCE


def _first_token(results: Results) -> tuple[float | None, str, float]:
    name = "calls: first token async"
    best = _least(results.over_the_socket(peer, name) for peer in PEERS)
    return _ratio(results.over_the_socket(OURS, name), best), "×", TOLERANCE


def _least(figures: Iterable[float | None]) -> float | None:
    return min((figure for figure in figures if figure is not None), default=None)


def _ratio(figure: float | None, base: float | None) -> float | None:
    return None if figure is None or not base else figure / base


def client_table(results: Results) -> str:
    """Return what each client costs, as Markdown."""
    head = (
        "client",
        "first token over a raw socket's, sync / async, µs",
        "burst: CPU per token, sync / async, µs",
        "the same, 16 events per write",
        "100 streams: wall / ideal",
        "p99 first token, ms",
        "CPU per token, µs",
        "peak RSS, MB",
        "connects in 50 calls, sync / async",
        "the same, late end of HTTP",
    )
    return _table(head, [_client_row(results, client) for client in CLIENTS])


def _client_row(results: Results, client: str) -> list[str]:
    if client in results.left_out:
        return [client, results.left_out[client], *[""] * 8]

    def pair(name: str, digits: int, *, over: bool = False) -> str:
        get = results.over_the_socket if over else results.get
        return " / ".join(_number(get(client, f"calls: {name} {mode}"), digits) for mode in ("sync", "async"))

    return [
        client,
        pair("first token", 0, over=True),
        pair("burst", 1),
        pair("gathered", 1),
        _number(results.get(client, "streams: wall"), 2),
        _number(results.get(client, "streams: first token p99"), 0),
        _number(results.get(client, "streams: cpu"), 0),
        _number(results.get(client, "streams: memory"), 0),
        pair("connects", 0),
        pair("late connects", 0),
    ]


def bar_table(results: Results) -> str:
    """Return what is asked of our class and what was measured, as Markdown."""
    rows = [
        [
            bar.what,
            f"≤ {bar.limit:g}{bar.unit}",
            _number(bar.measured, 3 if bar.limit < 1 else 2, bar.unit),
            bar.verdict,
        ]
        for bar in bars(results)
    ]
    return _table(("our class", "bar", "measured", ""), rows)


def _number(figure: float | None, digits: int, unit: str = "") -> str:
    if figure is None:
        return "–"
    text = f"{figure:,.{digits}f}"
    return (text.rstrip("0").rstrip(".") if "." in text and not unit else text) + unit


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
