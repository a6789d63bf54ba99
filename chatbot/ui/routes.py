"""The routes that a page has beside Gradio's: its stream, its actions, hints, exports and imports."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import asdict
from typing import Final
from urllib.parse import quote

import orjson
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from chatbot.conversation import ConversationError, ConversationService, Generation, Report
from chatbot.conversation.import_export import file_name, to_json
from chatbot.conversation.service import POLL_SECONDS
from chatbot.demo import record, to_yaml
from chatbot.ui.actions import ACT, PageActions
from chatbot.ui.branding import Branding
from chatbot.ui.demo import DemoStage
from chatbot.ui.house_rules import TermsGuard
from chatbot.ui.rendering import PageRenderer, PageUpdate
from chatbot.ui.sessions import PageSession, PageSessions, Stale, TooManyPagesError
from chatbot.ui.views.document import DocumentTexts
from chatbot.ui.views.imports import import_summary
from chatbot.ui.views.panels import recall_hint
from chatbot.ui.views.report import report_page

logger = logging.getLogger(__name__)

UPDATES: Final = "/chat/updates"
MENTION: Final = "/chat/mention"
EXPORT: Final = "/chat/export/{kind}"
IMPORT: Final = "/chat/import"
TERMS: Final = "/chat/terms"

IDLE_GAP: Final = 0.05
"""Seconds between two drawings of a growing answer, while few pages draw one."""
BUSY_GAP: Final = 0.4
"""The same, while very many do."""
DRAWINGS_PER_SECOND: Final = 500
"""Of all pages together, between the two: a drawing costs about 0.15 ms."""
CHARACTERS_PER_SECOND_OF_GAP: Final = 50_000
"""The longer the text, the more a browser has to do for one drawing, and the less one word more matters."""

KEEP_ALIVE_SECONDS: Final = 15.0
"""How often a silent stream says something: proxies end connections that do not, and a lost one is noticed."""

MAX_TYPED: Final = 20_000
"""Bytes of a question that are looked at for what they mention."""

HEADERS: Final = {
    "cache-control": "no-store",
    # nginx passes a stream on as it comes.
    "x-accel-buffering": "no",
    # Which process answers: a page that finds another one loads itself again.
    "x-chatbot-server": secrets.token_hex(8),
}


class PageRoutes:
    """The routes of open pages.

    Args:
        service: What conversations are read from.
        sessions: The pages.
        branding: How they look.
    """

    def __init__(self, service: ConversationService, sessions: PageSessions, branding: Branding) -> None:
        self._service = service
        self._sessions = sessions
        self._branding = branding
        self._guard = TermsGuard(service, branding.rules.terms)
        self._stage = None if branding.demo is None else DemoStage(branding.demo)
        self._actions = PageActions(service, sessions, branding, self._guard, self._stage)
        self._renderer = PageRenderer(service, branding, self._guard, self._stage)
        self._growing = 0

    def add_to(self, app: FastAPI) -> None:
        """Serve them."""
        # Starlette's own: FastAPI would look for what to validate in each request.
        app.add_route(UPDATES, self.updates, methods=["GET"])
        app.add_route(MENTION, self.mention, methods=["POST"])
        app.add_route(EXPORT, self.export, methods=["GET"])
        app.add_route(IMPORT, self.import_file, methods=["POST"])
        app.add_route(TERMS, self.terms, methods=["GET"])
        app.add_route(ACT, self._actions.act, methods=["POST"])

    async def updates(self, request: Request) -> Response:
        """Stream a page: all of it at first, then whatever changes, as server-sent events until the page goes away."""
        session = await self._sessions.of(request, request.query_params.get("chat"))
        try:
            stream = self._sessions.subscribe(session, _number(request.query_params.get("posted", "")))
        except TooManyPagesError as error:
            return _notice(session.t(error.text), 429)
        return StreamingResponse(self._events(session, stream), media_type="text/event-stream", headers=HEADERS)

    async def export(self, request: Request) -> Response:
        """Return the shown conversation as ``markdown``, ``json``, ``report`` or ``demo``, or ``all``, as a file."""
        kind = request.path_params["kind"]
        session = await self._sessions.of(request)
        if kind == "demo" and not (self._stage and self._stage.offer.is_for(session.caller)):
            return JSONResponse({"detail": "There is nothing here."}, 404, headers=HEADERS)
        try:
            if kind == "all":
                packed = await self._service.export_all(session.owner, DocumentTexts(session.t))
                return _file("conversations.zip", "application/zip", packed)
            session.conversation = await self._service.refresh(session.conversation)
            if not session.conversation.revision:
                return _notice(session.t("problem.nothing_to_export"), 409)
            name = file_name(session.conversation.title)
            if kind == "markdown":
                text = await self._service.export_markdown(session.conversation, DocumentTexts(session.t))
                return _file(f"{name}.md", "text/markdown; charset=utf-8", text)
            if kind == "demo":
                text = await self._service.export(session.conversation, lambda it, turns: to_yaml(record(it, turns)))
                return _file(f"{name}.yaml", "application/yaml", text)
            if kind == "report":
                # Not as a page: as one, it would be of this origin.
                return _file(f"{name}.html", "application/octet-stream", await self._report(session))
            return _file(f"{name}.json", "application/json", await self._service.export_json(session.conversation))
        except ConversationError as error:
            return _notice(session.t.problem(error), 409)
        except ValueError:
            return _notice(session.t("problem.not_recorded"), 409)

    async def _report(self, session: PageSession) -> str:
        def write(report: Report) -> str:
            json = to_json(report.conversation, report.stored, report.data)
            return report_page(session.t, self._branding, report, json=json)

        hidden = self._branding.unseen
        return await self._service.report(session.conversation, write, caller=session.caller, hidden=hidden)

    async def import_file(self, request: Request) -> Response:
        """Add the conversations of an export, and show the first of them."""
        session = await self._sessions.of(request)
        try:
            await self._guard.check(session.owner)
            brought = await self._service.import_from(session.owner, await request.body())
        except ConversationError as error:
            return _notice(session.t.problem(error), 409)
        session.turn_to(brought.conversations[0])
        if brought.tool:
            session.notify(import_summary(session.t, brought), lasting=bool(brought.incomplete or brought.empty))
        return Response(status_code=204)

    async def terms(self, _: Request) -> Response:
        """Return the terms of use for programs, which accept them as the page does; 404 where there are none."""
        terms = self._guard.terms
        if terms is None:
            return JSONResponse({"detail": "There are no terms to accept."}, 404, headers=HEADERS)
        return JSONResponse(asdict(terms), headers=HEADERS)

    async def mention(self, request: Request) -> Response:
        """Return the hint about a forgotten turn that a half-typed question mentions, as HTML, where there is one."""
        session = await self._sessions.of(request)
        text = (await _read(request, MAX_TYPED)).decode(errors="ignore")
        hint = ""
        if text.strip() and not session.asked.startswith(text):
            # Whoever sends the question is told what is wrong with it.
            with suppress(ConversationError):
                mention = await self._service.mention(session.conversation, text, caller=session.caller)
                hint = recall_hint(
                    session.t, None if mention is None or mention.turn_index in session.dismissed else mention
                )
        return Response(hint, media_type="text/html", headers=HEADERS)

    async def _events(self, session: PageSession, stream: object) -> AsyncGenerator[bytes]:
        try:
            while session.stream is stream:
                session.changed.clear()
                is_last = self._sessions.is_closed
                generations = self._service.generations(session.conversation)
                with ExitStack() as waking:
                    for generation in generations:
                        waking.enter_context(generation.waking(session.changed))
                    update = await self._draw(session)
                    if session.stream is not stream:
                        # The stream in its place was not given what was drawn for this one.
                        session.begin_anew()
                        break
                    update |= session.outbox.take()
                    if update:
                        yield b"data: " + orjson.dumps(update) + b"\n\n"
                    if is_last:
                        break
                    if generations:
                        await self._pause(generations)
                    if await _is_set(session.changed, POLL_SECONDS if session.grows_elsewhere else KEEP_ALIVE_SECONDS):
                        continue
                    if session.grows_elsewhere:
                        session.redraw()
                    yield b": still here\n\n"
        finally:
            self._sessions.unsubscribe(session, stream)

    async def _draw(self, session: PageSession) -> PageUpdate:
        try:
            return await self._renderer.draw(session)
        except Exception:
            logger.exception("A page could not be drawn")
            session.stale |= Stale.PAGE
            # Not as :meth:`PageSession.notify` does, which would have it drawn at once, and fail at once.
            session.outbox.post("notices", {"text": session.t("problem.unexpected"), "lasting": False})
            return {}

    async def _pause(self, generations: Sequence[Generation]) -> None:
        """Wait before growing answers are drawn again: a pace that the page, and all of them, can keep up."""
        turns = [each.turn for each in generations]
        length = sum(len(turn.answer_text) + len(turn.reasoning_text) for turn in turns)
        if not length:
            return
        self._growing += 1
        try:
            gap = min(max(IDLE_GAP, self._growing / DRAWINGS_PER_SECOND), BUSY_GAP)
            await asyncio.sleep(gap + length / CHARACTERS_PER_SECOND_OF_GAP)
        finally:
            self._growing -= 1


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _notice(text: str, status: int) -> Response:
    """What the page is to tell the visitor instead."""
    return JSONResponse({"notice": text}, status, headers=HEADERS)


def _file(name: str, kind: str, content: str | bytes) -> Response:
    return Response(content, media_type=kind, headers={**HEADERS, "x-chatbot-file": quote(name)})


async def _is_set(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def _read(request: Request, most: int) -> bytes:
    """Return the body of a request, or its beginning."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > most:
            return body[:most]
    return body
