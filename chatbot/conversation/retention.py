"""How long a conversation is kept: as long as its owner may come back for it. The name of an owner tells."""

from __future__ import annotations

from typing import Final

PASSING: Final = "passing:"
"""How the name of an owner begins who exists for one session only, and cannot come back after it."""

LASTING_SECONDS: Final = 400 * 24 * 3600.0
"""How long the conversations of an owner who can come back are kept after they last did."""

PASSING_SECONDS: Final = 24 * 3600.0
"""How long those of a passing owner are kept after they were last written to."""

RENEWED_AFTER: Final = 1 / 12
"""Part of these times: what was renewed less long ago is not renewed again, so that a visit is seldom a write."""

COOKIE_SECONDS: Final = 365 * 24 * 3600
"""How long an owner may stay away and come back: what they own is kept for longer, also where it was not renewed."""

UNDELETE_SECONDS: Final = 3600.0
"""How long a deleted conversation can be brought back."""


def is_passing(owner: str) -> bool:
    """Return whether an owner cannot come back once their session has ended."""
    return owner.startswith(PASSING)


def lifetime(owner: str) -> float:
    """Return for how many seconds an owner's conversations are kept without being touched."""
    return PASSING_SECONDS if is_passing(owner) else LASTING_SECONDS
