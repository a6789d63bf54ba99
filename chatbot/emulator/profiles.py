"""The kinds of endpoint that can be emulated: the routes of each, and the dialect of each route."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from chatbot.emulator.model.demo_model import MODEL_NAME
from chatbot.emulator.services import errors, frontends
from chatbot.emulator.services.frontends import Frontend, FrontendConfig
from chatbot.emulator.services.requests import BadRequestError
from chatbot.emulator.services.responses import AZURE_OPENAI_QUIRKS, SERVERLESS_QUIRKS, VLLM_QUIRKS, Quirks

SCORE_PATH = "/score"

INFERENCE_VERSION = "2024-05-01-preview"
"""The version of the Model Inference API that everybody uses."""

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of chat route reads requests and writes responses.

    Attributes:
        quirks: How it writes answers.
        headers: Returns the headers of an answer.
        bad_request: Returns the error for a body that cannot be used.
        model: Returns the model that answers a request, from its body and the deployments; may refuse.
        checks_extras: Refuses parameters that the Model Inference API does not know.
        api_version: The usual one, where requests without an `api-version` are refused.
    """

    quirks: Quirks
    headers: Callable[[], dict[str, str]]
    bad_request: Callable[[str], Response]
    model: Callable[[Request, Body, Collection[str]], str]
    checks_extras: bool = False
    api_version: str | None = None


def _the_only_model(_request: Request, _body: Body, _deployments: Collection[str]) -> str:
    return MODEL_NAME


def _served_by_vllm(_request: Request, body: Body, _deployments: Collection[str]) -> str:
    if (model := body.get("model")) is not None and model != MODEL_NAME:
        raise errors.no_vllm_model(str(model))
    return MODEL_NAME


def _named_for_inference(_request: Request, body: Body, deployments: Collection[str]) -> str:
    model = body.get("model")
    if not model:
        raise errors.no_model_name()
    if model not in deployments:
        raise errors.unknown_model(str(model))
    return str(model)


def _named_in_body(_request: Request, body: Body, deployments: Collection[str]) -> str:
    model = body.get("model")
    if not model:
        raise BadRequestError("you must provide a model parameter")
    if model not in deployments:
        raise errors.no_deployment()
    return str(model)


def _named_in_path(request: Request, _body: Body, deployments: Collection[str]) -> str:
    deployment: str = request.path_params["deployment"]
    if deployment not in deployments:
        raise errors.no_deployment()
    return deployment


def _container_headers() -> dict[str, str]:
    return {}


def _serverless_headers() -> dict[str, str]:
    return {"azureml-model-group": MODEL_NAME, "azureml-model-session": "emulator", "x-ms-rai-invoked": "true"}


def _azure_headers() -> dict[str, str]:
    return {
        "apim-request-id": str(uuid.uuid4()),
        "azureml-model-session": "emulator",
        "x-ms-rai-invoked": "true",
        "x-ms-region": "Emulator",
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-limit-tokens": "1000000",
        "x-ratelimit-remaining-requests": "999",
        "x-ratelimit-remaining-tokens": "999000",
    }


CONTAINER = Dialect(VLLM_QUIRKS, _container_headers, errors.vllm_bad_request, _served_by_vllm)
"""A chat container with OpenAI's route (vLLM), behind the front of a dedicated endpoint."""

CONTAINER_INFERENCE = Dialect(
    VLLM_QUIRKS, _container_headers, errors.serverless_bad_request, _the_only_model, checks_extras=True
)
"""The Model Inference API of a dedicated endpoint."""

SERVERLESS = Dialect(SERVERLESS_QUIRKS, _serverless_headers, errors.serverless_bad_request, _the_only_model)
"""The route of a serverless deployment itself."""

SERVERLESS_INFERENCE = replace(SERVERLESS, checks_extras=True)
"""The Model Inference API of a serverless deployment."""

AZURE_V1 = Dialect(AZURE_OPENAI_QUIRKS, _azure_headers, errors.azure_bad_request, _named_in_body)
"""OpenAI's v1 API of Foundry and Azure OpenAI resources."""

