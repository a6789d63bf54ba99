"""The endpoint as an ASGI application: which address answers in which way."""

import re
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chatbot.emulator.faults.middleware import FaultMiddleware, FaultQueue
from chatbot.emulator.model.demo_model import MODEL_NAME
from chatbot.emulator.model.generation import Prompt, generate
from chatbot.emulator.profiles import PROFILES, SCORE_PATH, Dialect, Profile
from chatbot.emulator.recorder import Recorder, RecordingMiddleware
from chatbot.emulator.services import errors, frontends
from chatbot.emulator.services.errors import ServiceError
from chatbot.emulator.services.frontends import ApiKey, FrontendConfig, Handler
from chatbot.emulator.services.requests import (
    BadRequestError,
    ResponseOptions,
    parse_body,
    parse_chat_request,
    parse_score_request,
)
from chatbot.emulator.services.responses import Completion, Quirks, completion_body, json_response, quirks_for
from chatbot.emulator.services.streaming import EventStreamResponse, completion_events

_API_VERSION = re.compile(r"\d{4}-\d\d-\d\d(?:-preview)?")
_INFERENCE_PARAMETERS = frozenset(
    {
        "model",
        "messages",
        "frequency_penalty",
        "max_tokens",
        "presence_penalty",
        "response_format",
        "seed",
        "stop",
        "stream",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
    }
)
_REASONING_DEFAULTS = {"temperature": 1, "n": 1}
_NOT_WITH_REASONING = (
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "stop",
    "parallel_tool_calls",
)
_MODELS_CREATED = 1_700_000_000
_MODEL_TYPE = "chat-completion"  # the documentation says "chat-completions", the service does not


def create_app(
    *,
    key: str | None,
    profile: str = "demo",
    deployments: Sequence[str] | None = None,
    max_pending: int | None = None,
    token_delay: float = 0.02,
) -> Starlette:
    """Return the endpoint as an ASGI application.

    Args:
        key: What clients must show; `None` lets everyone in.
        profile: The kind of endpoint, a name in `PROFILES`.
        deployments: Which there are, instead of the profile's own.
        max_pending: How many requests a dedicated endpoint takes at a time; `None` for any number.
        token_delay: Seconds between the pieces of a stream; 0 sends as fast as possible.

    Returns:
        The application. Its `state.recorder` remembers requests and counts streams, its `state.fault_queue` holds
        the faults of the next ones.
    """
    kind = PROFILES[profile]
    recorder, fault_queue = Recorder(), FaultQueue()
    names = kind.deployments if deployments is None else tuple(deployments)

    def is_full() -> bool:
        return max_pending is not None and recorder.active_requests > max_pending

    app = Starlette(
        routes=list(_routes(kind, FrontendConfig(ApiKey(key), names, is_full), names, recorder, token_delay)),
        middleware=[
            Middleware(RecordingMiddleware, recorder=recorder),
            Middleware(FaultMiddleware, queue=fault_queue),
        ],
        exception_handlers={404: _not_found(kind), 405: _wrong_method},
    )
    # The service knows an address or does not; a redirect would make clients send their key again.
    app.router.redirect_slashes = False
    app.state.recorder = recorder
    app.state.fault_queue = fault_queue
    return app


def _routes(
    profile: Profile, config: FrontendConfig, deployments: Sequence[str], recorder: Recorder, token_delay: float
) -> Iterator[Route]:
    frontend = profile.frontend(config)
    yield Route("/", _healthy, methods=["GET"])
    if profile.scores:
        yield Route(SCORE_PATH, frontends.managed(config)(_score), methods=["POST"])
        yield Route("/swagger.json", frontends.managed(config)(_swagger), methods=["GET"])
    for path, dialect in profile.chat.items():
        yield Route(path, frontend(_ChatHandler(dialect, deployments, recorder, token_delay)), methods=["POST"])
    for path in profile.info:
        yield Route(path, frontend(_info), methods=["GET"])
    names = deployments if profile.models_are_deployments else [MODEL_NAME]
    for path in profile.models:
        yield Route(path, frontend(_models(names)), methods=["GET"])
    for path in profile.completions:
        yield Route(path, frontend(_no_completions(profile)), methods=["POST"])


