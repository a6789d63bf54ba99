"""The lines at the top of the README that tell Hugging Face how to run the application as a Space."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def front_matter() -> dict[str, str]:
    """Return the names and values between the two lines of dashes; quotes around a value are taken off.

    Raises:
        LookupError: The README does not begin with such a block, or a line of it is not ``name: value``.
    """
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.match(r"---\n(.+?)\n---\n", readme, re.DOTALL)
    if block is None:
        raise LookupError("README.md does not begin with a block between two lines of ---")
    found = {}
    for line in block.group(1).splitlines():
        pair = re.fullmatch(r"([A-Za-z_]+): (\S.*)", line)
        if pair is None:
            raise LookupError(f"README.md: {line!r} is not a name, a colon, a space and a value")
        found[pair.group(1)] = pair.group(2).strip("\"'")
    return found
