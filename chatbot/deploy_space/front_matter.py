"""The lines at the top of the README that tell Hugging Face how to run the application as a Space."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from chatbot.deploy_space.errors import DeployError

# https://huggingface.co/docs/hub/spaces-config-reference, as of August 2026.
COLORS: Final = frozenset({"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"})
NAMES: Final = frozenset(
    {
        *("title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file"),
        *("short_description", "pinned", "license", "suggested_hardware", "header", "fullWidth", "disable_embedding"),
        *("startup_duration_timeout", "tags", "thumbnail", "hf_oauth", "hf_oauth_expiration_minutes"),
        "hf_oauth_authorized_org",
    }
)
NEEDED: Final = ("title", "sdk", "sdk_version", "python_version", "app_file")
ZERO_GPU_PYTHONS: Final = frozenset({"3.10", "3.12"})
SHORT: Final = 60
"""Characters of a short description."""


def front_matter(root: Path) -> dict[str, str]:
    """Return the names and values between the two lines of dashes; quotes around a value are taken off.

    Raises:
        DeployError: The README does not begin with such a block, or a line of it is not ``name: value``.
    """
    try:
        readme = (root / "README.md").read_text(encoding="utf-8")
    except OSError as error:
        raise DeployError(f"README.md cannot be read ({error.strerror}): run this in the project's folder.") from None
    block = re.match(r"---\n(.+?)\n---\n", readme, re.DOTALL)
    if block is None:
        raise DeployError(
            "README.md does not begin with a block between two lines of ---, from which Hugging Face reads how to run "
            "it: take the one of this project's repository."
        )
    found = {}
    for line in block.group(1).splitlines():
        pair = re.fullmatch(r"([A-Za-z_]+): (\S.*)", line)
        if pair is None:
            raise DeployError(f"README.md: {line!r} is not a name, a colon, a space and a value.")
        found[pair.group(1)] = pair.group(2).strip("\"'")
    return found


def front_matter_problems(matter: Mapping[str, str], root: Path) -> Iterator[str]:
    """Yield a sentence for each value that Hugging Face would not take."""
    for name in NEEDED:
        if name not in matter:
            yield f"README.md: the block at its top has no {name}; take the line of this project's repository."
    for name in sorted(matter.keys() - NAMES):
        yield f"README.md: {name} is nothing that Hugging Face knows of a Space; remove the line."
    for name in ("colorFrom", "colorTo"):
        if matter.get(name, "blue") not in COLORS:
            yield f"README.md: {name}: {matter[name]} is no colour there; take one of {', '.join(sorted(COLORS))}."
    if matter.get("sdk", "gradio") != "gradio":
        yield f"README.md: sdk: {matter['sdk']} starts something else; write sdk: gradio."
    if matter.get("pinned", "true") not in ("true", "false"):
        yield f"README.md: pinned: {matter['pinned']} is neither true nor false."
    if len(matter.get("short_description", "")) > SHORT:
        yield f"README.md: the short_description has more than {SHORT} characters; shorten it."
    if (app_file := matter.get("app_file")) and not (root / app_file).is_file():
        yield f"README.md: there is no {app_file}, which app_file names."
