"""The door with one password: in with it, slow without it, out again, and what is open ends."""

import asyncio
import time

import httpx
import pytest
import pytest_asyncio

from chatbot.access import sessions as limits
from chatbot.access.attempts import FREE_FAILURES
from chatbot.access.entrances import password_door
from chatbot.access.passwords import hash_password
from tests.access.conftest import PASSWORD, SECRET, application
from tests.conversation.conversing import until
from tests.support.page_events import headers

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def behind(doors, tmp_path_factory):
    with application(tmp_path_factory.mktemp("password"), doors["password"]) as made:
        yield made


def browser_of(made):
    """A client with cookies of its own."""
    return httpx.AsyncClient(base_url=made.url, timeout=30)


async def sign_in(client, password=PASSWORD, wish="/"):
    return await client.post("/sign-in", data={"password": password, "next": wish})


async def test_who_knows_the_password_is_in_and_goes_where_they_wished_to(behind):
    async with browser_of(behind) as client:
        reply = await sign_in(client, wish="/?__theme=dark")
        assert (reply.status_code, reply.headers["location"]) == (303, "/?__theme=dark")
        cookie = reply.headers["set-cookie"]
        assert cookie.startswith("chatbot_session=")
        assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(cookie.split("; "))
        assert "Secure" not in cookie
        page = await client.get("/")
        assert page.status_code == 200
        assert "chatbot_visitor" in client.cookies, "a password knows no persons: the visitor has a name of their own"


async def test_behind_tls_the_cookie_is_this_hosts_and_none_other_counts(behind):
    tls = {"x-forwarded-proto": "https"}
    async with browser_of(behind) as client:
        reply = await client.post("/sign-in", data={"password": PASSWORD}, headers=tls)
        name, _, value = reply.headers["set-cookie"].partition("; ")[0].partition("=")
        assert name == "__Host-chatbot_session"
        assert "; Secure" in reply.headers["set-cookie"]
        for planted in (name, "chatbot_session"):
            reply = await client.get("/config", headers={**tls, "cookie": f"{planted}={value}"})
            assert (reply.status_code == 200) is (planted == name)


async def test_nobody_is_sent_elsewhere(behind):
    async with browser_of(behind) as client:
        for wish in ("//evil.example", "https://evil.example", "/%2fevil.example", "/\\evil.example"):
            assert (await sign_in(client, wish=wish)).headers["location"] == "/"
        page = await client.get("/sign-in", params={"next": "//evil.example"})
        assert "evil.example" not in page.text


async def test_a_path_that_was_asked_for_is_where_one_goes_then_and_no_html(behind):
    async with browser_of(behind) as client:
        asked = await client.get("/", params={"a": '"><script>'}, headers={"accept": "text/html"})
        assert "<script" not in asked.text
        assert 'name="next" value="/?a=%22%3E%3Cscript%3E"' in asked.text


async def test_who_guesses_is_slowed_down_and_the_others_are_not(behind):
    async with browser_of(behind) as client:
        here, there = ({"x-forwarded-for": f"192.0.2.{number}"} for number in (1, 2))
        for _ in range(FREE_FAILURES + 1):
            wrong = await client.post("/sign-in", data={"password": "wrong"}, headers=here)
            assert wrong.status_code == 401
            assert "That is not the password." in wrong.text
        slowed = await client.post("/sign-in", data={"password": PASSWORD}, headers=here)
        assert slowed.status_code == 429
        assert 0 < int(slowed.headers["retry-after"]) <= 2
        assert "set-cookie" not in slowed.headers
        assert (await client.post("/sign-in", data={"password": PASSWORD}, headers=there)).status_code == 303


async def test_what_is_no_form_is_no_password(behind):
    async with browser_of(behind) as client:
        for body, status in (
            (b"", 401),
            (b"\xff\xfe", 401),
            (b"a=1&" * 1000, 401),
            (b"password=" + b"x" * 20_000, 413),
        ):
            reply = await client.post(
                "/sign-in",
                content=body,
                headers={"content-type": "application/x-www-form-urlencoded", "x-forwarded-for": "192.0.2.9"},
            )
            assert reply.status_code == status, body[:20]


