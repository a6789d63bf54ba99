"""Which kind of endpoint a URL belongs to: where to post, in which shape, and with which quirks. Pure.

The URL's path decides, because it is what a server goes by; the host decides where there is no path, and the API type
where neither is known.

===========  ============================================  ==================================  ===================
kind          host                                          route                               quirks
===========  ============================================  ==================================  ===================
dedicated    ``*.inference.ml.azure.com``                  ``/score``                          no streaming
dedicated    (the same container, OpenAI's route)          ``/v1/chat/completions``            usage on request
dedicated    (Model Inference API)                         ``/chat/completions``               api-version
serverless   ``*.models.ai.azure.com`` and older           ``/v1/chat/completions``            needs max_tokens
serverless   (Model Inference API)                         ``/chat/completions``               api-version
Foundry      ``*.services.ai.azure.com``                   ``/models/chat/completions``        api-version, model
Foundry      ``*.openai.azure.com`` too                    ``/openai/v1/chat/completions``     model, usage o. r.
Azure OpenAI ``*.openai.azure.com``                        ``/openai/deployments/…/chat/…``    api-version, u. o. r.
===========  ============================================  ==================================  ===================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

CHAT_ROUTE: Final = "/v1/chat/completions"
SCORE_ROUTE: Final = "/score"

ML_SCOPE: Final = "https://ml.azure.com/.default"
COGNITIVE_SCOPE: Final = "https://cognitiveservices.azure.com/.default"
FOUNDRY_SCOPE: Final = "https://ai.azure.com/.default"

_DEDICATED_HOST: Final = ".inference.ml.azure.com"
_SERVERLESS_HOSTS: Final = (".models.ai.azure.com", ".inference.ai.azure.com")
_FOUNDRY_HOSTS: Final = (".services.ai.azure.com", ".openai.azure.com", ".cognitiveservices.azure.com")

_INFERENCE_API_VERSION: Final = "2024-05-01-preview"
_AZURE_OPENAI_API_VERSION: Final = "2024-10-21"

_OTHER_MODALITIES: Final = ("/embeddings", "/images/embeddings", "/images/generations", "/audio/transcriptions")


class AzureMLEndpointApiType(StrEnum):
    """How a model is hosted; the names are langchain_community's.

    ``dedicated`` is a managed online endpoint, ``serverless`` a deployment that is paid by the token, and
    ``realtime`` the old name of ``dedicated``.
    """

    dedicated = "dedicated"
    realtime = "realtime"
    serverless = "serverless"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where and how to post.

    Attributes:
        url: Where to post, complete.
        body: ``score`` for ``{"input_data": …}``, ``openai`` for ``{"messages": …}``.
        scope: What an Entra ID token must be for.
        needs_model: Several deployments answer at this URL; the request's ``model`` names one.
        takes_model: ``model`` names a deployment here. Elsewhere it is the container's own name for its model.
        needs_max_tokens: Left out, the answer ends after a few tokens.
        usage_on_request: A stream holds its token counts only where they are asked for.
        deployment: The deployment that the URL itself names, if it does.
    """

    url: str
    body: Literal["score", "openai"]
    scope: str = ML_SCOPE
    needs_model: bool = False
    takes_model: bool = False
    needs_max_tokens: bool = False
    usage_on_request: bool = False
    deployment: str = ""

    @property
    def streams(self) -> bool:
        """Whether its route has a streaming contract; classic ``/score`` has none."""
        return self.body == "openai"

    @property
    def routes_by_header(self) -> bool:
        """Whether a header may name the deployment; Foundry and Azure OpenAI know none."""
        return self.scope == ML_SCOPE

    @property
    def api_type(self) -> AzureMLEndpointApiType:
        """The type by which a content formatter chooses between the two bodies."""
        return AzureMLEndpointApiType.serverless if self.body == "openai" else AzureMLEndpointApiType.dedicated


def resolve_endpoint(endpoint_url: str, api_type: AzureMLEndpointApiType | str | None = None) -> Endpoint:
    """Return what is behind a URL as the Azure portal shows it: host only, or with path, query and slash.

    Args:
        endpoint_url: ``http`` or ``https`` URL of the endpoint.
        api_type: Decides where neither path nor host does: what to post to a bare host, whose OpenAI route
            ``/v1/chat/completions`` is, and in which shape a container's own route is asked.

    Raises:
        ValueError: The URL is no web address, no chat route, or its kind cannot be known.
    """
    parts = _web_address(endpoint_url.strip())
    if parts is None:
        # What was given is not repeated: it may be the key, in the wrong place.
        raise ValueError(
            "this must be a web address such as https://name.region.inference.ml.azure.com/score, which what was given "
            f"({len(endpoint_url)} characters) is not"
        )
    if "@" in parts.netloc:
        raise ValueError("the endpoint URL must not hold a user or a password; the key has an argument of its own")
    path = re.sub("/{2,}", "/", parts.path).rstrip("/")
    if path.endswith(_OTHER_MODALITIES):
        raise ValueError(f"the endpoint URL has the path {path!r}, which is not for chat: take the chat route")
    dedicated = _is_dedicated(parts, api_type)
    endpoint = _by_path(parts, path, dedicated=dedicated)
    if endpoint is None and path in ("", "/info"):
        endpoint = _by_host(parts, api_type)
    if endpoint is None and api_type:
        # A container chooses its own route; the type decides in which shape it is asked.
        endpoint = Endpoint(_with_path(parts, path), "score" if dedicated else "openai")
    if endpoint is None:
        raise ValueError(
            f"the endpoint URL has the path {path!r}, which is no chat route we know: it should end with {SCORE_ROUTE} "
            f"(dedicated) or {CHAT_ROUTE} (serverless). For a container with a scoring route of its own, also set the "
            f"endpoint API type to 'dedicated' (its body is the one of {SCORE_ROUTE}) or 'serverless' (OpenAI's)"
        )
    return endpoint


