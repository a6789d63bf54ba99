"""A shared link, over sockets: who passes the door reads what was said until then, and nobody finds out more."""

import json
import re
import sqlite3
from contextlib import closing

import httpx
import pytest

from chatbot.ui.shared_page import POLICY
from tests.access.conftest import application
from tests.access.test_persons import act, signed_in, update
from tests.conversation.conversing import until
from tests.support.page_events import headers as page_headers
from tests.support.tables import dump

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "the launch is on Tuesday"
PATH = re.compile(r'data-path="(/share/[\w-]{43})"')


async def ask(behind, client, who, text, *words):
    """Send a message and wait for the end of its answer."""
    behind.model.will_say(*words)
    assert (await act(client, "send", [text], who)).status_code == 204

    async def is_answered():
        turns = (await client.get("/chat/export/json", headers=who)).json()["turns"]
        return (turns[-1]["user"], turns[-1]["status"]) == (text, "complete")

    await until(is_answered)


async def panel(client, who) -> str:
    return (await update(client, who))["components"]["shares"]["value"]


async def shared(behind, client, who, text, *words) -> str:
    """Say something in a chat of its own and share it; return the path of the link."""
    await act(client, "new", [], who)
    await ask(behind, client, who, text, *words)
    assert (await act(client, "share", [7], who)).status_code == 204
    [path] = PATH.findall(await panel(client, who))
    return path


async def test_a_link_shows_what_was_said_until_then_to_everybody_who_is_let_in(behind, client):
    ada, grace = signed_in("ada"), signed_in("grace", "p2")
    path = await shared(behind, client, ada, SECRET, "I will **tell** nobody <script>alert(1)</script>")
    await ask(behind, client, ada, "and what is said later", "is not in it")
    reply = await client.get(path, headers=grace)
    assert reply.status_code == 200
    assert SECRET in reply.text
    assert "<strong>tell</strong>" in reply.text
    assert "<script" not in reply.text
    assert "said later" not in reply.text
    # It names nobody, and no other way in.
    known = dump(behind.database)
    [conversation] = [row for row in known["conversations"] if SECRET in str(row)]
    assert not any(str(value) in reply.text for value in conversation[:2])


async def test_what_a_link_shows_runs_loads_and_tells_nothing(behind, client):
    path = await shared(behind, client, signed_in("ada"), "hello", "hi")
    reply = await client.get(path, headers=signed_in("grace", "p2"))
    expected = {
        "content-security-policy": POLICY,
        "cache-control": "no-store",
        "referrer-policy": "no-referrer",
        "x-robots-tag": "noindex, nofollow, noarchive",
        "x-content-type-options": "nosniff",
        "content-type": "text/html; charset=utf-8",
        "content-encoding": "gzip",
    }
    assert {name: reply.headers.get(name) for name in expected} == expected
    assert "default-src 'none'" in POLICY
    assert "sandbox" in POLICY
    assert "allow-scripts" not in POLICY
    plain = await client.get(path, headers={**signed_in("grace", "p2"), "accept-encoding": "identity"})
    assert plain.text == reply.text
    assert "content-encoding" not in plain.headers
    assert (await client.head(path, headers=signed_in("grace", "p2"))).status_code == 200


async def test_a_stranger_is_asked_to_sign_in_and_finds_out_nothing(behind, client):
    path = await shared(behind, client, signed_in("ada"), SECRET, "hm")
    replies = [
        await client.get(each, headers={"accept": "text/html", "sec-fetch-mode": "navigate"})
        for each in (path, "/share/" + "x" * 43)
    ]
    assert {each.status_code for each in replies} == {401}
    assert SECRET not in replies[0].text
    assert replies[0].text.replace(path[-43:], "") == replies[1].text.replace("x" * 43, "")


async def test_unknown_ended_and_revoked_links_get_the_same_answer(behind, client):
    ada, grace = signed_in("ada"), signed_in("grace", "p2")
    revoked = await shared(behind, client, ada, "one", "1")
    [identifier] = re.findall(r"unshare (\w{16})", await panel(client, ada))[:1]
    deleted = await shared(behind, client, ada, "two", "2")
    expired = await shared(behind, client, ada, "three", "3")
    assert [(await client.get(each, headers=grace)).status_code for each in (revoked, deleted, expired)] == [200] * 3
    # Another's hand moves nothing.
    assert (await act(client, "unshare", [identifier], grace)).status_code == 204
    assert (await client.get(revoked, headers=grace)).status_code == 200
    await act(client, "unshare", [identifier], ada)
    listed = (await update(client, ada))["components"]["conversations"]["value"]
    [name] = re.findall(r'open ([\w-]+)" title="two"', listed)
    await act(client, "delete", [name], ada)
    with closing(sqlite3.connect(behind.folder / "chat.db")) as database, database:
        database.execute("UPDATE shares SET expires_at = 1 WHERE title = 'three'")
    never, garbled = "/share/" + "A" * 43, "/share/" + "%00" + "x"
    replies = [await client.get(each, headers=grace) for each in (revoked, deleted, expired, never)]
    told = {(each.status_code, each.text, tuple(sorted(set(each.headers) - {"date"}))) for each in replies}
    assert len(told) == 1
    assert replies[0].status_code == 404
    assert "There is nothing at this address" in replies[0].text
    assert (await client.get(garbled, headers=grace)).status_code == 404
    assert (await client.get("/share/", headers=grace)).status_code == 404


