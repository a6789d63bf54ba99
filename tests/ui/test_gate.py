"""What the server answers and what it does not: over a real socket, as browsers, API clients and strangers ask."""

import asyncio

import httpx
import pytest
import pytest_asyncio
from starlette.routing import Mount

from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding, gate
from chatbot.ui.gate import READ, WRITTEN
from chatbot.ui.identity import COOKIE, PAGE_HEADER
from chatbot.ui.lengths import LENGTHS
from tests.conversation.conversing import until
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving

API = "/gradio_api"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def application(tmp_path_factory):
    # In a loop, or Gradio makes one of its own and leaves it open.
    store = ConversationStore(f"sqlite:///{tmp_path_factory.mktemp('gate')}/chat.db")
    service = ConversationService(Deployments(Deployment("test", ScriptedModel(), WindowMemory())), store)
    return create_page_app(service, Branding("Test"), [Step("close the database", store.aclose, 5)])


@pytest.fixture(scope="module")
def url(application):
    with serving(application) as url:
        yield url


@pytest.fixture
def client(url):
    with httpx.Client(base_url=url, timeout=30) as client:
        yield client


def fn_index(client, api_name="chat"):
    return next(each["id"] for each in client.get("/config").json()["dependencies"] if each["api_name"] == api_name)


def join(client, session, function, **options):
    event = {"fn_index": function, "session_hash": session, "data": ["hello", None]}
    return client.post(f"{API}/queue/join", json=event, **options)


def paths_of(router, prefix=""):
    """The paths of an application's routes, those of included routers too."""
    for route in router.routes:
        if inner := getattr(route, "original_router", None):
            yield from paths_of(inner, prefix)
        elif hasattr(route, "methods"):
            yield prefix + route.path


def test_every_route_of_gradio_is_either_needed_or_shut(application, client):
    [gradio] = [route for route in application.routes if isinstance(route, Mount)]
    paths = set(paths_of(gradio))
    assert len(paths) > 50
    needless = [path for path in paths if not READ.fullmatch(path) and not WRITTEN.fullmatch(path)]
    for path in needless:
        for method in ("GET", "POST", "PUT", "DELETE"):
            reply = client.request(method, path, json={} if method == "POST" else None)
            assert (reply.status_code, reply.json()) == (404, {"detail": "There is nothing here."}), (method, path)


@pytest.mark.parametrize(
    "path",
    [
        f"{API}/file=/etc/passwd",
        f"{API}/deep_link?session_hash=known",
        "/monitoring/summary",
        f"{API}/runs",
        f"{API}/proxy=https://example.hf.space/",
        f"{API}/openapi.json",
        "/docs",
    ],
)
def test_what_nobody_needs_is_not_there(client, path):
    assert client.get(path).status_code == 404


def test_the_server_says_that_it_is_alive(client):
    reply = client.get("/healthz")
    assert (reply.status_code, reply.text, reply.headers["cache-control"]) == (200, "ok", "no-store")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_may_not_write(client, site):
    headers = {"sec-fetch-site": site, PAGE_HEADER: "p1"}
    reply = client.post("/chat/send", json=["hello"], headers=headers)
    assert reply.status_code == 403


def test_another_sites_page_may_not_read(client):
    reply = client.get("/config", headers={"origin": "https://sibling.example", "cookie": f"{COOKIE}=known"})
    assert "access-control-allow-origin" not in reply.headers


def test_a_body_that_is_too_large_is_refused_before_it_is_read(client):
    reply = client.post("/chat/send", content=b"x" * (LENGTHS.of_body("/chat/send") + 1))
    assert reply.status_code == 413


def test_so_is_one_that_does_not_tell_its_length(client):
    body = (b"x" * 100_000 for _ in range(20))
    reply = client.post("/chat/send", content=body, headers={PAGE_HEADER: "p1"})
    assert reply.status_code == 413


def test_only_pages_act_and_only_as_pages_do(client):
    page = {PAGE_HEADER: "p1"}
    assert client.post("/chat/new", json=[]).status_code == 404
    assert client.post("/chat/nothing", json=[], headers=page).status_code == 404
    for action, body in {
        "send": b"no JSON",
        "search": b"[]",
        "new": b"[1]",
        "flip": b'["0", -1]',
        "dismiss": b'["99999999999999999999"]',
        "mark": b'["0", "forever"]',
        "rate": b'["0", "so so"]',
        "set_k": b"[1e999]",
        "open": b"[null]",
    }.items():
        assert client.post(f"/chat/{action}", content=body, headers=page).status_code == 400, action
    for action, values in {"new": [], "dismiss": ["3"], "rate": ["0", "none"], "set_k": [3], "open": ["x"]}.items():
        assert client.post(f"/chat/{action}", json=values, headers=page).status_code == 204, action


def test_the_queue_is_for_the_api_alone(client):
    other = next(each["id"] for each in client.get("/config").json()["dependencies"] if each["api_name"] != "chat")
    assert join(client, "s1", other).status_code == 404
    assert client.post(f"{API}/queue/join", content=b"no event").status_code == 400


def test_a_session_is_its_owners(client):
    function = fn_index(client)
    owner, other = {"cookie": f"{COOKIE}=ada"}, {"cookie": f"{COOKIE}=grace"}
    assert join(client, "adas", function, headers=owner).status_code == 200
    for headers in (other, {}):
        assert client.get(f"{API}/queue/data", params={"session_hash": "adas"}, headers=headers).status_code == 404
        assert join(client, "adas", function, headers=headers).status_code == 404


@pytest.mark.parametrize(
    "most", [100, pytest.param(gate.MAX_QUEUED, marks=[pytest.mark.exhaustive, pytest.mark.timeout(900)])]
)
@pytest.mark.asyncio(loop_scope="session")
async def test_sessions_that_nobody_reads_make_room(url, monkeypatch, most):
    """Left to itself, Gradio's queue keeps 2,000, and ends for good when it forgets one that still waits."""
    assert gate.MAX_QUEUED < 2_000
    monkeypatch.setattr(gate, "MAX_QUEUED", most)
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        config = (await client.get("/config")).json()
        function = next(each["id"] for each in config["dependencies"] if each["api_name"] == "chat")
        limit = asyncio.Semaphore(50)

        async def one(number):
            async with limit:
                # Refused by the service at once: the session is over, and nobody reads what became of it.
                event = {"fn_index": function, "session_hash": f"unread {number}", "data": ["", None]}
                return (await client.post(f"{API}/queue/join", json=event)).status_code

        statuses = await asyncio.gather(*(one(number) for number in range(most + 100)))
        assert set(statuses) <= {200, 503}

        async def is_taken():
            event = {"fn_index": function, "session_hash": "the last", "data": ["", None]}
            return (await client.post(f"{API}/queue/join", json=event)).status_code == 200

        await until(is_taken)
        async with client.stream("GET", f"{API}/queue/data", params={"session_hash": "the last"}) as reply:
            assert reply.status_code == 200
            lines = [line async for line in reply.aiter_lines() if "process_completed" in line]
        assert lines
