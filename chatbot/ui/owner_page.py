"""What the owner's pages have in common: the form that lets their owner in, once for all of them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qs

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from chatbot.access.forms import read_form
from chatbot.access.owner import OwnerDoor, TooManyAttemptsError
from chatbot.access.proxies import origin_of
from chatbot.ui.branding import Branding
from chatbot.ui.views.owner import header, sign_in

OWNER: Final = "/owner"
"""What the paths of these pages begin with; their cookie is sent to no other."""

# Nothing but what stands in the page: its forms come back here, and nobody shows it in a frame.
POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

NOT_KEPT: Final = {"cache-control": "no-store"}


class OwnerPage(ABC):
    """A page for the owner alone, and the form that lets them in.

    Args:
        path: Where it is.
        pages: Those that their owner has, this one among them: what each tells of the application, by its path.
        door: Who is let in.
        branding: How it looks.
        actions: What its owner can do there, by the name of the form's button.
    """

    def __init__(
        self,
        path: str,
        pages: Mapping[str, str],
        door: OwnerDoor,
        branding: Branding,
        actions: Mapping[str, Callable[[], None]] = MappingProxyType({}),
    ) -> None:
        self.path = path
        self._pages = pages
        self._door = door
        self._branding = branding
        self._actions = actions

    def add_to(self, app: FastAPI) -> None:
        """Serve it."""
        app.add_route(self.path, self.show, methods=["GET"])
        app.add_route(self.path, self.take, methods=["POST"])

    def close(self) -> None:  # noqa: B027 - most pages have nothing to end
        """End what was begun there, without waiting for it."""

    async def show(self, request: Request) -> Response:
        """Return the page, or the form."""
        return self._refusal(request) or await self._content(request)

    async def take(self, request: Request) -> Response:
        """Let in who sends the token, or out who sends ``out``; of whom is in, do what else is asked."""
        if (body := await read_form(request)) is None:
            return self._form(413)
        try:
            form = parse_qs(body.decode("latin-1"), errors="replace", max_num_fields=10)
        except ValueError:
            return self._form(413)
        secure = request.url.scheme == "https"
        if "out" in form:
            return self._back(self._door.no_cookie(OWNER, secure=secure))
        if (act := next((self._actions[name] for name in form if name in self._actions), None)) is not None:
            if (refusal := self._refusal(request)) is not None:
                return refusal
            act()
            return self._back()
        try:
            if not self._door.is_token(form.get("token", [""])[0].strip(), origin_of(request)):
                return self._form(401, "This is not the token.")
        except TooManyAttemptsError as error:
            return self._wait(error)
        return self._back(self._door.cookie(OWNER, secure=secure))

    @abstractmethod
    async def _content(self, request: Request) -> Response:
        """Return the page for its owner."""

    @property
    def _above(self) -> str:
        return header(self._branding, self.path, self._pages)

    def _refusal(self, request: Request) -> Response | None:
        try:
            return None if self._door.admits(request, origin_of(request)) else self._form(401)
        except TooManyAttemptsError as error:
            return self._wait(error)

    def _wait(self, error: TooManyAttemptsError) -> Response:
        seconds = math.ceil(error.seconds)
        words = f"Too many wrong tokens came from your network address. Try again in {seconds} seconds."
        return self._form(429, words, {"retry-after": str(seconds)})

    def _form(self, status: int, words: str = "", headers: Mapping[str, str] | None = None) -> Response:
        asks = {"www-authenticate": "Bearer"} if status == 401 else {}
        shown = sign_in(self._branding, self._pages[self.path], words)
        return HTMLResponse(shown, status, {**NOT_KEPT, **asks, **(headers or {})})

    def _back(self, cookie: str | None = None) -> Response:
        headers = NOT_KEPT if cookie is None else {"set-cookie": cookie, **NOT_KEPT}
        return RedirectResponse(self.path, 303, headers)
