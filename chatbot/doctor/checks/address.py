"""What kind of endpoint a URL belongs to, and how it is asked. Nothing is sent yet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from langchain_core.messages import AIMessage

from chatbot import install_command, is_installed
from chatbot.azureml import AzureMLAuthenticationError
from chatbot.azureml.auth import KeyIdentity
from chatbot.azureml.endpoints import CHAT_ROUTE, COGNITIVE_SCOPE, FOUNDRY_SCOPE, Endpoint
from chatbot.doctor.context import Context
from chatbot.doctor.findings import Finding, cross, tick
from chatbot.doctor.mends import first_that_answers, routes_of_host
from chatbot.doctor.probe import origin_of
from chatbot.doctor.target import AUTH, KEY


def kind(context: Context) -> Iterator[Finding]:
    """Tell the kind of endpoint, and where it is asked."""
    target = context.target
    try:
        endpoint = target.endpoint()
    except ValueError as error:
        # Which route there is, only the endpoint itself can tell.
        found = first_that_answers(context.probe, routes_of_host(context.probe, target))
        title = "The address does not tell how its endpoint is asked."
        cause = str(error)[0].upper() + str(error)[1:] + "."
        if found is None and _refuses_key(context):
            cause = "Without a key that it takes, its route cannot be found out, which the address does not tell."
            yield cross("key", "key-refused", "The endpoint does not take this key.", cause, advice=_COPY_KEY)
            return
        if found is None:
            yield cross(
                "address", "kind-unknown", title, cause, advice="Copy the whole address from the endpoint's page."
            )
            return
        context.target, outcome = found
        context.answer = outcome if isinstance(outcome, AIMessage) else None
        changes = context.target.changes_from(target)
        yield cross("address", "kind-unknown", title, cause, lines=changes, mended=True)
        endpoint = context.target.endpoint()
    name, data = _kind_of(endpoint, context.target.url), {"url": endpoint.url, "body": endpoint.body}
    yield tick("address", f"{name}, asked at {endpoint.url}", data=data)


def _refuses_key(context: Context) -> bool:
    key = context.target.key.get_secret_value()
    if not key:
        return False
    url = f"{origin_of(context.target.url)}{CHAT_ROUTE}"
    error = context.probe.empty_post(url, KeyIdentity(key).headers(key), key)
    return isinstance(error, AzureMLAuthenticationError)


def what_is_shown(context: Context) -> Iterator[Finding]:
    """Tell whether there is something to show to the endpoint: a key, or what gets tokens."""
    if context.target.auth == "entra":
        if not is_installed("azure.identity"):
            advice = f"{install_command('entra')} installs it."
            yield cross("key", "package-missing", "Signing in needs a package that is not installed.", advice=advice)
        return
    if not context.target.key.get_secret_value():
        yield cross(
            "key",
            "key-missing",
            "There is no key.",
            f"{KEY} is not set, and none was given.",
            advice=f"{_COPY_KEY} Without keys, set {AUTH}=entra.",
            lines={KEY: ""},
        )


_COPY_KEY: Final = "Copy it from the page of this very endpoint: Consume, or Keys and Endpoint."

_KINDS: Final = {
    ".inference.ml.azure.com": "A dedicated (managed online) endpoint of Azure Machine Learning",
    ".models.ai.azure.com": "A serverless deployment",
    ".inference.ai.azure.com": "A serverless deployment",
    ".services.ai.azure.com": "A Foundry resource",
    ".openai.azure.com": "An Azure OpenAI resource",
    ".cognitiveservices.azure.com": "An Azure OpenAI resource",
}


def _kind_of(endpoint: Endpoint, url: str) -> str:
    host = (urlsplit(url).hostname or "").lower()
    named = next((name for end, name in _KINDS.items() if host.endswith(end)), None)
    if named:
        return named
    if endpoint.body == "score":
        return "A scoring route like a dedicated endpoint's"
    if endpoint.deployment:
        return "Azure OpenAI's route of one deployment"
    if endpoint.scope in (COGNITIVE_SCOPE, FOUNDRY_SCOPE):
        return "A route like a Foundry or Azure OpenAI resource's"
    return "A route like OpenAI's, as serverless deployments, containers and gateways have it"
