"""What a turn costs early and late in a long conversation: the service, the store and the page.

    python benchmarks/conversation.py [--quick] [--output FILE]

Needs Chromium and tests/requirements.txt. The model answers at once, so that all that is measured is ours. Figures are
medians over rounds, in which every length and every peer has its turn. CPU is user and system time of the process.
Times drift with what else the machine does, so only what was measured in one run may be compared. Ends with what is
asked of this application, and whether it holds.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from chat_report import Bar
from conversation_page import Visit, gradios, ours
from conversation_page import measure as visit
from conversation_service import OURS, PEER, Cost
from conversation_service import measure as cost
from playwright.sync_api import sync_playwright

LENGTHS: Final = (10, 100, 2000)
PAGE_LENGTHS: Final = (20, 200, 1000, 2000)
"""Turns, of two messages each: the bar compares 2,000 messages with 40."""
PEER_PAGE: Final = "gr.ChatInterface"
PEER_PAGE_LENGTHS: Final = (10, 100)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare a turn in a short conversation with one in a long one.")
    parser.add_argument("--quick", action="store_true", help="one short round: for a look, not for figures")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the tables there as well, as Markdown")
    arguments = parser.parse_args()
    rounds, turns = (1, 3) if arguments.quick else (5, 7)

    costs = measure_service(rounds)
    visits = measure_page(1 if arguments.quick else 3, turns)
    report = "\n\n".join([machine(rounds), service_table(costs), page_table(visits), bar_table(costs, visits)]) + "\n"
    print(report)
    if arguments.output:
        arguments.output.write_text(report, encoding="utf-8")


def measure_service(rounds: int) -> dict[tuple[str, int], Cost]:
    """Return what a turn costs, by who and by length."""
    keys = [(who, length) for who in (OURS, PEER) for length in LENGTHS]
    found: dict[tuple[str, int], list[Cost]] = {key: [] for key in keys}
    cost(OURS, 1)  # imports, and whatever else only the first one pays for
    for _ in range(rounds):
        for who, length in keys:
            found[who, length].append(cost(who, length))
    return {
        key: Cost(median(c.cpu for c in each), median(c.wall for c in each), median(c.stored for c in each))
        for key, each in found.items()
    }


def measure_page(rounds: int, turns: int) -> dict[tuple[str, int], Visit]:
    """Return what a turn costs a visitor, by page and by length."""
    found: dict[tuple[str, int], list[Visit]] = {}
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    for _ in range(rounds):
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            url, visitors = stack.enter_context(ours(folder, list(PAGE_LENGTHS)))
            peers = {length: stack.enter_context(gradios(length)) for length in PEER_PAGE_LENGTHS}
            browser = stack.enter_context(sync_playwright()).chromium.launch(
                executable_path=shutil.which("chromium"), args=arguments
            )
            for length, cookie in visitors.items():
                found.setdefault((OURS, length), []).append(visit(browser, url, turns, cookie))
            for length, peer in peers.items():
                found.setdefault((PEER_PAGE, length), []).append(visit(browser, peer, turns))
            browser.close()
    return {
        key: Visit(median(v.seconds for v in each), median(v.uploaded for v in each)) for key, each in found.items()
    }


def machine(rounds: int) -> str:
    """Say where the figures come from, and how busy it was there."""
    where = f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    packages = ", ".join(f"{package} {version(package)}" for package in ("gradio", "sqlalchemy", "langchain-community"))
    load = f"load average over the last 15 minutes, the benchmark's own among it: {os.getloadavg()[2]:.1f}"
    return f"Medians of {rounds} interleaved rounds of the service. {where}; {packages}; {load}."


def service_table(costs: dict[tuple[str, int], Cost]) -> str:
    """Return what a turn costs behind the page, as Markdown."""
    head = ["one turn: CPU ms / wall ms / bytes stored", *(f"turn {length:,}" for length in LENGTHS)]
    rows = [[who, *(_cost(costs[who, length]) for length in LENGTHS)] for who in (OURS, PEER)]
    return _table(head, rows)


def page_table(visits: dict[tuple[str, int], Visit]) -> str:
    """Return what a turn costs a visitor, as Markdown."""
    base = visits[OURS, PAGE_LENGTHS[0]].seconds
    head = ("page", "turns before", "messages", "seconds, Enter to the end", "of ours at 40 messages", "bytes up")
    rows = [
        [who, f"{length:,}", f"{2 * length:,}", f"{v.seconds:.2f}", f"{v.seconds / base:.2f}×", f"{v.uploaded:,.0f}"]
        for (who, length), v in visits.items()
    ]
    return _table(head, rows)


def bar_table(costs: dict[tuple[str, int], Cost], visits: dict[tuple[str, int], Visit]) -> str:
    """Return what is asked and what was measured, as Markdown."""
    first, last = costs[OURS, LENGTHS[0]], costs[OURS, LENGTHS[-1]]
    short = visits[OURS, PAGE_LENGTHS[0]]
    bars = [
        Bar("CPU of a turn at 2,000 turns, of one at 10: flat", 1.15, last.cpu / first.cpu),
        Bar("bytes stored by a turn at 2,000 turns, of one at 10: flat", 1.15, last.stored / first.stored),
        *(
            Bar(f"the page's turn at {2 * n:,} messages, of one at 40", 1.3, visits[OURS, n].seconds / short.seconds)
            for n in PAGE_LENGTHS[-2:]
        ),
        Bar("bytes uploaded at 4,000 messages, of those at 40", 1.15, visits[OURS, 2000].uploaded / short.uploaded),
    ]
    rows = [[bar.what, f"≤ {bar.limit:g}{bar.unit}", f"{bar.measured:.2f}{bar.unit}", bar.verdict] for bar in bars]
    return _table(("this application", "bar", "measured", ""), rows)


def _cost(cost: Cost) -> str:
    return f"{cost.cpu:.1f} / {cost.wall:.1f} / {cost.stored:,.0f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows))


if __name__ == "__main__":
    main()