AZURE_DEPLOYMENT = replace(AZURE_V1, model=_named_in_path, api_version="2024-10-21")
"""The classic API of Azure OpenAI resources, one address for each deployment."""

FOUNDRY_INFERENCE = replace(AZURE_V1, model=_named_for_inference, checks_extras=True, api_version=INFERENCE_VERSION)
"""The Model Inference API of Foundry resources."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of endpoint.

    Attributes:
        about: One line for people.
        chat: The dialect of each chat route.
        frontend: Returns what stands before the routes.
        chat_url: Path and query of the route that people know best.
        openai_path: What OpenAI's clients take for their base.
        scores: Has a scoring route, with the rest of the server in a scoring container.
        info: Where the model is described.
        models: Where the models are listed.
        completions: Routes for text completion, which a chat model does not do.
        deployments: Which there are; without any, names are not looked at.
        models_are_deployments: They are named as the model, not in a header.
        unknown: Answers all other addresses.
    """

    about: str
    chat: Mapping[str, Dialect]
    frontend: Callable[[FrontendConfig], Frontend]
    chat_url: str
    openai_path: str
    scores: bool = False
    info: Sequence[str] = ()
    models: Sequence[str] = ()
    completions: Sequence[str] = ()
    deployments: Sequence[str] = ()
    models_are_deployments: bool = False
    unknown: Callable[[], Response] = field(default=errors.container_not_found)


def _failed_dependency() -> Response:
    return errors.container_not_found(424)


PROFILES: Mapping[str, Profile] = {
    "demo": Profile(
        about="a serverless deployment, with the scoring route of a dedicated endpoint beside it",
        chat={"/v1/chat/completions": SERVERLESS},
        frontend=frontends.serverless,
        chat_url="/v1/chat/completions",
        openai_path="/v1",
        scores=True,
    ),
    "dedicated": Profile(
        about="a managed online endpoint with a chat container",
        chat={
            "/v1/chat/completions": CONTAINER,
            "/chat/completions": CONTAINER_INFERENCE,
        },
        frontend=frontends.managed,
        chat_url="/v1/chat/completions",
        openai_path="/v1",
        scores=True,
        info=("/info",),
        models=("/v1/models",),
        completions=("/completions", "/v1/completions"),
        deployments=("blue", "green"),
        unknown=_failed_dependency,
    ),
    "serverless": Profile(
        about="a serverless deployment (models as a service)",
        chat={
            "/v1/chat/completions": SERVERLESS,
            "/chat/completions": SERVERLESS_INFERENCE,
        },
        frontend=frontends.serverless,
        chat_url="/v1/chat/completions",
        openai_path="/v1",
        info=("/info",),
        models=("/v1/models",),
        completions=("/completions", "/v1/completions"),
    ),
    "foundry": Profile(
        about="a Foundry resource (AI Services)",
        chat={
            "/models/chat/completions": FOUNDRY_INFERENCE,
            "/openai/v1/chat/completions": AZURE_V1,
            "/openai/deployments/{deployment}/chat/completions": AZURE_DEPLOYMENT,
        },
        frontend=frontends.azure,
        chat_url=f"/models/chat/completions?api-version={INFERENCE_VERSION}",
        openai_path="/openai/v1",
        info=("/models/info",),
        models=("/openai/v1/models",),
        deployments=(MODEL_NAME, f"{MODEL_NAME}-2"),
        models_are_deployments=True,
        unknown=errors.resource_not_found,
    ),
    "azure-openai": Profile(
        about="an Azure OpenAI resource",
        chat={
            "/openai/v1/chat/completions": AZURE_V1,
            "/openai/deployments/{deployment}/chat/completions": AZURE_DEPLOYMENT,
        },
        frontend=frontends.azure,
        chat_url="/openai/v1/chat/completions",
        openai_path="/openai/v1",
        models=("/openai/v1/models",),
        deployments=(MODEL_NAME, f"{MODEL_NAME}-2"),
        models_are_deployments=True,
        unknown=errors.resource_not_found,
    ),
}
