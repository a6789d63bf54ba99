"""What a shared link shows: the snapshot, to whoever passed the door; for every other link one answer."""

from __future__ import annotations

import gzip
from html import escape
from typing import Final

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from chatbot.conversation import ConversationService
from chatbot.ui.branding import Branding
from chatbot.ui.house_rules import TermsGuard
from chatbot.ui.i18n import language_of
from chatbot.ui.identity import identify
from chatbot.ui.views import report
from chatbot.ui.views.shares import SHARE

BEGIN: Final = SHARE.partition("{")[0]
"""What the paths of links begin with."""

_HEADERS: Final = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow, noarchive",
    "vary": "accept-encoding, accept-language, cookie",
}


POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
"""Nothing is loaded, nothing runs, and it is nobody's origin. Each page says by its style's hash which style counts."""


class SharedPages:
    """The route of shared links.

    Args:
        service: Knows them.
        branding: How the application looks.
    """

    def __init__(self, service: ConversationService, branding: Branding) -> None:
        self._sharing = service.sharing
        self._guard = TermsGuard(service, branding.rules.terms)
        self._branding = branding

    def add_to(self, app: FastAPI) -> None:
        """Serve them."""
        app.add_route(SHARE, self.show, methods=["GET", "HEAD"])

    async def show(self, request: Request) -> Response:
        """Return the snapshot of a link; whoever has not accepted the terms is asked to, whatever link it is."""
        t = language_of(request)
        if not await self._guard.is_satisfied(identify(request)):
            return self._say(t("share.terms"), 403, t.code)
        packed = await self._sharing.page(request.path_params["token"])
        if packed is None:
            return self._say(t("share.gone"), 404, t.code)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(packed, headers={**_HEADERS, "content-encoding": "gzip"}, media_type="text/html")
        return Response(await run_in_threadpool(gzip.decompress, packed), headers=_HEADERS, media_type="text/html")

    def _say(self, words: str, status: int, language: str) -> Response:
        page = (
            f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f'<meta name="robots" content="noindex"><title>{escape(self._branding.title)}</title>'
            f"<style>{report.css(self._branding.accent)}</style></head>"
            f'<body><header><p class="of" dir="auto">{escape(self._branding.title)}</p></header>'
            f'<main><p role="alert">{escape(words)}</p></main></body></html>'
        )
        return Response(page, status, headers=_HEADERS, media_type="text/html")
