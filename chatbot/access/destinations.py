"""Where somebody goes once they are signed in: a page of this server, whatever they were sent here with. Pure."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

HOME: Final = "/"

_LOCAL: Final = re.compile(r"/(?!/)[^\\\x00-\x1f\x7f-\x9f]*")

_DECODINGS: Final = 3


def local_path(wish: str) -> str:
    r"""Return the path and query that was wished for; the home page where it could lead elsewhere.

    Browsers read ``//``, ``/\`` and ``/<tab>/`` as the beginning of another host. What says so only once it is
    decoded may be decoded on its way.
    """
    seen = wish
    for _ in range(_DECODINGS):
        if not _LOCAL.fullmatch(seen) or "//" in seen.partition("?")[0]:
            return HOME
        seen = unquote(seen)
    return wish
