"""What happens in the list of conversations: open, begin, rename, delete, search, take out, bring in."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import replace
from typing import Any, Final, TypeVar

import gradio as gr

from chatbot.conversation import ConversationError, ConversationService, Options, UnreadableExportError
from chatbot.conversation.exchange import file_name
from chatbot.ui.drawing import Easel, Frame, never_jams
from chatbot.ui.open_pages import OpenPages, Page
from chatbot.ui.talking import Talking

Parcel = dict[str, Any]
"""A file for the browser to save: its ``name``, its ``type`` and its bytes in ``base64``."""

_PIECE: Final = 300_000
_T = TypeVar("_T")


class Shelf:
    """A visitor's conversations."""

    def __init__(self, service: ConversationService, pages: OpenPages, easel: Easel, talking: Talking) -> None:
        self._service = service
        self._pages = pages
        self._easel = easel
        self._talking = talking

    @never_jams
    async def new(self, request: gr.Request) -> AsyncGenerator[Frame]:
        """Begin a new conversation; the old one stays, and its answer is written to its end."""
        page = await self._pages.of(request)
        await self._pages.turn_away(page)
        # Who answers stays as it was chosen; everything else begins anew.
        chosen = Options(deployment=page.conversation.options.deployment)
        page.turn_to(replace(self._service.begin(page.owner), options=chosen))
        yield await self._easel.settled(page)

    @never_jams
    async def open(self, id: str, request: gr.Request) -> AsyncGenerator[Frame]:  # noqa: A002
        """Show another conversation, and follow the answer that is being written in it."""
        page = await self._pages.of(request)
        conversation = await self._service.open(page.owner, id)
        await self._pages.turn_away(page)
        page.turn_to(conversation)
        async for frame in self._talking.shown(page):
            yield frame

    @never_jams
    async def rename(self, id: str, title: str, request: gr.Request) -> AsyncGenerator[Frame]:  # noqa: A002
        """Give a conversation another title."""
        page = await self._pages.of(request)
        await self._service.rename(await self._service.open(page.owner, id), title)
        yield Frame(conversations=await self._easel.conversations(page))

    @never_jams
    async def name(self, id: str, request: gr.Request) -> AsyncGenerator[Frame]:  # noqa: A002
        """Let the model find a title for a conversation."""
        page = await self._pages.of(request)
        conversation = await self._service.open(page.owner, id)
        yield Frame(conversations=await self._easel.conversations(page, naming=id))
        await self._service.name(conversation)
        yield Frame(conversations=await self._easel.conversations(page))

    @never_jams
    async def delete(self, id: str, request: gr.Request) -> AsyncGenerator[Frame]:  # noqa: A002
        """Delete a conversation; the list offers a way back."""
        page = await self._pages.of(request)
        conversation = await self._service.open(page.owner, id)
        is_shown = page.conversation.id == id
        if is_shown:
            await self._pages.turn_away(page)
            page.turn_to(self._service.begin(page.owner))
        await self._service.forget(conversation)
        page.deleted = conversation
        yield (
            await self._easel.settled(page) if is_shown else Frame(conversations=await self._easel.conversations(page))
        )

    @never_jams
    async def restore(self, _: str, request: gr.Request) -> AsyncGenerator[Frame]:
        """Bring back what was deleted last, and show it."""
        page = await self._pages.of(request)
        if page.deleted is None:
            return
        conversation = await self._service.restore(page.deleted)
        page.deleted = None
        await self._pages.turn_away(page)
        page.turn_to(conversation)
        async for frame in self._talking.shown(page):
            yield frame

    @never_jams
    async def search(self, text: str, request: gr.Request) -> AsyncGenerator[Frame]:
        """List only the conversations with this in their title or text."""
        page = await self._pages.of(request)
        page.search = text
        yield Frame(conversations=await self._easel.conversations(page))

    @never_jams
    async def bring_in(self, data: bytes, request: gr.Request) -> AsyncGenerator[Frame]:
        """Add the conversations of an export, and show the first of them."""
        page = await self._pages.of(request)
        try:
            brought = await self._service.import_from(page.owner, data)
        except UnreadableExportError as error:
            gr.Warning(str(error))
            yield Frame()
            return
        await self._pages.turn_away(page)
        page.turn_to(brought[0])
        yield await self._easel.settled(page)

    async def markdown(self, request: gr.Request) -> Parcel:
        """Return the shown conversation for people to read."""
        page = await self._begun(request)
        text = await _told(page, self._service.export_markdown(page.conversation))
        return await asyncio.to_thread(_parcel, f"{file_name(page.conversation.title)}.md", "text/markdown", text)

    async def json(self, request: gr.Request) -> Parcel:
        """Return all of the shown conversation, to be brought in again."""
        page = await self._begun(request)
        text = await _told(page, self._service.export_json(page.conversation))
        return await asyncio.to_thread(_parcel, f"{file_name(page.conversation.title)}.json", "application/json", text)

    async def everything(self, request: gr.Request) -> Parcel:
        """Return all conversations of the visitor."""
        page = await self._pages.of(request)
        packed = await _told(page, self._service.export_all(page.owner))
        return await asyncio.to_thread(_parcel, "conversations.zip", "application/zip", packed)

    async def _begun(self, request: gr.Request) -> Page:
        page = await self._pages.of(request)
        page.conversation = await _told(page, self._service.refresh(page.conversation))
        if not page.conversation.revision:
            raise gr.Error(page.say("problem.nothing_to_export"), print_exception=False)
        return page


async def _told(page: Page, result: Awaitable[_T]) -> _T:
    """Return what the service does, or tell the visitor what it refuses."""
    try:
        return await result
    except ConversationError as error:
        raise gr.Error(page.say.problem(error), print_exception=False) from None


def _parcel(name: str, kind: str, content: str | bytes) -> Parcel:
    """Encode a file a piece at a time: one call for all of it would hold everybody up, also from another thread."""
    pieces = []
    rest = b""
    for at in range(0, len(content), _PIECE):
        piece = content[at : at + _PIECE]
        piece = rest + (piece.encode() if isinstance(piece, str) else piece)
        whole = len(piece) - len(piece) % 3
        pieces.append(base64.b64encode(piece[:whole]).decode())
        rest = piece[whole:]
        time.sleep(0)
    return {"name": name, "type": kind, "base64": "".join((*pieces, base64.b64encode(rest).decode()))}
