"""Who is looking at the page: an unguessable id in a cookie that no script can read."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final, Protocol

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.access.person import person_of
from chatbot.access.proxies import origin_of
from chatbot.conversation import COOKIE_SECONDS, PASSING, Caller, ConversationService

COOKIE: Final = "chatbot_visitor"
SECURE_COOKIE: Final = f"__Host-{COOKIE}"
"""Its name where the page comes over TLS: browsers take one of this name from no other host and from no plain page, so
that nobody plants theirs on a visitor, and read on with them what the visitor says."""

HEADER: Final = "x-chatbot-visitor"
PAGE_HEADER: Final = "x-chatbot-page"

MAX_NAME: Final = 128
"""Characters of the name that a page or a client's session gives itself: thousands of them are remembered."""

_OURS: Final = re.compile(r"[\w-]{43}", re.ASCII)
"""A value of the cookie as it is made here; any other is left alone."""

# Every page has an id of its own, sent along with what it asks of this server. In a frame on another site, as on
# Hugging Face, browsers send no cookie. There, and only there, the visitor's id is kept in the page's own storage,
# where its scripts can read it, and sent along as well.
#
# What is done before the page's own script has begun waits for it (ui/wiring.py).
HEAD_SCRIPT: Final = f"""<script>
window.chatbotActions = new Promise((begun) => (window.chatbotBegun = begun));
(() => {{
  // Not crypto.randomUUID, which is absent where the page is not served securely.
  const unguessable = () => [...crypto.getRandomValues(new Uint32Array(8))].map((word) => word.toString(36)).join("-");
  const headers = {{ "{PAGE_HEADER}": unguessable() }};
  if (window.chatbotLanguage) headers["accept-language"] = window.chatbotLanguage;
  if (window.self !== window.top) {{
    try {{
      const id = localStorage.getItem("{COOKIE}") || unguessable();
      localStorage.setItem("{COOKIE}", id);
      headers["{HEADER}"] = id;
    }} catch (refused) {{
      // Storage is blocked as well: the visitor is the page that is open.
    }}
  }}
  const plain = window.fetch.bind(window);
  window.fetch = (resource, options = {{}}) => {{
    const url = new URL(resource instanceof Request ? resource.url : resource, location.href);
    if (url.origin !== location.origin) return plain(resource, options);
    const all = new Headers(options.headers || (resource instanceof Request ? resource.headers : undefined));
    for (const [name, value] of Object.entries(headers)) all.set(name, value);
    return plain(resource, {{ ...options, headers: all }});
  }};
}})();
</script>"""


class Connection(Protocol):
    """A request, be it Gradio's or Starlette's."""

    @property
    def headers(self) -> Any:
        """Its headers, by lower-case name."""

    @property
    def cookies(self) -> Mapping[str, str]:
        """Its cookies."""

    @property
    def client(self) -> Any:
        """Who sent it, with ``host``; None where that is not known."""


def identify(request: Connection) -> str:
    """Return who owns what this visitor says: what the store keeps never lets anybody in.

    Somebody whom the door knows is the same on every device; everybody else is known by the cookie. Where the browser
    sends none (a frame on another site), it is an id in the page's storage; where there is none either, the visitor is
    the page they have open, and without a page whoever sent this one request: they pass, and the name says so, since
    what they leave behind is nobody's any more.
    """
    if (person := person_of(request)) is not None and person.owner is not None:
        return person.owner
    stored = request.headers.get(HEADER)
    if secret := visitor_cookie(request) or (f"stored:{stored}" if stored else ""):
        return _owner_by(secret)
    page = page_id(request) or secrets.token_urlsafe(32)
    return PASSING + hashlib.sha256(f"page:{page}".encode()).hexdigest()


def visitor_cookie(request: Connection) -> str | None:
    """Return the value of the visitor's cookie, of the one over TLS where there are two."""
    return request.cookies.get(SECURE_COOKIE) or request.cookies.get(COOKIE)


def page_id(request: Connection) -> str:
    """Return the id of the page a request comes from, of an API client that of its session; empty without either."""
    return str(request.headers.get(PAGE_HEADER) or getattr(request, "session_hash", None) or "")[:MAX_NAME]


def caller_of(request: Connection) -> Caller:
    """Return who sends a request: all from nowhere that is known are in one place, too."""
    person = person_of(request)
    return Caller(origin_of(request), frozenset() if person is None else person.names)


def _owner_by(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class VisitorCookie:
    """ASGI middleware that gives every new visitor of the page an id of their own, and lets who comes back keep it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, a page with the cookie."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        is_secure = scope.get("scheme") == "https"
        # Over TLS the other one is not carried over: it may be planted.
        value = request.cookies.get(SECURE_COOKIE if is_secure else COOKIE) or secrets.token_urlsafe(32)

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html") and _OURS.fullmatch(value):
                    headers.append("set-cookie", _cookie(value, is_secure=is_secure))
            await send(message)

        await self._app(scope, receive, send_with_cookie)


class HandOver:
    """ASGI middleware behind a door that knows persons: what somebody said as a visitor becomes theirs.

    The visitor's cookie goes with it: the next person to sign in here finds nothing of theirs.

    Args:
        app: What is behind it.
        service: Knows what was said.
    """

    def __init__(self, app: ASGIApp, service: ConversationService) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, a page of somebody who was a visitor with all that they said."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            await self._app(scope, receive, send)
            return
        request = HTTPConnection(scope)
        person, visitor = person_of(request), visitor_cookie(request)
        if visitor is None or person is None or person.owner is None:
            await self._app(scope, receive, send)
            return
        await self._service.hand_over(_owner_by(visitor), person.owner)

        async def send_without_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                for name in (COOKIE, SECURE_COOKIE):
                    gone = f"{name}=; HttpOnly; Max-Age=0; Path=/; SameSite=Lax"
                    if name == SECURE_COOKIE:
                        gone += "; Secure"
                    MutableHeaders(scope=message).append("set-cookie", gone)
            await send(message)

        await self._app(scope, receive, send_without_cookie)


def _cookie(value: str, *, is_secure: bool) -> str:
    attributes = f"HttpOnly; Max-Age={COOKIE_SECONDS}; Path=/; SameSite=Lax"
    return f"{SECURE_COOKIE}={value}; {attributes}; Secure" if is_secure else f"{COOKIE}={value}; {attributes}"
