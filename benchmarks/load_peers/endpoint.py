"""A plain client of the model endpoint, as cheap as one is written by hand: what every peer answers with."""

import os
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson

_sessions: list[aiohttp.ClientSession] = []


async def tokens(question: str) -> AsyncIterator[str]:
    """Ask the endpoint at the URL in the environment variable ``ENDPOINT``; yield the answer's tokens."""
    if not _sessions:
        # One for the process, without aiohttp's limit of 100 connections.
        _sessions.append(aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)))
    body: dict[str, Any] = {"messages": [{"role": "user", "content": question}], "stream": True}
    async with _sessions[0].post(os.environ["ENDPOINT"], json=body) as response:
        async for line in response.content:
            if line.startswith(b"data: {") and (text := orjson.loads(line[6:])["choices"][0]["delta"].get("content")):
                yield text
