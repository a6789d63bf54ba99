"""Proxies by the usual environment variables: a real proxy on the loopback, for hosts that only the proxy knows."""

import os
from base64 import b64encode
from urllib.parse import urlsplit

import pytest
import trustme

from chatbot.azureml import AzureMLChatOnlineEndpoint, AzureMLConnectionError
from chatbot.azureml.transport.network import is_exempt, network_settings_for
from tests.support.asking import CHAT, KEY, ask, every_way, failure
from tests.support.relay import Proxy, TLSFront

HOST = "endpoint.example"
HTTP, HTTPS = f"http://{HOST}{CHAT}", f"https://{HOST}{CHAT}"

every_scheme = pytest.mark.parametrize("url", [HTTP, HTTPS], ids=["http", "https"])


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


@pytest.fixture
def front(answering, authority, tmp_path, monkeypatch):
    """The answering server, behind TLS that the environment has us trust; OpenSSL does not read this variable."""
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    with TLSFront(answering, authority.issue_cert(HOST)) as running:
        yield running


@pytest.fixture
def proxy(answering, front):
    """A proxy that knows the host: plain HTTP goes to the server, tunnels to its TLS."""
    with Proxy({HOST: answering}, tunnels={HOST: front}) as running:
        yield running


def model(url, **arguments):
    return AzureMLChatOnlineEndpoint(endpoint_url=url, endpoint_api_key=KEY, **{"max_retries": 0, **arguments})


class TestWay:
    @every_way
    @pytest.mark.parametrize(
        ("variable", "url"),
        [
            ("HTTP_PROXY", HTTP),
            ("http_proxy", HTTP),
            ("ALL_PROXY", HTTP),
            ("all_proxy", HTTP),
            ("HTTPS_PROXY", HTTPS),
            ("https_proxy", HTTPS),
            ("ALL_PROXY", HTTPS),
        ],
    )
    async def test_the_request_goes_through_the_proxy(self, answering, proxy, monkeypatch, way, variable, url):
        monkeypatch.setenv(variable, proxy.url)

        assert (await ask(way, model(url))).content == "an answer"
        (head,) = proxy.heads
        line, seen = head.split("\r\n")[0], answering.requests[0]
        if url == HTTP:
            assert line == f"POST {HTTP} HTTP/1.1"
            assert seen.headers["Host"] == HOST
        else:
            assert line.startswith(f"CONNECT {HOST}:443 HTTP/1.")
            assert seen.path == CHAT
            assert KEY not in head  # it is for the endpoint alone
        assert seen.headers["Authorization"] == f"Bearer {KEY}"

    @every_way
    @every_scheme
    async def test_calls_share_one_connection_through_the_proxy(self, answering, proxy, monkeypatch, way, url):
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        asked = model(url)
        for _ in range(5):
            await ask(way, asked)

        assert (len(answering.requests), proxy.connections) == (5, 1)

    @every_way
    @every_scheme
    async def test_user_and_password_are_for_the_proxy_alone(self, answering, proxy, monkeypatch, way, url):
        monkeypatch.setenv("ALL_PROXY", proxy.url.replace("//", "//us%40er:p%3Ass@"))
        await ask(way, model(url))

        word = b64encode(b"us@er:p:ss").decode()
        assert f"\r\nproxy-authorization: basic {word.lower()}\r\n" in proxy.heads[0].lower()
        if url == HTTPS:
            assert "Proxy-Authorization" not in answering.requests[0].headers

    @every_way
    @every_scheme
    async def test_the_proxy_itself_may_be_behind_tls(self, answering, front, authority, monkeypatch, way, url):
        with Proxy({HOST: answering}, authority.issue_cert("127.0.0.1"), tunnels={HOST: front}) as proxy:
            monkeypatch.setenv("ALL_PROXY", proxy.url)

            assert (await ask(way, model(url))).content == "an answer"
            assert len(proxy.heads) == 1

    @every_way
    async def test_the_own_variable_counts_more_than_the_one_for_all(self, proxy, monkeypatch, way):
        monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
        monkeypatch.setenv("HTTP_PROXY", proxy.url)

        assert (await ask(way, model(HTTP))).content == "an answer"

    @every_way
    async def test_no_proxy_goes_without(self, answering, proxy, monkeypatch, way):
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "other.example, 127.0.0.1")

        assert (await ask(way, model(answering.url + CHAT))).content == "an answer"
        assert proxy.connections == 0

    @every_way
    async def test_the_environment_is_read_at_the_first_call_and_not_before(self, proxy, monkeypatch, way):
        early = model(HTTP)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        await ask(way, early)
        monkeypatch.delenv("HTTP_PROXY")
        await ask(way, early)

        assert len(proxy.heads) == 1  # on the connection that was there
        assert proxy.connections == 1

    @every_way
    async def test_the_users_netrc_is_nobodys_business(self, answering, proxy, tmp_path, monkeypatch, way):
        netrc = tmp_path / ".netrc"
        hosts = (HOST, "127.0.0.1", "default")
        netrc.write_text("".join(f"machine {host} login mallory password secret\n" for host in hosts))
        netrc.chmod(0o600)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        await ask(way, model(HTTP))
        await ask(way, model(answering.url + CHAT))
        assert (len(proxy.heads), len(answering.requests)) == (1, 2)

        for request in answering.requests:
            assert request.headers.get_all("Authorization") == [f"Bearer {KEY}"]
            assert "Proxy-Authorization" not in request.headers


