"""Sessions and events of API clients, which Gradio lets anybody use who knows their name: here they are somebody's."""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from typing import Any, Final

import orjson
from starlette.requests import HTTPConnection
from starlette.types import Message, Scope, Send

from chatbot.conversation import PASSING
from chatbot.ui.identity import identify

_CALLED: Final = re.compile(r"/gradio_api/call/(?:v2/)?chat/([^/]+)/?")
"""Where the name of an event stands in a path, or of a session: Gradio takes one for the other."""

_HEARTBEAT: Final = re.compile(r"/gradio_api/heartbeat/([^/]+)/?")
"""Where that of a session does whose state ends with the connection."""

_IN_BODY: Final = ("session_hash", "event_id")

_ANYBODY: Final = ""
"""The owner of what somebody began who cannot be known again: for them the name is all there is."""

_MAX_REPLY: Final = 1_000
"""Bytes of the reply that names an event."""


class ApiNames:
    """Whose the names are; of somebody else's it is as if they did not exist.

    Args:
        most: How many are remembered.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._owners: OrderedDict[str, str] = OrderedDict()

    def take(self, request: HTTPConnection, session: str) -> bool:
        """Have a session be whose request it is in; return whether it is not somebody else's already."""
        owner = identify(_Session(request, session))
        if self._owners.get(session, owner) != owner:
            return False
        self._note(session, owner)
        return True

    def is_theirs(self, request: HTTPConnection, name: str) -> bool:
        """Say whether a name is known, and theirs who send a request."""
        owner = self._owners.get(name)
        return owner is not None and owner in (_ANYBODY, identify(_Session(request, name)))

    def is_called_by_others(self, request: HTTPConnection) -> bool:
        """Say whether a request is for the answer of an event that is not theirs who send it."""
        found = _CALLED.fullmatch(request.scope["path"])
        return found is not None and not self.is_theirs(request, found[1])

    def hidden_in_path(self, request: HTTPConnection, scope: Scope) -> Scope:
        """Return a request for what is not theirs who send it as one for what nobody has."""
        found = _HEARTBEAT.fullmatch(scope["path"])
        if found is None or self.is_theirs(request, found[1]):
            return scope
        path = scope["path"][: found.start(1)] + secrets.token_hex(16)
        return {**scope, "path": path, "raw_path": path.encode()}

    def hidden_in_body(self, request: HTTPConnection, body: bytes, *, begins: bool) -> bytes:
        """Return the body of such a request with names that nobody has in the place of those that are not theirs.

        Args:
            request: Who sends it.
            body: What they send, as JSON.
            begins: Whether it begins an event: a session that is nobody's yet becomes theirs.
        """

        def may_name(field: str, name: str) -> bool:
            return self.take(request, name) if begins and field == "session_hash" else self.is_theirs(request, name)

        try:
            event: Any = orjson.loads(body)
        except ValueError:
            return body
        if not isinstance(event, dict):
            return body
        named = {each: event[each] for each in _IN_BODY if isinstance(event.get(each), str)}
        others = [field for field, name in named.items() if not may_name(field, name)]
        return orjson.dumps({**event, **{each: secrets.token_hex(16) for each in others}}) if others else body

    def noting_event(self, request: HTTPConnection, send: Send) -> Send:
        """Return a ``send`` that takes note of the event which a reply names: it is theirs who asked."""
        reply = b""

        async def noting(message: Message) -> None:
            nonlocal reply
            if message["type"] == "http.response.body" and len(reply) < _MAX_REPLY:
                reply += message.get("body", b"")
                if not message.get("more_body", False):
                    self._note_event(request, reply)
            await send(message)

        return noting

    def _note_event(self, request: HTTPConnection, reply: bytes) -> None:
        try:
            event = str(orjson.loads(reply)["event_id"])
        except (ValueError, KeyError, TypeError):
            return
        owner = identify(request)
        self._note(event, _ANYBODY if owner.startswith(PASSING) else owner)

    def _note(self, name: str, owner: str) -> None:
        self._owners[name] = owner
        self._owners.move_to_end(name)
        if len(self._owners) > self._most:
            self._owners.popitem(last=False)


class _Session:
    """A request of an API client, which is known by its session where it has no cookie."""

    def __init__(self, request: HTTPConnection, session_hash: str) -> None:
        self.headers = request.headers
        self.cookies = request.cookies
        self.client = request.client
        self.state = request.state
        self.session_hash = session_hash
