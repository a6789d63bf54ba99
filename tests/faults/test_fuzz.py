"""Every route of the running application is sent what no client of ours sends.

It answers with a status that says whose fault that is, writes no traceback, keeps nothing of it, and serves its page.
"""

import asyncio
import json
import re
from collections import Counter
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from starlette.routing import Mount

from chatbot.access.owner import OwnerDoor
from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
from chatbot.server import create_page_app
from chatbot.ui import Branding, PageSessions
from chatbot.ui.actions import PageActions
from chatbot.ui.house_rules import TermsGuard
from chatbot.ui.identity import COOKIE, PAGE_HEADER
from tests.support.app_process import AppProcess
from tests.support.page_events import act, headers
from tests.support.raw_http import Answer, head, send
from tests.support.scripted_model import ScriptedModel

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(2700)]

MEGABYTE = b"x" * 1_000_000
HUNDRED = 100
DEPTH = 100_000

GROWTH = 40_000_000
"""Bytes that the process may have more after all of it than after a first round: buffers, and what ran for the first
time."""

PEAK = 150_000_000
"""Bytes more at any moment: the largest import that is let in is read whole."""

AT_ONCE = 4
OWNER_TOKEN = "a token of the owner's"

BODIES = {
    "no body": b"",
    "wrong type": b'{"text": 1}',
    "a number": b"1",
    "null": b"null",
    "a word": b'"x"',
    "not JSON": b"\x00\x01\x02{[",
    "deep list": b"[" * DEPTH + b"]" * DEPTH,
    "deep object": b'{"a":' * DEPTH + b"1" + b"}" * DEPTH,
    "deep, unfinished": b"[" * DEPTH,
    "invalid UTF-8": b'["\xff\xfe\xc3("]',
    "NUL": b'["\\u0000\x00"]',
    "half a character": b'["\\ud800"]',
    "long number": b"[" + b"9" * 50_000 + b"]",
    "not a number": b"[NaN, -Infinity, 1e999]",
}

EVENTS = [
    {},
    {"session_hash": None, "fn_index": None, "data": None},
    {"session_hash": ["x"], "fn_index": [1], "data": {}},
    {"session_hash": "x" * 10_000, "fn_index": -1, "data": []},
    {"session_hash": "\x00", "fn_index": 10**300, "data": ["\x00"]},
    {"session_hash": "\ud800", "fn_index": True, "data": ["\ud800"]},
    {
        "session_hash": "x",
        "fn_index": "1",
        "data": [[[[]]], {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}],
    },
    {"session_hash": "x" * 900_000, "fn_index": 1, "data": ["hello", None]},
]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def routes(tmp_path_factory):
    """The method and path of every route, with something in place of each parameter."""
    store = ConversationStore(f"sqlite:///{tmp_path_factory.mktemp('routes')}/chat.db")
    service = ConversationService(Deployments(Deployment("test", ScriptedModel(), WindowMemory())), store)
    app = create_page_app(service, Branding("Test"), owner=OwnerDoor(OWNER_TOKEN))
    found = dict.fromkeys(_routes(app))
    actions = PageActions(service, PageSessions(service), Branding("Test"), TermsGuard(service, None))._actions
    found |= dict.fromkeys(("POST", f"/chat/{action}") for action in actions)
    found |= dict.fromkeys(("GET", f"/chat/export/{kind}") for kind in ("markdown", "json", "all", "other"))
    found |= dict.fromkeys(("POST", f"/gradio_api/call/{path}") for path in ("chat", "v2/chat"))
    await service.aclose()
    await store.aclose()
    return list(found)


