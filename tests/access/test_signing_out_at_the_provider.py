"""Signing out where the provider signs people out as well: who is sent there, with what, and what does not stop it."""

import asyncio
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
import pytest_asyncio

from chatbot.access.entrances import provider_door
from chatbot.access.openid import Provider
from tests.access.conftest import SECRET, application
from tests.conversation.conversing import until

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOME = {"next": "/"}
HINT = "chatbot_id_token"


@pytest.fixture
def provider(serving_provider):
    """One that signs people out, until a test tells it otherwise."""
    serving_provider.wrong.clear()
    serving_provider.claims = {"sub": "subject-1", "preferred_username": "ada"}
    serving_provider.end_session_endpoint = f"{serving_provider.url}/end-session"
    serving_provider.answering.set()
    return serving_provider


def door(provider, **values):
    configured = Provider(provider.url, "chatbot", "secret", **{"signs_out": True, **values})
    return lambda store: provider_door(configured, (), store, seconds=60, secret=SECRET)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def behind(serving_provider, tmp_path_factory):
    serving_provider.end_session_endpoint = f"{serving_provider.url}/end-session"
    with application(tmp_path_factory.mktemp("oidc"), door(serving_provider)) as made:
        yield made


async def sign_in(client):
    away = await client.get("/sign-in")
    back = await client.get(away.headers["location"])
    assert (await client.get(back.headers["location"])).status_code == 303


async def sign_out(client, **headers):
    reply = await client.post("/sign-out", headers=headers)
    assert reply.status_code == 200
    return reply.json()


def query_of(out):
    return dict(parse_qsl(urlsplit(out["next"]).query))


async def test_who_signs_out_is_signed_out_there_and_comes_back_to_where_one_signs_in(client, behind, provider):
    await sign_in(client)
    out = await sign_out(client)
    assert out["next"].startswith(f"{provider.url}/end-session?")
    asked = query_of(out)
    assert (asked["client_id"], asked["post_logout_redirect_uri"]) == ("chatbot", f"{behind.url}sign-in/callback")
    assert (await client.get("/config")).status_code == 401
    # It takes only an ID token that it made for this application, and an address that it knows.
    there = await client.get(out["next"])
    assert (there.status_code, there.headers["location"]) == (302, f"{behind.url}sign-in/callback")
    back = await client.get(there.headers["location"])
    assert (back.status_code, back.headers["location"]) == (303, "/")
    page = await client.get("/", headers={"accept": "text/html"})
    assert (page.status_code, "Signing in did not work." in page.text) == (401, False)


async def test_the_id_token_is_kept_by_the_browser_for_signing_out_alone(client, behind, provider):
    await sign_in(client)
    [kept] = [each for each in client.cookies.jar if each.name == HINT]
    assert (kept.path, kept.has_nonstandard_attr("HttpOnly")) == ("/sign-out", True)
    assert kept.expires <= next(each.expires for each in client.cookies.jar if each.name == "chatbot_session")
    assert HINT not in (await client.get("/config")).request.headers["cookie"]
    await sign_out(client)
    assert HINT not in client.cookies


async def test_one_that_is_too_long_to_be_kept_is_left_out(client, behind, provider):
    await sign_in(client)
    assert HINT in client.cookies
    provider.claims["groups"] = [f"00000000-0000-0000-0000-{number:012}" for number in range(200)]
    await sign_in(client)
    assert HINT not in client.cookies, "it is of another sign-in"
    assert query_of(await sign_out(client)).keys() == {"client_id", "post_logout_redirect_uri"}


async def test_nobody_is_signed_out_by_anothers_id_token_or_one_that_was_made_up(client, behind, provider):
    await sign_in(client)
    anothers = client.cookies[HINT]
    provider.claims["sub"] = "subject-2"
    for planted in (anothers, "e30.e30.e30", ""):
        client.cookies.clear()
        await sign_in(client)
        session = client.cookies["chatbot_session"]
        out = await sign_out(client, cookie=f"chatbot_session={session}; {HINT}={planted}")
        assert "id_token_hint" not in query_of(out)


