"""What is somebody's stays theirs: the cookie, what caches keep, and that who came over TLS comes back over TLS."""

from types import SimpleNamespace

import httpx
import pytest

from chatbot.conversation import COOKIE_SECONDS
from chatbot.ui.identity import COOKIE, HEADER, SECURE_COOKIE, identify
from chatbot.ui.security import PUBLIC
from tests.support.app_process import AppProcess
from tests.support.page_events import act, headers

TLS = {"x-forwarded-proto": "https"}
"""As a proxy on this machine says it, which is believed."""

MINE, PLANTED = "m" * 43, "p" * 43


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with AppProcess(tmp_path_factory.mktemp("private")) as process:
        yield process


@pytest.fixture
def client(app):
    with httpx.Client(base_url=app.url, timeout=30) as client:
        yield client


def test_over_tls_the_cookie_is_one_that_nobody_else_can_set(client):
    reply = client.get("/", headers=TLS)
    [cookie] = reply.headers.get_list("set-cookie")
    name, _, rest = cookie.partition("=")
    value, *attributes = rest.split("; ")
    assert (name, len(value)) == (f"__Host-{COOKIE}", 43)
    # What the prefix asks for: browsers drop it otherwise.
    assert set(attributes) == {"HttpOnly", f"Max-Age={COOKIE_SECONDS}", "Path=/", "SameSite=Lax", "Secure"}


def test_without_tls_there_is_no_such_cookie(client):
    [cookie] = client.get("/").headers.get_list("set-cookie")
    assert cookie.startswith(f"{COOKIE}=")
    assert "Secure" not in cookie


def test_who_comes_back_over_tls_keeps_theirs(client):
    [cookie] = client.get("/", headers=TLS | {"cookie": f"{SECURE_COOKIE}={MINE}"}).headers.get_list("set-cookie")
    assert cookie.startswith(f"{SECURE_COOKIE}={MINE};")


def test_a_cookie_that_another_host_planted_is_not_taken_over(client):
    """A sibling host, or a plain page on the way, can set the cookie without the prefix, and knows what it set."""
    [cookie] = client.get("/", headers=TLS | {"cookie": f"{COOKIE}={PLANTED}"}).headers.get_list("set-cookie")
    assert cookie.startswith(SECURE_COOKIE)
    assert PLANTED not in cookie


def test_the_cookie_that_can_be_planted_never_decides_beside_the_one_that_cannot():
    def owner(**cookies):
        return identify(SimpleNamespace(headers={HEADER: "stored"}, cookies=cookies))

    assert owner(**{COOKIE: PLANTED, SECURE_COOKIE: MINE}) == owner(**{SECURE_COOKIE: MINE})
    assert owner(**{COOKIE: PLANTED}) != owner(**{SECURE_COOKIE: MINE})


async def test_what_is_said_over_tls_is_not_read_with_a_planted_cookie(app):
    async with httpx.AsyncClient(base_url=app.url, timeout=30) as client:
        mine = headers("page", None) | TLS | {"cookie": f"{COOKIE}={PLANTED}; {SECURE_COOKIE}={MINE}"}
        assert (await client.post("/chat/send", json=["my precious words"], headers=mine)).status_code == 204
        assert "my precious words" in (await client.get("/chat/export/json", headers=mine)).text
        planted = await client.get("/chat/export/all", headers=headers("page", PLANTED))
        assert b"precious" not in planted.content
        assert await act(client, "retry", [], "page", PLANTED) == 204


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/config",
        "/chat/export/json",
        "/chat/export/all",
        "/gradio_api/info",
        "/healthz",
        "/nothing",
        "/gradio_api/queue/data?session_hash=x",
    ],
)
@pytest.mark.parametrize("scheme", [{}, TLS], ids=["plain", "tls"])
def test_no_cache_keeps_what_may_be_somebodys(client, path, scheme):
    assert client.get(path, headers=headers("page") | scheme).headers["cache-control"] == "no-store"


def test_what_is_streamed_is_kept_by_no_cache(client):
    with client.stream("GET", "/chat/updates", headers=headers("page")) as reply:
        assert reply.headers["cache-control"] == "no-store"
    assert client.post("/chat/new", json=[], headers=headers("page")).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/theme.css", "/favicon.ico", "/launcher.js", "/assets/nothing.js"])
def test_what_is_everybodys_may_be_kept(client, path):
    assert PUBLIC.fullmatch(path)
    assert client.get(path).headers.get("cache-control") != "no-store"


def test_behind_tls_browsers_are_told_to_come_back_over_tls_only(client):
    for path in ("/", "/theme.css", "/nothing"):
        assert client.get(path, headers=TLS).headers["strict-transport-security"] == "max-age=31536000"
        assert "strict-transport-security" not in client.get(path).headers
