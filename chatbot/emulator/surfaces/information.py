"""The routes that say what is served: `/info`, `/models` and `/swagger.json`."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from chatbot.emulator.replies import json_reply
from chatbot.emulator.surfaces.answer import MODEL

_CREATED = 1_700_000_000
_KIND = "chat-completion"  # the documentation says "chat-completions", the service does not


async def info(_request: Request) -> Response:
    """Answer `GET /info`."""
    return json_reply(
        {
            "model_name": MODEL,
            "model_provider_name": "Emulator",
            "model_type": _KIND,
            "served_model_name": MODEL,
            "served_model_type": _KIND,
        }
    )


def models(names: Sequence[str]) -> Callable[[Request], Awaitable[Response]]:
    """Return a handler for `GET …/models`."""

    async def handler(_request: Request) -> Response:
        data = [{"created": _CREATED, "id": name, "object": "model", "owned_by": "emulator"} for name in names]
        return json_reply({"data": data, "object": "list"})

    return handler


async def swagger(_request: Request) -> Response:
    """Answer `GET /swagger.json` as the server in a scoring container does."""
    return json_reply(
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
