"""Behind a door that knows persons: what is theirs is theirs everywhere, and nobody else can tell that it is there."""

import base64
import html
import json
import time

import httpx
import pytest
import pytest_asyncio

from chatbot.access.person import Person
from chatbot.conversation.store import Share
from chatbot.ui.actions import PageActions
from chatbot.ui.branding import Branding
from chatbot.ui.identity import COOKIE
from tests.conversation.conversing import until
from tests.support.page_events import headers as page_headers
from tests.support.routes import filled, paths_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

API = "/gradio_api"
SECRET_WORDS = "the launch is on Tuesday"


def signed_in(user, page="p1", groups=""):
    """The headers of somebody's page, as oauth2-proxy on this machine passes it on."""
    return {**page_headers(page), "x-forwarded-user": user, "x-forwarded-groups": groups}


def owner_of(user):
    return Person.known_as("proxy", user).owner


async def update(client, headers):
    """The first that a page is told."""
    async with client.stream("GET", "/chat/updates", headers=headers) as reply:
        async for line in reply.aiter_lines():
            if line.startswith("data: "):
                return json.loads(line[6:])
    raise AssertionError("the stream ended")


async def act(client, action, values, headers):
    return await client.post(f"/chat/{action}", content=json.dumps(values), headers=headers)


async def ask(behind, client, headers, text, *words):
    behind.model.will_say(*words)
    assert (await act(client, "send", [text], headers)).status_code == 204


async def conversations(store, user):
    return await store.list(owner_of(user))


async def test_a_person_finds_what_they_said_on_another_device(behind, client):
    await ask(behind, client, signed_in("mary", "desk"), "hello", "hi mary")

    async def is_there():
        told = await client.get("/chat/export/markdown", headers=signed_in("mary", "phone"))
        return "hi mary" in told.text

    await until(is_there)
    assert "hello" in str(await update(client, signed_in("mary", "tablet")))
    assert "hello" not in str(await update(client, signed_in("grace", "tablet")))


async def test_a_cookie_makes_nobody_of_somebody(behind, client):
    for cookie in ("mary", owner_of("mary"), "proxy\0mary".replace("\0", "%00")):
        headers = {**signed_in("eve", "x"), "cookie": f"{COOKIE}={cookie}"}
        assert "hello" not in str(await update(client, headers))


async def test_what_was_said_before_signing_in_comes_along_once(store, client):
    from chatbot.ui.identity import _owner_by
    from tests.conversation.store.talk import talk

    await talk(store, "before", name="early", owner=_owner_by("the visitor"))
    visited = {**signed_in("ida"), "cookie": f"{COOKIE}=the visitor"}
    page = await client.get("/", headers={**visited, "accept": "text/html"})
    assert page.status_code == 200
    [gone] = [each for each in page.headers.get_list("set-cookie") if each.startswith(COOKIE)]
    assert "Max-Age=0" in gone
    assert [each.title for each in await conversations(store, "ida")] == ["before"]
    await client.get("/", headers={**signed_in("eve"), "cookie": f"{COOKIE}=the visitor"})
    assert await conversations(store, "eve") == []


async def test_a_deployment_for_some_is_seen_chosen_and_asked_by_them_alone(behind, client):
    for user, groups, name in (("staff-member", "guests, staff", "restricted"), ("guest", "guests", "test")):
        headers = signed_in(user, "p1", groups)
        told = await update(client, headers)
        badge = html.unescape(told["components"]["badge"]["value"])
        choices = '[["restricted", false], ["test", false]]'
        assert (choices in badge) is (name == "restricted"), badge
        assert ("restricted" in str(told)) is (name == "restricted")
        await act(client, "set_deployment", ["restricted"], headers)
        model = behind.restricted if name == "restricted" else behind.model
        before = len(model.asked)
        model.will_say("answered")
        await act(client, "send", ["who are you?"], headers)

        async def is_asked(model=model, before=before):
            return len(model.asked) == before + 1

        await until(is_asked)
    config = (await client.get("/config", headers=signed_in("guest"))).text
    assert "restricted" not in config


