"""The bubble on other people's websites: one script, the same for everybody, that shows the page in a frame."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from chatbot.ui.branding import Branding
from chatbot.ui.colour import button
from chatbot.ui.i18n import for_scripts

LAUNCHER: Final = "/launcher.js"

_SCRIPT: Final = Path(__file__).parent / "scripts" / "launcher.js"

_FOR_READERS: Final = re.compile(r"^ +|^//.*\n", re.MULTILINE)
"""A quarter of its bytes. There is no text of several lines in it in which this would change something."""

_HEADERS: Final = {
    # Whoever changes what the script is told sees it soon.
    "cache-control": "public, max-age=300",
    # Sites may load it that isolate themselves (Cross-Origin-Embedder-Policy).
    "cross-origin-resource-policy": "cross-origin",
}


class Launcher:
    """Serves the script.

    Args:
        branding: How the application looks.
        frame_ancestors: Who may show the page in a frame, as a Content-Security-Policy writes it: the script reads it
            as browsers do, since those tell no script that they refused a frame.

    Attributes:
        text: The script.
    """

    def __init__(self, branding: Branding, frame_ancestors: Sequence[str]) -> None:
        told = {
            "title": branding.title,
            "colours": button(branding.accent),
            "self": "'self'" in frame_ancestors,
            "sites": f"^({'|'.join(map(_origins, frame_ancestors))})$",
        }
        script = _FOR_READERS.sub("", _SCRIPT.read_text(encoding="utf-8"))
        # A function, for a script's own names are everybody's on the page that loads it.
        self.text = (
            f"(() => {{\nconst CHAT = {json.dumps(told, ensure_ascii=False)};\n"
            f"const TEXTS = {for_scripts('launcher')};\n{script}}})();\n"
        )

    def add_to(self, app: FastAPI) -> None:
        """Serve it."""
        app.add_route(LAUNCHER, self.script, methods=["GET", "HEAD"])

    async def script(self, _: Request) -> Response:
        """Return it."""
        return Response(self.text, media_type="text/javascript", headers=_HEADERS)


def _origins(source: str) -> str:
    """Return a pattern of the origins that a source of the policy stands for, as a browser reads and writes them.

    ``http`` stands for ``https`` as well, and the port of a scheme is not written.
    """
    if source == "*":
        return "https?://.+"
    scheme, _, host = source.partition("://")
    if not host:  # 'self', which the script knows, and 'none'
        return "none"
    host = re.escape(host.removesuffix({"http": ":80", "https": ":443"}[scheme])).replace(r"\*", ".+")
    return f"{'https?' if scheme == 'http' else scheme}://{host}"
