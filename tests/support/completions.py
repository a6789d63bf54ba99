"""Answers of OpenAI's routes, whole and streamed, made of the messages and deltas that they hold."""

import json
from collections.abc import Callable
from typing import Any

from tests.support.wire import DONE, Reply, Request, json_reply, stream_reply


def whole(message: Any, finish_reason: str | None = "stop", **rest: Any) -> Reply:
    """Return a reply with one choice; ``rest`` goes beside the choices."""
    return json_reply({"choices": [{"index": 0, "message": message, "finish_reason": finish_reason}], **rest})


def piece(delta: Any, finish_reason: str | None = None, *, choice: Any = None, **rest: Any) -> bytes:
    """Return one event with this delta; ``choice`` goes beside the delta, ``rest`` beside the choices."""
    choices = [{"index": 0, "delta": delta, "finish_reason": finish_reason, **(choice or {})}]
    return data({"choices": choices, **rest})


def data(content: Any) -> bytes:
    """Return one event with this content."""
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode()


def both(message: Any, *deltas: Any, finish_reason: str = "stop", **rest: Any) -> Callable[[Request], Reply]:
    """Return a default reply: ``message`` to those who want it whole, ``deltas`` to those who want a stream."""

    def reply(request: Request) -> Reply:
        if not request.json.get("stream"):
            return whole(message, finish_reason, **rest)
        return stream_reply(*map(piece, deltas), piece({}, finish_reason, **rest), DONE)

    return reply
