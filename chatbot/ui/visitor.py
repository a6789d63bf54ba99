"""Who is looking at the page: an unguessable id in a cookie that no script can read."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

import gradio as gr
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE: Final = "chatbot_visitor"
HEADER: Final = "x-chatbot-visitor"
ONE_YEAR: Final = 365 * 24 * 3600

# In a frame on another site, as on Hugging Face, browsers send no cookie. There, and only there, the page keeps an id
# in its own storage, where its scripts can read it, and sends it along.
FRAMED_SCRIPT: Final = f"""<script>
if (window.self !== window.top) {{
  try {{
    const id = localStorage.getItem("{COOKIE}") || crypto.randomUUID() + crypto.randomUUID();
    localStorage.setItem("{COOKIE}", id);
    const plain = window.fetch.bind(window);
    window.fetch = (resource, options = {{}}) => {{
      const url = new URL(resource instanceof Request ? resource.url : resource, location.href);
      if (url.origin !== location.origin) return plain(resource, options);
      const headers = new Headers(options.headers || (resource instanceof Request ? resource.headers : undefined));
      headers.set("{HEADER}", id);
      return plain(resource, {{ ...options, headers }});
    }};
  }} catch (refused) {{
    // Storage is blocked as well: the visitor is the page that is open.
  }}
}}
</script>"""


def owner_of(request: gr.Request) -> str:
    """Return who owns what this visitor says: what the store keeps never lets anybody in.

    Where the browser sends no cookie (a frame on another site), it is an id in the page's storage; where there is none
    either, the visitor is the page he has open.
    """
    stored = request.headers.get(HEADER)
    secret = request.cookies.get(COOKIE) or (f"stored:{stored}" if stored else f"page:{request.session_hash}")
    return hashlib.sha256(secret.encode()).hexdigest()


class VisitorCookie:
    """ASGI middleware that gives every new visitor of the page an id of his own."""

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
