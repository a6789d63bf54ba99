"""Which Azure ML surface a URL belongs to: where to post, in which shape, and whether it streams. Pure.

Two surfaces so far: dedicated ``/score`` and serverless ``/v1/chat/completions``. The URL's path decides,
because it is what the wire obeys; the API type only speaks where the path says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal
from urllib.parse import SplitResult, urlsplit, urlunsplit

CHAT_ROUTE: Final = "/v1/chat/completions"
SCORE_ROUTE: Final = "/score"

_DEDICATED_HOST: Final = ".inference.ml.azure.com"
_SERVERLESS_HOSTS: Final = (".models.ai.azure.com", ".inference.ai.azure.com")


class AzureMLEndpointApiType(StrEnum):
    """How a model is hosted; the names are langchain_community's.

    ``realtime`` is the old name of ``dedicated``.
    """

    dedicated = "dedicated"
    realtime = "realtime"
    serverless = "serverless"


@dataclass(frozen=True, slots=True)
class Surface:
    """One way to talk to an endpoint.

    Attributes:
        url: Where to post, complete.
        body: ``score`` for ``{"input_data": …}``, ``openai`` for ``{"messages": …}``.
    """

    url: str
    body: Literal["score", "openai"]

    @property
    def streams(self) -> bool:
        """Whether the surface has a streaming contract; classic ``/score`` has none."""
        return self.body == "openai"

    @property
    def api_type(self) -> AzureMLEndpointApiType:
        """What a content formatter is told."""
        return AzureMLEndpointApiType.serverless if self.streams else AzureMLEndpointApiType.dedicated


def resolve(endpoint_url: str, api_type: AzureMLEndpointApiType | str | None = None) -> Surface:
    """Find the surface of a URL as the Azure portal shows it: host only, or with path, query and slash.

    Args:
        endpoint_url: ``http`` or ``https`` URL of the endpoint.
        api_type: Decides only where neither path nor host does.

    Raises:
        ValueError: The URL is no web address, or nothing says which surface it is.
    """
    parts = _web_address(endpoint_url.strip())
    if parts is None:
        raise ValueError(
            f"this must be a web address such as https://name.region.inference.ml.azure.com/score, not {endpoint_url!r}"
        )
    path = parts.path.rstrip("/")
    if path.endswith(SCORE_ROUTE):
        return Surface(_with_path(parts, path), "score")
    if path.endswith("/chat/completions"):
        return Surface(_with_path(parts, path), "openai")
    if path.endswith("/completions"):
        # The text route of the same deployment; a chat model wants its chat route.
        prefix = path.removesuffix("/completions").removesuffix("/v1")
        return Surface(_with_path(parts, prefix + CHAT_ROUTE), "openai")
    if path in ("", "/v1"):
        return _by_host(parts, api_type, has_v1=bool(path))
    if api_type in (AzureMLEndpointApiType.dedicated, AzureMLEndpointApiType.realtime):
        # A custom container chooses its own scoring route.
        return Surface(_with_path(parts, path), "score")
    raise ValueError(
        f"the endpoint URL has the path {path!r}, which is no chat route we know: it should end with {SCORE_ROUTE} "
        f"(dedicated) or {CHAT_ROUTE} (serverless). For a container with a scoring route of its own, also set the "
        f"endpoint API type to 'dedicated'"
    )


def _web_address(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0  # reading the port is what checks it
    except ValueError:
        return None
    return parts if named and parts.scheme in ("http", "https") and not re.search(r"\s", url) else None


def _by_host(parts: SplitResult, api_type: AzureMLEndpointApiType | str | None, *, has_v1: bool) -> Surface:
    host = (parts.hostname or "").lower()
    if has_v1 or host.endswith(_SERVERLESS_HOSTS):
        return Surface(_with_path(parts, CHAT_ROUTE), "openai")
    if host.endswith(_DEDICATED_HOST):
        return Surface(_with_path(parts, SCORE_ROUTE), "score")
    if not api_type:
        raise ValueError(
            f"the endpoint URL has no path and its host does not tell which kind of endpoint it is: add {SCORE_ROUTE} "
            f"or {CHAT_ROUTE} to it, or set the endpoint API type to 'dedicated' or 'serverless'"
        )
    if api_type == AzureMLEndpointApiType.serverless:
        return Surface(_with_path(parts, CHAT_ROUTE), "openai")
    return Surface(_with_path(parts, SCORE_ROUTE), "score")


def _with_path(parts: SplitResult, path: str) -> str:
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))
