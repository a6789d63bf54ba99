"""The owner's page: what was used, by day, deployment and visitor. In English, as the command that prints the same."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from chatbot.access.owner import OwnerDoor
from chatbot.conversation import UsageStore
from chatbot.ui.branding import Branding
from chatbot.ui.owner_page import NOT_KEPT, OWNER, OwnerPage
from chatbot.ui.views.usage import PERIODS, unavailable, usage_page

logger = logging.getLogger(__name__)

USAGE: Final = f"{OWNER}/usage"

MOST_LINES: Final = 100
"""How many deployments, and how many visitors, are shown: those who asked for most."""


class UsagePage(OwnerPage):
    """The page.

    Args:
        usage: What was used.
        door: Who is let in.
        branding: How it looks.
        pages: The owner's, by their paths.
    """

    def __init__(self, usage: UsageStore, door: OwnerDoor, branding: Branding, pages: Mapping[str, str]) -> None:
        super().__init__(USAGE, pages, door, branding)
        self._usage = usage
        # One at a time: it is read from many rows, and one person looks at it.
        self._reading = asyncio.Lock()

    async def _content(self, request: Request) -> Response:
        """Return the page for the last so many ``days``."""
        wanted = request.query_params.get("days", "")
        days = next((each for each in PERIODS if str(each) == wanted), PERIODS[1])
        try:
            async with self._reading:
                total = await self._usage.total(days)
                by_day = await self._usage.lines(days, "day", limit=days)
                by_deployment = await self._usage.lines(days, "deployment", limit=MOST_LINES)
                by_visitor = await self._usage.lines(days, "visitor", limit=MOST_LINES)
        except Exception:
            logger.exception("What was used could not be read")
            return HTMLResponse(unavailable(self._branding), 503, NOT_KEPT)
        # Some hundred rows of HTML.
        page = await asyncio.to_thread(
            usage_page, self._branding, self._above, days, total, by_day, by_deployment, by_visitor
        )
        return HTMLResponse(page, headers=NOT_KEPT)