class Stream:
    """The open stream of a page."""

    def __init__(self, client, page="p1"):
        self._told = asyncio.Event()
        self.task = asyncio.create_task(self._read(client, page))

    async def _read(self, client, page):
        async with client.stream("GET", "/chat/updates", headers=headers(page), timeout=60) as reply:
            assert reply.status_code == 200
            async for _ in reply.aiter_raw():
                self._told.set()

    async def opened(self):
        """Wait until the page was told something; raise what went wrong otherwise."""
        telling = asyncio.create_task(self._told.wait())
        await asyncio.wait([telling, self.task], return_when=asyncio.FIRST_COMPLETED)
        if not telling.done():
            telling.cancel()
            self.task.result()


async def test_signing_out_ends_the_session_and_what_it_has_open(behind):
    async with browser_of(behind) as client, browser_of(behind) as other:
        await sign_in(client)
        await sign_in(other)
        stream, theirs = Stream(client, "p1"), Stream(other, "p2")
        await asyncio.gather(stream.opened(), theirs.opened())
        stolen = client.cookies["chatbot_session"]
        reply = await client.post("/sign-out")
        assert reply.json() == {"next": "/"}
        await asyncio.wait_for(stream.task, 20)  # to its end in order: otherwise it raises
        assert "chatbot_session" not in client.cookies
        assert (await client.get("/config", headers={"cookie": f"chatbot_session={stolen}"})).status_code == 401
        assert not theirs.task.done()
        assert behind.app.state.sessions.open_count == 1
        theirs.task.cancel()
        await asyncio.wait([theirs.task])


async def test_signing_out_is_no_link(behind):
    async with browser_of(behind) as client:
        await sign_in(client)
        assert (await client.get("/sign-out")).status_code == 405
        assert (await client.get("/config")).status_code == 200


async def test_what_another_process_revoked_ends_here(behind, store):
    async with browser_of(behind) as client:
        await sign_in(client)
        stream = Stream(client)
        await stream.opened()
        # What a process does that shares the database, and nothing else.
        signer = limits.Signer(SECRET, f"session {door_of(behind)}")
        key = signer.read(client.cookies["chatbot_session"])["id"]
        await store.sign_in.revoke(key, time.time() + 60)
        await asyncio.wait_for(stream.task, 20)
        assert (await client.get("/config")).status_code == 401


def door_of(made):
    [door] = [each for each in made.app.user_middleware if each.cls.__name__ == "Door"]
    return door.kwargs["entrance"]._sessions._door


async def test_a_session_and_its_streams_end_when_its_time_is_over(password_hash, tmp_path):
    with application(tmp_path, lambda store: password_door(password_hash, store, seconds=3, secret=None)) as made:
        async with browser_of(made) as client:
            await sign_in(client)
            cookie = client.cookies["chatbot_session"]
            stream = Stream(client)
            await stream.opened()
            await asyncio.wait_for(stream.task, 30)
            assert (await client.get("/config", headers={"cookie": f"chatbot_session={cookie}"})).status_code == 401


async def test_another_password_signs_everybody_out_and_a_restart_does_not(behind, password_hash, tmp_path):
    others = hash_password("another password")

    def door(kept):
        return lambda store: password_door(kept, store, seconds=60, secret=None)

    with application(tmp_path, door(password_hash)) as made:
        async with browser_of(made) as client:
            await sign_in(client)
            cookie = {"cookie": f"chatbot_session={client.cookies['chatbot_session']}"}
    for kept, status in ((password_hash, 200), (others, 401)):
        with application(tmp_path, door(kept)) as made:
            async with browser_of(made) as client:
                assert (await client.get("/config", headers=cookie)).status_code == status


async def test_the_answer_of_somebody_who_signs_out_is_written_to_its_end(behind):
    async with browser_of(behind) as client:
        await sign_in(client)
        await client.get("/")  # the visitor's own name
        stream = Stream(client)
        await stream.opened()
        behind.model.will_say("one ", ends=False)
        assert (await client.post("/chat/send", content=b'["hello"]', headers=headers("p1"))).status_code == 204
        await client.post("/sign-out")
        await asyncio.wait_for(stream.task, 20)
        behind.model.will_say("two")
        await sign_in(client)

        async def is_whole():
            reply = await client.get("/chat/export/markdown", headers=headers("p2"))
            return "one two" in reply.text

        await until(is_whole)
