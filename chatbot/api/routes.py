"""The routes: ``/v1/models`` and ``/v1/chat/completions``, in front of every door but for their own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any, Final

import orjson
from h11 import LocalProtocolError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chatbot.access.proxies import origin_of
from chatbot.api.errors import SERVER, ApiError, bad_request, failed, refused, stopped
from chatbot.api.keys import Keys
from chatbot.api.messages import read_messages
from chatbot.api.replies import Reply
from chatbot.api.wire import ChatCompletionRequest
from chatbot.conversation import (
    ApiKey,
    Caller,
    CompletionRequest,
    ConversationError,
    ConversationService,
    Deployment,
    Generation,
    OwnerBusyError,
    Turn,
    TurnStatus,
)
from chatbot.conversation.context.messages import pictures

logger = logging.getLogger(__name__)

ROOT: Final = "/v1"
MODELS: Final = f"{ROOT}/models"
COMPLETIONS: Final = f"{ROOT}/chat/completions"

MAX_BYTES: Final = 20_000_000
"""Of a request, unless something else is set."""

MAX_REQUESTS: Final = 20
"""How many requests of one key are read and answered at once: each holds its body in memory."""

READ_APART: Final = 50_000
"""Bytes of a body from which on it is read beside the event loop, which it would hold up."""

WAIT_SECONDS: Final = 10.0
"""How long a stream says nothing before it says that it waits, lest a proxy take it for dead."""

_NO_STORE: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_WAITING: Final = b": waiting\n\n"
_DONE: Final = b"data: [DONE]\n\n"


class Api:
    """ASGI middleware that answers under ``/v1`` where there is a key; without one it is not there.

    Args:
        app: What is behind it, and answers everything else.
        service: What answers.
        max_bytes: Bytes of a request.
    """

    def __init__(self, app: ASGIApp, service: ConversationService, max_bytes: int = MAX_BYTES) -> None:
        self._app = app
        self._service = service
        self._keys = Keys(service.api_keys)
        self._max_bytes = max_bytes
        self._open: Counter[str] = Counter()
        self._since = int(time.time())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or leave it to what is behind."""
        is_ours = scope["type"] == "http" and (scope["path"] == ROOT or scope["path"].startswith(f"{ROOT}/"))
        if not is_ours or not await self._keys.are_there():
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            await self._serve(request, send)
        except ApiError as error:
            await error.response(scope, receive, send)
        except (ClientDisconnect, LocalProtocolError):
            # Who went away waits for no answer; what broke off in what is no HTTP, the server itself has answered.
            return

    async def _serve(self, request: Request, send: Send) -> None:
        key = await self._keys.find(request.headers.get("authorization", ""))
        if key is None:
            raise ApiError(
                401,
                "This is no key of this application, or it was revoked. Send one as “Authorization: Bearer …”; whoever "
                "runs the application makes it.",
                code="invalid_api_key",
            )
        path = request.scope["path"]
        if path == COMPLETIONS:
            _expect(request, "POST")
            with self._counted(key):
                await self._complete(request, key, send)
        elif path == MODELS or path.startswith(f"{MODELS}/"):
            _expect(request, "GET")
            response = self._models(key, path.removeprefix(MODELS).removeprefix("/"))
            await response(request.scope, request.receive, send)
        else:
            raise ApiError(404, f"There is nothing at {path} here; there is {COMPLETIONS}, and {MODELS}.")

    # ------------------------------------------------------------------------------------------ models

    def _deployments(self, key: ApiKey) -> Sequence[Deployment]:
        every = self._service.deployments.values()
        if key.deployments:
            return [each for each in every if each.name in key.deployments]
        return [each for each in every if each.is_for(frozenset())]

    def _deployment(self, key: ApiKey, name: str) -> Deployment:
        several = self._deployments(key)
        found = next((each for each in several if each.name == name), None)
        if found is None:
            names = ", ".join(f"“{each.name}”" for each in several) or "none"
            message = f"There is no model “{name}” for this key. There is: {names}."
            raise ApiError(404, message, code="model_not_found", param="model")
        return found

    def _models(self, key: ApiKey, name: str) -> Response:
        if name:
            told: dict[str, Any] = self._model(self._deployment(key, name))
        else:
            told = {"object": "list", "data": [self._model(each) for each in self._deployments(key)]}
        return _json(told)

    def _model(self, deployment: Deployment) -> dict[str, Any]:
        return {"id": deployment.name, "object": "model", "created": self._since, "owned_by": "chatbot"}

    # ------------------------------------------------------------------------------------------ completions

    @contextmanager
    def _counted(self, key: ApiKey) -> Iterator[None]:
        if self._open[key.id] >= MAX_REQUESTS:
            raise refused(OwnerBusyError())
        self._open[key.id] += 1
        try:
            yield
        finally:
            self._open[key.id] -= 1

    async def _complete(self, request: Request, key: ApiKey, send: Send) -> None:
        body = await self._body(request)
        if len(body) < READ_APART:
            wanted, messages = _read(body)
        else:
            wanted, messages = await asyncio.to_thread(_read, body)
        deployment = self._deployment(key, wanted.model)
        if any(map(pictures, messages)) and not self._service.reads_pictures(deployment):
            raise bad_request(f"“{deployment.name}” reads no pictures: send text only, or choose another.", "messages")
        asked = CompletionRequest(key.owner, deployment, messages, wanted.options, wanted.further)
        try:
            generation = await self._service.complete(asked, caller=Caller(origin_of(request)))
        except ConversationError as error:
            raise refused(error) from None
        except Exception:
            logger.exception("An answer could not be begun")
            raise ApiError(503, "The application's database cannot be reached. Try again later.", SERVER) from None
        leaving = asyncio.create_task(_stop_where_gone(request, generation))
        try:
            if wanted.stream:
                await _send_stream(generation, Reply(wants_usage=wanted.wants_usage), request, send)
            else:
                response = _json(Reply().whole(_answered(await _ended(generation))))
                await response(request.scope, request.receive, send)
        finally:
            leaving.cancel()
            # Who asked is gone where it has not ended.
            generation.stop()

    async def _body(self, request: Request) -> bytes:
        too_large = ApiError(
            413, f"The request is larger than {self._max_bytes / 1e6:g} MB. Send fewer or smaller messages."
        )
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._max_bytes:
            raise too_large
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > self._max_bytes:
                raise too_large
        return bytes(body)


