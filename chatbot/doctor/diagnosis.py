"""What an error of the chat model means for whoever set it up: what is at fault, why, and what to do. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from chatbot import install_command
from chatbot.azureml import (
    AzureMLAuthenticationError,
    AzureMLConnectionError,
    AzureMLContentFilterError,
    AzureMLContextOverflowError,
    AzureMLError,
    AzureMLInvalidRequestError,
    AzureMLNotFoundError,
    AzureMLPermissionDeniedError,
    AzureMLRateLimitError,
    AzureMLResponseError,
    AzureMLStreamError,
    AzureMLTimeoutError,
)
from chatbot.azureml.errors import SIGN_IN_FAILED

DEPLOYMENT_CODES: Final = ("deployment-missing", "deployment-unknown")
"""Some name is missing or wrong, which the endpoint may list."""

ELSEWHERE_CODES: Final = ("route-unknown", "api-version", "request-refused", "no-answer", "web-page", "redirect")
"""The endpoint may answer at another route, or to another form of request."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What an error means.

    Attributes:
        code: What is at fault, in one word that stays the same.
        check: Which line of a report it belongs to.
        title: What was seen.
        advice: What to do.
        cause: Why, in the words of the error.
    """

    code: str
    check: str
    title: str
    advice: str
    cause: str = ""


def diagnose(error: Exception) -> Diagnosis:
    """Return what an error of the chat model means."""
    found = meaning_of(_code(error))
    if not isinstance(error, AzureMLError):
        words = str(error)
        return replace(found, cause=words[:1].upper() + words[1:].rstrip(".") + ".")
    # The error's own advice is for whoever chats; of the network it is the more exact one.
    is_exact = found.code == "certificate" or (found.code == "proxy" and error.status not in (502, 503, 504))
    return replace(found, cause=str(error.args[0]), advice=error.hint if is_exact else found.advice)


def meaning_of(code: str) -> Diagnosis:
    """Return what is at fault where it has this code."""
    return Diagnosis(code, *_MEANINGS[code])


_MEANINGS: Final = {
    "key-refused": (
        "key",
        "The endpoint does not take this key.",
        "Copy the key again from the page of this very endpoint (Consume, or Keys and Endpoint): each has its own, and "
        "one that was regenerated is another.",
    ),
    "key-malformed": ("key", "The endpoint cannot read the key.", "Copy the key again, alone and whole."),
    "sign-in": (
        "key",
        "Microsoft Entra ID gave no token that is accepted.",
        "Sign in with az login, or set AZURE_CLIENT_ID to the managed identity's client id.",
    ),
    "role-missing": (
        "key",
        "The identity is known, and has no role here.",
        "Give it a role on the resource: Cognitive Services User, or AzureML Data Scientist for an online endpoint; it "
        "takes some minutes to hold.",
    ),
    "keys-disabled": (
        "key",
        "Keys are switched off here.",
        "Sign in with Microsoft Entra ID instead (the lines below), whose package is an extra: "
        f"{install_command('entra')}.",
    ),
    "network-rules": (
        "route",
        "The resource's network rules keep this machine out.",
        "Allow this machine's address under Networking, or run the application within the virtual network.",
    ),
    "forbidden": ("key", "The endpoint does not allow this call.", "Check the role assignments and network rules."),
    "no-traffic": (
        "deployment",
        "No deployment of the endpoint gets traffic.",
        "Give one of them traffic (Endpoints, Details, Update traffic), or name one as AZUREML_DEPLOYMENT_NAME.",
    ),
    "deployment-missing": (
        "deployment",
        "The name of a deployment is missing.",
        "Set AZUREML_DEPLOYMENT_NAME to a name of the resource's page, under Deployments.",
    ),
    "deployment-unknown": (
        "deployment",
        "There is no deployment or model of this name.",
        "Set AZUREML_DEPLOYMENT_NAME to a name of the endpoint's page, under Deployments. One that was made a moment "
        "ago takes some minutes.",
    ),
    "route-unknown": (
        "route",
        "There is nothing at this route.",
        "Copy the address again from the endpoint's page: Consume (REST endpoint), or Target URI.",
    ),
    "api-version": (
        "route",
        "The api-version in the address is not supported.",
        "Leave ?api-version= out of the address; the application knows a version that works.",
    ),
    "redirect": (
        "route",
        "The address points to another one, which is not followed with a key.",
        "Set AZUREML_ENDPOINT_URL to the endpoint's own address; a page to sign in at is none.",
    ),
    "web-page": (
        "route",
        "A web page answers, not an endpoint.",
        "Copy the endpoint's own address. Where a gateway asks people to sign in, it has to let this machine through.",
    ),
    "request-refused": (
        "chat",
        "The endpoint refuses the request as it is.",
        "If its container speaks another format, set AZUREML_CONTENT_FORMATTER (docs/chat-model.md).",
    ),
    "parameter": (
        "parameters",
        "The endpoint refuses a parameter that it cannot do without.",
        "Take it out of the deployment's model_arguments.",
    ),
    "content-filter": (
        "content-filter",
        "The content filter blocks even a greeting.",
        "Look at the filter that the deployment was given; system prompts are filtered too.",
    ),
    "context": (
        "context",
        "Even a short question is too long for the model.",
        "Look at the deployment's context size, and lower CHATBOT_MAX_TOKENS.",
    ),
    "too-large": (
        "context",
        "Even a short request is too large for what stands in front of the model.",
        "Look at the limits of the gateway and of the deployment's tier.",
    ),
    "rate-limit": (
        "limits",
        "The endpoint's limit of requests or tokens is used up.",
        "Wait as long as it says, or give the deployment a higher quota; address and key are right.",
    ),
    "busy": (
        "limits",
        "The endpoint has as many requests as it takes at a time.",
        "Try again; if it stays, give the deployment more instances or a higher max_concurrent_requests_per_instance.",
    ),
    "not-ready": ("container", "The deployment is not ready.", "Wait until its state is Succeeded; then see its logs."),
    "too-few-instances": (
        "container",
        "The deployment has fewer instances than it needs.",
        "Look at its state and the quota of its machine size.",
    ),
    "conflict": ("container", "An operation on the endpoint is in progress.", "Wait for its end, then try again."),
    "timeout": (
        "container",
        "The model took longer than the endpoint waits.",
        "Raise request_timeout_ms of the deployment (180000 at most), and look at its logs.",
    ),
    "silent": (
        "container",
        "The endpoint took the request and says nothing.",
        "Look at the deployment's logs; a model that is loading may take minutes (--timeout waits longer).",
    ),
    "container-failed": (
        "container",
        "The model's container failed.",
        "Look at the deployment's logs, at the time of this request: az ml online-deployment get-logs.",
    ),
    "error-in-answer": ("container", "An answer came that is an error.", "Look at the deployment's logs."),
    "no-answer": (
        "chat",
        "What came is no answer of a chat model.",
        "Check that a chat model is deployed there; for a container of your own set AZUREML_CONTENT_FORMATTER.",
    ),
    "connection-lost": (
        "connection",
        "The connection broke before an answer came.",
        "Try again; if it stays, something between here and the endpoint ends connections.",
    ),
    "stream-broken": (
        "streaming",
        "The stream broke off before its end.",
        "Look at the deployment's logs, and at what stands between here and the endpoint.",
    ),
    "name-unknown": (
        "name",
        "The name service does not know this host.",
        "Check its spelling; a deleted endpoint's name is gone, and one in a virtual network is known there alone.",
    ),
    "connection-refused": ("connection", "The host takes no connection.", "Check host and port."),
    "unreachable": (
        "connection",
        "The host cannot be reached.",
        "Check the network, the firewall, and whether a proxy is needed (HTTPS_PROXY).",
    ),
    "proxy": (
        "proxy",
        "The proxy is at fault.",
        "Check HTTPS_PROXY and HTTP_PROXY, or name the endpoint's host in NO_PROXY to go without. A proxy answers 502 "
        "to 504 where it does not know the host: check its spelling, too.",
    ),
    "certificate": (
        "tls",
        "The certificate cannot be trusted.",
        "Where your organisation looks into traffic, set SSL_CERT_FILE to the file of its certificates.",
    ),
    "settings": ("address", "The settings do not go together.", "See docs/configuration.md."),
}
"""By code: the line of the report, what was seen, what to do."""

_OF_CLASS: Final = (
    (AzureMLContentFilterError, "content-filter"),
    (AzureMLContextOverflowError, "context"),
    (AzureMLStreamError, "stream-broken"),
)


def _code(error: Exception) -> str:
    words = str(error)
    if isinstance(error, ValueError):
        return "deployment-missing" if "deployment_name is missing" in words else "settings"
    if not isinstance(error, AzureMLError):
        return "sign-in" if isinstance(error, ImportError) else "settings"
    for kind, code in _OF_CLASS:
        if isinstance(error, kind):
            return code
    if isinstance(error, AzureMLAuthenticationError | AzureMLPermissionDeniedError):
        return _of_refusal(error, words)
    if isinstance(error, AzureMLConnectionError):
        return _of_connection(words)
    if isinstance(error, AzureMLTimeoutError):
        return "silent" if error.status is None else "timeout"
    if isinstance(error, AzureMLRateLimitError):
        return "busy" if error.reason == "too_many_pending_request" else "rate-limit"
    if isinstance(error, AzureMLResponseError):
        return _of_reply(words)
    return _of_request(error, words)


def _of_refusal(error: AzureMLError, words: str) -> str:
    if re.search(r"(key|local)[- ]?(based )?auth\w* (is|are) disabled|AuthenticationTypeDisabled", words, re.I):
        return "keys-disabled"
    if error.code == "PermissionDenied" or re.search(r"principal does not have", words, re.I):
        return "role-missing"
    if error.condition == SIGN_IN_FAILED:
        return "sign-in"
    if error.status == 401:
        return "key-malformed" if "bad_header" in words else "key-refused"
    return "network-rules" if re.search(r"virtual network|firewall|public access|private", words, re.I) else "forbidden"


def _of_connection(words: str) -> str:
    if words.startswith("The proxy") or re.match(r"\w+_PROXY", words):
        return "proxy"
    for code, pattern in (
        ("certificate", "certificate|no secure connection"),
        ("name-unknown", "name is not known|address is not valid"),
        ("connection-refused", "connection is refused"),
        ("connection-lost", "broke"),
    ):
        if re.search(pattern, words):
            return code
    return "unreachable"


def _of_reply(words: str) -> str:
    if "error inside a successful reply" in words:
        return "error-in-answer"
    return "web-page" if re.search(r"web page|HTML", words) else "no-answer"


def _of_request(error: AzureMLError, words: str) -> str:
    status = error.status or 0
    if 300 <= status < 400:
        return "redirect"
    if "No connected db" in words:  # what LiteLLM says of a key that it does not know
        return "key-refused"
    if "traffic group" in words:
        return "no-traffic"
    if error.code == "no_model_name" or re.search(
        r"no model (name )?(was )?specified|must provide a model|model=None\b|model: field required", words, re.I
    ):
        return "deployment-missing"
    if error.code in ("unknown_model", "DeploymentNotFound") or re.search(
        r"deployment\b.*\b(not exist|not be found|not found)|model\b.{0,80}\b(not exist|not found)"
        r"|(unknown|invalid) model",
        words,
        re.I,
    ):
        return "deployment-unknown"
    if re.search(r"api[- ]version", words, re.I):
        return "api-version"
    if status in (404, 405) or isinstance(error, AzureMLNotFoundError):
        return "route-unknown"
    if error.reason in ("model_not_ready", "too_few_model_instance"):
        return "not-ready" if error.reason == "model_not_ready" else "too-few-instances"
    if status in (413, 431):
        return "too-large"
    if isinstance(error, AzureMLInvalidRequestError) and error.refused_parameters:
        return "parameter"
    if isinstance(error, AzureMLInvalidRequestError) or status in (400, 401, 403, 406, 415, 422):
        return "request-refused"
    return "conflict" if status == 409 else "container-failed"
