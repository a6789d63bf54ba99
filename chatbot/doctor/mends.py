"""What may help where an endpoint does not answer: tried before it is told, and free where it fails."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from langchain_core.messages import AIMessage
from pydantic import SecretStr

from chatbot.azureml import AzureMLError
from chatbot.azureml.endpoints import AzureMLEndpointApiType
from chatbot.doctor.diagnosis import DEPLOYMENT_CODES, ELSEWHERE_CODES, Diagnosis, diagnose
from chatbot.doctor.probe import Probe, origin_of, shown
from chatbot.doctor.target import Target

MOST_TRIED: Final = 16
"""How many forms are tried at most, of all that may help."""

MOST_NAMES: Final = 6
"""How many of the listed names are tried."""

_ROUTES: Final = (
    "/v1/chat/completions",
    "/score",
    "/chat/completions",
    "/openai/v1/chat/completions",
    "/models/chat/completions",
)

_FORMATTERS: Final = ("promptflow", "openai", "mistral", "text", "hf", "gpt2", "dolly")

_LISTS: Final = (
    "/openai/deployments?api-version=2023-03-15-preview",
    "/openai/v1/models",
    "/v1/models",
    "/models",
)
"""Where endpoints list what they serve; the first is a resource's list of its own deployments."""


def first_that_answers(
    probe: Probe, candidates: Iterator[Target], further: Collection[str] = ()
) -> tuple[Target, AIMessage | Diagnosis] | None:
    """Return the first of some targets that gives an answer, with it.

    Args:
        probe: What asks.
        candidates: The targets.
        further: Codes of what is wrong with a target that is at least better: where none gives an answer, the first of
            these is returned, with what is wrong.
    """
    better: tuple[Target, Diagnosis] | None = None
    for candidate in islice(candidates, MOST_TRIED):
        try:
            answer = probe.turn(candidate)
        except (AzureMLError, ValueError, ImportError) as error:
            found = diagnose(error)
            if better is None and found.code in further:
                better = candidate, found
            continue
        if answer.text or answer.usage_metadata or answer.additional_kwargs.get("reasoning_content"):
            return candidate, answer
    return better


def candidates(probe: Probe, target: Target, found: Diagnosis, spare_keys: tuple[str, ...]) -> Iterator[Target]:
    """Yield what may answer in place of a target that does not, the likeliest first."""
    if found.code == "key-refused":
        for key in spare_keys:
            yield replace(target, key=SecretStr(key))
    elif found.code == "keys-disabled":
        yield replace(target, auth="entra", key=SecretStr(""))
    elif found.code in DEPLOYMENT_CODES:
        yield from _with_names(target, models_of(probe, target))
    elif found.code == "no-traffic" and target.deployment:
        yield replace(target, deployment="")
    elif found.code in ELSEWHERE_CODES:
        yield from _in_other_forms(probe, target, found)


def routes_of_host(probe: Probe, target: Target) -> Iterator[Target]:
    """Yield the routes that the host of a target may have, and its own path in both forms of request."""
    path = urlsplit(target.url).path.rstrip("/")
    if path and path not in _ROUTES:
        for api_type in (AzureMLEndpointApiType.dedicated, AzureMLEndpointApiType.serverless):
            yield replace(target, api_type=str(api_type))
    for route in _ROUTES:
        each = replace(target, url=origin_of(target.url) + route, api_type=None)
        if each.endpoint().needs_model and not each.deployment:
            yield from _with_names(each, models_of(probe, each))
        elif each.url != target.url:
            yield each


def models_of(probe: Probe, target: Target) -> Mapping[str, Any]:
    """Return what an endpoint tells of its models, by their names; it may tell nothing."""
    try:
        secret = target.identity().secret()
        headers, url = shown(secret, target), target.endpoint().url
    except (AzureMLError, ValueError, ImportError):
        return {}
    parts = urlsplit(url)
    prefix = re.sub(r"/(?:models/)?chat/completions$|/openai/.*$|/v1/.*$|/score$", "", parts.path)
    for path in _LISTS:
        content = probe.get_json(origin_of(url) + prefix + path, headers, secret)
        data = content.get("data") if isinstance(content, dict) else None
        listed = {
            str(each["id"]): each for each in data or () if isinstance(each, dict) and isinstance(each.get("id"), str)
        }
        if listed:
            return listed
    return {}


def _with_names(target: Target, listed: Mapping[str, Any]) -> Iterator[Target]:
    # The one that is most like what was meant comes first.
    names = sorted(listed, key=lambda name: not _alike(name, target.deployment)) if target.deployment else list(listed)
    for name in names[:MOST_NAMES]:
        yield replace(target, deployment=name)
    if target.deployment:
        yield replace(target, deployment="")


def _alike(one: str, other: str) -> bool:
    def letters(name: str) -> str:
        return re.sub(r"[\W_]", "", name).lower()

    return letters(one) in letters(other) or letters(other) in letters(one)


def _in_other_forms(probe: Probe, target: Target, found: Diagnosis) -> Iterator[Target]:
    parts = urlsplit(target.url)
    undated = [pair for pair in parse_qsl(parts.query) if pair[0] != "api-version"]
    if parts.query and urlencode(undated) != parts.query:
        yield replace(target, url=urlunsplit(parts._replace(query=urlencode(undated))))
    if target.formatter:
        yield replace(target, formatter=None)
    if target.api_type:
        yield replace(target, api_type=None)
    is_score = target.endpoint().body == "score"
    if is_score and found.code in ("request-refused", "no-answer"):
        for name in _FORMATTERS:
            yield replace(target, formatter=name)
    if found.code == "route-unknown" or not is_score:
        yield from routes_of_host(probe, replace(target, formatter=None))
