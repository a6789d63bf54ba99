"""The table of inputs that models write and people complain about elsewhere: ``tests/ui/answers``.

A file is a topic, an ``[[answer]]`` an input, with what has to be seen of it. White space does not count in words, and
a formula reads as its source in ⟦ ⟧.

- ``text``: what the model writes; ``name``: what the test calls it.
- ``see``, ``not``: words that can be read, and that cannot.
- ``find``: how many elements of a selector are visible. ``waits``: one that is drawn late.
- ``scrolls``: what on a phone is wider than the chat, and scrolls by itself.
- ``styles``: selector, property and computed value ("same" as that of the answer). ``coloured``: what has a ground.
- ``right``: of what the words begin at the right. ``boxes``: what is drawn for tasks. ``language``: what is written
  above code. ``drawn``: words in a diagram.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "ui" / "answers"

KEYS = {
    *("name", "text", "see", "not", "find", "waits", "scrolls", "styles", "coloured", "right", "boxes"),
    *("language", "drawn"),
}

Input = dict[str, Any]


def topics() -> dict[str, list[Input]]:
    """Return the inputs by topic."""
    found = {}
    for file in sorted(FOLDER.glob("*.toml")):
        found[file.stem] = tomllib.loads(file.read_text(encoding="utf-8"))["answer"]
        for each in found[file.stem]:
            assert set(each) <= KEYS, f"{file.stem}, {each['name']}: what is {set(each) - KEYS}?"
    return found


def every_input() -> list[Input]:
    return [each for several in topics().values() for each in several]


READ = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
"""Functions of the browser's, among them ``read``: the words of an element that can be seen."""

INSPECT = f"""(answers, [inputs, isPhone]) => {{
  {READ}
  const named = (input, answer) => [...wrongIn(answer, input, isPhone)].map((each) => `${{input.name}}: ${{each}}`);
  return inputs.flatMap((input, at) => named(input, answers[at]));
}}"""
"""What is wrong with answers that are shown, each in words that begin with its name."""
