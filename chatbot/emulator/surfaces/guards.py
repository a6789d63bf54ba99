"""What stands before a route: who is let in, and how the others are told."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from chatbot.emulator.replies import json_reply
from chatbot.emulator.surfaces.keys import Lock

Handler = Callable[[Request], Awaitable[Response]]
Guard = Callable[[Handler], Handler]

_DEPLOYMENT = "azureml-model-deployment"


@dataclass(frozen=True, slots=True)
class Gate:
    """What the guards know.

    Attributes:
        lock: Who may come in.
        deployments: The deployments of a dedicated endpoint.
        is_full: Whether more requests are inside than a dedicated endpoint takes.
    """

    lock: Lock
    deployments: Collection[str]
    is_full: Callable[[], bool]


def managed(gate: Gate) -> Guard:
    """The front of a managed online endpoint, before a container.

    It passes on whatever the container refuses as 424 and keeps the real status in a header. All traffic goes to the
    first of the deployments; the others are reached by their name. Without any, it does not look at names.
    """
    deployments = gate.deployments

    def guard(handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if not gate.lock.opens_to_bearer(request):
                return PlainTextResponse("key_auth_access_denied", 401)
            if gate.is_full():
                reason = {"ms-azureml-model-error-reason": "too_many_pending_request"}
                return Response("", 429, reason, media_type="text/plain")
            named = {}
            if deployments:
                deployment = request.headers.get(_DEPLOYMENT) or next(iter(deployments))
                if deployment not in deployments:
                    return PlainTextResponse(f"Specified deployment could not be found: {deployment}", 404)
                named = {_DEPLOYMENT: deployment}
            reply = await handler(request)
            if reply.status_code != 200:
                named |= {
                    "ms-azureml-model-error-reason": "model_error",
                    "ms-azureml-model-error-statuscode": str(reply.status_code),
                }
                reply.status_code = 424
            return _with(reply, named)

        return guarded

    return guard


def serverless(gate: Gate) -> Guard:
    """The front of a serverless deployment: a bearer key, or the raw key as published samples send it."""
    message = "Auth token validation failed. Please provide a valid key or a valid AAD token"

    def guard(handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if not gate.lock.opens_to_bearer_or_raw(request):
                return json_reply({"statusCode": 401, "message": message}, 401, {"x-ms-error-reason": "Invalid JWT."})
            return await handler(request)

        return guarded

    return guard


def azure(gate: Gate) -> Guard:
    """The front of Foundry and Azure OpenAI resources: `api-key`, or a bearer token."""
    message = (
        "Unauthorized. Access token is missing, invalid, audience is incorrect "
        "(https://cognitiveservices.azure.com), or have expired."
    )

    def guard(handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if not (gate.lock.opens_to_api_key(request) or gate.lock.opens_to_bearer(request)):
                return json_reply({"statusCode": 401, "message": message}, 401)
            return await handler(request)

        return guarded

    return guard


def _with(reply: Response, headers: Mapping[str, str]) -> Response:
    reply.headers.update(headers)
    return reply
