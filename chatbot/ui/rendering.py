"""Drawing: what an open page shows of the service's conversations, as the values of its components."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

from chatbot.conversation import ConversationNotFoundError, ConversationService, Generation, Turn, TurnStatus, View
from chatbot.ui.branding import Branding
from chatbot.ui.sessions import PageSession, Stale
from chatbot.ui.views.controls import controls
from chatbot.ui.views.messages import Growth, Message, MessageRenderer
from chatbot.ui.views.panels import badge, conversation_list, memory_panel
from chatbot.ui.views.text import memory_line

PageUpdate = dict[str, Any]
"""What changed on a page: properties of its ``components`` by name, ``tail`` or ``text`` of its messages, and what
its script is told (``forgets``, ``begins``; with its outbox ``recall_hint``, ``taken``, ``words``, ``notices``). Mostly
empty."""

MOST_READ_AT_ONCE: Final = 2000
"""Characters of Markdown that are read on the event loop, some 2 ms of it; more is read in a thread."""

BOX_IDLE: Final = {"submit_btn": True, "stop_btn": False}
"""The box as it waits for a message."""

BOX_ANSWERING: Final = {"submit_btn": False, "stop_btn": True}
"""The box while an answer is written: Stop instead of Send; what is typed meanwhile stays."""


class PageRenderer:
    """Draws pages from the service: all of one at first, then what has changed.

    Args:
        service: Where conversations come from.
        branding: How the application presents itself.
    """

    def __init__(self, service: ConversationService, branding: Branding) -> None:
        self._service = service
        self._branding = branding

    async def draw(self, session: PageSession) -> PageUpdate:
        """Return what has changed on a page since it was last drawn."""
        generation = self._service.generation(session.conversation)
        begins = generation is not None and generation is not session.followed
        # Where nothing else was done, the answer that begins or ends knows what there is to see.
        source = generation or session.followed if not session.stale else None
        ended = self._follow(session, generation)
        stale, session.stale = session.stale, Stale.NOTHING
        update: PageUpdate = {"begins": True} if begins else {}
        components: dict[str, dict[str, Any]] = {}
        if stale & Stale.VIEW:
            view = await self._view(session, source)
            drawn, components = await self._drawn(session, view)
            update |= drawn
            if ended is not None:
                self._tell_of_what_was_kept(session, view, ended)
        elif generation is not None:
            turn = generation.turn
            update = await self._grown(session, turn)
            if turn.is_unsaved:
                components["box"] = BOX_IDLE
        if stale & Stale.CONVERSATIONS:
            components["conversations"] = {"value": await self._conversations(session)}
        if changed := session.browser.components(components):
            update["components"] = changed
        return update

    def _follow(self, session: PageSession, generation: Generation | None) -> Turn | None:
        """Take note of which answer grows on a page; return the one that grew on it and has ended."""
        before, session.followed = session.followed, generation
        if before is generation:
            return None
        session.growth = Growth()
        # An answer that begins may make a conversation, and brings it to the top of the list; its end changes neither.
        session.stale |= Stale.VIEW if generation is None else Stale.PAGE
        if before is None or before.conversation.id != session.conversation.id:
            return None
        return before.turn

    async def _view(self, session: PageSession, source: Generation | None) -> View:
        seen = session.conversation
        try:
            view = await self._service.view(seen, limit=session.limit, of=source)
        except ConversationNotFoundError:
            # Deleted on another page: this one does not show what is gone.
            session.turn_to(seen := self._service.begin(session.owner))
            view = await self._service.view(seen, limit=session.limit)
        if session.conversation is seen:
            session.conversation = view.conversation
        else:
            # Somebody did something while this was read: it is drawn once more, and what they did counts.
            session.redraw()
        return view

    async def _drawn(self, session: PageSession, view: View) -> tuple[PageUpdate, dict[str, dict[str, Any]]]:
        renderer = self._message_renderer(session)
        ended = view.turns[:-1] if view.growing else view.turns
        if sum(len(turn.answer_text) + len(turn.reasoning_text) for turn in ended) < MOST_READ_AT_ONCE:
            settled = renderer.settled(view)
        else:
            settled = await asyncio.to_thread(renderer.settled, view)
        growing = await self._growing(session, view.turns[-1]) if view.growing else []
        session.above = len(settled)
        session.grows_elsewhere = view.growing and session.followed is None
        update = session.browser.messages([*settled, *growing])
        return update | {"forgets": view.plan.forgets}, self._components(session, view)

    async def _grown(self, session: PageSession, turn: Turn) -> PageUpdate:
        growing = await self._growing(session, turn)
        return session.browser.messages(growing, session.above)

    async def _growing(self, session: PageSession, turn: Turn) -> list[Message]:
        renderer, growth = self._message_renderer(session), session.growth
        if growth.unread(turn) < MOST_READ_AT_ONCE:
            return renderer.growing(turn, growth)
        return await asyncio.to_thread(renderer.growing, turn, growth)

    def _message_renderer(self, session: PageSession) -> MessageRenderer:
        return MessageRenderer(session.t, self._branding.currency, time.time())

    def _components(self, session: PageSession, view: View) -> dict[str, dict[str, Any]]:
        asked = view.turns[-1].index if view.growing else view.earlier + len(view.turns)
        panel = memory_panel(
            session.t,
            view.plan,
            asked,
            view.conversation.usage,
            asking=view.growing,
            currency=self._branding.currency,
            hidden=self._branding.hidden,
        )
        return {
            "box": BOX_ANSWERING if view.growing and not view.turns[-1].is_unsaved else BOX_IDLE,
            "memory": {"value": memory_line(session.t, view.plan, asked)},
            "plan": {"value": panel},
            "badge": {"value": badge(view.effective.deployment.name, is_demo=self._branding.is_demo)},
            **controls(view.effective, self._branding.presets, self._branding.hidden),
        }

    async def _conversations(self, session: PageSession) -> str:
        found = await self._service.list(session.owner, search=session.search)
        return conversation_list(
            session.t,
            found,
            session.conversation,
            search=session.search,
            deleted=session.deleted,
            naming=session.naming,
        )

    def _tell_of_what_was_kept(self, session: PageSession, view: View, turn: Turn) -> None:
        """Say so where the store kept the answer that ``turn`` was to replace; edited words go back to the box."""
        if turn.status is TurnStatus.STREAMING:
            return
        kept = next((each for each in view.turns if each.index == turn.index), None)
        if kept is None or kept.version == turn.version:
            return
        reason = session.t.failure(turn.failure) if turn.failure else session.t("chat.stopped_early")
        session.notify(f"{reason} {session.t('chat.kept')}", lasting=True)
        if turn.question_text != kept.question_text:
            session.give_back(turn.question_text)
