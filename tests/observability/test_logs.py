"""What the log says and does not say, read from the process that wrote it."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace

import httpx
import pytest

from tests.conversation.conversing import until
from tests.support.app_process import AppProcess
from tests.support.page_events import headers
from tests.support.wire import DONE, WireServer, event, sample_reply, stream_reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "key-nobody-may-ever-see"
QUESTION = "the most private of questions"
ANSWER = "the most private of answers"
PROMPT = "the most private of system prompts"


@pytest.fixture
def wire():
    with WireServer() as server:
        yield server


@pytest.fixture
def start(tmp_path, wire):
    def start(**settings):
        return AppProcess(
            tmp_path,
            {
                "AZUREML_ENDPOINT_URL": f"{wire.url}/v1/chat/completions",
                "AZUREML_ENDPOINT_API_KEY": KEY,
                "CHATBOT_SYSTEM_PROMPT": PROMPT,
                **settings,
            },
        )

    return start


async def ask(url):
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        sent = await client.post("/chat/send", content=json.dumps([QUESTION]), headers=headers("a page", "ada"))
        assert sent.status_code == 204
        return sent.headers["x-request-id"]


def named(reply):
    return replace(reply, headers={**reply.headers, "x-request-id": "the-endpoints-own"})


def no_secrets_in(log):
    for secret in (KEY, QUESTION, ANSWER, PROMPT):
        assert secret not in log


async def test_a_failure_is_one_line_that_names_both_requests_and_no_words(start, wire):
    wire.default = named(sample_reply("maas_401_bad_key"))
    with start(CHATBOT_LOG_FORMAT="json") as process:
        request = await ask(process.url)

        async def is_told():
            return bool(process.log)

        await until(is_told)
    [line] = process.log.splitlines()
    told = json.loads(line)
    assert (told["level"], told["logger"], told["request_id"]) == ("warning", "chatbot.conversation.failures", request)
    assert told["message"].startswith("The model failed: The endpoint did not accept the key or token (HTTP 401)")
    assert told["time"].endswith("+00:00")
    assert told["data"] == {
        "kind": "ModelAuthenticationError",
        "deployment": "127.0.0.1",
        "endpoint_request": "the-endpoints-own",
    }
    no_secrets_in(process.log)


async def test_for_people_it_is_a_sentence_with_the_same_behind_it(start, wire):
    wire.default = sample_reply("maas_401_bad_key")
    with start() as process:
        request = await ask(process.url)

        async def is_told():
            return "[kind=ModelAuthenticationError" in process.log

        await until(is_told)
    assert f"request={request}]" in process.log
    no_secrets_in(process.log)


@pytest.mark.parametrize("form", ["json", "text"])
async def test_a_database_that_refuses_what_was_said_tells_the_log_why_and_not_what(start, wire, tmp_path, form):
    wire.default = stream_reply(event(ANSWER), event(finish_reason="stop"), DONE)
    with start(CHATBOT_LOG_FORMAT=form, CHATBOT_LOG_LEVEL="debug") as process:
        await ask(process.url)

        def rows():
            with closing(sqlite3.connect(tmp_path / "data" / "conversations.db", timeout=20)) as file:
                return file.execute("SELECT status FROM turns").fetchall()

        async def is_answered():
            return rows() == [("complete",)]

        await until(is_answered)
        with closing(sqlite3.connect(tmp_path / "data" / "conversations.db")) as file, file:
            file.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON turns BEGIN SELECT RAISE(ABORT, 'refused by a test'); END"
            )
        await ask(process.url)

        async def is_told():
            return "refused by a test" in process.log

        await until(is_told)
    assert "Traceback" in process.log
    no_secrets_in(process.log)
    if form == "json":
        told = [json.loads(line) for line in process.log.splitlines()]
        assert any("refused by a test" in each.get("exception", "") for each in told)
