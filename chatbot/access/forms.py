"""The body of a form, as far as one of ours could be long."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

MAX_FORM: Final = 10_000
"""Bytes of what a page of ours sends."""


async def read_form(request: Request) -> bytes | None:
    """Return the body of a form; None where it is too long to be one of ours, and the rest is not read."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM:
            return None
    return body
