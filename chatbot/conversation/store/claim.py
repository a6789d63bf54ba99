"""Whose an SQLite file is where no locks keep others out: the process's that opened it last.

Two run side by side while a Space is replaced. The newer one says in a file beside the database that it is its own; the
older one looks before it writes, at most so many seconds later, and writes no more.
"""

from __future__ import annotations

import secrets
from pathlib import Path


class Claim:
    """A claim on a file.

    Args:
        database: The file.
    """

    def __init__(self, database: Path) -> None:
        self._file = database.with_name(f"{database.name}-owner")
        self._name = secrets.token_hex(8)

    def take(self) -> bool:
        """Claim it; return whether another process has it, or had it and did not give it back."""
        is_taken = not self.is_free()
        self._file.write_text(self._name, encoding="ascii")
        return is_taken

    def is_free(self) -> bool:
        """Say whether no other process has it, or had it and did not give it back."""
        return self._holder() in ("", self._name)

    def holds(self) -> bool:
        """Say whether nobody has claimed it since."""
        return self._holder() == self._name

    def give_back(self) -> None:
        """Let the next one begin at once."""
        if self.holds():
            self._file.write_text("", encoding="ascii")

    def _holder(self) -> str:
        try:
            return self._file.read_text(encoding="ascii")
        except FileNotFoundError:
            return ""
