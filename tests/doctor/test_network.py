"""What stands between here and the endpoint, or does not: name, connection, certificate, proxy."""

from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import trustme
from pydantic import SecretStr

from chatbot.doctor.examination import Examination
from chatbot.doctor.findings import Status, first_cross
from chatbot.doctor.target import Target
from tests.doctor.conftest import HOSTS, KEY
from tests.support.relay import Proxy, TLSFront
from tests.support.wire import WireServer, event, stream_reply, text_reply


def examine(url, **told):
    examination = Examination(Target(url, SecretStr(KEY), **told), timeout=10, quick=True)
    return examination, list(examination.findings())


def test_another_region_is_found_where_the_name_is_known(azure, names, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(azure.bundle))
    names.add(HOSTS["dedicated"])
    port = urlsplit(azure.fronts[HOSTS["dedicated"]].url).port
    examination, findings = examine(f"https://chat.northeurope.inference.ml.azure.com:{port}/score")
    cross = first_cross(findings)
    assert (cross.check, cross.code) == ("name", "name-unknown")
    assert cross.lines == {"AZUREML_ENDPOINT_URL": f"https://{HOSTS['dedicated']}:{port}/score"}
    assert examination.works
    [tls] = [each for each in findings if each.check == "tls"]
    assert tls.status is Status.OK
    assert "trustme" in tls.title


def test_an_azure_openai_resource_is_found_where_foundry_has_no_host_for_it(azure, names, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(azure.bundle))
    names.add(HOSTS["azure-openai"])
    port = urlsplit(azure.fronts[HOSTS["azure-openai"]].url).port
    examination, findings = examine(f"https://contoso.services.ai.azure.com:{port}", deployment="built-in-demo")
    assert first_cross(findings).lines == {"AZUREML_ENDPOINT_URL": f"https://{HOSTS['azure-openai']}:{port}"}
    assert examination.works


def test_a_region_that_knows_every_name_tells_nothing(names):
    names.update(f"{each}.westeurope.inference.ml.azure.com" for each in ("chat", "no-such-endpoint-of-ours"))
    _, findings = examine("https://chat.inference.ml.azure.com/score")
    assert first_cross(findings).code == "region-missing"
    assert first_cross(findings).stops


def test_of_two_regions_nobody_is_asked(names):
    names.update(f"chat.{region}.inference.ml.azure.com" for region in ("westeurope", "eastus"))
    _, findings = examine("https://chat.inference.ml.azure.com/score")
    assert "chat.eastus" in first_cross(findings).cause
    assert "chat.westeurope" in first_cross(findings).cause


def test_a_name_that_is_known_nowhere(names):
    _, findings = examine("https://gone.westeurope.inference.ml.azure.com/score")
    assert (first_cross(findings).check, first_cross(findings).code) == ("name", "name-unknown")


def test_a_port_at_which_nobody_listens():
    with WireServer() as server:
        url = server.url
    _, findings = examine(f"{url}/score")
    assert (first_cross(findings).check, first_cross(findings).code) == ("connection", "connection-refused")


@pytest.mark.parametrize(("name", "words"), [("127.0.0.1", "does not know"), ("elsewhere.example", "another name")])
def test_a_certificate_that_cannot_be_trusted(azure, monkeypatch, name, words):
    authority = trustme.CA()
    if words == "another name":
        bundle = azure.bundle.with_name("another.pem")
        authority.cert_pem.write_to_path(bundle)
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    behind = SimpleNamespace(url=azure.emulators["serverless"].base_url)
    with TLSFront(behind, authority.issue_cert(name)) as front:
        _, findings = examine(f"{front.url}/v1/chat/completions")
    assert (first_cross(findings).check, first_cross(findings).code) == ("tls", "certificate")
    assert words in first_cross(findings).cause


def test_a_certificate_of_the_organisation_on_the_way_through_a_proxy(through_proxy, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    _, findings = examine(f"https://{HOSTS['serverless']}")
    assert (first_cross(findings).check, first_cross(findings).code) == ("tls", "certificate")


@pytest.mark.parametrize(
    ("value", "refusal"),
    [("http://127.0.0.1:9", None), ("socks5://proxy.example:1", None), (None, b"HTTP/1.1 407 No\r\n\r\n")],
)
def test_a_proxy_that_is_at_fault(monkeypatch, value, refusal):
    with Proxy({}) as proxy:
        proxy.refusal = refusal
        monkeypatch.setenv("HTTPS_PROXY", value or proxy.url)
        _, findings = examine(f"https://{HOSTS['serverless']}")
    assert first_cross(findings).code == "proxy"


def test_a_stream_that_is_held_back_is_no_stream():
    """What comes in one moment was held back, however many pieces it has."""
    pieces = [event("1 "), event("2 "), event("3 ", "stop"), b"data: [DONE]\n\n"]
    whole = text_reply(
        '{"choices":[{"message":{"role":"assistant","content":"Hello"}}]}', content_type="application/json"
    )

    def reply(request):
        if b'"stream"' in request.body:
            return stream_reply(b"".join(pieces))
        return whole if KEY in str(request.headers) and request.body != b"{}" else text_reply("who?", 401)

    with WireServer(reply) as server:
        _, findings = examine(f"{server.url}/v1/chat/completions")
    [streaming] = [each for each in findings if each.check == "streaming"]
    assert streaming.status is Status.WARNING
    # How many pieces one write becomes is the network's affair.
    assert streaming.code in ("buffered", "not-streamed")
    assert "proxy_buffering off" in streaming.advice


def test_who_lets_everybody_in_is_told():
    body = '{"choices":[{"message":{"role":"assistant","content":"Hello"}}]}'
    with WireServer(text_reply(body, content_type="application/json")) as server:
        _, findings = examine(f"{server.url}/v1/chat/completions")
    assert "no-key-needed" in [each.code for each in findings]
