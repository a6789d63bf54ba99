"""What stands before the routes of each kind of endpoint: whose key is taken, and how the others are refused."""

import hmac
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from chatbot.emulator.services.responses import json_response

Handler = Callable[[Request], Awaitable[Response]]
Frontend = Callable[[Handler], Handler]

_DEPLOYMENT = "azureml-model-deployment"
_BEARER = "Bearer "


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The key of an endpoint, compared in constant time. `None` lets everyone in."""

    value: str | None = field(repr=False)

    def matches_bearer(self, request: Request) -> bool:
        """Return whether the request carries `Authorization: Bearer KEY`."""
        sent = _authorization(request)
        return self.value is None or (sent.startswith(_BEARER) and _same(sent.removeprefix(_BEARER), self.value))

    def matches_bearer_or_raw(self, request: Request) -> bool:
        """Return whether the key is in `Authorization`, with or without the word in front."""
        return self.value is None or _same(_authorization(request).removeprefix(_BEARER), self.value)

    def matches_api_key(self, request: Request) -> bool:
        """Return whether the key is in the header `api-key`."""
        return self.value is None or _same(request.headers.get("api-key", ""), self.value)


@dataclass(frozen=True, slots=True)
class FrontendConfig:
    """What the frontends know.

    Attributes:
        api_key: What clients must show.
        deployments: The deployments of a dedicated endpoint.
        is_full: Whether more requests are inside than a dedicated endpoint takes.
    """

    api_key: ApiKey
    deployments: Collection[str]
    is_full: Callable[[], bool]


def managed(config: FrontendConfig) -> Frontend:
    """The front of a managed online endpoint, before a container.

    It passes on whatever the container refuses as 424 and keeps the real status in a header. All traffic goes to the
    first of the deployments; the others are reached by their name. Without any, it does not look at names.
    """
    deployments = config.deployments

    def frontend(handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            if not config.api_key.matches_bearer(request):
                return PlainTextResponse("key_auth_access_denied", 401)
            if config.is_full():
                reason = {"ms-azureml-model-error-reason": "too_many_pending_request"}
                return Response("", 429, reason, media_type="text/plain")
            headers = {}
            if deployments:
                deployment = request.headers.get(_DEPLOYMENT) or next(iter(deployments))
                if deployment not in deployments:
                    return PlainTextResponse(f"Specified deployment could not be found: {deployment}", 404)
                headers = {_DEPLOYMENT: deployment}
            response = await handler(request)
            if response.status_code != 200:
                headers |= {
                    "ms-azureml-model-error-reason": "model_error",
                    "ms-azureml-model-error-statuscode": str(response.status_code),
                }
                response.status_code = 424
            response.headers.update(headers)
            return response

        return handle

    return frontend


def serverless(config: FrontendConfig) -> Frontend:
    """The front of a serverless deployment: a bearer key, or the raw key as published samples send it."""
    message = "Auth token validation failed. Please provide a valid key or a valid AAD token"

    def frontend(handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            if not config.api_key.matches_bearer_or_raw(request):
                return json_response(
                    {"statusCode": 401, "message": message}, 401, {"x-ms-error-reason": "Invalid JWT."}
                )
            return await handler(request)

        return handle

    return frontend


def azure(config: FrontendConfig) -> Frontend:
    """The front of Foundry and Azure OpenAI resources: `api-key`, or a bearer token."""
    message = (
        "Unauthorized. Access token is missing, invalid, audience is incorrect "
        "(https://cognitiveservices.azure.com), or have expired."
    )

    def frontend(handler: Handler) -> Handler:
        async def handle(request: Request) -> Response:
            if not (config.api_key.matches_api_key(request) or config.api_key.matches_bearer(request)):
                return json_response({"statusCode": 401, "message": message}, 401)
            return await handler(request)

        return handle

    return frontend


def _authorization(request: Request) -> str:
    return request.headers.get("authorization", "")


def _same(sent: str, key: str) -> bool:
    # Starlette reads headers as Latin-1, which gives back the bytes that were sent.
    return hmac.compare_digest(sent.encode("latin-1"), key.encode())
