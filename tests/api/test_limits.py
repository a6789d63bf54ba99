"""What programs use counts as what visitors use does: admitted, reserved, settled, told of, and refused in words."""

import asyncio
import json

import httpx
import pytest
import pytest_asyncio
from langchain_core.exceptions import ModelAPIError

from chatbot.api.routes import MAX_REQUESTS
from chatbot.conversation import Deployment, Rate, TurnStatus, UsageLimits, WindowMemory
from chatbot.conversation.generation.admission import MAX_ANSWERS_PER_OWNER
from chatbot.redaction import remember
from tests.api.conftest import application
from tests.conversation.conversing import until
from tests.support.scripted_model import ScriptedModel

pytestmark = pytest.mark.asyncio(loop_scope="module")

BODY = {"model": "test", "messages": [{"role": "user", "content": "Hello"}]}


# Gradio makes a loop of its own where none runs.
@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def app(tmp_path_factory):
    with application(tmp_path_factory.mktemp("plain"), locked=frozenset({"system_prompt", "temperature"})) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def client(app):
    async with httpx.AsyncClient(base_url=app.url, headers=app.headers, timeout=60) as client:
        yield client


async def ask(client, **changed):
    return await client.post("/chat/completions", json=BODY | changed)


def events(text):
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


async def is_true(condition):
    return condition()


async def test_what_is_locked_holds_for_programs_too_and_so_does_the_longest_answer(app, client):
    app.model.will_say("Hi")
    answer = await ask(client, temperature=1.5, max_tokens=900, top_p=0.5)
    assert answer.json()["choices"][0]["message"]["content"] == "Hi"
    assert [(each.type, each.text) for each in app.model.asked[-1]] == [("system", "Be kind."), ("human", "Hello")]
    told = app.model.told[-1]
    assert (told["max_tokens"], told["top_p"], "temperature" in told) == (50, 0.5, False)


async def test_listeners_hear_of_it_as_of_a_turn(app, client):
    before = app.heard.began_count
    app.model.will_say("Hi")
    await ask(client)
    turn = app.heard.turns[-1]
    assert (app.heard.began_count, turn.deployment, turn.answer_text, turn.usage.input_tokens) == (
        before + 1,
        "test",
        "Hi",
        11,
    )
    assert turn.timing.first_word is not None


async def test_a_key_of_ours_that_a_model_echoes_is_in_no_answer(app, client):
    key = "a-key-of-ours-0123456789abcdef"
    remember(key)
    for streams in (False, True):
        app.model.will_say("It is a-key-", "of-ours-0123456789", "abcdef, or so")
        reply = await ask(client, stream=streams)
        assert "0123456789" not in reply.text
        assert "or so" in reply.text


async def test_a_failure_after_the_first_word_is_an_event_and_before_it_a_status(app, client):
    app.model.will_say("One", ModelAPIError("broken"))
    reply = await ask(client, stream=True)
    *words, last = events(reply.text)
    assert reply.status_code == 200
    assert "".join(each["choices"][0]["delta"]["content"] for each in words) == "One"
    assert last["error"]["type"] == "server_error"
    assert "[DONE]" not in reply.text
    app.model.will_say(ModelAPIError("broken"))
    assert (await ask(client, stream=True)).status_code == 502
    app.model.will_say(RuntimeError("no error of a model"))
    reply = await ask(client)
    assert (reply.status_code, "no error of a model" in reply.text) == (500, False)


async def test_what_is_blocked_says_so(app, client):
    error = ModelAPIError("blocked")
    error.filter_results = {}
    app.model.will_say(error)
    reply = await ask(client)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "content_filter")