def _expect(request: Request, method: str) -> None:
    if request.method != method:
        raise ApiError(405, f"This is asked with {method}, not with {request.method}.")


def _read(body: bytes) -> tuple[ChatCompletionRequest, list[Any]]:
    wanted = ChatCompletionRequest.read(body)
    return wanted, list(read_messages(wanted.messages))


def _json(told: Any) -> Response:
    return Response(orjson.dumps(told), 200, _NO_STORE, "application/json")


def _event(told: Any) -> bytes:
    return b"data: " + orjson.dumps(told) + b"\n\n"


async def _stop_where_gone(request: Request, generation: Generation) -> None:
    """End the answer, and with it the endpoint's request, when whoever asked hangs up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    generation.stop()


async def _ended(generation: Generation) -> Turn:
    """Wait for the end, without a look at every word."""
    if generation.task is not None:
        await asyncio.wait([generation.task])
    return generation.turn


def _answered(turn: Turn) -> Turn:
    """Return a turn that is complete.

    Raises:
        ApiError: It failed, or was stopped.
    """
    if turn.failure is not None:
        raise failed(turn.failure)
    if turn.status is not TurnStatus.COMPLETE:
        raise stopped()
    return turn


async def _send_stream(generation: Generation, reply: Reply, request: Request, send: Send) -> None:
    """Send the answer while it grows. Before its first word a failure has a status, behind it it is an event."""
    has_begun = False
    async with aclosing(_events(generation, reply)) as events:
        try:
            async for data in events:
                if not has_begun:
                    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
                    headers += [(name.encode(), value.encode()) for name, value in _NO_STORE.items()]
                    await send({"type": "http.response.start", "status": 200, "headers": headers})
                    has_begun = True
                await send({"type": "http.response.body", "body": data, "more_body": True})
        except ApiError as error:
            if not has_begun:
                raise
            await send({"type": "http.response.body", "body": _event(error.body), "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _events(generation: Generation, reply: Reply) -> AsyncGenerator[bytes]:
    grown = asyncio.Event()
    with generation.waking(grown):
        while True:
            # Cleared before the look, so that nothing that arrives after it is missed.
            grown.clear()
            turn = generation.turn
            if new := b"".join(map(_event, reply.chunks(turn))):
                yield new
            if turn.status is not TurnStatus.STREAMING:
                break
            try:
                async with asyncio.timeout(WAIT_SECONDS):
                    await grown.wait()
            except TimeoutError:
                yield _WAITING
    _answered(turn)
    yield _DONE
