"""The figures of ``load.py`` as tables: what was measured, beside the peers and against the bars. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from statistics import median, quantiles
from typing import Final

from chat_report import Bar
from load_visitors import CHAINLIT, CHAT_INTERFACE, FLOOR, OURS, SYSTEMS

BAR_LEVEL: Final = 200
HIGH_LEVEL: Final = 500


@dataclass(frozen=True, slots=True)
class Figures:
    """What one system did at one level, in one round; seconds unless told. None: no turn succeeded.

    Attributes:
        cpu: Microseconds of the server's processes per token that arrived.
        memory: Resident, in MB, at the end, with all pages open.
        clients: Cores that the client processes used together, each in its busiest second.
        lag_p99: How late the clients' event loops were.
    """

    first_p50: float | None
    first_p99: float | None
    turn_p50: float | None
    turn_p99: float | None
    cpu: float | None
    memory: float
    clients: float
    lag_p99: float
    lag_max: float


NAMES: Final = tuple(each.name for each in fields(Figures))


@dataclass(slots=True)
class Results:
    """What the rounds brought.

    Attributes:
        left_out: Why a system has no figures.
        memory: The application's, in MB, by how many turns it had answered.
    """

    rounds: dict[tuple[str, int], list[Figures]] = field(default_factory=lambda: defaultdict(list))
    failures: dict[tuple[str, int], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    left_out: dict[str, str] = field(default_factory=dict)
    memory: dict[int, float] = field(default_factory=dict)

    def get(self, system: str, level: int, name: str) -> float | None:
        """Return the median over the rounds, or None where nothing was measured."""
        found = [getattr(each, name) for each in self.rounds.get((system, level), ())]
        known = [each for each in found if each is not None]
        return median(known) if known else None

    def of(self, peer: str, level: int, name: str, system: str = OURS) -> float | None:
        """Return the median of a system's over the peer's of the same round."""
        pairs = zip(self.rounds.get((system, level), ()), self.rounds.get((peer, level), ()), strict=False)
        values = [(getattr(ours, name), getattr(theirs, name)) for ours, theirs in pairs]
        ratios = [ours / theirs for ours, theirs in values if ours is not None and theirs]
        return median(ratios) if ratios else None

    def failed(self, system: str, level: int) -> int:
        """Return how many turns failed, over all rounds."""
        return sum(self.failures.get((system, level), Counter()).values())


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Return a percentile, or None of nothing."""
    if len(values) < 2:
        return values[0] if values else None
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def load_table(results: Results, levels: Sequence[int], systems: Sequence[str] = SYSTEMS) -> str:
    """Return what every system did at every level, as Markdown."""
    head = (
        "visitors",
        "system",
        "first word p50 / p99, s",
        "turn p50 / p99, s",
        "server CPU per token, µs",
        "RSS, MB",
        "failed turns",
        "clients: cores, busiest second",
        "clients: loop late, p99 / max, ms",
    )
    return table(head, [_row(results, system, level) for level in levels for system in systems])


def _row(results: Results, system: str, level: int) -> list[str]:
    if system in results.left_out:
        return [f"{level:,}", system, results.left_out[system], *[""] * 6]
    got = {name: results.get(system, level, name) for name in NAMES}
    milliseconds = {name: None if (lag := got[name]) is None else 1000 * lag for name in ("lag_p99", "lag_max")}
    return [
        f"{level:,}",
        system,
        f"{number(got['first_p50'], 2)} / {number(got['first_p99'], 2)}",
        f"{number(got['turn_p50'], 2)} / {number(got['turn_p99'], 2)}",
        number(got["cpu"], 0),
        number(got["memory"], 0),
        f"{results.failed(system, level):,}",
        number(got["clients"], 2),
        f"{number(milliseconds['lag_p99'], 0)} / {number(milliseconds['lag_max'], 0)}",
    ]


