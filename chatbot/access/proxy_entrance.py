"""The door of those whom a trusted proxy in front of this server has signed in, and says so in each request."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chatbot.access.destinations import local_path
from chatbot.access.membership import Membership
from chatbot.access.person import Person
from chatbot.access.proxies import is_from_proxy
from chatbot.access.sessions import Revocations, Visit
from chatbot.access.sign_in import Problem, SignIn, SignInPage

ProxyKind = Literal["azure", "oauth2-proxy", "auth-request"]
"""Azure's Easy Auth; oauth2-proxy that passes requests on; oauth2-proxy that nginx asks (``auth_request``)."""

REMEMBERED_SECONDS: Final = 86_400.0
"""How long it is kept that somebody signed out, for processes that were away."""

_SIGN_OUT: Final[Mapping[ProxyKind, str]] = {
    "azure": "/.auth/logout",
    "oauth2-proxy": "/oauth2/sign_out",
    "auth-request": "/oauth2/sign_out",
}

_NAME: Final = ("preferred_username", "upn", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn")
_EMAIL: Final = ("email", "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress")
_GROUPS: Final = ("groups", "roles", "http://schemas.microsoft.com/ws/2008/06/identity/claims/role")
_OBJECT: Final = ("http://schemas.microsoft.com/identity/claims/objectidentifier", "oid")
_SUBJECT: Final = ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/nameidentifier", "sub")
_TENANT: Final = ("http://schemas.microsoft.com/identity/claims/tenantid", "tid")


class ProxyEntrance:
    """Lets in whom the proxy names.

    One kind of header is read, the one that the proxy sets: it may pass others on as a visitor sent them.

    Args:
        kind: Which proxy it is.
        membership: Who of them may come in.
        revocations: Who signed out: their streams end, and the proxy decides whether they come in again.
        page: Shown to strangers.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        kind: ProxyKind,
        membership: Membership,
        revocations: Revocations,
        page: SignInPage,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._kind = kind
        self._membership = membership
        self._revocations = revocations
        self._page = page
        self._clock = clock

    async def visit(self, request: Request) -> Visit | None:
        """Return as whom a request is let in; None for a stranger's."""
        person = self._person(request)
        if person is None or person.owner is None or not self._membership.includes(person):
            return None
        return Visit(person, person.owner, since=self._clock())

    async def answer(self, request: Request) -> Response | None:
        """Answer nothing: one signs in at the proxy."""
        return None

    def refuse(self, request: Request, destination: str) -> Response:
        """Return a page that says where one signs in."""
        problem: Problem | None = None if self._person(request) is None else "not_allowed"
        return self._page(request, SignIn("proxy", local_path(destination), problem), 403 if problem else 401)

    async def sign_out(self, request: Request, visit: Visit) -> Response:
        """End somebody's streams; the proxy does the rest."""
        await self._revocations.revoke(visit.key, self._clock() + REMEMBERED_SECONDS)
        return JSONResponse({"next": _SIGN_OUT[self._kind]}, headers={"cache-control": "no-store"})

    def _person(self, request: Request) -> Person | None:
        if not is_from_proxy(request.scope):
            return None
        if self._kind == "azure":
            return _azure_person(_only(request, "x-ms-client-principal"))
        prefix = "x-forwarded" if self._kind == "oauth2-proxy" else "x-auth-request"
        user = _only(request, f"{prefix}-user")
        if not user:
            return None
        groups = _only(request, f"{prefix}-groups").split(",")
        names = [user, _only(request, f"{prefix}-email"), _only(request, f"{prefix}-preferred-username"), *groups]
        return Person.known_as("proxy", user, map(str.strip, names))


def _only(request: Request, name: str) -> str:
    """The value of a header that is there once: of two, one may be the visitor's own."""
    values = request.headers.getlist(name)
    return values[0].strip() if len(values) == 1 else ""


def _azure_person(principal: str) -> Person | None:
    """Whom Easy Auth describes: base64 of JSON with ``auth_typ`` and ``claims``, each a ``typ`` and a ``val``."""
    try:
        described = json.loads(base64.b64decode(principal, validate=True))
        claims = [(str(claim["typ"]), str(claim["val"])) for claim in described["claims"]]
        provider = str(described["auth_typ"])
    except (ValueError, KeyError, TypeError):
        return None
    # The object's id is the same for every application of a tenant; not every provider has one.
    subject = _first(claims, _OBJECT) or _first(claims, _SUBJECT)
    if not subject:
        return None
    issuer = f"azure:{provider}:{_first(claims, _TENANT)}"
    names = [
        _first(claims, _NAME),
        _first(claims, _EMAIL),
        *(value for kind, value in claims if kind in _groups(described)),
    ]
    return Person.known_as(issuer, subject, names)


def _groups(described: Mapping[str, Any]) -> set[str]:
    return {*_GROUPS, str(described.get("role_typ") or "roles")}


def _first(claims: Iterable[tuple[str, str]], kinds: Iterable[str]) -> str:
    known = dict(reversed(list(claims)))
    return next((known[kind] for kind in kinds if known.get(kind)), "")
