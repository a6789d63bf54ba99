"""Tokens that let in whoever bears them: made at random, told once, and kept as their hashes."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    """Return a token that nobody can guess: 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_of(token: str) -> str:
    """Return what is kept of a token. A fast hash will do: there are 256 random bits to guess, and no password."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
