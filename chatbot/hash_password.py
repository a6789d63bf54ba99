"""Make what is set as the password of the application: ``python -m chatbot.hash_password``."""

from __future__ import annotations

import getpass
import sys
from typing import Final

from chatbot.access.passwords import MAX_PASSWORD, hash_password

SHORTEST: Final = 8
"""Characters of a password for a door that everybody can knock at."""


def main() -> int:
    """Ask for a password and print its hash; return the exit code of the process."""
    password = _asked()
    if not SHORTEST <= len(password) <= MAX_PASSWORD:
        print(f"A password has {SHORTEST} to {MAX_PASSWORD:,} characters; nothing was made.", file=sys.stderr)
        return 1
    if sys.stdin.isatty() and getpass.getpass("Again: ") != password:
        print("These are two different passwords; nothing was made.", file=sys.stderr)
        return 1
    print(f"CHATBOT_PASSWORD_HASH={hash_password(password)}")
    return 0


def _asked() -> str:
    """What is typed without being shown, or the first line of what is sent here."""
    return getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")


if __name__ == "__main__":
    sys.exit(main())