def _routes(router, prefix=""):
    for route in router.routes:
        if isinstance(route, Mount):
            yield from _routes(route, prefix + route.path)
        elif inner := getattr(route, "original_router", None):
            yield from _routes(inner, prefix)
        elif hasattr(route, "methods"):
            path = re.sub(r"\{[^}]+\}", "x", prefix + route.path)
            yield from ((method, path) for method in sorted(route.methods or {"GET"}))


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.exhaustive)])
def process(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz")
    settings = {"CHATBOT_OWNER_TOKEN": OWNER_TOKEN}
    if request.param == "postgresql":
        settings["CHATBOT_STORE_URL"] = request.getfixturevalue("postgres").render_as_string(hide_password=False)
    with AppProcess(folder, settings) as process:
        yield process


OWN = {PAGE_HEADER: b"a page", "cookie": f"{COOKIE}=ada".encode(), "content-type": b"application/json"}


def with_body(method, path, body):
    return [head(method, path.encode(), OWN | {"content-length": str(len(body)).encode()}), body]


def streamed(method, path):
    yield head(method, path.encode(), OWN | {"transfer-encoding": b"chunked"})
    chunk = b"%x\r\n" % len(MEGABYTE) + MEGABYTE + b"\r\n"
    for _ in range(HUNDRED):
        yield chunk
    yield b"0\r\n\r\n"


def announced(method, path):
    yield head(method, path.encode(), OWN | {"content-length": str(HUNDRED * len(MEGABYTE)).encode()})
    for _ in range(HUNDRED):
        yield MEGABYTE


def requests_to(method, path):
    """What is sent to one route, by what is wrong with it; each time the pieces, and whether the client stays."""
    for name, body in BODIES.items():
        yield name, with_body(method, path, body), True
    yield "100 MB streamed", streamed(method, path), True
    yield "100 MB announced", announced(method, path), True
    raw = path.encode()
    for wrong in {"GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"} - {method}:
        yield f"{wrong} instead of {method}", [head(wrong, raw, OWN)], True
    yield "huge header", [head(method, raw, OWN | {"x-filler": b"x" * 200_000})], True
    yield "many headers", [head(method, raw, OWN | {f"x-{n}": b"x" * 100 for n in range(2_000)})], True
    yield "long cookie", [head(method, raw, OWN | {"cookie": COOKIE.encode() + b"=" + b"\xff" * 8_000})], True
    yield "odd language", [head(method, raw, OWN | {"accept-language": b"\xff\xfe,;q=," * 100})], True
    yield "huge query", [head(method, raw + b"?q=" + b"x" * 60_000, OWN)], True
    yield "huge query, too huge", [head(method, raw + b"?q=" + b"x" * 500_000, OWN)], True
    query = b"?session_hash=%00%ff%ed%a0%80&posted=9e9&days=%00&q=1&q=2&=&&%"
    yield "odd query", [head(method, raw + query, OWN)], True
    yield "huge path", [head(method, raw + b"/" + b"x" * 60_000, OWN)], True
    yield "NUL in the path", [head(method, raw + b"/%00", OWN)], True
    yield "raw NUL in the path", [head(method, raw + b"\x00", OWN)], True
    yield "invalid UTF-8 in the path", [head(method, raw + b"/%ff%c3%28", OWN)], True
    yield "raw bytes in the path", [head(method, raw + b"/\xff\xc3(", OWN)], True
    yield "the way up", [head(method, raw + b"/..%2f..%2f..%2fetc%2fpasswd", OWN)], True
    yield "NUL in a header", [head(method, raw, OWN | {"x-odd": b"\x00"})], True
    chunked = head(method, raw, OWN | {"transfer-encoding": b"chunked"})
    yield "a chunk of no length", [chunked, b"ZZZ\r\n[]\r\n0\r\n\r\n"], True
    yield "a chunk longer than told", [chunked, b"2\r\n[[[[]]]]\r\n0\r\n\r\n"], True
    yield "a chunk that never ends", [chunked, b"ffffff\r\n[", b"x" * 100], False
    yield "a body cut short", [head(method, raw, OWN | {"content-length": b"1000"}), b"["], False
    both = {"content-length": b"5", "transfer-encoding": b"chunked"}
    yield "two lengths at once", [head(method, raw, OWN | both), b"0\r\n\r\n"], True
    for length in (b"-1", b"x", b"1" * 400, b"\xb2"):
        yield f"a length of {length[:4]!r}", [head(method, raw, OWN | {"content-length": length}), b"[]"], False


def requests_to_actions(path):
    """Values of every kind in place of what an action takes, and one too many."""
    values = [
        None,
        True,
        -1,
        1e308,
        10**30,
        10**400,
        "",
        "x",
        "\0",
        "\ud800",
        "9" * 10,
        "٣",
        [],
        {},
        ["x"],
        "x" * 400_000,
    ]
    for count in (1, 2, 3):
        for value in values:
            body = json.dumps([value] * count).encode()
            yield f"{count} times {str(value)[:9]!r}", with_body("POST", path, body), True


async def all_of(url, several):
    """Send them all, a few at a time; what came back, by what was sent."""
    answers: list[tuple[str, Answer]] = []
    waiting = iter(several)

    async def some():
        for name, pieces, stays in waiting:
            try:
                answers.append((name, await send(url, pieces, stays=stays)))
            except TimeoutError:
                pytest.fail(f"no answer to {name}")

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return answers


def memory(process, name="VmRSS"):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(rf"{name}:\s+(\d+) kB", status).group(1)) * 1024


