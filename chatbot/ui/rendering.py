"""Drawing: what an open page shows of the service's conversations, as the values of its components."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from chatbot.conversation import (
    ConversationNotFoundError,
    ConversationService,
    Generation,
    Standing,
    Turn,
    TurnStatus,
    View,
)
from chatbot.ui.branding import Branding
from chatbot.ui.demo import DemoStage
from chatbot.ui.handlers.conversations import MOST_LISTED
from chatbot.ui.house_rules import Terms, TermsGuard
from chatbot.ui.sessions import NEW, PageSession, Stale
from chatbot.ui.views import house_rules
from chatbot.ui.views.compare_form import compare_form
from chatbot.ui.views.controls import controls
from chatbot.ui.views.demo import demo_bar
from chatbot.ui.views.examples import example_cards
from chatbot.ui.views.limits import what_is_left
from chatbot.ui.views.messages import Growth, Message, MessageRenderer
from chatbot.ui.views.panels import badge, conversation_list, memory_panel
from chatbot.ui.views.shares import shares_panel
from chatbot.ui.views.text import memory_line

PageUpdate = dict[str, Any]
"""What changed on a page: properties of its ``components`` by name, ``tail`` or ``texts`` of its messages, and what
its script is told (``forgets``, ``begins``, ``chat``; with its outbox ``recall_hint``, ``accepted``, ``words``,
``notices``). Mostly empty."""

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
        guard: Knows who has accepted the terms.
        stage: Where the demo is played, if there is one.
    """

    def __init__(
        self, service: ConversationService, branding: Branding, guard: TermsGuard, stage: DemoStage | None = None
    ) -> None:
        self._service = service
        self._stage = stage
        self._branding = branding
        self._guard = guard

    async def draw(self, session: PageSession) -> PageUpdate:
        """Return what has changed on a page since it was last drawn."""
        terms = self._guard.terms
        if terms is not None and session.stale and not session.has_accepted:
            session.has_accepted = await self._guard.is_satisfied(session.owner)
            if not session.has_accepted:
                return await self._asking(session, terms)
        generations = self._service.generations(session.conversation)
        begins = any(each not in session.followed for each in generations)
        # Where nothing else was done, the answer that begins or ends knows what there is to see.
        source = None if session.stale else next(reversed(generations or [*session.followed]), None)
        if source is not None and source.conversation.comparison is not None:
            source = None  # of several answers none knows all
        ended = self._follow(session, generations)
        if generations and (plans := [each.plan for each in generations]) != session.plans:
            # Asked anew, or somebody else in its stead: the memory shows what was sent.
            session.plans = plans
            session.stale |= Stale.VIEW
        stale, session.stale = session.stale, Stale.NOTHING
        update: PageUpdate = {"begins": True} if begins else {}
        components: dict[str, dict[str, Any]] = {}
        if stale & Stale.VIEW:
            view = await self._view(session, source)
            standing = await self._service.standing(view, session.caller, of=source)
            drawn, components = await self._drawn(session, view, standing)
            update |= drawn
            if ended is not None:
                self._tell_of_what_was_kept(session, view, ended)
        elif generations:
            update = session.browser.messages(await self._open(session), session.above)
            if all(each.turn.is_unsaved for each in generations):
                components["box"] = BOX_IDLE
        if stale & Stale.CONVERSATIONS:
            components |= await self._sidebar(session)
        if changed := session.browser.components(components):
            update["components"] = changed
        return update | (session.browser.value("chat", _chat(session)) if stale else {})

    async def _asking(self, session: PageSession, terms: Terms) -> PageUpdate:
        """Draw the terms, and nothing of what is to be seen once they are accepted but the list, which is not shown."""
        session.stale = Stale.NOTHING
        components = {"terms": {"value": house_rules.asking(session.t, terms)}, **await self._sidebar(session)}
        return {"components": session.browser.components(components)}

    def _follow(self, session: PageSession, generations: Sequence[Generation]) -> Turn | None:
        """Take note of which answers grow on a page; return the one that grew on it alone and has ended."""
        before = session.followed
        if len(before) == len(generations) and all(each in before for each in generations):
            return None
        session.followed = {each: before.get(each) or Growth() for each in generations}
        # An answer that begins may make a conversation, and brings it to the top of the list; its end changes neither.
        session.stale |= Stale.PAGE if session.followed.keys() - before.keys() else Stale.VIEW
        ended = [each for each in before if each.conversation.id == session.conversation.id]
        if len(ended) != 1 or ended[0].conversation.compares(ended[0].turn.key):
            return None
        return ended[0].turn

    async def _view(self, session: PageSession, source: Generation | None) -> View:
        seen = session.conversation
        try:
            view = await self._service.view(seen, limit=session.limit, of=source, caller=session.caller)
        except ConversationNotFoundError:
            # Deleted on another page: this one does not show what is gone.
            session.turn_to(seen := self._service.begin(session.owner))
            view = await self._service.view(seen, limit=session.limit, caller=session.caller)
        if session.conversation is seen:
            session.conversation = view.conversation
        else:
            # Somebody did something while this was read: it is drawn once more, and what they did counts.
            session.redraw()
        return view

    async def _drawn(
        self, session: PageSession, view: View, standing: Standing | None
    ) -> tuple[PageUpdate, dict[str, dict[str, Any]]]:
        renderer = self._message_renderer(session)
        undone = None if session.undone is None else session.undone.of(view.conversation)
        ended = view.turns[:-1] if view.is_open else view.turns
        if sum(len(turn.answer_text) + len(turn.reasoning_text) for turn in ended) < MOST_READ_AT_ONCE:
            settled = renderer.settled(view, undone)
        else:
            settled = await asyncio.to_thread(renderer.settled, view, undone)
        session.above = len(settled)
        session.grows_elsewhere = view.growing and not session.followed
        session.compared = view.compared
        opened = await self._open(session, view.turns[-1]) if view.is_open else []
        update = session.browser.messages([*settled, *opened])
        return update | {"forgets": view.plan.forgets}, self._components(session, view, standing)

    async def _open(self, session: PageSession, elsewhere: Turn | None = None) -> list[Message]:
        """Return the messages that show the last turn while it grows, or as long as several answers are compared.

        Args:
            session: The page.
            elsewhere: The turn as it was read, for one that another process writes.
        """
        renderer = self._message_renderer(session)
        turns = [each.turn for each in session.followed] or ([] if elsewhere is None else [elsewhere])
        growths = [*session.followed.values()] or [Growth()]
        unread = sum(growth.unread(turn) for growth, turn in zip(growths, turns, strict=True))
        draw: Callable[[], list[Message]]
        if session.compared:
            newest = {turn.key: turn for turn in turns}
            compared = [replace(each, turn=newest.get(each.turn.key, each.turn)) for each in session.compared]
            unread += sum(len(each.turn.answer_text) for each in compared if each.turn.key not in newest)
            known = {turn.key: growth for turn, growth in zip(turns, growths, strict=True)}
            draw = partial(renderer.compared, compared, known)
        else:
            draw = partial(renderer.growing, turns[-1], growths[-1])
        return draw() if unread < MOST_READ_AT_ONCE else await asyncio.to_thread(draw)

    def _message_renderer(self, session: PageSession) -> MessageRenderer:
        several = len(self._choices(session)) > 1
        return MessageRenderer(
            session.t,
            self._branding.currency,
            time.time(),
            hidden=self._branding.hidden_parts,
            concealed=self._branding.hidden,
            names_deployments=several,
            others=several and not self._is_fixed,
        )

    def _components(self, session: PageSession, view: View, standing: Standing | None) -> dict[str, dict[str, Any]]:
        asked = view.turns[-1].index if view.growing else view.earlier + len(view.turns)
        return {
            **self._examples(session),
            **({} if "panel" in self._branding.hidden_parts else self._panel(session, view, asked)),
            "box": BOX_ANSWERING if view.growing and not self._is_unsaved(view) else BOX_IDLE,
            "memory": {
                "value": " · ".join([memory_line(session.t, view.plan, asked), *what_is_left(session.t, standing)])
            },
            "badge": {"value": self._badge(session, view, standing)},
            "temporary": {"value": house_rules.temporary(session.t, view.conversation)},
            "compare": {"value": self._compare_form(session, view)},
            **({} if self._guard.terms is None else {"terms": {"value": house_rules.ACCEPTED}}),
            **self._demo(session, view),
        }

    def _panel(self, session: PageSession, view: View, asked: int) -> dict[str, dict[str, Any]]:
        panel = memory_panel(
            session.t,
            view.plan,
            asked,
            view.conversation.usage,
            asking=view.growing,
            currency=self._branding.currency,
            hidden=self._branding.hidden,
            hidden_parts=self._branding.hidden_parts,
        )
        shown = controls(view.effective, self._branding.presets, self._branding.hidden)
        return {"plan": {"value": panel}, **shown}

    def _examples(self, session: PageSession) -> dict[str, dict[str, Any]]:
        """The prompts to begin with, where they are told otherwise in the visitor's language than the page has them."""
        examples, code = self._branding.examples, session.t.code
        if not any(code in each.translations for each in examples):
            return {}
        return {"chat": {"examples": example_cards(examples, self._branding.accent, code)}}

    def _demo(self, session: PageSession, view: View) -> dict[str, dict[str, Any]]:
        stage = self._stage
        if stage is None or not stage.offer.is_for(session.caller):
            return {}
        performance = stage.resume(view.conversation, view.turns)
        return {"demo": {"value": demo_bar(session.t, stage.demo, performance, growing=view.growing)}}

    @staticmethod
    def _is_unsaved(view: View) -> bool:
        """Whether whatever grows has ended and is only to be saved."""
        turns = [each.turn for each in view.compared] or view.turns[-1:]
        return all(turn.is_unsaved for turn in turns if turn.status is TurnStatus.STREAMING)

    def _badge(self, session: PageSession, view: View, standing: Standing | None) -> str:
        silent = self._service.silent()
        if standing is not None and standing.stand_in:
            return badge(session.t, standing.stand_in, is_demo=True, silent=silent)
        choices = self._choices(session)
        return badge(
            session.t,
            view.effective.deployment.name,
            is_demo=self._branding.is_demo,
            choices=() if self._is_fixed or len(choices) < 2 else choices,
            silent=silent,
        )

    def _compare_form(self, session: PageSession, view: View) -> str:
        deployments = self._service.deployments
        available = deployments.available(session.caller.groups)
        return compare_form(session.t, view.effective, available, deployments.locked)

    @property
    def _is_fixed(self) -> bool:
        """Whether nobody chooses who answers."""
        return "deployment" in self._service.deployments.locked

    def _choices(self, session: PageSession) -> Sequence[str]:
        """The deployments that somebody may use."""
        return [each.name for each in self._service.deployments.available(session.caller.groups)]

    async def _sidebar(self, session: PageSession) -> dict[str, dict[str, Any]]:
        found = await self._service.list(
            session.owner, search=session.search, limit=session.listed + 1, archived=session.lists_archived
        )
        if session.has_archived is None:
            session.has_archived = await self._service.has_archived(session.owner)
        for conversation in found:
            if conversation.id == session.conversation.id:
                session.title = conversation.title
        shown = found[: session.listed]
        listed = conversation_list(
            session.t,
            shown,
            session.conversation,
            search=session.search,
            excerpts=await self._service.excerpts(shown, session.search),
            removed=session.removed,
            naming=session.naming,
            has_more=len(found) > session.listed,
            is_full=session.listed == MOST_LISTED,
            has_archived=session.has_archived,
            lists_archived=session.lists_archived,
        )
        return {
            "conversations": {"value": listed},
            "house": {"value": house_rules.kept(session.t, self._branding.rules)},
            **await self._shares(session),
        }

    async def _shares(self, session: PageSession) -> dict[str, dict[str, Any]]:
        sharing = self._service.sharing
        if not sharing.is_on:
            return {}
        listed = shares_panel(session.t, sharing.periods, await sharing.list(session.owner), session.new_share)
        return {"shares": {"value": listed}}

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


def _chat(session: PageSession) -> dict[str, str]:
    """What is shown, for the page's address and title: its ``address`` is empty where it has none."""
    conversation = session.conversation
    address = "" if conversation.is_temporary else conversation.id if conversation.revision else NEW
    return {"id": conversation.id, "address": address, "title": session.title or conversation.title}