async def test_a_deployment_that_was_chosen_before_it_was_shut_answers_no_more(behind, client):
    member, former = signed_in("cleo", "p1", "staff"), signed_in("cleo", "p1")
    await update(client, member)
    await act(client, "set_deployment", ["restricted"], member)
    behind.restricted.will_say("yes")
    await act(client, "send", ["first"], member)
    asked = len(behind.restricted.asked)

    async def is_answered():
        return "yes" in (await client.get("/chat/export/markdown", headers=member)).text

    await until(is_answered)
    behind.model.will_say("the other")
    await act(client, "send", ["second"], former)

    async def is_answered_by_the_other():
        return "the other" in (await client.get("/chat/export/markdown", headers=former)).text

    await until(is_answered_by_the_other)
    assert len(behind.restricted.asked) == asked


async def test_signing_out_leads_to_the_proxys_and_ends_what_is_open(behind, client):
    headers = signed_in("olga", "open")
    async with client.stream("GET", "/chat/updates", headers=headers) as reply:
        lines = reply.aiter_lines()
        await anext(lines)
        assert (await client.post("/sign-out", headers=headers)).json() == {"next": "/oauth2/sign_out"}
        async for _ in lines:
            pass
    # The proxy says whether they are in again.
    assert (await client.get("/config", headers=headers)).status_code == 200


class Things:
    """What is Ada's, by the names that somebody else may have learnt, and names of what is not there."""

    def __init__(self, conversation: str, event: str) -> None:
        self.known = {"conversation": conversation, "page": "adas page", "session": "adas session", "event": event}
        self.made_up = {"page": "no page", "session": "no session", "event": "f" * len(event)}
        self.made_up["conversation"] = "x" * len(conversation)
        self.known["share"], self.made_up["share"] = "a" * 16, "b" * 16


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def adas(behind, store):
    """A conversation with an answer in it, a page that shows it, and a session of the API."""
    async with httpx.AsyncClient(base_url=behind.url, timeout=30) as client:
        headers = signed_in("ada", "adas page")
        await update(client, headers)
        await ask(behind, client, headers, SECRET_WORDS, "noted")

        async def is_answered():
            return "noted" in (await client.get("/chat/export/markdown", headers=headers)).text

        await until(is_answered)
        [conversation] = await conversations(store, "ada")
        behind.model.will_say("by the API")
        config = (await client.get("/config", headers=headers)).json()
        function = next(each["id"] for each in config["dependencies"] if each["api_name"] == "chat")
        event = {"fn_index": function, "session_hash": "adas session", "data": ["an API question", None]}
        join = {name: value for name, value in headers.items() if name.startswith("x-forwarded")}
        joined = await client.post(f"{API}/queue/join", json=event, headers=join)

        async def is_asked():
            return any("an API question" in str(each) for each in behind.model.asked)

        # What the model says next is for others.
        await until(is_asked)
    things = Things(conversation.id, joined.json()["event_id"])
    things.function = function
    share = Share(things.known["share"], conversation.id, "", time.time(), time.time() + 600)
    await store.shares.add(owner_of("ada"), share, "a hash", b"what it shows", 1)
    return things


