"""Microsoft Entra ID: a resource whose keys are switched off is asked with a token, and the lines say so."""

import sys
import time

import pytest
from pydantic import SecretStr

from chatbot.azureml.entra import default_credential
from chatbot.doctor.checks.address import what_is_shown
from chatbot.doctor.context import Context
from chatbot.doctor.examination import Examination
from chatbot.doctor.findings import first_cross
from chatbot.doctor.probe import Probe
from chatbot.doctor.target import Target
from tests.support.wire import WireServer, json_reply, text_reply

TOKEN = "a-token-that-nobody-may-see-1234"
DISABLED = {"error": {"code": "AuthenticationTypeDisabled", "message": "Key based authentication is disabled here."}}
ANSWER = {"choices": [{"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}


@pytest.fixture
def identities(monkeypatch):
    """What stands in for Microsoft: an App Service's own endpoint for tokens, which azure-identity asks."""
    given = {"access_token": TOKEN, "expires_on": str(int(time.time() + 3600)), "resource": "r"}
    with WireServer(json_reply(given)) as server:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{server.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header")
        default_credential.cache_clear()
        yield server
        default_credential.cache_clear()


def with_token_alone(request):
    if TOKEN in str(request.headers["Authorization"]):
        return json_reply(ANSWER)
    return json_reply(DISABLED, 403) if request.headers["api-key"] else text_reply("who?", 401)


def test_where_keys_are_switched_off_a_token_is_tried(identities):
    with WireServer(with_token_alone) as server:
        target = Target(f"{server.url}/v1/chat/completions", SecretStr("key-0123456789abcdef"))
        examination = Examination(target, timeout=10, quick=True)
        findings = list(examination.findings())
    cross = first_cross(findings)
    assert (cross.check, cross.code) == ("key", "keys-disabled")
    assert cross.lines == {"AZUREML_AUTH": "entra", "AZUREML_ENDPOINT_API_KEY": ""}
    assert examination.works
    assert TOKEN not in str(findings)
    assert "A token of Microsoft Entra ID is accepted." in [each.title for each in findings]


def test_a_token_without_a_role_is_told(identities):
    refusal = {"error": {"code": "PermissionDenied", "message": "Principal does not have access to API/Operation."}}
    with WireServer(json_reply(refusal, 401)) as server:
        target = Target(f"{server.url}/v1/chat/completions", auth="entra")
        findings = list(Examination(target, timeout=10, quick=True).findings())
    assert first_cross(findings).code == "role-missing"
    assert "Cognitive Services User" in first_cross(findings).advice


def test_where_nothing_of_microsofts_is_installed_the_package_is_named(monkeypatch):
    """Not even the package that the one for signing in is within."""
    monkeypatch.setitem(sys.modules, "azure", None)
    monkeypatch.delitem(sys.modules, "azure.identity", raising=False)
    target = Target("https://name.region.inference.ml.azure.com/score", auth="entra")
    [cross] = what_is_shown(Context(target, Probe(1)))
    assert cross.code == "package-missing"
    assert "requirements-entra.txt" in cross.advice
