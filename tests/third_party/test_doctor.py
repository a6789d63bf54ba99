"""The doctor at servers that others wrote: what is wrong with them is what is wrong with endpoints."""

import pytest
from langchain_core.messages import HumanMessage
from pydantic import SecretStr

from chatbot.doctor.examination import Examination
from chatbot.doctor.findings import first_cross
from chatbot.doctor.target import Target

pytestmark = pytest.mark.timeout(1800)


def cases(*more):
    """The first case of a server runs in CI, the others where they are asked for."""
    first, *others = more
    return [first, *(pytest.param(*each, marks=pytest.mark.exhaustive) for each in others)]


def examined(server, **changes):
    told = {"url": server.url, "key": SecretStr(server.key), "deployment": server.model}
    examination = Examination(Target(**{**told, **changes}), timeout=30)
    return examination, list(examination.findings())


def answers(examination):
    model = examination.target.model(timeout=30)
    try:
        return bool(model.invoke([HumanMessage("hi")]).text)
    finally:
        model.close()


@pytest.mark.parametrize(
    ("path", "changes", "code", "lines"),
    cases(
        ("/nowhere", {"api_type": "dedicated"}, "route-unknown", {"AZUREML_ENDPOINT_API_TYPE": ""}),
        ("/score", {}, None, {}),
        ("/score", {"formatter": "promptflow"}, "container-failed", {}),
    ),
)
def test_microsofts_inference_server(azureml_inference_server, path, changes, code, lines):
    url = azureml_inference_server.url.replace("/score", path)
    examination, findings = examined(azureml_inference_server, url=url, **changes)
    cross = first_cross(findings)
    assert (cross.code if cross else None) == code
    assert "no-key-needed" in [each.code for each in findings] or not examination.works
    if lines:
        assert cross.lines == {"AZUREML_ENDPOINT_URL": azureml_inference_server.url, **lines}
    if examination.works:
        assert answers(examination)


@pytest.mark.parametrize(
    ("changes", "code", "mended"),
    cases(
        ({"deployment": "mock"}, "deployment-unknown", {"AZUREML_DEPLOYMENT_NAME": "mock-chat"}),
        ({"deployment": ""}, "deployment-missing", {"AZUREML_DEPLOYMENT_NAME": "mock-chat"}),
        ({"key": SecretStr("sk-0123456789abcdef-wrong")}, "key-refused", None),
        ({}, None, None),
    ),
)
def test_litellm(litellm_proxy, changes, code, mended):
    examination, findings = examined(litellm_proxy, **changes)
    cross = first_cross(findings)
    assert (cross.code if cross else None) == code
    assert examination.works is (code is None or mended is not None)
    if mended:
        assert cross.lines == mended
    if examination.works:
        assert answers(examination)