async def test_what_is_shared_is_listed_for_its_owner_and_its_address_on_that_page_alone(behind, client):
    ada = signed_in("ada", "p7")
    path = await shared(behind, client, ada, "my <b>plans</b>", "fine")
    shown = await panel(client, ada)
    assert path in shown
    assert "my &lt;b&gt;plans&lt;/b&gt;" in shown
    elsewhere = await panel(client, signed_in("ada", "p8"))
    assert "my &lt;b&gt;plans&lt;/b&gt;" in elsewhere
    assert PATH.search(elsewhere) is None
    theirs = await panel(client, signed_in("grace", "p9"))
    assert "plans" not in theirs


async def test_all_that_was_said_takes_the_links_with_it(behind, client):
    eve = signed_in("eve", "p3")
    path = await shared(behind, client, eve, SECRET, "oh")
    assert (await client.get(path, headers=signed_in("ada"))).status_code == 200
    assert (await act(client, "erase", [], eve)).status_code == 204
    assert (await client.get(path, headers=signed_in("ada"))).status_code == 404
    assert PATH.search(await panel(client, eve)) is None


@pytest.mark.parametrize(("values", "status"), [([8], 204), ([0], 204), (["7; drop"], 400), ([], 400)])
async def test_only_what_is_offered_can_be_asked_for(behind, client, values, status):
    mallory = signed_in("mallory", "p4")
    await ask(behind, client, mallory, "hello", "hi")
    assert (await act(client, "share", values, mallory)).status_code == status
    assert "<ul>" not in await panel(client, mallory)


async def test_nothing_is_shared_before_anything_is_said(client):
    nobody = signed_in("nobody", "p5")
    assert (await act(client, "share", [7], nobody)).status_code == 204
    first = await update(client, nobody)
    assert "nothing to share yet" in json.dumps(first["notices"])


async def test_a_report_is_a_file_of_its_own_and_comes_back_whole(behind, client):
    ada, grace = signed_in("ada", "p10"), signed_in("grace", "p11")
    await act(client, "new", [], ada)
    await ask(behind, client, ada, "What is </script> <b>?", "An *end* of `a` script.")
    reply = await client.get("/chat/export/report", headers=ada)
    assert reply.status_code == 200
    # As a page it would be of this origin.
    assert reply.headers["content-type"] == "application/octet-stream"
    assert reply.headers["x-chatbot-file"] == "What%20is%20script%20b.html"
    assert (await client.post("/chat/import", content=reply.content, headers=grace)).status_code == 204
    exports = [await client.get("/chat/export/json", headers=each) for each in (ada, grace)]
    assert exports[0].json() == exports[1].json()


async def test_switched_off_there_is_neither_a_link_nor_a_way_to_make_one(doors, tmp_path):
    with application(tmp_path, doors["proxy"]) as made:
        async with httpx.AsyncClient(base_url=made.url, timeout=30) as client:
            ada = signed_in("ada")
            path = await shared(made, client, ada, "hello", "hi")
    with application(tmp_path, doors["proxy"], share_days=0) as made:
        async with httpx.AsyncClient(base_url=made.url, timeout=30) as client:
            assert (await client.get(path, headers=ada)).status_code == 404
            assert "shares" not in (await update(client, ada))["components"]
            await act(client, "share", [7], ada)
            assert len(dump(f"sqlite:///{tmp_path}/chat.db")["shares"]) == 1


async def test_a_visitor_without_a_door_is_known_by_the_cookie(tmp_path):
    with application(tmp_path, lambda _: None) as made:
        async with httpx.AsyncClient(base_url=made.url, timeout=30) as client:
            ada = page_headers("p1", "a" * 43)
            path = await shared(made, client, ada, "hello", "hi")
        async with httpx.AsyncClient(base_url=made.url, timeout=30) as client:
            assert "hello" in (await client.get(path)).text
