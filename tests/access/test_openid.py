"""The door of an OpenID Connect provider: who it signs in is in, and nothing else that is said lets anybody in."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey

from chatbot.access.entrances import provider_door
from chatbot.access.openid import Provider
from chatbot.access.person import Person
from tests.access.conftest import SECRET, application
from tests.support.openid_provider import shared_key

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def provider(serving_provider):
    """One that does everything right, until a test tells it otherwise."""
    serving_provider.wrong.clear()
    serving_provider.userinfo.clear()
    serving_provider.claims = {"sub": "subject-1", "preferred_username": "ada"}
    serving_provider.end_session_endpoint = None
    serving_provider.answering.set()
    return serving_provider


def door(provider, *allowed, **values):
    configured = Provider(provider.url, "chatbot", "secret", **values)
    return lambda store: provider_door(configured, allowed, store, seconds=60, secret=SECRET, needed=["staff"])


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def behind(serving_provider, tmp_path_factory):
    with application(tmp_path_factory.mktemp("oidc"), door(serving_provider)) as made:
        yield made


async def callback_of(client, **query):
    """Go to the provider; return where it sends one back to."""
    away = await client.get("/sign-in", params=query)
    assert away.status_code == 303
    back = await client.get(away.headers["location"])
    return back.headers["location"]


async def person_in(client, made):
    """Who is signed in."""
    [entrance] = [each.kwargs["entrance"] for each in made.app.user_middleware if each.cls.__name__ == "Door"]
    signer = await entrance._sessions.signer("session")
    value = signer.read(client.cookies["chatbot_session"])
    return Person(value["owner"], frozenset(value["names"]))


async def test_whom_the_provider_signs_in_is_in(client, behind, provider):
    back = await client.get(await callback_of(client, next="/?a=b"))
    assert (back.status_code, back.headers["location"]) == (303, "/?a=b")
    assert await person_in(client, behind) == Person.known_as(provider.url, "subject-1", ["ada", "subject-1"])
    assert (await client.get("/config")).status_code == 200
    assert "chatbot_sign_in" not in client.cookies
    asked = provider.asked[-1]
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["scope"] == "openid profile email"
    assert asked["redirect_uri"] == f"{behind.url}sign-in/callback"
    assert len(asked["nonce"]) > 30
    assert len(asked["state"]) > 30


async def test_nobody_comes_back_elsewhere(client):
    for wish in ("//evil.example", "/%5cevil.example", "https://evil.example", "/" + "é" * 1_000):
        assert (await client.get(await callback_of(client, next=wish))).headers["location"] == "/"


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": ["chatbot", "another"]},
        {"aud": ["chatbot", "another"], "azp": "another"},
        {"azp": "another"},
        {"iss": "https://evil.example"},
        {"exp": 1},
        {"sub": ""},
        {"sub": 7},
        {"algorithm": "HS256", "key": shared_key("secret-that-is-long-enough-for-the-library")},
        {"key": RSAKey.generate_key(2048, {"kid": "first"})},
    ],
    ids=lambda wrong: "-".join(f"{name}={value}" for name, value in wrong.items() if name != "key") or "key",
)
async def test_an_id_token_that_is_not_for_this_sign_in_lets_nobody_in(client, provider, wrong):
    location = await callback_of(client)
    provider.wrong.update(wrong)
    back = await client.get(location)
    assert back.status_code == 502
    assert "Signing in did not work." in back.text
    assert "chatbot_session" not in client.cookies
    assert (await client.get("/config")).status_code == 401


async def test_another_persons_userinfo_lets_nobody_in(client, provider):
    provider.userinfo["sub"] = "subject-2"
    assert (await client.get(await callback_of(client))).status_code == 502
    assert "chatbot_session" not in client.cookies


async def test_a_link_that_somebody_else_began_signs_nobody_in(client, behind, provider):
    async with httpx.AsyncClient(base_url=behind.url) as attacker:
        theirs = await callback_of(attacker)
    assert (await client.get(theirs)).status_code == 400
    await client.get("/sign-in")
    assert (await client.get(theirs)).status_code == 400
    assert "chatbot_session" not in client.cookies


async def test_a_callback_is_good_once(client, provider):
    location = await callback_of(client)
    trip = client.cookies["chatbot_sign_in"]
    assert (await client.get(location)).status_code == 303
    client.cookies.clear()
    again = await client.get(location, headers={"cookie": f"chatbot_sign_in={trip}"})
    assert again.status_code == 502
    assert "chatbot_session" not in client.cookies


@pytest.mark.parametrize("query", [{"error": "access_denied"}, {"code": "made up"}])
async def test_who_comes_back_without_having_been_away_is_shown_the_way(client, query):
    back = await client.get("/sign-in/callback", params=query)
    assert back.status_code == 400
    assert 'href="/sign-in?next=%2F"' in back.text


async def test_who_is_refused_by_the_provider_is_shown_the_way_and_no_words_of_the_link(client):
    location = await callback_of(client)
    state = parse_qs(urlsplit(location).query)["state"][0]
    back = await client.get("/sign-in/callback", params={"state": state, "error": "<b>call 555</b>"})
    assert back.status_code == 400
    assert "555" not in back.text


async def test_new_keys_of_the_provider_are_fetched(client, provider):
    assert (await client.get(await callback_of(client))).status_code == 303
    provider.key = RSAKey.generate_key(2048, {"kid": "second"})
    client.cookies.clear()
    assert (await client.get(await callback_of(client))).status_code == 303


@pytest.mark.parametrize(
    ("claims", "userinfo", "names"),
    [
        ({"groups": ["staff", 7, None]}, {}, {"staff"}),
        ({"groups": "staff"}, {}, {"staff"}),
        ({}, {"groups": ["staff"]}, {"staff"}),
        ({"groups": ["staff"]}, {"groups": ["admins"]}, {"staff"}),
        ({"email": "ada@example.com", "email_verified": True}, {}, {"ada@example.com"}),
        ({"email": "ada@example.com", "email_verified": False}, {}, set()),
        ({"email": "ada@example.com"}, {}, set()),
        ({"name": "staff", "nickname": "staff"}, {}, set()),
    ],
)
async def test_somebody_has_the_names_that_they_cannot_make_up(client, behind, provider, claims, userinfo, names):
    provider.claims.update(claims)
    provider.userinfo.update(userinfo)
    assert (await client.get(await callback_of(client))).status_code == 303
    assert (await person_in(client, behind)).names == {"ada", "subject-1", *names}


async def test_very_many_groups_fit_into_a_session(client, behind, provider):
    provider.claims["groups"] = [*(f"00000000-0000-0000-0000-{number:012}" for number in range(400)), "staff"]
    assert (await client.get(await callback_of(client))).status_code == 303
    assert (await client.get("/config")).status_code == 200
    assert "staff" in (await person_in(client, behind)).names, "it matters for a deployment"


async def test_who_is_not_among_those_named_is_told_so(provider, tmp_path):
    with application(tmp_path, door(provider, "staff")) as made:
        async with httpx.AsyncClient(base_url=made.url) as client:
            back = await client.get(await callback_of(client))
            assert back.status_code == 403
            assert "this app is not open to you" in back.text
            assert (await client.get("/config")).status_code == 401
            provider.claims["groups"] = ["staff"]
            assert (await client.get(await callback_of(client))).status_code == 303
            assert (await client.get("/config")).status_code == 200


async def test_what_answers_as_another_issuer_is_not_believed(provider, tmp_path):
    provider.wrong["issuer"] = "https://evil.example"
    with application(tmp_path, door(provider)) as made:
        async with httpx.AsyncClient(base_url=made.url) as client:
            reply = await client.get("/sign-in")
            assert reply.status_code == 502
            assert "Signing in did not work." in reply.text


async def test_a_provider_that_is_away_is_told_in_words(doors, tmp_path):
    with application(tmp_path, doors["provider"]) as made:
        async with httpx.AsyncClient(base_url=made.url) as client:
            assert (await client.get("/sign-in")).status_code == 502


async def test_on_a_space_it_is_hugging_face_and_an_organisation(provider, tmp_path):
    values = {
        "groups_claim": "orgs",
        "callback": "/login/callback",
        "hosts": ("ada-chat.hf.space", "chat.example.com"),
        "way": "huggingface",
    }
    with application(tmp_path, door(provider, "the-org", **values)) as made:
        tls = {"x-forwarded-proto": "https"}
        async with httpx.AsyncClient(base_url=made.url, headers=tls) as client:
            page = await client.get("/", headers={"accept": "text/html", "sec-fetch-dest": "iframe"})
            assert "Sign in with Hugging Face" in page.text
            assert 'target="_blank"' in page.text, "in a frame no provider shows itself"
            for host, named in (("chat.example.com", "chat.example.com"), ("evil.example", "ada-chat.hf.space")):
                away = await client.get("/sign-in", headers={"host": host})
                [redirect_uri] = parse_qs(urlsplit(away.headers["location"]).query)["redirect_uri"]
                assert redirect_uri == f"https://{named}/login/callback"
            for orgs, status in (([], 403), ([{"sub": "7", "preferred_username": "the-org", "name": "x"}], 303)):
                provider.userinfo["orgs"] = orgs
                away = await client.get("/sign-in")
                trip = away.headers["set-cookie"].partition(";")[0]
                back = await client.get(away.headers["location"])
                query = urlsplit(back.headers["location"]).query
                reply = await client.get(f"/login/callback?{query}", headers={"cookie": trip})
                assert reply.status_code == status
                cookies = str(reply.headers.get_list("set-cookie"))
                assert ("__Host-chatbot_session=" in cookies) is (status == 303)
