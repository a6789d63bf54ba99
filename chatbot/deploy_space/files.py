"""What is uploaded: the files that a Space needs and no other, none of which may hold a secret."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

FILES: Final = ("app.py", "requirements.txt", "README.md", "LICENSE")
FOLDERS: Final = ("chatbot", "assets")
LEFT: Final = frozenset({"__pycache__", ".DS_Store", "screenshots"})
"""What is in those folders and not needed; the README's pictures are large, which Git alone does not take there."""

_SECRET_FILE: Final = re.compile(
    r"\.env(\..+)?|\.netrc|\.git-credentials|\.?credentials(\.\w+)?|id_(rsa|dsa|ecdsa|ed25519)"
    r"|.+\.(pem|key|p12|pfx|jks|kdbx)",
    re.IGNORECASE,
)
_DATABASE_FILE: Final = re.compile(r".+\.(db|sqlite3?)(-(wal|shm|journal))?|.+\.(dump|bak)", re.IGNORECASE)
_DATABASE: Final = b"SQLite format 3\0"
_TOKEN: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|\b(?:hf|gh[pousr])_[A-Za-z0-9]{20,}"
    r"|\bsk-(?:proj-)?[\w-]{20,}"
    r"|\bAKIA[A-Z0-9]{16}\b"
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+"
    r"|\b(?:AccountKey|SharedAccessKey)=[A-Za-z0-9+/]{30,}"
)
"""Keys and tokens as those who hand them out write them."""


def space_files(root: Path, named: Iterable[Path] = ()) -> list[Path]:
    """Return what a Space needs, relative to the project's folder and sorted.

    Args:
        root: The project's folder.
        named: Further files, which settings name; relative to it.
    """
    found = {Path(name) for name in FILES if (root / name).is_file()} | set(named)
    for folder in FOLDERS:
        for path in (root / folder).rglob("*"):
            inner = path.relative_to(root)
            if not LEFT.intersection(inner.parts) and (path.is_symlink() or path.is_file()):
                found.add(inner)
    return sorted(found)


def left_out(root: Path, files: Iterable[Path]) -> list[str]:
    """Return what is in the project's folder and is not uploaded, folders with a slash at their end."""
    taken = {path.parts[0] for path in files}
    kept = [f"{path.name}/" if path.is_dir() else path.name for path in root.iterdir() if path.name not in taken]
    inner = [folder for folder in ("assets/screenshots",) if (root / folder).is_dir()]
    return sorted(kept) + [f"{folder}/" for folder in inner]


def file_problems(root: Path, files: Iterable[Path], secrets: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each file that must not be uploaded. None repeats a secret.

    Args:
        root: The project's folder.
        files: What would be uploaded.
        secrets: Values that stand nowhere in it, by what they are called.
    """
    for inner in files:
        path = root / inner
        if path.is_symlink():
            yield f"{inner} is a link, and others would read what it leads to; put the file itself there, or remove it."
        elif _SECRET_FILE.fullmatch(inner.name):
            yield f"{inner} is named like a file with secrets; move it out of {inner.parts[0]}/."
        elif _DATABASE_FILE.fullmatch(inner.name) or _begins(path) == _DATABASE:
            yield f"{inner} is a database, perhaps with conversations; move it out of {inner.parts[0]}/."
        else:
            text = path.read_text(encoding="utf-8", errors="replace")
            for number, line in enumerate(text.splitlines(), 1):
                held = next((name for name, value in secrets.items() if value in line), None)
                if held is not None:
                    yield f"{inner}, line {number}, holds the value of {held}: remove it; the Space gets it anyway."
                elif _TOKEN.search(line):
                    yield (
                        f"{inner}, line {number}, holds what looks like a key or token: take it out, and withdraw it "
                        "if it is one."
                    )


def _begins(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(_DATABASE))
