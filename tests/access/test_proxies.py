"""What a proxy says is believed of a configured one only; from a real socket, where that matters."""

import http.client
from urllib.parse import urlsplit

import pytest

from chatbot.access.proxies import Proxies, TrustedProxies, is_from_proxy, origin_of
from tests.support.app_process import AppProcess

CHAIN = "127.0.0.1, 10.0.0.0/8, 2001:db8::/32"


def seen(peer, *headers, proxies=CHAIN):
    """The scope that is passed on, for a request from a peer."""
    found = []

    async def app(scope, receive, send):
        found.append(scope)

    scope = {
        "type": "http",
        "scheme": "http",
        "client": peer and (peer, 5),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }
    with pytest.raises(StopIteration):
        TrustedProxies(app, Proxies(proxies))(scope, None, None).send(None)
    return found[0]


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "client"),
    [
        (CHAIN, "127.0.0.1", "192.0.2.7", "192.0.2.7"),
        (CHAIN, "192.0.2.1", "192.0.2.7", "192.0.2.1"),
        (CHAIN, "127.0.0.1", "198.51.100.1, 192.0.2.7", "192.0.2.7"),
        (CHAIN, "127.0.0.1", "198.51.100.1, 192.0.2.7, 10.1.1.1, 2001:db8::5", "192.0.2.7"),
        (CHAIN, "::ffff:127.0.0.1", "192.0.2.7", "192.0.2.7"),
        (CHAIN, "127.0.0.1", "192.0.2.7:4711", "192.0.2.7"),
        (CHAIN, "127.0.0.1", "[2001:db9::1]:4711", "2001:db9::1"),
        (CHAIN, "127.0.0.1", "10.0.0.9, 10.0.0.8", "10.0.0.9"),
        (CHAIN, "127.0.0.1", "192.0.2.7, unknown", "127.0.0.1"),
        (CHAIN, "127.0.0.1", "", "127.0.0.1"),
        ("", "127.0.0.1", "192.0.2.7", "127.0.0.1"),
        ("*", "192.0.2.1", "8.8.8.8, 9.9.9.9, 10.0.0.8", "9.9.9.9"),
        ("*", "192.0.2.1", "10.0.0.9", "10.0.0.9"),
    ],
)
def test_who_asks_is_the_last_that_no_trusted_proxy_is(proxies, peer, forwarded, client):
    assert seen(peer, ("x-forwarded-for", forwarded), proxies=proxies)["client"][0] == client


def test_several_headers_are_one_list():
    scope = seen("127.0.0.1", ("x-forwarded-for", "198.51.100.1"), ("X-Forwarded-For", "192.0.2.7, 10.0.0.1"))
    assert scope["client"][0] == "192.0.2.7"


@pytest.mark.parametrize(
    ("peer", "said", "scheme"),
    [
        ("127.0.0.1", "https", "https"),
        ("127.0.0.1", "http, HTTPS", "https"),
        ("127.0.0.1", "javascript", "http"),
        ("192.0.2.1", "https", "http"),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_says(peer, said, scheme):
    assert seen(peer, ("x-forwarded-proto", said))["scheme"] == scheme


@pytest.mark.parametrize(("peer", "trusted"), [("127.0.0.1", True), ("192.0.2.1", False), (None, False)])
def test_who_somebody_is_stands_in_no_request_but_a_trusted_proxys(peer, trusted):
    names = [
        "X-MS-CLIENT-PRINCIPAL",
        "x-ms-client-principal-name",
        "X-Ms-Token-AAD-Access-Token",
        "x-forwarded-user",
        "X-Forwarded-Email",
        "x-forwarded-groups",
        "x-forwarded-preferred-username",
        "x-auth-request-user",
        "x-auth-request-anything",
    ]
    scope = seen(peer, *((name, "ada") for name in names), ("accept", "*/*"))
    assert [name.decode() for name, _ in scope["headers"]] == ([*names, "accept"] if trusted else ["accept"])
    assert is_from_proxy(scope) is trusted


@pytest.mark.parametrize("name", ["proxy.example", "10.0.0.0/99", "10.0.0", "**"])
def test_what_is_no_address_is_named(name):
    with pytest.raises(ValueError, match="is neither an address") as refused:
        Proxies(f"127.0.0.1,{name}")
    assert name in str(refused.value)


def test_an_origin_is_the_same_for_a_household():
    class Request:
        client = type("Client", (), {"host": "2001:db8:1:2::7"})

    assert origin_of(Request()) == "2001:db8:1:2::/64"


@pytest.mark.parametrize(("trusted", "secure"), [(None, True), ("127.0.0.0/8", True), ("192.0.2.1", False)])
def test_a_page_behind_a_trusted_proxy_with_tls_sets_a_secure_cookie(tmp_path, trusted, secure):
    settings = {} if trusted is None else {"CHATBOT_TRUSTED_PROXIES": trusted}
    with AppProcess(tmp_path, settings) as process:
        connection = http.client.HTTPConnection(urlsplit(process.url).netloc)
        connection.request("GET", "/", headers={"x-forwarded-proto": "https"})
        reply = connection.getresponse()
        reply.read()
        connection.close()
    assert ("; Secure" in reply.headers["set-cookie"]) is secure