async def test_an_address_with_a_query_keeps_it(provider, tmp_path):
    provider.end_session_endpoint = f"{provider.url}/end-session?policy=b2c"
    with application(tmp_path, door(provider)) as made:
        async with httpx.AsyncClient(base_url=made.url) as client:
            await sign_in(client)
            asked = query_of(await sign_out(client))
    assert (asked["policy"], asked["client_id"]) == ("b2c", "chatbot")


@pytest.mark.parametrize(
    ("named", "signs_out"),
    [
        (None, True),
        ("javascript:alert(1)//", True),
        ("/end-session", True),
        ("//evil.example", True),
        (7, True),
        ("https://id.example/end-session", False),
    ],
)
async def test_without_such_a_place_or_unwanted_it_ends_here_and_nothing_is_kept(provider, tmp_path, named, signs_out):
    provider.end_session_endpoint = named
    with application(tmp_path, door(provider, signs_out=signs_out)) as made:
        async with httpx.AsyncClient(base_url=made.url) as client:
            await sign_in(client)
            assert HINT not in client.cookies
            assert await sign_out(client) == HOME
            assert (await client.get("/config")).status_code == 401


async def test_one_comes_back_over_tls_to_a_host_of_ours_whatever_the_request_says(provider, tmp_path):
    tls = {"x-forwarded-proto": "https", "host": "evil.example"}
    with application(tmp_path, door(provider, hosts=("chat.example.com",))) as made:
        async with httpx.AsyncClient(base_url=made.url, headers=tls) as client:
            away = await client.get("/sign-in")
            trip = away.headers["set-cookie"].partition(";")[0]
            back = await client.get(away.headers["location"])
            query = urlsplit(back.headers["location"]).query
            reply = await client.get(f"/sign-in/callback?{query}", headers={"cookie": trip})
            kept = reply.headers.get_list("set-cookie")
            [hint] = [each for each in kept if each.startswith(f"__Secure-{HINT}=")]
            assert {"HttpOnly", "Path=/sign-out", "SameSite=lax", "Secure"} <= set(hint.split("; "))
            out = await sign_out(client, cookie="; ".join(each.partition(";")[0] for each in kept))
    asked = parse_qs(urlsplit(out["next"]).query)
    assert asked["post_logout_redirect_uri"] == ["https://chat.example.com/sign-in/callback"]
    assert "id_token_hint" in asked


async def test_who_signs_out_is_out_while_the_provider_is_still_asked(client, behind, provider, tmp_path):
    await sign_in(client)
    # Another process, which has not asked the provider yet.
    with application(tmp_path, door(provider)) as made:
        async with httpx.AsyncClient(base_url=made.url, cookies=client.cookies) as other:
            provider.answering.clear()
            signing_out = asyncio.create_task(sign_out(other))

            async def is_out():
                return (await other.get("/config")).status_code == 401

            await until(is_out)
            assert not signing_out.done()
            provider.answering.set()
            assert (await signing_out)["next"].startswith(provider.url)


@pytest.mark.parametrize("wrong", ["away", "silent"])
async def test_a_provider_that_does_not_answer_keeps_nobody_in(client, behind, provider, tmp_path, monkeypatch, wrong):
    monkeypatch.setattr("chatbot.access.openid.SIGN_OUT_TIMEOUT", 0.2)
    await sign_in(client)
    with application(tmp_path, door(provider)) as made:
        async with httpx.AsyncClient(base_url=made.url, cookies=client.cookies) as other:
            if wrong == "away":
                provider.wrong["issuer"] = "https://evil.example"
            else:
                provider.answering.clear()
            assert await sign_out(other) == HOME
            assert (await other.get("/config")).status_code == 401
        provider.answering.set()
