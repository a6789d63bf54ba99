"""What a visitor chose of the page's look and language (``page_menu.js``), told to Gradio before it begins."""

from __future__ import annotations

import json
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.ui.assets import send_whole, whole_reply
from chatbot.ui.gradio_private import NO_CLOCK
from chatbot.ui.i18n import CODES

_END_OF_HEAD: Final = b"</head>"
_PAGE: Final = b"<gradio-app"

STYLE: Final = "<style>gradio-app:not(:has(#layout)) svg { visibility: hidden; }</style>"
"""Until there is a page, Gradio shows a moving sign of its own."""

# Both are kept in the browser. Gradio takes its language from the browser's wishes, and so does this server, which is
# told them with each request; light or dark it takes from the page's element.
APPEARANCE_SCRIPT: Final = f"""<script>
(() => {{
  const remembered = (name) => {{
    try {{
      return localStorage.getItem(name);
    }} catch (refused) {{
      return null;
    }}
  }};
  const language = remembered("chatbot_language");
  if ({json.dumps(CODES)}.includes(language)) {{
    const wish = language === "zh" ? "zh-CN" : language;
    window.chatbotLanguage = wish;
    Object.defineProperty(navigator, "language", {{ get: () => wish }});
    Object.defineProperty(navigator, "languages", {{ get: () => [wish] }});
  }}
  const theme = remembered("chatbot_theme");
  if (theme !== "light" && theme !== "dark") return;
  window.chatbotTheme = theme;
  const look = document.documentElement.style;
  look.setProperty(theme === "dark" ? "--bg" : "--bg-dark", theme === "dark" ? "var(--bg-dark)" : "var(--bg)");
  new MutationObserver((_, seen) => {{
    const page = document.querySelector("gradio-app");
    if (!page) return;
    page.setAttribute("theme_mode", theme);
    seen.disconnect();
  }}).observe(document.documentElement, {{ childList: true, subtree: true }});
}})();
</script>"""


class Appearance:
    """ASGI application around Gradio's: has the page begin with the scripts, the style and what is seen first.

    What Gradio is given for the head of a page it adds once it has begun.

    Args:
        app: What is behind it.
        first: HTML that is seen before Gradio has drawn the page.
    """

    def __init__(self, app: ASGIApp, first: str = "") -> None:
        self._app = app
        self._first = first.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request."""
        if scope["type"] != "http" or scope["method"] != "GET" or scope["path"] != "/":
            await self._app(scope, receive, send)
            return
        start, page = await whole_reply(self._app, scope, receive)
        headers = MutableHeaders(raw=start["headers"])
        if headers.get("content-type", "").startswith("text/html"):
            page = page.replace(_END_OF_HEAD, (STYLE + APPEARANCE_SCRIPT + NO_CLOCK).encode() + _END_OF_HEAD, 1)
            page = page.replace(_PAGE, self._first + _PAGE, 1)
            headers["content-length"] = str(len(page))
        await send_whole(start, page, send)