class TestFault:
    @every_way
    @every_scheme
    async def test_a_proxy_that_is_not_there_is_said_to_be_the_fault(self, server, monkeypatch, way, url):
        with Proxy({}) as gone:
            address = gone.url
        monkeypatch.setenv("ALL_PROXY", address.replace("//", "//user:pass-word@"))
        error = await failure(way, model(url), AzureMLConnectionError)

        named = urlsplit(address).netloc
        assert str(error).startswith(f"The proxy {named} (from ALL_PROXY) cannot be used: the connection is refused.")
        assert "NO_PROXY" in str(error)
        assert "pass-word" not in f"{error!r} {error} {vars(error)}"
        assert error.is_retryable

    @every_way
    @every_scheme
    async def test_a_proxy_that_wants_a_password_is_not_asked_again(self, proxy, monkeypatch, way, url):
        proxy.refusal = b"HTTP/1.1 407 No\r\nContent-Length: 2\r\n\r\nno"
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        error = await failure(way, model(url, max_retries=2), AzureMLConnectionError)

        assert str(error).startswith("The proxy 127.0.0.1:")
        assert "(from ALL_PROXY) asks for a user and a password (HTTP 407)." in str(error)
        assert error.status == 407
        assert len(proxy.heads) == 1

    @every_way
    @pytest.mark.parametrize(("status", "passing"), [(403, False), (502, True), (503, True), (504, True)])
    async def test_a_tunnel_that_is_refused_is_the_proxys_doing(self, proxy, monkeypatch, way, status, passing):
        proxy.refusal = f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode()
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        error = await failure(way, model(HTTPS), AzureMLConnectionError)

        assert f"(from HTTPS_PROXY) does not let the request through (HTTP {status})" in str(error)
        assert (error.status, error.is_retryable) == (status, passing)

    @every_way
    @every_scheme
    async def test_a_proxy_that_hangs_up_is_a_broken_connection(self, proxy, monkeypatch, way, url):
        proxy.refusal = b""
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        error = await failure(way, model(url), AzureMLConnectionError)

        assert error.is_retryable

    @every_way
    @pytest.mark.parametrize("value", ["socks5://127.0.0.1:1080", "http://", "http://[", "http://h:port", "ftp://h"])
    async def test_what_is_no_proxy_is_refused_with_a_word_on_what_is(self, server, monkeypatch, way, value):
        monkeypatch.setenv("HTTP_PROXY", value)
        error = await failure(way, model(HTTP), AzureMLConnectionError)

        assert str(error) == (
            "HTTP_PROXY does not name a proxy that can be used. "
            "Set it to an address like http://proxy.example:3128 (not SOCKS)."
        )
        assert not error.is_retryable


