"""A page without a browser: it follows its stream, from one process to the next, and knows what it shows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx

from tests.support.app_process import AppProcess
from tests.support.page_events import act, headers

RECONNECT_SECONDS = 0.1


class Page:
    """One open page of a visitor.

    Args:
        process: The application; started anew, it is found again.
        visitor: Whose page it is.
    """

    def __init__(self, process: AppProcess, visitor: str) -> None:
        self._process = process
        self._visitor = visitor
        self._changed = asyncio.Event()
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(120, connect=5))
        self.messages: list[dict[str, Any]] = []
        self.notices: list[str] = []
        self.is_idle = False
        self.begun = 0
        self.streams = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, process: AppProcess, visitor: str) -> AsyncIterator[Page]:
        page = cls(process, visitor)
        following = asyncio.create_task(page._follow())
        try:
            await page.until(lambda: page.is_idle)
            yield page
        finally:
            following.cancel()
            await asyncio.wait([following])
            await page._client.aclose()

    @property
    def text(self) -> str:
        """All that its messages say, as Markdown and HTML."""
        return "\n".join(json.dumps(message, ensure_ascii=False) for message in self.messages)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for what the page shows; a test that waits in vain ends by its own time limit."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def act(self, action: str, *values: Any) -> None:
        self._client.base_url = httpx.URL(self._process.url)
        assert await act(self._client, action, list(values), "a page", self._visitor) == 204

    async def begin(self, text: str) -> None:
        """Send a message, and return when its answer has begun."""
        begun = self.begun
        await self.act("send", text)
        # One that is very quick is drawn once, as it has ended.
        await self.until(lambda: self.begun > begun or text in self.text)

    async def ask(self, text: str) -> None:
        """Send a message, and return when its answer has ended."""
        await self.begin(text)
        await self.until(lambda: self.is_idle)

    async def _follow(self) -> None:
        while True:
            with suppress(httpx.HTTPError):
                url = f"{self._process.url}chat/updates"
                async with self._client.stream("GET", url, headers=headers("a page", self._visitor)) as reply:
                    self.streams += reply.status_code == 200
                    async for line in reply.aiter_lines():
                        if line.startswith("data: "):
                            self._take(json.loads(line[6:]))
            await asyncio.sleep(RECONNECT_SECONDS)

    def _take(self, update: dict[str, Any]) -> None:
        box = update.get("components", {}).get("box", {})
        # Before the box: an answer that begins makes it busy.
        if update.get("begins"):
            self.begun += 1
            self.is_idle = False
        if "submit_btn" in box:
            self.is_idle = bool(box["submit_btn"])
        if "tail" in update:
            kept, messages = update["tail"]
            self.messages[kept:] = messages
        for at, dropped, added in update.get("texts", ()):
            content = self.messages[at]["content"][0]
            shown = content["text"].encode("utf-16-le", "surrogatepass")
            kept = shown[: len(shown) - 2 * dropped].decode("utf-16-le", "surrogatepass")
            self.messages[at] = {**self.messages[at], "content": [{**content, "text": kept + added}]}
        self.notices += [notice["text"] for notice in update.get("notices", ())]
        self._changed.set()
