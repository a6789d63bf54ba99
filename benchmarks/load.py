"""What the page does for 50, 200 and 500 visitors at once: this application beside its peers, in one run.

    python -m pip install -r benchmarks/requirements.txt
    python benchmarks/load.py [--quick] [--output FILE]

Each system is one server process against one model endpoint in a process of its own, and each visitor is a browser tab
as far as the server can tell: cookies, the page's own requests when it loads and at every key, one typed question, an
answer of 300 tokens 20 ms apart. In a round every system has its turn at every level, freshly started. Figures are
medians over the rounds; only what was measured in one run may be compared. Ends with what is asked of this application,
and whether it holds; the clients are among it, who must not be what is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Final

from load_clients import Plan, Report
from load_report import (
    Figures,
    Results,
    bar_table,
    bars,
    failure_list,
    load_table,
    memory_table,
    percentile,
    ratio_table,
)
from load_servers import Cores, NotInstalledError, Server, chainlit_version, endpoint, server
from load_visitors import CHAINLIT, OURS, SYSTEMS

HERE: Final = Path(__file__).parent
LEVELS: Final = (50, 200, 500)
QUICK_LEVELS: Final = (10, 20)
TOKENS: Final = 300
PAUSE_MS: Final = 20
KEY_SECONDS: Final = 0.1
MOST_FILES: Final = 20_000

MEMORY_TURNS: Final = (200, 2_000)
QUICK_MEMORY_TURNS: Final = (40, 80)
MEMORY_PLACES: Final = 20
MEMORY_VISIT_TURNS: Final = 10


@dataclass(frozen=True, slots=True)
class Run:
    """What all measurements of a run share.

    Attributes:
        within: Seconds within which the visitors of a level begin to type.
        clients: Processes that the visitors are shared out to.
    """

    endpoint: Server
    cores: Cores
    within: float
    clients: int


def main() -> None:
    arguments = _arguments()
    rounds = 1 if arguments.quick else arguments.rounds
    levels = arguments.visitors or (QUICK_LEVELS if arguments.quick else LEVELS)
    _allow_files()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends what it has started, as Ctrl-C does
    busy, results, cores = os.getloadavg()[0], Results(), Cores()
    cores.leave()
    with endpoint() as model:
        run = Run(model, cores, arguments.within, arguments.clients)
        for number in range(1, rounds + 1):
            for level in levels:
                for system in SYSTEMS:
                    say(f"round {number} of {rounds}, {level} visitors: {system}")
                    measure(system, level, run, results)
        turns = QUICK_MEMORY_TURNS if arguments.quick else MEMORY_TURNS
        say(f"memory after {turns[0]} and {turns[1]} turns")
        measure_memory(turns, run, results)
    say("")

    parts = [
        f"**A quick run (`{' '.join(sys.argv[1:])}`): for a look, not for figures.**" if arguments.quick else "",
        machine(rounds, busy, run, results),
        load_table(results, levels),
        failure_list(results),
        ratio_table(results, levels),
        memory_table(results),
        bar_table(bars(results)),
    ]
    publish(parts, arguments.output)


def publish(parts: Iterable[str], output: Path | None) -> None:
    """Print the parts of a report that say anything, and write them to a file where one is named."""
    report = "\n\n".join(filter(None, parts)) + "\n"
    print(report)
    if output:
        output.write_text(report, encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Compare the page with its peers under many visitors at once.")
    parser.add_argument("--quick", action="store_true", help="one round with few visitors: for a look, not for figures")
    parser.add_argument("--visitors", type=int, nargs="+", metavar="N", help="levels instead of 50, 200 and 500")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="interleaved rounds (3)")
    parser.add_argument("--within", type=float, default=2.0, metavar="S", help="begin to type within S seconds (2)")
    parser.add_argument("--clients", type=int, default=2, metavar="N", help="client processes (2)")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the tables there as well, as Markdown")
    return parser.parse_args()


def measure(system: str, level: int, run: Run, results: Results) -> None:
    """Let one system have its turn at one level."""
    if system in results.left_out:
        return
    try:
        with server(system, run.endpoint.url, 2 * level, run.cores) as served:
            measure_served(system, served, level, run, results)
    except NotInstalledError as error:
        results.left_out[system] = f"not installed: {error}"


def measure_served(system: str, served: Server, level: int, run: Run, results: Results) -> None:
    """Let visitors come to a system that is running."""
    plans = [
        Plan(system, served.url, last - first, first, run.within, KEY_SECONDS, TOKENS, PAUSE_MS)
        for first, last in _shares(level, run.clients)
    ]
    with visiting(plans) as visits:
        before = served.cpu()
        reports = visits.go()
        time.sleep(1)  # what a server does after an answer is the answer's cost too
        cpu, memory = served.cpu() - before, served.memory()
    results.rounds[system, level].append(_figures(reports, cpu, memory))
    for report in reports:
        results.failures[system, level].update(report.failures)


def measure_memory(turns: Sequence[int], run: Run, results: Results) -> None:
    """Measure the application's memory after so many turns, when everybody has left.

    People follow one another in a few places, each with a page of their own; answers are as long as ever, but quick.
    """
    answered = 0
    with server(OURS, run.endpoint.url, 2 * MEMORY_PLACES, run.cores) as served:
        for goal in turns:
            visits = (goal - answered) // (MEMORY_PLACES * MEMORY_VISIT_TURNS) or 1
            turns_each = min(MEMORY_VISIT_TURNS, (goal - answered) // MEMORY_PLACES)
            plan = Plan(
                OURS, served.url, MEMORY_PLACES, answered, 0.5, 0.01, TOKENS, 2, visits=visits, turns=turns_each
            )
            with visiting([plan]) as all_visits:
                [report] = all_visits.go()
            if report.failures:
                results.failures[OURS, MEMORY_PLACES].update(report.failures)
                return
            answered = goal
            time.sleep(3)
            results.memory[goal] = served.memory()


class Visits:
    """Client processes whose pages are open."""

    def __init__(self, processes: Sequence[subprocess.Popen[str]]) -> None:
        self._processes = processes

    def go(self) -> list[Report]:
        """Let the visitors begin; return what they saw."""
        for process in self._processes:
            _tell(process)
        return [Report.read(_line(process)) for process in self._processes]


@contextmanager
def visiting(plans: Sequence[Plan]) -> Iterator[Visits]:
    """Run a client process for each plan; pages are open within, and closed after."""
    processes = [
        subprocess.Popen(
            [sys.executable, HERE / "load_clients.py", json.dumps(asdict(plan))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for plan in plans
    ]
    try:
        for process in processes:
            _line(process)
        yield Visits(processes)
        for process in processes:
            _tell(process)
        for process in processes:
            process.wait(60)
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _tell(process: subprocess.Popen[str]) -> None:
    assert process.stdin
    process.stdin.write("\n")
    process.stdin.flush()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    if not (line := process.stdout.readline()):
        raise RuntimeError("a client process has ended")
    return line


def _shares(visitors: int, processes: int) -> list[tuple[int, int]]:
    """Return the first visitor of each process and the first of the next."""
    edges = [visitors * number // processes for number in range(processes + 1)]
    return [(first, last) for first, last in pairwise(edges) if last > first]


def _figures(reports: Sequence[Report], cpu: float, memory: float) -> Figures:
    firsts = [each for report in reports for each in report.first_words]
    turns = [each for report in reports for each in report.turns]
    lags = [each for report in reports for each in report.lags]
    return Figures(
        first_p50=percentile(firsts, 50),
        first_p99=percentile(firsts, 99),
        turn_p50=percentile(turns, 50),
        turn_p99=percentile(turns, 99),
        cpu=1e6 * cpu / (TOKENS * len(turns)) if turns else None,
        memory=memory,
        clients=sum(report.cpu for report in reports),
        lag_p99=percentile(lags, 99) or 0.0,
        lag_max=max(lags, default=0.0),
    )


def _allow_files() -> None:
    """Let the processes have a connection for everybody: many systems allow 1,024 open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def machine(rounds: int, busy: float, run: Run, results: Results) -> str:
    """Say where the figures come from, how busy it was there, and what was done."""
    versions = [f"{package} {version(package)}" for package in ("gradio", "starlette", "uvicorn", "aiohttp")]
    if any(system == CHAINLIT for system, _ in results.rounds):
        versions.append(f"chainlit {chainlit_version()}")
    where = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    apart = "the server on a core of its own, endpoint and clients on the rest" if run.cores.are_apart else "one core"
    return (
        f"Medians of {rounds} interleaved rounds. {where}; {', '.join(versions)}; load average before the run: "
        f"{busy:.1f}; {apart}. {TOKENS} tokens {PAUSE_MS} ms apart (ideal: {TOKENS * PAUSE_MS / 1000:g} s); "
        f"visitors begin to type within {run.within:g} s; {run.clients} client processes."
    )


def say(progress: str) -> None:
    """Show where the run is, to a person only."""
    if sys.stderr.isatty():
        print(f"\r\033[K{progress}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
