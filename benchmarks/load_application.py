"""A browser tab with this application's page in it, as far as the server can tell.

It makes the requests that the page's scripts make (``chatbot/ui/scripts``): one stream of server-sent events, an action
for what is sent, and a question about what is typed when the typing pauses, where there is
anything to ask. What the stream says is kept as ``drawing.js`` keeps it.
"""

from __future__ import annotations

import asyncio
import html
import re
import secrets
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import orjson

PAGE_HEADER: Final = "x-chatbot-page"

TYPING_PAUSE: Final = 0.3
"""Seconds after the last key before the page asks what the text mentions."""

_MENTIONING: Final = re.compile(r"\w{3}")
_MARKUP: Final = re.compile(r"<!--.*?-->|<[^>]*>", re.DOTALL)


class PageError(Exception):
    """The server did not do what the page asked for, or has ended its stream."""


class ApplicationPage:
    """One open page.

    Args:
        session: The visitor's cookies and connections.
        url: Where the page is.
        on_update: Called whenever the stream has told something; :attr:`failure` first, should it have ended.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, on_update: Callable[[], None]) -> None:
        self._http = session
        self._url = url.rstrip("/")
        self._on_update = on_update
        self._headers = {PAGE_HEADER: secrets.token_urlsafe(32)}
        self._forgets = False
        self._typing: asyncio.TimerHandle | None = None
        self._mention: asyncio.Task[None] | None = None
        self.messages: list[dict[str, Any]] = []
        self.is_ready = False
        """Whether the box offers Send."""
        self.failure: PageError | None = None

    async def open(self) -> None:
        """Load the page and follow its stream; return when it has been drawn."""
        async with self._http.get(self._url + "/") as response:
            await response.read()
        self._drawn = asyncio.Event()
        self._stream = asyncio.create_task(self._follow())
        await self._drawn.wait()
        if self.failure:
            raise self.failure

    def type(self, text: str) -> None:
        """Have ``text`` in the box; what it mentions is asked for when the typing pauses."""
        self._stop_typing()
        if self._forgets and _MENTIONING.search(text):
            self._typing = asyncio.get_running_loop().call_later(TYPING_PAUSE, self._ask_for_hint, text)

    async def submit(self, text: str) -> None:
        """Press Enter."""
        body = orjson.dumps([text])
        async with self._http.post(f"{self._url}/chat/send", data=body, headers=self._headers) as response:
            if response.status != 204:
                raise PageError(f"HTTP {response.status}: {await response.text()}")

    async def close(self) -> None:
        """Close the tab."""
        self._stop_typing()
        tasks = [each for each in (self._stream, self._mention) if each]
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self) -> None:
        try:
            async with self._http.get(f"{self._url}/chat/updates", headers=self._headers) as response:
                response.raise_for_status()
                async for line in response.content:
                    if line.startswith(b"data: "):
                        self._receive(orjson.loads(line[6:]))
            self._fail("the stream has ended")
        except aiohttp.ClientError as error:
            self._fail(str(error))

    def _fail(self, reason: str) -> None:
        self.failure = self.failure or PageError(reason)
        self._drawn.set()
        self._on_update()

    def _receive(self, update: dict[str, Any]) -> None:
        if "tail" in update:
            kept, messages = update["tail"]
            self.messages[kept:] = messages
        for at, dropped, added in update.get("texts", ()):
            [content] = self.messages[at]["content"]
            content["text"] = _dropped(content["text"], dropped) + added
        self.is_ready = update.get("components", {}).get("box", {}).get("submit_btn", self.is_ready)
        self._forgets = update.get("forgets", self._forgets)
        if "accepted" in update:
            self._stop_typing()  # the box is emptied
        if notices := update.get("notices"):
            self.failure = PageError(notices[0]["text"])
        self._drawn.set()
        self._on_update()

    def _ask_for_hint(self, text: str) -> None:
        self._mention = asyncio.create_task(self._hint(text))

    async def _hint(self, text: str) -> None:
        body = text.encode()
        async with self._http.post(f"{self._url}/chat/mention", data=body, headers=self._headers) as response:
            await response.read()

    def _stop_typing(self) -> None:
        if self._typing:
            self._typing.cancel()
        self._typing = None


def words(message: str) -> str:
    """Return what a person reads of a message, which is Markdown and HTML."""
    return html.unescape(_MARKUP.sub("", message)).strip()


def _dropped(text: str, units: int) -> str:
    """Return a text without its last UTF-16 units, which is what a browser counts."""
    if not units or text.isascii():
        return text[: len(text) - units]
    return text.encode("utf-16-le")[: -2 * units].decode("utf-16-le")