def requests_about(names, function):
    """Every action of a page, and every request of the API's clients, that can name something."""
    conversation, session, event = names["conversation"], names["session"], names["event"]
    page = {
        "send": ["hello"],
        "example": [0],
        "retry": [],
        "retry_with": ["test"],
        "continue": [],
        "edit": [0, "other words"],
        "undo": [],
        "redo": [0, 0],
        "stop": [],
        "flip": [0, 0],
        "earlier": [],
        "mark": [0, "excluded"],
        "dismiss": [0],
        "rate": [0, "up"],
        "comment": [0, "a word"],
        "new": [],
        "open": [conversation],
        "rename": [conversation, "mine now"],
        "name": [conversation],
        "pin": [conversation],
        "unpin": [conversation],
        "archive": [conversation],
        "unarchive": [conversation],
        "delete": [conversation],
        "restore": [conversation],
        "let_go": [],
        "more": [],
        "filter": ["archived"],
        "search": ["launch"],
        "share": [7],
        "unshare": [names["share"]],
        "compare": ["hello", {"k": 1}],
        "keep": [0],
        "set_k": [1],
        "set_token_budget": [100],
        "set_pins": [False],
        "set_temperature": [1],
        "set_top_p": [1],
        "set_max_tokens": [10],
        "set_deployment": ["test"],
        "set_preset": [""],
        "set_system_prompt": ["be mine"],
        "reset": [],
        "accept": ["a version"],
        "temporary": [],
        "leave": [],
        "erase": [],
    }
    for action, values in page.items():
        yield "POST", f"/chat/{action}", values
    yield "POST", "/chat/mention", [SECRET_WORDS]
    for kind in ("markdown", "report", "json", "all"):
        yield "GET", f"/chat/export/{kind}", None
    yield "GET", f"{API}/queue/data?session_hash={session}", None
    yield "POST", f"{API}/cancel", {"session_hash": session, "fn_index": function, "event_id": event}
    yield "POST", f"{API}/reset", {"event_id": event}
    yield "GET", f"{API}/heartbeat/{session}", None
    for name in (session, event):
        yield "GET", f"{API}/call/chat/{name}", None
        yield "GET", f"{API}/call/v2/chat/{name}", None
    yield "GET", f"{API}/file={session}", None
    yield "GET", f"/?deep_link={session}", None


async def test_every_action_is_among_what_is_asked_for_here(behind):
    actions = set(PageActions(None, None, Branding(), type("Guard", (), {"terms": None})())._actions)
    asked = {path.removeprefix("/chat/") for _, path, _ in requests_about(Things("c", "e").known, 0)}
    assert actions <= asked


async def answers(client, names, function, user):
    """What somebody is answered who names these things."""
    found = []
    for method, path, values in requests_about(names, function):
        headers = signed_in(user, names["page"]) if user else page_headers(names["page"])
        if "heartbeat" in path:
            # It never ends.
            async with client.stream(method, path, headers=headers) as reply:
                found.append((path.partition("heartbeat")[1], reply.status_code, b""))
            continue
        content = None if values is None else json.dumps(values)
        reply = await client.request(method, path, content=content, headers=headers)
        body = b"" if path.startswith("/?") else reply.content
        general = path.replace(names["session"], "…").replace(names["event"], "…")
        found.append((general, reply.status_code, body))
    return found


@pytest.mark.parametrize("user", ["mallory", None])
async def test_what_is_somebody_elses_is_answered_as_what_is_not_there(behind, store, client, adas, user):
    for _ in range(8):
        behind.model.will_say("something")
    everything = await store.everything(adas.known["conversation"])
    before = await store.get(adas.known["conversation"])
    asked = [user and f"{user} {number}" for number in range(2)]
    known = await answers(client, adas.known, adas.function, asked[0])
    made_up = await answers(client, adas.made_up, adas.function, asked[1])
    if user is None:
        assert {status for _, status, _ in known + made_up} == {401}
    for mine, others in zip(known, made_up, strict=True):
        assert mine[:2] == others[:2]
        for words in (SECRET_WORDS.encode(), b"noted", b"by the API"):
            assert words not in mine[2], mine[0]
    # A session that nobody has is begun; this one is somebody's.
    event = {"fn_index": adas.function, "session_hash": adas.known["session"], "data": ["hello", None]}
    joined = await client.post(f"{API}/queue/join", json=event, headers=signed_in(user, "p") if user else {})
    assert joined.status_code == (404 if user else 401)
    behind.model.forget_script()
    assert [each.id for each in await store.shares.list(owner_of("ada"))] == [adas.known["share"]]
    assert await store.get(adas.known["conversation"]) == before
    assert await store.everything(adas.known["conversation"]) == everything
    if user is not None:
        told = str(await update(client, signed_in(asked[0], adas.known["page"])))
        assert SECRET_WORDS not in told
        assert adas.known["conversation"] not in told
    told = str(await update(client, signed_in("ada", adas.known["page"])))
    assert SECRET_WORDS in told
    assert "mine now" not in told
    if user is not None:
        await heard_by_ada(client, adas)


async def heard_by_ada(client, adas):
    """What was hidden from others is there for whose it is, as it was before they asked."""
    mine = {name: value for name, value in signed_in("ada").items() if name.startswith("x-forwarded")}
    heard = await client.get(f"{API}/call/chat/{adas.known['event']}", headers=mine)
    assert "by the API" in heard.text