def ratio_table(results: Results, levels: Sequence[int]) -> str:
    """Return what ours is of each other system's in the same round, as Markdown."""
    head = ("visitors", "this application, of", "first word p50", "first word p99", "turn p50", "server CPU per token")
    names = ("first_p50", "first_p99", "turn_p50", "cpu")
    rows = [
        [f"{level:,}", peer, *(number(results.of(peer, level, name), 2, "×") for name in names)]
        for level in levels
        for peer in (CHAT_INTERFACE, CHAINLIT, FLOOR)
        if peer not in results.left_out
    ]
    return table(head, rows)


def memory_table(results: Results) -> str:
    """Return the application's memory by the turns it has answered, as Markdown."""
    return table(
        ("turns answered", "RSS of this application, MB"),
        [[f"{turns:,}", number(memory, 0)] for turns, memory in results.memory.items()],
    )


def failure_list(results: Results) -> str:
    """Return what went wrong where, as a Markdown list; nothing where nothing did."""
    return "\n".join(
        f"- {system} at {level:,} visitors, {count:,} times: {what}"
        for (system, level), reasons in results.failures.items()
        for what, count in reasons.most_common(3)
    )


def bars(results: Results) -> list[Bar]:
    """Return the bars, with what was measured."""

    def ours(level: int, name: str) -> float | None:
        return results.get(OURS, level, name)

    def failed(level: int) -> int | None:
        return results.failed(OURS, level) if (OURS, level) in results.rounds else None

    at, high = f"at {BAR_LEVEL} visitors", f"at {HIGH_LEVEL} visitors"
    return [
        Bar(f"{at}: failed turns", 0, failed(BAR_LEVEL), ""),
        Bar(f"{at}: turn p50", 6.6, ours(BAR_LEVEL, "turn_p50"), " s"),
        Bar(f"{at}: first word p50", 0.3, ours(BAR_LEVEL, "first_p50"), " s"),
        Bar(f"{at}: first word p99", 1, ours(BAR_LEVEL, "first_p99"), " s"),
        Bar(f"{at}: server CPU per token", 90, ours(BAR_LEVEL, "cpu"), " µs"),
        *(
            Bar(f"{at}: {what}, of Chainlit's", 1, results.of(CHAINLIT, BAR_LEVEL, name))
            for what, name in (
                ("turn p50", "turn_p50"),
                ("first word p50", "first_p50"),
                ("first word p99", "first_p99"),
                ("server CPU per token", "cpu"),
            )
        ),
        Bar(f"{high}: failed turns", 0, failed(HIGH_LEVEL), ""),
        Bar(f"{high}: first word p99", 2, ours(HIGH_LEVEL, "first_p99"), " s"),
        Bar(_memory_words(results), 1.1, _memory_ratio(results)),
        Bar("the client processes together: cores, busiest second of all runs", 0.8, _most(results, "clients"), ""),
        Bar("the clients' event loops: late, p99 of the worst run", 0.05, _most(results, "lag_p99"), " s"),
    ]


def bar_table(bars: Sequence[Bar]) -> str:
    """Return what is asked and what was measured, as Markdown."""
    rows = [[bar.what, f"≤ {bar.limit:g}{bar.unit}", number(bar.measured, 2, bar.unit), bar.verdict] for bar in bars]
    return table(("this application", "bar", "measured", ""), rows)


def _memory_words(results: Results) -> str:
    early, late = (min(results.memory), max(results.memory)) if results.memory else (200, 2000)
    return f"memory after {late:,} turns, of that after {early:,}"


def _memory_ratio(results: Results) -> float | None:
    if len(results.memory) < 2:
        return None
    return results.memory[max(results.memory)] / results.memory[min(results.memory)]


def _most(results: Results, name: str) -> float | None:
    return max((getattr(each, name) for rounds in results.rounds.values() for each in rounds), default=None)


def number(figure: float | None, digits: int, unit: str = "") -> str:
    """Return a figure as text."""
    return "–" if figure is None else f"{figure:,.{digits}f}{unit}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows))