def _by_path(parts: SplitResult, path: str, *, dedicated: bool) -> Endpoint | None:
    """The endpoint of a path that ends with a known route, or with the beginning of one."""
    if path.endswith((SCORE_ROUTE, "/swagger.json")):
        return _score(parts, path.removesuffix("/swagger.json").removesuffix(SCORE_ROUTE))
    if match := re.fullmatch(r"(.*/openai)/deployments/([^/]+)(/.*)?", path):
        return _azure_openai(parts, f"{match[1]}/deployments/{match[2]}", deployment=match[2])
    if match := re.fullmatch(
        r"(.*/openai)(/deployments|/models|(/v1)?(/chat/completions|/completions|/responses)?)", path
    ):
        return _openai_v1(parts, match[1])
    if re.fullmatch(r"/api/projects/[^/]+", path):
        return _openai_v1(parts, "/openai")
    if path.endswith("/models/chat/completions") or (path == "/models" and _host(parts).endswith(_FOUNDRY_HOSTS)):
        return _model_inference_of_foundry(parts, path.removesuffix("/chat/completions"))
    if match := re.fullmatch(r"(.*)/v1(/chat/completions|/completions)?", path):
        return _openai_route(parts, match[1], dedicated=dedicated)
    if path.endswith("/chat/completions"):
        return _model_inference(parts, path, dedicated=dedicated)
    if path.endswith("/completions"):
        # The text route of the same deployment; a chat model wants its chat route.
        return _openai_route(parts, path.removesuffix("/completions"), dedicated=dedicated)
    return None


def _by_host(parts: SplitResult, api_type: AzureMLEndpointApiType | str | None) -> Endpoint:
    host = _host(parts)
    if host.endswith(_FOUNDRY_HOSTS):
        return _openai_v1(parts, "/openai")
    if host.endswith(_DEDICATED_HOST):
        return _score(parts, "")
    if host.endswith(_SERVERLESS_HOSTS) or api_type == AzureMLEndpointApiType.serverless:
        return _openai_route(parts, "", dedicated=False)
    if not api_type:
        raise ValueError(
            f"the endpoint URL has no path and its host does not tell which kind of endpoint it is: add {SCORE_ROUTE} "
            f"or {CHAT_ROUTE} to it, or set the endpoint API type to 'dedicated' or 'serverless'"
        )
    return _score(parts, "")


def _is_dedicated(parts: SplitResult, api_type: AzureMLEndpointApiType | str | None) -> bool:
    host = _host(parts)
    if host.endswith(_DEDICATED_HOST) or host.endswith(_SERVERLESS_HOSTS):
        return host.endswith(_DEDICATED_HOST)
    return api_type in (AzureMLEndpointApiType.dedicated, AzureMLEndpointApiType.realtime)


def _score(parts: SplitResult, prefix: str) -> Endpoint:
    return Endpoint(_with_path(parts, prefix + SCORE_ROUTE), "score")


def _openai_route(parts: SplitResult, prefix: str, *, dedicated: bool) -> Endpoint:
    url = _with_path(parts, prefix + CHAT_ROUTE)
    if dedicated:
        return Endpoint(url, "openai", usage_on_request=True)
    return Endpoint(url, "openai", takes_model=True, needs_max_tokens=True)


def _model_inference(parts: SplitResult, path: str, *, dedicated: bool) -> Endpoint:
    # Behind a longer path stands a gateway, which may forward its query to who knows where.
    version = _INFERENCE_API_VERSION if path == "/chat/completions" else None
    return Endpoint(_with_path(parts, path, version), "openai", takes_model=not dedicated)


def _model_inference_of_foundry(parts: SplitResult, prefix: str) -> Endpoint:
    return Endpoint(
        _with_path(parts, prefix + "/chat/completions", _INFERENCE_API_VERSION),
        "openai",
        scope=COGNITIVE_SCOPE,
        needs_model=True,
        takes_model=True,
    )


def _openai_v1(parts: SplitResult, prefix: str) -> Endpoint:
    # This route has no dated versions and refuses them; a portal shows one in the URLs beside it.
    undated = [pair for pair in parse_qsl(parts.query) if pair[0] != "api-version" or not re.match(r"\d{4}-", pair[1])]
    return Endpoint(
        _with_path(parts._replace(query=urlencode(undated)), prefix + CHAT_ROUTE),
        "openai",
        scope=FOUNDRY_SCOPE,
        needs_model=True,
        takes_model=True,
        usage_on_request=True,
    )


def _azure_openai(parts: SplitResult, prefix: str, *, deployment: str) -> Endpoint:
    return Endpoint(
        _with_path(parts, prefix + "/chat/completions", _AZURE_OPENAI_API_VERSION),
        "openai",
        scope=COGNITIVE_SCOPE,
        takes_model=True,
        usage_on_request=True,
        deployment=deployment,
    )


def _web_address(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0  # reading the port is what checks it
    except ValueError:
        return None
    return parts if named and parts.scheme in ("http", "https") and not re.search(r"\s", url) else None


def _host(parts: SplitResult) -> str:
    return (parts.hostname or "").lower()


def _with_path(parts: SplitResult, path: str, api_version: str | None = None) -> str:
    """The URL with this path; the version only where its query names none."""
    query = parts.query
    if api_version and "api-version" not in dict(parse_qsl(query, keep_blank_values=True)):
        query = "&".join(filter(None, (query, urlencode({"api-version": api_version}))))
    return urlunsplit((parts.scheme, parts.netloc, path, query, ""))