def whats_wrong(answers):
    return [(name, answer.status, answer.body[:80]) for name, answer in answers if answer.status >= 500]


async def is_served(process):
    """A visitor asks, and is answered."""
    async with httpx.AsyncClient(base_url=process.url, timeout=60) as client:
        assert (await client.get("/")).status_code == 200
        page = headers("another page", "grace")
        async with client.stream("GET", "/chat/updates", headers=page) as updates:
            assert await act(client, "new", [], "another page", "grace") == 204
            assert await act(client, "send", ["My name is Grace"], "another page", "grace") == 204
            async for line in updates.aiter_lines():
                if "Nice to meet you" in line:
                    return
        pytest.fail("no answer came")


async def test_nothing_that_is_sent_to_any_route_breaks_it_or_stays(process, routes):
    assert len(routes) > 80
    first = [each for method, path in routes[::7] for each in requests_to(method, path)]
    await all_of(process.url, first)
    await is_served(process)
    before = memory(process)
    wrong, seen = [], Counter()
    for method, path in routes:
        named = ((f"{method} {path}: {name}", pieces, stays) for name, pieces, stays in requests_to(method, path))
        answers = await all_of(process.url, named)
        wrong += whats_wrong(answers)
        seen.update(answer.status for _, answer in answers)
    assert wrong == []
    assert {400, 404, 405, 413} <= set(seen) | {405}, seen
    assert "Traceback" not in process.log, process.log[-4_000:]
    assert memory(process) - before < GROWTH
    assert memory(process, "VmHWM") - before < PEAK
    await is_served(process)


async def test_nothing_that_an_action_is_given_breaks_it(process, routes):
    actions = [path for method, path in routes if method == "POST" and path.startswith("/chat/")]
    assert len(actions) > 25
    wrong = []
    for path in actions:
        named = ((f"{path}: {name}", pieces, stays) for name, pieces, stays in requests_to_actions(path))
        wrong += whats_wrong(await all_of(process.url, named))
    assert wrong == []
    assert "Traceback" not in process.log, process.log[-4_000:]
    await is_served(process)


async def test_nothing_that_the_api_is_given_breaks_it(process):
    paths = ("queue/join", "call/chat", "call/v2/chat", "cancel", "reset")
    several = [
        (f"{path}: {event}", with_body("POST", f"/gradio_api/{path}", json.dumps(event).encode()), True)
        for path in paths
        for event in EVENTS
    ]
    assert whats_wrong(await all_of(process.url, several)) == []
    assert "Traceback" not in process.log, process.log[-4_000:]
    await is_served(process)
