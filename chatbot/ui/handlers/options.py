"""Choosing who answers and how it is asked."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from chatbot.conversation import OPTIONS, ConversationService, Options
from chatbot.ui.branding import Branding
from chatbot.ui.sessions import PageSession, Stale


class OptionHandlers:
    """The controls of a conversation."""

    def __init__(self, service: ConversationService, branding: Branding) -> None:
        self._service = service
        self._branding = branding

    async def set_number(self, session: PageSession, value: float | None, name: str) -> None:
        """Change the number of an option; None is the deployment's own."""
        if value is not None and OPTIONS[name].type is int:
            value = int(value)
        session.browser.forget_value(name)
        effective = self._service.deployments.effective(session.conversation, session.caller.groups)
        low, high = effective.deployment.limits[name]
        if value is not None and not low <= value <= high:
            session.notify(
                session.t("problem.option", name=session.t(f"label.{name}"), low=f"{low:g}", high=f"{high:,}")
            )
            session.redraw(Stale.VIEW)
            return
        await self._choose(session, **{name: value})

    async def set_deployment(self, session: PageSession, name: str) -> None:
        """Let another deployment answer from the next message on."""
        session.browser.forget_value("deployment")
        if name in (each.name for each in self._service.deployments.available(session.caller.groups)):
            await self._choose(session, deployment=name)
        session.redraw(Stale.VIEW)

    async def set_preset(self, session: PageSession, name: str) -> None:
        """Take the system prompt of a preset; without a name the deployment's own."""
        session.browser.forget_value("preset")
        await self._choose(session, system_prompt=self._branding.presets.get(name))

    async def set_system_prompt(self, session: PageSession, text: str) -> None:
        """Use these words as the system prompt; without any the deployment's own."""
        await self._choose(session, system_prompt=text if text.strip() else None)
        # Not before: what is refused stays in its field.
        session.browser.forget_value("system_prompt")

    async def set_pins(self, session: PageSession, value: bool) -> None:
        """Have pinned turns go before the others, or not; that they do is how it is set up."""
        session.browser.forget_value("pins")
        await self._choose(session, pins=None if value else False)

    async def reset(self, session: PageSession) -> None:
        """Go back to what the application was set up with."""
        await self._choose(session, **asdict(Options()))

    async def _choose(self, session: PageSession, **changes: Any) -> None:
        # One after the other: who leaves one field for the next changes two at nearly the same time.
        async with session.choosing:
            options = replace(session.conversation.options, **changes)
            if options != session.conversation.options:
                session.conversation = await self._service.choose(session.conversation, options)
                session.redraw(Stale.VIEW)
