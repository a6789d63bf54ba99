"""JSON as the service writes it."""

import json
from collections.abc import Mapping

from starlette.responses import Response


def dumps(body: object) -> bytes:
    """Return compact JSON, keys in alphabetical order, as raw UTF-8."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    # JSON can carry half a character ("\ud83d"), UTF-8 cannot.
    return text.encode("utf-8", errors="replace")


def json_reply(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response in the service's own writing."""
    return Response(dumps(body), status, headers, media_type="application/json")
