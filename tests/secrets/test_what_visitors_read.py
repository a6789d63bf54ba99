"""Visitors read what they can do; what an endpoint said stands in the log, for whoever runs the application."""

import json
import traceback

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.exc import SQLAlchemyError

from chatbot.conversation import (
    Caller,
    Conversation,
    ConversationStore,
    Deployment,
    Deployments,
    WindowMemory,
)
from chatbot.settings import Settings
from chatbot.ui.i18n import CODES, Language
from tests.conversation.conversing import until
from tests.conversation.store.talk import begin, ended
from tests.support.app_process import AppProcess
from tests.support.page_events import act, headers
from tests.support.scripted_model import ScriptedModel
from tests.support.wire import WireServer, json_reply, sample_reply, text_reply

KEY = "Qm7sVx2Lp9TwBc4DeF6gHjN1oUiYtR8k"
HOST = "backend-7.internal.example"
TECHNICAL = (HOST, "127.0.0.1", "AZUREML_", "HTTP 4", "HTTP 5", "the deployment", "x-request-id", "traffic group")

FAILURES = {
    "ModelAuthenticationError": sample_reply("maas_401_bad_key"),
    "ModelNotFoundError": sample_reply("score_404_no_traffic"),
    "ModelInvalidRequestError": sample_reply("score_424_bad_input"),
    "ContextOverflowError": sample_reply("vllm_context_length_400"),
    "ModelAPIError": json_reply({"error": {"message": f"no healthy upstream {HOST}"}}),
    "ModelPermissionDeniedError": text_reply(f"{HOST} lets nobody in", 403),
    "ModelRateLimitError": json_reply({"error": {"message": f"{HOST} is busy"}}, 429, retry_after="600"),
}


async def failed(app, action="send"):
    """Ask; return what the page, an export and an API client are told."""
    told = ""
    async with httpx.AsyncClient(base_url=app.url, timeout=60) as client:
        asked = headers("a page", "ada")
        await act(client, "new", [], "a page", "ada")
        assert await act(client, action, ["my precious words"], "a page", "ada") == 204

        async def has_ended():
            exported = await client.get("/chat/export/json", headers=asked)
            return exported.status_code == 200 and exported.json()["turns"][-1]["status"] == "failed"

        await until(has_ended)
        for kind in ("json", "markdown"):
            told += (await client.get(f"/chat/export/{kind}", headers=asked)).text
        async with client.stream("GET", "/chat/updates", headers=asked) as stream:
            told += await anext(stream.aiter_lines())
        called = await client.post("/gradio_api/call/chat", json={"data": ["my precious words"]})
        async with client.stream("GET", f"/gradio_api/call/chat/{called.json()['event_id']}") as answer:
            told += "".join([text async for text in answer.aiter_text()])
    return told


@pytest.fixture(scope="module")
def wire():
    with WireServer() as server:
        yield server


@pytest.fixture(scope="module")
def public(wire, tmp_path_factory):
    settings = {
        "AZUREML_ENDPOINT_URL": f"{wire.url}/v1/chat/completions",
        "AZUREML_ENDPOINT_API_KEY": KEY,
        "CHATBOT_SHOW_ENDPOINT_ERRORS": "false",
    }
    with AppProcess(tmp_path_factory.mktemp("public"), settings) as process:
        yield process


@pytest.mark.parametrize("kind", FAILURES)
async def test_a_visitor_is_told_what_to_do_and_the_log_what_was_said(wire, public, kind):
    wire.default = FAILURES[kind]
    logged = len(public.log)
    told = await failed(public)
    assert Language("en")(f"failure.{kind}") in told
    assert Language("en")(f"advice.{kind}") in told
    assert [each for each in TECHNICAL if each in told] == []
    [line, *_] = [line for line in public.log[logged:].splitlines() if f"kind={kind}" in line]
    assert len(line) > len(f"The model failed:  [kind={kind}]") + 40
    assert "my precious words" not in public.log


async def test_what_a_filter_found_is_told_to_everybody(wire, public):
    wire.default = sample_reply("content_filter_prompt_400_maas")
    told = await failed(public)
    assert Language("en")("failure.blocked") in told
    assert "HTTP" not in told
    found = {"hate": {"filtered": True}, "blocklist-of-the-house": {"filtered": True}, "violence": {"filtered": True}}
    error = {"message": f"{HOST} blocked it", "code": "content_filter", "innererror": {"content_filter_result": found}}
    wire.default = json_reply({"error": error}, 400)
    told = await failed(public)
    assert "“hate, violence”" in told
    assert "of-the-house" not in told


async def test_who_sits_at_the_machine_reads_the_endpoints_own_words(wire, tmp_path):
    wire.default = json_reply({"error": {"message": "no healthy upstream"}})
    settings = {"AZUREML_ENDPOINT_URL": f"{wire.url}/v1/chat/completions", "AZUREML_ENDPOINT_API_KEY": KEY}
    with AppProcess(tmp_path, settings) as process:
        assert "no healthy upstream" in await failed(process)


@pytest.mark.parametrize(
    ("wanted", "origin", "quoted"),
    [
        (None, None, True),
        (None, "127.0.0.1", True),
        (None, "127.8.0.1", True),
        (None, "::/64", True),
        (None, "192.0.2.7", False),
        (None, "2001:db8::/64", False),
        (None, "", False),
        (True, "192.0.2.7", True),
        (False, "127.0.0.1", False),
    ],
)
def test_who_reads_an_endpoints_own_words(wanted, origin, quoted):
    deployments = Deployments(Deployment("test", ScriptedModel(), WindowMemory()), quotes_errors=wanted)
    assert deployments.quotes_errors_to(Caller(origin)) is quoted


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, True),
        ({"CHATBOT_HOST": "::1"}, True),
        ({"CHATBOT_HOST": "0.0.0.0"}, False),
        ({"CHATBOT_HOST": "0.0.0.0", "CHATBOT_SHOW_ENDPOINT_ERRORS": "true"}, True),
        ({"CHATBOT_SHOW_ENDPOINT_ERRORS": "false"}, False),
    ],
)
def test_where_an_endpoint_is_called_by_its_host(monkeypatch, settings, named):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert Settings.load(None).names_host is named


@pytest.mark.parametrize("code", CODES)
def test_no_advice_names_a_variable(code):
    texts = json.dumps(Language(code)._texts["advice"]) + json.dumps(Language(code)._texts["failure"])
    assert "AZUREML_" not in texts
    assert "CHATBOT_" not in texts


SAID = "an answer like no other"
FULL = "CREATE TRIGGER full BEFORE UPDATE ON turns BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"


@pytest_asyncio.fixture
async def store(tmp_path):
    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    yield store
    await store.aclose()


async def test_a_write_that_fails_tells_the_log_nothing_of_what_was_said(store):
    turn, _ = await begin(store, Conversation("c1", "ada", title="Hello"), 0, "my precious words")
    async with store._database.writing() as connection, connection.begin():
        await connection.exec_driver_sql(FULL)
    with pytest.raises(SQLAlchemyError) as refused:
        await store.end("c1", ended(turn, SAID))
    told = "".join(traceback.format_exception(refused.value))
    assert "the disk is full" in told
    assert SAID not in told
