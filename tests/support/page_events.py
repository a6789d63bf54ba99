"""What a page asks for, as its browser sends it, without a browser."""

from __future__ import annotations

import json
from typing import Any

import httpx

from chatbot.ui.identity import COOKIE, PAGE_HEADER


def headers(page: str, visitor: str | None = None) -> dict[str, str]:
    """What a page's requests say of it: its id, and the visitor's cookie where they have one."""
    return {PAGE_HEADER: page} | ({"cookie": f"{COOKIE}={visitor}"} if visitor else {})


async def act(client: httpx.AsyncClient, action: str, values: list[Any], page: str, visitor: str | None = None) -> int:
    """Ask for an action and wait for its end; return the status of the reply."""
    body = json.dumps(values)
    reply = await client.post(f"/chat/{action}", content=body, headers=headers(page, visitor))
    return reply.status_code
