"""Run the application through every fault, and write what was seen into docs/faults.md: ``python -m tests.faults``."""

import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

HEAD = """# Faults

<!-- Made by `python -m tests.faults`, which runs tests/faults/test_application.py. -->

What was injected into the running application, and what a visitor saw of it. Each row held: afterwards the page
answered the next message, what had been typed was there, and every turn that had ended was in the store once.

| injected | seen |
|---|---|
"""


class Table:
    """Notes what each test injected and saw."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the report of a test."""
        told = dict(report.user_properties)
        if report.when == "call" and report.passed and "injected" in told:
            self.rows.append((told["injected"], told["seen"]))


def main() -> int:
    """Write the table, where every fault could be injected and nothing was lost; return pytest's exit code."""
    table = Table()
    code = pytest.main(
        [str(Path(__file__).with_name("test_application.py")), "-q", "-m", "exhaustive or not exhaustive"],
        plugins=[table],
    )
    rows = "".join(f"| {injected.replace('|', ' ')} | {seen} |\n" for injected, seen in table.rows)
    print(HEAD + rows)
    if code == 0:
        PAGE.write_text(HEAD + rows, encoding="utf-8")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
