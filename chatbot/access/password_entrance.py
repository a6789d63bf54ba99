"""The door with one password for all who have it; it knows no persons."""

from __future__ import annotations

import math
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from chatbot.access.attempts import Attempts
from chatbot.access.destinations import HOME, local_path
from chatbot.access.forms import read_form
from chatbot.access.passwords import PasswordCheck
from chatbot.access.person import Person
from chatbot.access.proxies import origin_of
from chatbot.access.sessions import Sessions, Visit
from chatbot.access.sign_in import SIGN_IN, SignIn, SignInPage


class PasswordEntrance:
    """Lets in who knows the password.

    Args:
        check: Which is the password.
        sessions: Those who were let in.
        page: Asks for it.
        attempts: Slows down those who guess.
    """

    def __init__(
        self, check: PasswordCheck, sessions: Sessions, page: SignInPage, attempts: Attempts | None = None
    ) -> None:
        self._check = check
        self._sessions = sessions
        self._page = page
        self._attempts = attempts or Attempts()

    async def visit(self, request: Request) -> Visit | None:
        """Return as whom a request is let in; None for a stranger's."""
        return await self._sessions.visit(request)

    async def answer(self, request: Request) -> Response | None:
        """Show the page that asks for the password, or let somebody in who sends it."""
        if request.scope["path"] != SIGN_IN:
            return None
        if request.method in ("GET", "HEAD"):
            return self.refuse(request, request.query_params.get("next", HOME))
        if request.method == "POST":
            return await self._try(request)
        return None

    def refuse(self, request: Request, destination: str) -> Response:
        """Return the page that asks for the password."""
        return self._page(request, SignIn("password", local_path(destination)), 401)

    async def sign_out(self, request: Request, visit: Visit) -> Response:
        """Have somebody out."""
        await self._sessions.end(visit)
        response = JSONResponse({"next": HOME})
        self._sessions.forget(request, response)
        return response

    async def _try(self, request: Request) -> Response:
        form = await _form(request)
        if form is None:
            return JSONResponse({"detail": "This is no form of ours."}, 413)
        destination = local_path(form.get("next", HOME))
        origin = origin_of(request)
        if wait := self._attempts.begin(origin):
            seconds = math.ceil(wait)
            response = self._page(request, SignIn("password", destination, "wait", seconds), 429)
            response.headers["retry-after"] = str(seconds)
            return response
        if not await self._check.accepts(form.get("password", "")):
            return self._page(request, SignIn("password", destination, "wrong"), 401)
        self._attempts.succeeded(origin)
        response = RedirectResponse(destination, 303, headers={"cache-control": "no-store"})
        await self._sessions.begin(request, response, Person())
        return response


async def _form(request: Request) -> dict[str, str] | None:
    if (body := await read_form(request)) is None:
        return None
    try:
        fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=10)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in fields.items()}
