"""The kinds of endpoint that can be emulated: which routes each of them has, and what stands before them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.responses import Response

from chatbot.emulator.surfaces import dialects, guards, refusals
from chatbot.emulator.surfaces.answer import MODEL
from chatbot.emulator.surfaces.dialects import INFERENCE_VERSION, Dialect
from chatbot.emulator.surfaces.guards import Gate, Guard

SCORE_PATH = "/score"


@dataclass(frozen=True, slots=True)
class Profile:
    """One kind of endpoint.

    Attributes:
        about: One line for people.
        chat: The dialect of each chat route.
        guard: Returns what stands before the routes.
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
    guard: Callable[[Gate], Guard]
    chat_url: str
    openai_path: str
    scores: bool = False
    info: Sequence[str] = ()
    models: Sequence[str] = ()
    completions: Sequence[str] = ()
    deployments: Sequence[str] = ()
    models_are_deployments: bool = False
    unknown: Callable[[], Response] = field(default=refusals.container_not_found)


def _failed_dependency() -> Response:
    return refusals.container_not_found(424)


PROFILES: Mapping[str, Profile] = {
    "demo": Profile(
        about="a serverless deployment, with the scoring route of a dedicated endpoint beside it",
        chat={"/v1/chat/completions": dialects.SERVERLESS},
        guard=guards.serverless,
        chat_url="/v1/chat/completions",
        openai_path="/v1",
        scores=True,
    ),
    "dedicated": Profile(
        about="a managed online endpoint with a chat container",
        chat={
            "/v1/chat/completions": dialects.CONTAINER,
            "/chat/completions": dialects.CONTAINER_INFERENCE,
        },
        guard=guards.managed,
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
            "/v1/chat/completions": dialects.SERVERLESS,
            "/chat/completions": dialects.SERVERLESS_INFERENCE,
        },
        guard=guards.serverless,
        chat_url="/v1/chat/completions",
        openai_path="/v1",
        info=("/info",),
        models=("/v1/models",),
        completions=("/completions", "/v1/completions"),
    ),
    "foundry": Profile(
        about="a Foundry resource (AI Services)",
        chat={
            "/models/chat/completions": dialects.FOUNDRY_INFERENCE,
            "/openai/v1/chat/completions": dialects.AZURE_V1,
            "/openai/deployments/{deployment}/chat/completions": dialects.AZURE_DEPLOYMENT,
        },
        guard=guards.azure,
        chat_url=f"/models/chat/completions?api-version={INFERENCE_VERSION}",
        openai_path="/openai/v1",
        info=("/models/info",),
        models=("/openai/v1/models",),
        deployments=(MODEL, f"{MODEL}-2"),
        models_are_deployments=True,
        unknown=refusals.resource_not_found,
    ),
    "azure-openai": Profile(
        about="an Azure OpenAI resource",
        chat={
            "/openai/v1/chat/completions": dialects.AZURE_V1,
            "/openai/deployments/{deployment}/chat/completions": dialects.AZURE_DEPLOYMENT,
        },
        guard=guards.azure,
        chat_url="/openai/v1/chat/completions",
        openai_path="/openai/v1",
        models=("/openai/v1/models",),
        deployments=(MODEL, f"{MODEL}-2"),
        models_are_deployments=True,
        unknown=refusals.resource_not_found,
    ),
}
