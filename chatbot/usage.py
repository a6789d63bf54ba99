"""Print what was used: ``python -m chatbot.usage``; with ``--json`` or ``--csv`` for programs.

By day, by deployment or by visitor: messages, tokens, cost, errors by kind, thumbs. A visitor is a salted hash, a key
of the API its id, all temporary chats are one, and what anybody said stands nowhere in it. The application may run
meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final, TextIO

from chatbot.conversation import ConversationStore, UsageLine
from chatbot.settings import settings_of_command

MOST_DAYS: Final = 36_500
MOST_LINES: Final = 100_000

COLUMNS: Final = {
    "visitors": "visitors",
    "messages": "messages",
    "titles": "titles",
    "input_tokens": "tokens in",
    "output_tokens": "tokens out",
    "cost": "cost",
    "stopped": "stopped",
    "filtered": "filtered",
    "cached": "cached",
    "up": "up",
    "down": "down",
    "errors": "errors",
}
"""What a line says, by the field of :class:`UsageLine`, and what the table calls it."""


def table(lines: Sequence[UsageLine], total: UsageLine, by: str, currency: str) -> str:
    """Return the lines as a table to be read, with their total below."""
    rows = [[by, *COLUMNS.values()]]
    rows += [[each.key or "(none)", *_cells(each, currency)] for each in lines]
    rows.append(["all", *_cells(total, currency)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(_aligned(row, widths) for row in rows)


def values(line: UsageLine, by: str) -> dict[str, Any]:
    """Return what a line says, as values for JSON; the day, deployment or visitor under that name."""
    told = asdict(line)
    return {by: told.pop("key"), **told}


def write_csv(lines: Sequence[UsageLine], by: str, out: TextIO) -> None:
    """Write the lines as CSV; errors are one column, as ``Kind=2 Other=1``."""
    writer = csv.writer(out)
    writer.writerow([by, *COLUMNS])
    for line in lines:
        told = values(line, by) | {"errors": " ".join(f"{kind}={count}" for kind, count in line.errors.items())}
        writer.writerow([_harmless(told[name]) for name in (by, *COLUMNS)])


def _harmless(value: Any) -> Any:
    """Of a text what a spreadsheet would take for a formula is a text for it, too."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value


def _cells(line: UsageLine, currency: str) -> list[str]:
    told = asdict(line)
    told["cost"] = "-" if line.cost is None else f"{currency}{line.cost:,.4f}"
    told["errors"] = ", ".join(f"{kind} {count}" for kind, count in line.errors.items()) or "0"
    return [f"{told[name]:,}" if isinstance(told[name], int) else told[name] for name in COLUMNS]


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *numbers, last = row
    middle = (each.rjust(width) for each, width in zip(numbers, widths[1:-1], strict=True))
    return "  ".join((first.ljust(widths[0]), *middle, last)).rstrip()


async def _read(url: str, days: int, by: Any) -> tuple[list[UsageLine], UsageLine]:
    store = ConversationStore(url)
    try:
        return await store.usage.lines(days, by, limit=MOST_LINES), await store.usage.total(days)
    finally:
        await store.aclose()


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chatbot.usage", description="Print what was used.")
    parser.add_argument("--days", type=int, default=30, help="how many days, today (UTC) among them; without it 30")
    parser.add_argument("--by", choices=("day", "deployment", "visitor"), default="day", help="without it by day")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one object a line")
    form.add_argument("--csv", action="store_true", help="for a spreadsheet")
    told = parser.parse_args(arguments)
    if not 1 <= told.days <= MOST_DAYS:
        parser.error(f"--days is from 1 to {MOST_DAYS:,}")
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what was used, from the configured store; return the exit code of the process."""
    told = _arguments(arguments)
    if (settings := settings_of_command()) is None:
        return 2
    lines, total = asyncio.run(_read(settings.store_url.get_secret_value(), told.days, told.by))
    if told.json:
        for line in lines:
            print(json.dumps(values(line, told.by), ensure_ascii=False))
    elif told.csv:
        write_csv(lines, told.by, sys.stdout)
    else:
        print(table(lines, total, told.by, settings.currency))
    return 0


if __name__ == "__main__":
    sys.exit(main())
