"""Who is looking at the page: an unguessable id in a cookie that no script can read."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Final, Protocol

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "chatbot_visitor"
HEADER: Final = "x-chatbot-visitor"
PAGE_HEADER: Final = "x-chatbot-page"
ONE_YEAR: Final = 365 * 24 * 3600

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


def identify(request: Connection) -> str:
    """Return who owns what this visitor says: what the store keeps never lets anybody in.

    Where the browser sends no cookie (a frame on another site), it is an id in the page's storage; where there is none
    either, the visitor is the page they have open, and without a page whoever sent this one request.
    """
    stored = request.headers.get(HEADER)
    page = page_id(request) or secrets.token_urlsafe(32)
    secret = request.cookies.get(COOKIE) or (f"stored:{stored}" if stored else f"page:{page}")
    return hashlib.sha256(secret.encode()).hexdigest()


def page_id(request: Connection) -> str:
    """Return the id of the page a request comes from, of an API client that of its session; empty without either."""
    return str(request.headers.get(PAGE_HEADER) or getattr(request, "session_hash", None) or "")


class VisitorCookie:
    """ASGI middleware that gives every new visitor of the page an id of their own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, with the cookie where the visitor has none yet."""
        if scope["type"] != "http" or scope["method"] != "GET" or COOKIE in HTTPConnection(scope).cookies:
            await self._app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if headers.get("content-type", "").startswith("text/html"):
                    headers.append("set-cookie", _new_cookie(secure=HTTPConnection(scope).url.scheme == "https"))
            await send(message)

        await self._app(scope, receive, send_with_cookie)


def _new_cookie(*, secure: bool) -> str:
    value = f"{COOKIE}={secrets.token_urlsafe(32)}; HttpOnly; Max-Age={ONE_YEAR}; Path=/; SameSite=Lax"
    return value + ("; Secure" if secure else "")