class _ChatHandler:
    """Answers chat requests in one dialect.

    Args:
        dialect: How to read and write.
        deployments: The models that can be asked for, where the dialect knows more than one.
        recorder: Where open streams are counted.
        token_delay: Seconds between the pieces of a stream.
    """

    def __init__(self, dialect: Dialect, deployments: Collection[str], recorder: Recorder, token_delay: float) -> None:
        self._dialect = dialect
        self._deployments = deployments
        self._recorder = recorder
        self._token_delay = token_delay

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        quirks = quirks_for(request, self._dialect.quirks)
        try:
            if self._dialect.api_version:
                _check_version(request)
            body = self._known_parameters(request, parse_body(await request.body()))
            if quirks.reasoning_model:
                _check_reasoning(body)
            model = self._dialect.model(request, body, self._deployments)
            prompt, options = parse_chat_request(body)
        except ServiceError as error:
            return error.response
        except BadRequestError as error:
            return self._dialect.bad_request(str(error))
        return self._response(prompt, options, quirks, model)

    def _known_parameters(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        if not self._dialect.checks_extras:
            return body
        option = request.headers.get("extra-parameters", "error")
        if option not in {"error", "drop", "pass-through"}:
            raise errors.extra_parameters_option(option)
        extra = [name for name in body if name not in _INFERENCE_PARAMETERS]
        if extra and option == "error":
            raise errors.extra_parameters(extra)
        return (
            body if option == "pass-through" else {name: body[name] for name in body if name in _INFERENCE_PARAMETERS}
        )

    def _response(self, prompt: Prompt, options: ResponseOptions, quirks: Quirks, model: str) -> Response:
        if quirks.think_tags:
            prompt = replace(prompt, reasoning=True)
        completion = Completion(generate(prompt), options, quirks, model)
        headers = self._dialect.headers()
        if options.stream and quirks.streams:
            return EventStreamResponse(completion_events(completion, self._token_delay), self._recorder, headers)
        if quirks.whole_tool_calls:
            usage = completion.usage()
            headers["prompt_token_len"] = str(usage["prompt_tokens"])
            headers["sampling_token_len"] = str(usage["completion_tokens"])
        return json_response(completion_body(completion), headers=headers)


def _check_reasoning(body: Mapping[str, Any]) -> None:
    """Refuse the first parameter that a reasoning model does not take."""
    if body.get("max_tokens") is not None:
        raise errors.unsupported_parameter("max_tokens", "max_completion_tokens")
    for name, default in _REASONING_DEFAULTS.items():
        if (value := body.get(name)) not in (None, default):
            raise errors.unsupported_value(name, value, default)
    for name in _NOT_WITH_REASONING:
        if body.get(name) is not None:
            raise errors.unsupported_parameter(name)


def _check_version(request: Request) -> None:
    version = request.query_params.get("api-version")
    if version is None:
        raise ServiceError(errors.resource_not_found())
    if not _API_VERSION.fullmatch(version):
        raise errors.api_version_not_supported()


async def _score(request: Request) -> Response:
    """Answer `POST /score` as a chat container does; the frontend of the endpoint stands before it."""
    try:
        prompt = parse_score_request(await request.body())
    except BadRequestError as error:
        return json_response({"message": str(error)}, 400)
    return json_response({"output": generate(prompt).text})


def _no_completions(profile: Profile) -> Handler:
    path, dialect = next(iter(profile.chat.items()))

    async def handler(_request: Request) -> Response:
        return dialect.bad_request(f"This is a chat model: send 'messages' to {path} instead of a prompt.")

    return handler


def _not_found(profile: Profile) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def not_found(_request: Request, _error: Exception) -> Response:
        return profile.unknown()

    return not_found


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("Healthy")


async def _wrong_method(_request: Request, error: Exception) -> Response:
    headers = error.headers if isinstance(error, HTTPException) else None
    return PlainTextResponse("METHOD NOT ALLOWED", 405, headers)


async def _info(_request: Request) -> Response:
    """Answer `GET /info`."""
    return json_response(
        {
            "model_name": MODEL_NAME,
            "model_provider_name": "Emulator",
            "model_type": _MODEL_TYPE,
            "served_model_name": MODEL_NAME,
            "served_model_type": _MODEL_TYPE,
        }
    )


def _models(names: Sequence[str]) -> Callable[[Request], Awaitable[Response]]:
    """Return a handler for `GET …/models`."""

    async def handler(_request: Request) -> Response:
        data = [{"created": _MODELS_CREATED, "id": name, "object": "model", "owned_by": "emulator"} for name in names]
        return json_response({"data": data, "object": "list"})

    return handler


async def _swagger(_request: Request) -> Response:
    """Answer `GET /swagger.json` as the server in a scoring container does."""
    return json_response(
        {
            "swagger": "2.0",
            "info": {"title": "ML service", "description": "API specification for the emulator.", "version": "1.0"},
            "schemes": ["https"],
            "consumes": ["application/json"],
            "produces": ["application/json"],
            "paths": {"/score": {"post": _score_operation()}},
        }
    )


def _score_operation() -> dict[str, Any]:
    messages = {"type": "array", "items": {"type": "object"}}
    data = {"type": "object", "properties": {"input_string": messages, "parameters": {"type": "object"}}}
    body = {"type": "object", "properties": {"input_data": data}, "required": ["input_data"]}
    output = {"type": "object", "properties": {"output": {"type": "string"}}}
    return {
        "operationId": "RunMLService",
        "description": "Ask the chat model.",
        "parameters": [{"name": "serviceInputPayload", "in": "body", "schema": body}],
        "responses": {"200": {"description": "The answer.", "schema": output}},
    }