async def test_one_key_has_so_many_answers_at_once_and_no_more(app, client):
    asked = len(app.model.asked)
    asking = [asyncio.create_task(ask(client)) for _ in range(MAX_ANSWERS_PER_OWNER)]
    await until(lambda: is_true(lambda: len(app.model.asked) == asked + MAX_ANSWERS_PER_OWNER))
    refused = await ask(client)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert refused.headers["retry-after"] == "10"
    assert app.heard.refusals[-1] == "OwnerBusyError"
    assert (await client.get("/models")).status_code == 200
    for each in asking:
        each.cancel()
    stopped = [TurnStatus.STOPPED] * MAX_ANSWERS_PER_OWNER
    await until(lambda: is_true(lambda: [each.status for each in app.heard.turns[-len(stopped) :]] == stopped))
    assert app.model.closed == MAX_ANSWERS_PER_OWNER
    assert MAX_REQUESTS > MAX_ANSWERS_PER_OWNER


async def test_what_is_too_long_is_not_read(tmp_path):
    with application(tmp_path, api_max_bytes=10_000) as app:

        async def pieces():
            for _ in range(20):
                yield b" " * 1_000

        async with httpx.AsyncClient(base_url=app.url, headers=app.headers) as client:
            for content in (b" " * 20_000, pieces()):
                reply = await client.post("/chat/completions", content=content)
                assert (reply.status_code, "0.01 MB" in reply.json()["error"]["message"]) == (413, True)


async def test_a_keys_messages_and_tokens_are_limited_and_the_budget_is_everybodys(tmp_path):
    stand_in = ScriptedModel()
    limits = UsageLimits(
        visitor_messages=[Rate(2, "hour")],
        daily_tokens=200,
        stand_in=Deployment("stand-in", stand_in, WindowMemory()),
    )
    with application(tmp_path, limits=limits) as app:
        async with httpx.AsyncClient(base_url=app.url, headers=app.headers, timeout=60) as client:
            app.model.will_say("Hi")
            assert (await ask(client)).status_code == 200
            # Nobody stands in for a program, which may not look at who answers.
            dear = await ask(client, messages=[{"role": "user", "content": "word " * 400}])
            assert (dear.status_code, dear.json()["error"]["code"]) == (429, "insufficient_quota")
            assert dear.headers["x-should-retry"] == "false"
            assert stand_in.asked == []
            # What was reserved was settled with what the endpoint counted: there is room for as much again.
            app.model.will_say("Hi")
            assert (await ask(client)).status_code == 200
            more = await ask(client)
            assert (more.status_code, more.json()["error"]["type"]) == (429, "requests")
            assert "One key may send 2 requests per hour" in more.json()["error"]["message"]
            assert 0 < int(more.headers["retry-after"]) <= 3600 + 300
            assert app.heard.refusals == ["BudgetError", "LimitError.visitor_messages"]


class Late(ScriptedModel):
    """Thinks before it says anything."""

    async def _astream(self, *args, **kwargs):
        await asyncio.sleep(0.3)
        async for each in super()._astream(*args, **kwargs):
            yield each


async def test_a_stream_that_waits_says_so_and_tells_a_failure_then_as_an_event(tmp_path, monkeypatch):
    monkeypatch.setattr("chatbot.api.routes.WAIT_SECONDS", 0.05)
    with application(tmp_path, model=Late()) as app:
        async with httpx.AsyncClient(base_url=app.url, headers=app.headers, timeout=60) as client:
            app.model.will_say("Hi")
            reply = await ask(client, stream=True)
            assert reply.text.startswith(": waiting\n\n")
            assert events(reply.text)[1]["choices"][0]["delta"] == {"content": "Hi"}
            app.model.will_say(ModelAPIError("broken"))
            reply = await ask(client, stream=True)
            assert (reply.status_code, events(reply.text)[-1]["error"]["type"]) == (200, "server_error")


async def test_an_application_that_ends_says_so_to_whoever_waits(tmp_path):
    with application(tmp_path) as app:
        client = httpx.AsyncClient(base_url=app.url, headers=app.headers, timeout=60)
        app.model.will_say("One", ends=False)
        asking = [asyncio.create_task(ask(client, stream=streams)) for streams in (True, False)]
        await until(lambda: is_true(lambda: len(app.model.asked) == 2))
    streamed, whole = await asyncio.gather(*asking)
    assert whole.status_code == 503
    assert "The application ended" in whole.text
    assert "The application ended" in streamed.text
    await client.aclose()
