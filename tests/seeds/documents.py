"""The documents that the project grew from, read where they lie: no part of it, and nothing of them is copied.

They lie beside the repository, in ``../shared/seeds``, or where ``SEED_DOCUMENTS`` says.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DIRECTORY = Path(os.environ.get("SEED_DOCUMENTS") or Path(__file__).parents[3] / "shared" / "seeds")

# A heading or a whole block of code: comments inside of one are no headings.
_PART = re.compile(r"^#+ +(?P<heading>.+?) *$|^```(?P<language>\w*)\n(?P<source>.*?)^```", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Cell:
    """One block of Python, or of what the document calls so.

    Attributes:
        heading: The heading it stands under.
        source: As it was written.
    """

    heading: str
    source: str


def present() -> bool:
    """Whether the documents are there."""
    return any(DIRECTORY.glob("*.txt"))


def cells_of(number: str) -> list[Cell]:
    """Return the blocks of the document whose file's name begins so, top to bottom."""
    (path,) = DIRECTORY.glob(f"{number}_*.txt")
    return list(cells_in(path.read_text(encoding="utf-8")))


def cells_in(text: str) -> Iterator[Cell]:
    """Yield the blocks of a document's text."""
    heading = ""
    for part in _PART.finditer(text):
        heading = part["heading"] or heading
        if part["language"] == "python":
            yield Cell(heading, part["source"])