async def test_no_route_tells_somebody_else_what_it_holds(behind, client, adas):
    """Those of Gradio that nobody needs, too, with each known name in the place of their parameters."""
    for path in sorted(set(paths_of(behind.app.routes))):
        for value in adas.known.values():
            url = filled(path, value)
            if "heartbeat" in url or url == "/chat/updates":
                continue
            for method in ("GET", "POST"):
                reply = await client.request(method, url, headers=signed_in("trudy", "t"))
                assert SECRET_WORDS not in reply.text, (method, url)


PRINCIPAL = {
    "auth_typ": "aad",
    "name_typ": "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress",
    "role_typ": "roles",
    "claims": [
        {"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": "object-1"},
        {"typ": "http://schemas.microsoft.com/identity/claims/tenantid", "val": "tenant-1"},
        {"typ": "preferred_username", "val": "ada@example.com"},
        {"typ": "name", "val": "admins"},
        {"typ": "groups", "val": "group-1"},
        {"typ": "roles", "val": "Chat.Staff"},
    ],
}


def encoded(principal):
    return base64.b64encode(json.dumps(principal).encode()).decode()


async def visit_of(kind, *headers, trusted=True, allowed=()):
    from starlette.requests import Request

    from chatbot.access.membership import Membership
    from chatbot.access.proxy_entrance import ProxyEntrance

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "state": {"from_trusted_proxy": trusted},
    }
    return await ProxyEntrance(kind, Membership(allowed), None, None).visit(Request(scope))


async def test_whom_easy_auth_describes_is_known_by_object_names_and_groups():
    visit = await visit_of("azure", ("x-ms-client-principal", encoded(PRINCIPAL)))
    assert visit.person == Person.known_as(
        "azure:aad:tenant-1", "object-1", ["ada@example.com", "group-1", "Chat.Staff"]
    )
    assert "admins" not in visit.person.names, "a display name is whatever somebody calls themselves"


@pytest.mark.parametrize(
    "headers",
    [
        [("x-ms-client-principal", "no base64!")],
        [("x-ms-client-principal", encoded({}))],
        [("x-ms-client-principal", encoded({**PRINCIPAL, "claims": []}))],
        [("x-ms-client-principal", encoded({**PRINCIPAL, "claims": ["ada"]}))],
        [("x-ms-client-principal", encoded([]))],
        [("x-ms-client-principal", encoded(PRINCIPAL))] * 2,
        [("x-ms-client-principal-name", "ada@example.com")],
        [("x-forwarded-user", "ada")],
    ],
)
async def test_what_describes_nobody_lets_nobody_in(headers):
    assert await visit_of("azure", *headers) is None


@pytest.mark.parametrize(
    ("kind", "prefix", "other"),
    [("oauth2-proxy", "x-forwarded", "x-auth-request"), ("auth-request", "x-auth-request", "x-forwarded")],
)
async def test_each_kind_of_proxy_is_believed_in_its_own_words(kind, prefix, other):
    visit = await visit_of(kind, (f"{prefix}-user", "ada"), (f"{prefix}-groups", "staff, guests"))
    assert visit.person == Person.known_as("proxy", "ada", ["ada", "staff", "guests"])
    assert await visit_of(kind, (f"{other}-user", "ada")) is None
    assert await visit_of(kind, ("x-ms-client-principal", encoded(PRINCIPAL))) is None
    assert await visit_of(kind, (f"{prefix}-user", "ada"), (f"{prefix}-user", "eve")) is None
    assert await visit_of(kind, (f"{prefix}-user", "ada"), trusted=False) is None


async def test_who_is_not_among_those_named_is_not_in():
    mine = ("x-forwarded-user", "ada"), ("x-forwarded-groups", "guests")
    assert await visit_of("oauth2-proxy", *mine, allowed=["staff"]) is None
    assert await visit_of("oauth2-proxy", *mine, allowed=["staff", "guests"]) is not None
    assert await visit_of("oauth2-proxy", *mine, allowed=["ada"]) is not None