class TestRoute:
    @pytest.mark.parametrize(
        ("variables", "url", "proxy"),
        [
            ({}, HTTP, None),
            ({"HTTP_PROXY": "http://p:1"}, HTTP, "http://p:1"),
            ({"HTTP_PROXY": "http://p:1"}, HTTPS, None),
            ({"HTTPS_PROXY": "http://p:1"}, HTTP, None),
            ({"HTTP_PROXY": "p:1"}, HTTP, "http://p:1"),
            ({"HTTP_PROXY": "http://p"}, HTTP, "http://p"),
            ({"HTTP_PROXY": "http://[::1]:1/"}, HTTP, "http://[::1]:1"),
            ({"HTTP_PROXY": "http://p:1", "http_proxy": "http://q:1"}, HTTP, "http://q:1"),
            ({"HTTP_PROXY": "http://p:1", "http_proxy": ""}, HTTP, None),
            ({"HTTP_PROXY": "http://p:1", "NO_PROXY": HOST}, HTTP, None),
            ({"HTTP_PROXY": "http://p:1", "no_proxy": HOST}, HTTP, None),
            ({"OPENAI_PROXY": "http://p:1"}, HTTP, None),
        ],
    )
    def test_the_environment_and_the_proxy_it_means(self, monkeypatch, variables, url, proxy):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

        assert network_settings_for(url).proxy == proxy

    @pytest.mark.parametrize(
        ("no_proxy", "url", "exempt"),
        [
            ("", "http://a.example", False),
            ("*", "http://a.example", True),
            ("b.example,*", "http://a.example", True),
            ("a.example", "http://a.example", True),
            ("A.Example", "http://a.EXAMPLE", True),
            ("a.example", "http://a.example.", True),
            ("example", "http://a.example", True),
            (".example", "http://a.example", True),
            ("*.example", "http://a.example", True),
            (".a.example", "http://a.example", True),
            ("b.example a.example", "http://a.example", True),
            ("xample", "http://a.example", False),
            ("b.example", "http://a.example", False),
            ("a.example:80", "http://a.example", True),
            ("a.example:443", "http://a.example", False),
            ("a.example:443", "https://a.example", True),
            ("a.example:8080", "http://a.example:8080", True),
            ("127.0.0.1", "http://127.0.0.1:8080", True),
            ("127.0.0.0/8", "http://127.3.4.5", True),
            ("10.0.0.0/8", "http://127.3.4.5", False),
            ("27.0.0.1", "http://127.0.0.1", False),
            ("::1", "http://[::1]:8080", True),
            ("[::1]", "http://[::1]", True),
            ("[::1]:8080", "http://[::1]:8080", True),
            ("[::1]:8081", "http://[::1]:8080", False),
            ("fd00::/8", "http://[fd00::7]", True),
            ("0.0.0.0/nonsense, ,.,*.", "http://a.example", False),
        ],
    )
    def test_who_is_exempt(self, no_proxy, url, exempt):
        assert is_exempt(urlsplit(url), no_proxy) is exempt

    @every_way
    async def test_no_other_librarys_variables_reach_the_endpoint(self, answering, monkeypatch, way):
        others = {
            name: f"value-of-{name}"
            for name in (
                "OPENAI_API_KEY",
                "OPENAI_ORG_ID",
                "OPENAI_PROJECT_ID",
                "OPENAI_BASE_URL",
                "AZURE_OPENAI_API_KEY",
            )
        }
        for name, value in others.items():
            monkeypatch.setenv(name, value)
        await ask(way, model(answering.url + CHAT))

        (request,) = answering.requests
        sent = f"{request.headers.items()} {request.body!r}"
        assert "value-of-" not in sent
        assert set(others) <= set(os.environ)
