"""Who is looking at the page: an unguessable id in a cookie that no script can read."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from collections.abc import Mapping
from typing import Any, Final, Protocol

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatbot.conversation import COOKIE_SECONDS, PASSING

COOKIE: Final = "chatbot_visitor"
HEADER: Final = "x-chatbot-visitor"
PAGE_HEADER: Final = "x-chatbot-page"

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

    Where the browser sends no cookie (a frame on another site), it is an id in the page's storage; where there is none
    either, the visitor is the page they have open, and without a page whoever sent this one request: they pass, and the
    name says so, since what they leave behind is nobody's any more.
    """
    stored = request.headers.get(HEADER)
    if secret := request.cookies.get(COOKIE) or (f"stored:{stored}" if stored else ""):
        return hashlib.sha256(secret.encode()).hexdigest()
    page = page_id(request) or secrets.token_urlsafe(32)
    return PASSING + hashlib.sha256(f"page:{page}".encode()).hexdigest()


def page_id(request: Connection) -> str:
    """Return the id of the page a request comes from, of an API client that of its session; empty without either."""
    return str(request.headers.get(PAGE_HEADER) or getattr(request, "session_hash", None) or "")


def origin_of(request: Connection) -> str:
    """Return where a request comes from: an IPv4 address, or the /64 that one IPv6 household or office has.

    Behind a proxy that is not believed that is the proxy; where it is not known, it is empty for all.
    """
    try:
        address = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


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
        value = request.cookies.get(COOKIE) or secrets.token_urlsafe(32)

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html") and _OURS.fullmatch(value):
                    headers.append("set-cookie", _cookie(value, secure=request.url.scheme == "https"))
            await send(message)

        await self._app(scope, receive, send_with_cookie)


def _cookie(value: str, *, secure: bool) -> str:
    cookie = f"{COOKIE}={value}; HttpOnly; Max-Age={COOKIE_SECONDS}; Path=/; SameSite=Lax"
    return cookie + ("; Secure" if secure else "")
