"""Certificates: who is trusted, by the usual environment variables, and the error for those that are not."""

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from chatbot.azureml import AzureMLChatOnlineEndpoint, AzureMLConnectionError
from chatbot.azureml.transport.network import network_settings_for
from tests.support.asking import CHAT, KEY, STREAMS, ask, chunks_of, every_way, failure, happens
from tests.support.relay import Front, Proxy, Relay, TLSFront
from tests.support.wire import event, stream_reply

HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def bundle(authority, tmp_path):
    """A file with the certificate of the test's authority."""
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(file)
    return file


def model(front, **arguments):
    return AzureMLChatOnlineEndpoint(endpoint_url=front.url + CHAT, endpoint_api_key=KEY, **arguments)


def hashed(bundle, folder):
    """A directory as OpenSSL wants it: each certificate under the hash of its subject."""
    folder.mkdir()
    openssl = ["openssl", "x509", "-hash", "-noout", "-in", str(bundle)]
    name = subprocess.run(openssl, check=True, capture_output=True, text=True).stdout.strip()
    (folder / f"{name}.0").write_bytes(bundle.read_bytes())
    return folder


class TestTrust:
    @every_way
    @pytest.mark.parametrize(
        "variables",
        [
            ("SSL_CERT_FILE",),
            ("REQUESTS_CA_BUNDLE",),
            ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"),
        ],
        ids="+".join,
    )
    async def test_the_authority_that_the_environment_names_is_trusted(
        self, answering, authority, bundle, monkeypatch, way, variables
    ):
        for name in variables:
            monkeypatch.setenv(name, str(bundle))
        with TLSFront(answering, authority.issue_cert(HOST)) as front:
            assert (await ask(way, model(front))).content == "an answer"

    @every_way
    @pytest.mark.parametrize("variable", ["SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
    async def test_so_is_one_in_a_directory(self, answering, authority, bundle, tmp_path, monkeypatch, way, variable):
        monkeypatch.setenv(variable, str(hashed(bundle, tmp_path / "certificates")))
        with TLSFront(answering, authority.issue_cert(HOST)) as front:
            assert (await ask(way, model(front))).content == "an answer"

    @every_way
    @pytest.mark.parametrize("other", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
    async def test_either_variable_may_name_the_one_that_counts(
        self, answering, authority, bundle, tmp_path, monkeypatch, way, other
    ):
        trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            monkeypatch.setenv(name, str(tmp_path / "other.pem" if name == other else bundle))
        with TLSFront(answering, authority.issue_cert(HOST)) as front:
            assert (await ask(way, model(front))).content == "an answer"

    @every_way
    @pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
    async def test_a_file_without_certificates_is_said_to_be_so(
        self, answering, authority, tmp_path, monkeypatch, way, variable
    ):
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))  # else this machine's own certificates count, too
        for name in ("nobody.pem", "notes.txt"):
            (tmp_path / "notes.txt").write_text("no certificate in here")
            monkeypatch.setenv(variable, str(tmp_path / name))
            with TLSFront(answering, authority.issue_cert(HOST)) as front:
                error = await failure(way, model(front), AzureMLConnectionError)

            assert str(error).startswith(f"The certificates that {variable} names cannot be read: ")
            assert not error.is_retryable
            assert front.connections == 0

    @every_way
    async def test_twenty_calls_shake_hands_once(self, answering, authority, bundle, monkeypatch, way):
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        with TLSFront(answering, authority.issue_cert(HOST)) as front:
            asked = model(front)
            for _ in range(20):
                await ask(way, asked)

            assert (len(answering.requests), front.connections) == (20, 1)

    def test_a_thousand_models_and_both_libraries_share_one_context(self, bundle, monkeypatch):
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        first = network_settings_for("https://a.example/score").context

        assert first is not None
        assert network_settings_for("https://b.example/score").context is first
        monkeypatch.setenv("HTTPS_PROXY", "http://p:1")
        assert network_settings_for("https://a.example/score").context is first

    def test_without_encryption_no_context_is_made(self):
        assert network_settings_for("http://a.example/score").context is None


def expired(authority):
    past = datetime.now(UTC) - timedelta(days=30)
    return authority.issue_cert(HOST, not_before=past, not_after=past + timedelta(days=1))


def not_yet_valid(authority):
    future = datetime.now(UTC) + timedelta(days=30)
    return authority.issue_cert(HOST, not_before=future, not_after=future + timedelta(days=1))


REFUSED = {
    "expired": (expired, "its certificate has expired.", "this machine's clock"),
    "not yet valid": (not_yet_valid, "its certificate is not valid yet.", "this machine's clock"),
    "other address": (
        lambda authority: authority.issue_cert("10.0.0.7"),
        "its certificate is made out to another name.",
        "Check the host name in AZUREML_ENDPOINT_URL.",
    ),
    "other name": (
        lambda authority: authority.issue_cert("endpoint.example"),
        "its certificate is made out to another name.",
        "Check the host name in AZUREML_ENDPOINT_URL.",
    ),
    "unknown authority": (
        lambda _: trustme.CA().issue_cert(HOST),
        "its certificate comes from an authority that this machine does not know.",
        "set SSL_CERT_FILE or REQUESTS_CA_BUNDLE",
    ),
}


class TestRefusal:
    @every_way
    @pytest.mark.parametrize("case", REFUSED)
    async def test_so_it_is_through_a_tunnel(self, answering, authority, bundle, monkeypatch, way, case):
        make, why, _ = REFUSED[case]
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        with TLSFront(answering, make(authority)) as behind, Proxy({}, tunnels={HOST: behind}) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            error = await failure(way, model(behind, max_retries=3), AzureMLConnectionError)

        assert str(error).startswith(f"The endpoint cannot be reached: {why} ")
        assert not error.is_retryable
        assert len(proxy.heads) == 1

    @every_way
    @pytest.mark.parametrize("scheme", ["http", "https"])
    async def test_a_proxy_that_cannot_be_trusted_is_said_to_be_the_fault(
        self, answering, authority, bundle, monkeypatch, way, scheme
    ):
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        with Proxy({}, trustme.CA().issue_cert(HOST)) as proxy:
            monkeypatch.setenv("ALL_PROXY", proxy.url)
            url = f"{scheme}://endpoint.example{CHAT}"
            asked = AzureMLChatOnlineEndpoint(endpoint_url=url, endpoint_api_key=KEY, max_retries=3)
            error = await failure(way, asked, AzureMLConnectionError)

            assert str(error).startswith(
                f"The proxy {proxy.url.removeprefix('https://')} (from ALL_PROXY) cannot be used: "
                "its certificate comes from an authority that this machine does not know. "
            )
            assert not error.is_retryable

    @every_way
    @pytest.mark.parametrize("case", REFUSED)
    async def test_a_certificate_that_cannot_be_trusted_is_final_and_says_why(
        self, answering, authority, bundle, monkeypatch, way, case
    ):
        make, why, hint = REFUSED[case]
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        with TLSFront(answering, make(authority)) as behind, Front(behind) as front:
            asked = AzureMLChatOnlineEndpoint(
                endpoint_url=front.url.replace("http:", "https:") + CHAT, endpoint_api_key=KEY, max_retries=3
            )
            error = await failure(way, asked, AzureMLConnectionError)

            assert str(error).startswith(f"The endpoint cannot be reached: {why} ")
            assert hint in str(error)
            assert not error.is_retryable
            assert front.connections == 1
        assert answering.requests == []

    @every_way
    async def test_a_handshake_that_is_cut_may_pass(self, way):
        class Cut(Relay):
            async def serve(self, reader, writer):
                await reader.read(1)

        with Cut() as cut:
            url = cut.url.replace("http:", "https:") + CHAT
            asked = AzureMLChatOnlineEndpoint(endpoint_url=url, endpoint_api_key=KEY, max_retries=0)
            error = await failure(way, asked, AzureMLConnectionError)

        assert error.is_retryable


class TestStop:
    @pytest.mark.parametrize("way", STREAMS)
    async def test_stop_reaches_the_server_at_once_through_tls(self, server, authority, bundle, monkeypatch, way):
        monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
        server.default = stream_reply(event("a"), end="hang")
        with TLSFront(server, authority.issue_cert(HOST)) as front:
            stream = chunks_of(way, model(front))
            assert (await anext(stream)).content == "a"
            await stream.aclose()

            assert await happens(server.requests[0].left)
