"""Lines of a ``.env`` file: written as they are read again, and put in place of those that say otherwise."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_PLAIN: Final = re.compile(r"[\w:/?&=.,@%+~*\[\]-]*", re.ASCII)


def line(name: str, value: str) -> str:
    """Return a line that sets a variable; a value that could be misread stands in quotes."""
    if _PLAIN.fullmatch(value):
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{escaped}'"


def with_lines(text: str, values: Mapping[str, str]) -> str:
    """Return the text of a file with some variables set: each where it stood, else at the end.

    Args:
        text: The file's text.
        values: What to set; an empty value unsets.
    """
    kept, left = [], dict(values)
    for each in text.splitlines():
        match = re.match(r"\s*(?:export\s+)?([A-Za-z_]\w*)\s*=", each)
        name = match[1].upper() if match else ""
        if name not in values:
            kept.append(each)
        elif name in left and (value := left.pop(name)):
            kept.append(line(name, value))
    kept += [line(name, value) for name, value in left.items() if value]
    return "\n".join(kept) + "\n"


def write(path: Path, values: Mapping[str, str]) -> None:
    """Set some variables in a file, all of them or none; a new file is its owner's alone.

    Raises:
        OSError: It cannot be read or written.
    """
    path = path.resolve()
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(with_lines(text, values))
        os.chmod(beside, mode)
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
