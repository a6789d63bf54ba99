"""Choosing who answers and how it is asked."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import gradio as gr

from chatbot.conversation import ConversationService, Options
from chatbot.ui.branding import Branding
from chatbot.ui.handlers.errors import handle_errors
from chatbot.ui.sessions import PageSession, PageSessions, Stale


class OptionHandlers:
    """The controls of a conversation."""

    def __init__(self, service: ConversationService, sessions: PageSessions, branding: Branding) -> None:
        self._service = service
        self.sessions = sessions
        self._branding = branding

    @handle_errors
    async def set_k(self, k: int, request: gr.Request) -> None:
        """Change how many earlier turns the next requests carry."""
        await self._number("k", int(k), request)

    @handle_errors
    async def set_deployment(self, name: str, request: gr.Request) -> None:
        """Let another deployment answer from the next message on."""
        session = await self.sessions.of(request)
        session.browser.set_value("deployment", name)
        if name in self._service.deployments:
            await self._choose(session, deployment=name)
        session.redraw(Stale.VIEW)

    @handle_errors
    async def set_preset(self, name: str | None, request: gr.Request) -> None:
        """Take the system prompt of a preset; without a name the deployment's own."""
        session = await self.sessions.of(request)
        session.browser.set_value("preset", name)
        await self._choose(session, system_prompt=self._branding.presets.get(name or ""))

    @handle_errors
    async def set_system_prompt(self, text: str, request: gr.Request) -> None:
        """Use these words as the system prompt; without any the deployment's own."""
        session = await self.sessions.of(request)
        # What is refused stays in its field: only what was taken is known to stand there.
        await self._choose(session, system_prompt=text if text.strip() else None)
        session.browser.set_value("system_prompt", text)

    @handle_errors
    async def set_temperature(self, value: float | None, request: gr.Request) -> None:
        """Change the randomness; None is the deployment's own."""
        await self._number("temperature", value, request)

    @handle_errors
    async def set_top_p(self, value: float | None, request: gr.Request) -> None:
        """Change the nucleus sampling; None is the deployment's own."""
        await self._number("top_p", value, request)

    @handle_errors
    async def set_max_tokens(self, value: float | None, request: gr.Request) -> None:
        """Change the longest answer; None is the deployment's own."""
        await self._number("max_tokens", None if value is None else int(value), request)

    @handle_errors
    async def reset(self, request: gr.Request) -> None:
        """Go back to what the application was set up with."""
        session = await self.sessions.of(request)
        await self._choose(session, **asdict(Options()))

    async def _number(self, name: str, value: float | None, request: gr.Request) -> None:
        session = await self.sessions.of(request)
        session.browser.set_value(name, value)
        low, high = self._service.deployments.effective(session.conversation).deployment.limits[name]
        if value is not None and not low <= value <= high:
            session.notify(
                session.t("problem.option", name=session.t(f"label.{name}"), low=f"{low:g}", high=f"{high:,}")
            )
            session.redraw(Stale.VIEW)
            return
        await self._choose(session, **{name: value})

    async def _choose(self, session: PageSession, **changes: Any) -> None:
        # One after the other: who leaves one field for the next changes two at nearly the same time.
        async with session.choosing:
            options = replace(session.conversation.options, **changes)
            if options != session.conversation.options:
                session.conversation = await self._service.choose(session.conversation, options)
                session.redraw(Stale.VIEW)
