"""Behind each door, every route that the server has answers nobody who was not let in."""

import httpx
import pytest
import pytest_asyncio

from chatbot.access.door import FOR_STRANGERS
from chatbot.api.routes import COMPLETIONS, MODELS
from tests.access.conftest import application
from tests.api.conftest import add_key
from tests.support.routes import Caller, filled, paths_of

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
WAYS_IN = {"/sign-in", "/sign-in/callback"}
"""Of these it is tested elsewhere what they answer."""

FORGED = {
    "x_forwarded_for": "127.0.0.1",
    "x_ms_client_principal": "eyJhdXRoX3R5cCI6ImFhZCIsImNsYWltcyI6W3sidHlwIjoic3ViIiwidmFsIjoiYWRhIn1dfQ==",
    "x_auth_request_user": "ada",
    "cookie": "chatbot_session=e30.e30; __Host-chatbot_session=e30.e30; chatbot_visitor=ada",
    "authorization": "Basic YWRhOmFkYQ==",
}


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["password", "provider", "proxy"])
async def behind(request, doors, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    # With a key there is an API, which has a door of its own.
    key = await add_key(f"sqlite:///{folder}/chat.db")
    with application(folder, doors[request.param]) as made:
        made.key = key
        yield made


@pytest.fixture
def caller(behind):
    caller = Caller(behind.url)
    yield caller
    caller.close()


def spellings(path):
    yield path
    yield path.rstrip("/") + "/"
    yield "/" + path
    yield path + "?next=/healthz"
    yield "/." + path
    yield "/healthz/.." + path
    yield "/healthz%2f.." + path
    yield path.upper()
    yield "/" + "".join(f"%{ord(each):02x}" for each in path[1:])
    yield path + "%00"
    yield path + ";/healthz"


@pytest.mark.timeout(1800)
def test_every_route_is_shut(behind, caller):
    paths = {filled(path) for path in paths_of(behind.app.routes)}
    assert len(paths) > 60, "the walk does not find what Gradio serves"
    paths |= {"/v1", MODELS, f"{MODELS}/test", COMPLETIONS}
    assert {"/", "/chat/updates", "/chat/x", "/config", "/gradio_api/queue/join", "/gradio_api/upload"} <= paths
    answered = []
    for path in sorted(paths):
        for spelling in spellings(path):
            for method in METHODS if spelling == path else ("GET", "POST"):
                status, body = caller.call(method, spelling)
                is_open = path in FOR_STRANGERS and method in ("GET", "HEAD")
                if status != 401 and not is_open and path not in WAYS_IN:
                    answered.append((method, spelling, status, body[:80]))
    assert answered == []


def test_what_is_forged_opens_nothing(behind, caller):
    for path in ("/", "/config", "/chat/updates", "/gradio_api/info"):
        assert caller.call("GET", path, **FORGED)[0] == 401


def test_a_key_of_the_api_opens_the_api_and_nothing_else(behind, caller):
    shown = {"authorization": f"Bearer {behind.key}"}
    assert caller.call("GET", MODELS, **shown)[0] == 200
    paths = {filled(path) for path in paths_of(behind.app.routes)} - FOR_STRANGERS - WAYS_IN
    assert {caller.call("GET", path, **shown)[0] for path in paths} == {401}


def test_what_is_open_is_what_is_listed(caller):
    found = {path: caller.call("GET", path)[0] for path in FOR_STRANGERS}
    assert found["/healthz"] == 200
    assert 401 not in found.values()


def test_nothing_of_the_application_is_told(caller):
    for headers in ({"accept": "text/html"}, {"accept": "*/*"}, {"accept": "text/event-stream"}):
        _, body = caller.call("GET", "/", **headers)
        for word in (b"gradio", b"restricted", b"deployment", b"<script"):
            assert word not in body


def test_a_person_gets_the_page_and_a_script_gets_json(caller):
    status, body = caller.call("GET", "/", accept="text/html,*/*", sec_fetch_mode="navigate")
    assert (status, body[:15]) == (401, b"<!doctype html>")
    for headers in ({"accept": "*/*"}, {"accept": "text/html", "sec_fetch_mode": "cors"}):
        assert caller.call("GET", "/", **headers) == (401, b'{"detail":"Sign in first."}')
    assert caller.call("POST", "/", accept="text/html")[0] == 401


def test_nothing_that_a_door_says_is_kept_by_anybody(behind):
    for headers in ({"accept": "text/html"}, {}):
        assert httpx.get(behind.url, headers=headers).headers["cache-control"] == "no-store"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/chat/send"])
def test_another_sites_page_may_write_nowhere(caller, site, path):
    assert caller.call("POST", path, b"password=x", sec_fetch_site=site)[0] == 403
