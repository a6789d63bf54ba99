"""A password for all: kept as a hash that is slow to try, and compared in constant time."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import re
import secrets
from typing import Final, NamedTuple

_COST, _BLOCK, _LANES = 15, 8, 1
"""Of scrypt: 2^15 rounds of 1,024 bytes, which takes 32 MB and about a tenth of a second."""

_FORM: Final = re.compile(r"scrypt:(1[0-9]|20):([1-9]|1[0-6]):([1-4]):([\w-]{16,100}):([\w-]{43})", re.ASCII)

MAX_PASSWORD: Final = 1_000
"""Characters."""

AT_ONCE: Final = 2
"""How many passwords are tried at once, each with its memory and a core."""


class _Parts(NamedTuple):
    cost: int
    block: int
    lanes: int
    salt: bytes
    digest: bytes


def hash_password(password: str) -> str:
    """Return what is kept of a password. Takes a tenth of a second."""
    salt = secrets.token_bytes(16)
    digest = _digest(password, _Parts(_COST, _BLOCK, _LANES, salt, b""))
    # No dollar sign, which shells and Compose files would take for a variable.
    return f"scrypt:{_COST}:{_BLOCK}:{_LANES}:{_text(salt)}:{_text(digest)}"


def check_hash(kept: str) -> None:
    """Raise ValueError where this was not made by :func:`hash_password`."""
    if not _FORM.fullmatch(kept.strip()):
        raise ValueError("is no hash of a password; python -m chatbot.hash_password makes one")


def is_password(password: str, kept: str) -> bool:
    """Say whether a password is the one that was hashed. Takes a tenth of a second, right or wrong."""
    parts = _parts(kept)
    return hmac.compare_digest(_digest(password, parts), parts.digest)


class PasswordCheck:
    """Tries passwords, beside the event loop.

    Args:
        kept: What :func:`hash_password` made.

    Raises:
        ValueError: It is something else.
    """

    def __init__(self, kept: str) -> None:
        check_hash(kept)
        self._kept = kept.strip()
        self._free = asyncio.Semaphore(AT_ONCE)

    async def accepts(self, password: str) -> bool:
        """Say whether it is the password."""
        async with self._free:
            return await asyncio.to_thread(is_password, password[:MAX_PASSWORD], self._kept)


def _digest(password: str, parts: _Parts) -> bytes:
    size = 1 << parts.cost
    return hashlib.scrypt(
        # Half a character can be typed, and cannot be written.
        password.encode(errors="surrogatepass"),
        salt=parts.salt,
        n=size,
        r=parts.block,
        p=parts.lanes,
        maxmem=2 * 128 * size * parts.block,
        dklen=32,
    )


def _parts(kept: str) -> _Parts:
    _, cost, block, lanes, salt, digest = kept.split(":")
    return _Parts(int(cost), int(block), int(lanes), _bytes(salt), _bytes(digest))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
