"""The chat routes of the services, each with its own dialect of OpenAI's language."""

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from chatbot.emulator.surfaces import habits, refusals
from chatbot.emulator.surfaces.answer import MODEL
from chatbot.emulator.surfaces.bodies import BadBodyError
from chatbot.emulator.surfaces.habits import Habits

INFERENCE_VERSION = "2024-05-01-preview"
"""The version of the Model Inference API that everybody uses."""

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of chat route reads requests and writes replies.

    Attributes:
        habits: How it writes.
        headers: Returns what it says beside an answer.
        complain: What it says to a body that cannot be used.
        model: Returns the model that answers a request, from its body and the deployments; may refuse.
        checks_extras: Refuses parameters that the Model Inference API does not know.
        api_version: What is usual for it where requests without an `api-version` are refused.
    """

    habits: Habits
    headers: Callable[[], dict[str, str]]
    complain: Callable[[str], Response]
    model: Callable[[Request, Body, Collection[str]], str]
    checks_extras: bool = False
    api_version: str | None = None


# Which model answers.


def _the_only_model(_request: Request, _body: Body, _deployments: Collection[str]) -> str:
    return MODEL


def _served_by_vllm(_request: Request, body: Body, _deployments: Collection[str]) -> str:
    if (model := body.get("model")) is not None and model != MODEL:
        raise refusals.no_vllm_model(str(model))
    return MODEL


def _named_for_inference(_request: Request, body: Body, deployments: Collection[str]) -> str:
    model = body.get("model")
    if not model:
        raise refusals.no_model_name()
    if model not in deployments:
        raise refusals.unknown_model(str(model))
    return str(model)


def _named_in_body(_request: Request, body: Body, deployments: Collection[str]) -> str:
    model = body.get("model")
    if not model:
        raise BadBodyError("you must provide a model parameter")
    if model not in deployments:
        raise refusals.no_deployment()
    return str(model)


def _named_in_path(request: Request, _body: Body, deployments: Collection[str]) -> str:
    deployment: str = request.path_params["deployment"]
    if deployment not in deployments:
        raise refusals.no_deployment()
    return deployment


# What is said beside an answer.


def _container_headers() -> dict[str, str]:
    return {}


def _serverless_headers() -> dict[str, str]:
    return {"azureml-model-group": MODEL, "azureml-model-session": "emulator", "x-ms-rai-invoked": "true"}


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


CONTAINER = Dialect(habits.VLLM, _container_headers, refusals.vllm_complaint, _served_by_vllm)
"""A chat container with OpenAI's route (vLLM), behind the front of a dedicated endpoint."""

CONTAINER_INFERENCE = Dialect(
    habits.VLLM, _container_headers, refusals.serverless_complaint, _the_only_model, checks_extras=True
)
"""The Model Inference API of a dedicated endpoint."""

SERVERLESS = Dialect(habits.SERVERLESS, _serverless_headers, refusals.serverless_complaint, _the_only_model)
"""The route of a serverless deployment itself."""

SERVERLESS_INFERENCE = replace(SERVERLESS, checks_extras=True)
"""The Model Inference API of a serverless deployment."""

AZURE_V1 = Dialect(habits.AZURE_OPENAI, _azure_headers, refusals.azure_complaint, _named_in_body)
"""OpenAI's v1 API of Foundry and Azure OpenAI resources."""

AZURE_DEPLOYMENT = replace(AZURE_V1, model=_named_in_path, api_version="2024-10-21")
"""The classic API of Azure OpenAI resources, one address for each deployment."""

FOUNDRY_INFERENCE = replace(AZURE_V1, model=_named_for_inference, checks_extras=True, api_version=INFERENCE_VERSION)
"""The Model Inference API of Foundry resources."""
