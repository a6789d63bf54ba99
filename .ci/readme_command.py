"""Print one of the README's two commands: ``python .ci/readme_command.py run`` or ``test``."""

import re
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def command(name: str) -> str:
    """Return the one line of the code block that follows ``<!-- command: NAME -->``.

    Raises:
        LookupError: The README has no such block, or it has more than one line.
    """
    found = re.search(rf"<!-- command: {name} -->\n+```[a-z]*\n(.+)\n```", README.read_text(encoding="utf-8"))
    if found is None:
        raise LookupError(f"README.md has no one-line command marked {name!r}")
    return found.group(1)


if __name__ == "__main__":
    print(command(sys.argv[1]))
