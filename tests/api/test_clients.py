"""Programs that speak to OpenAI speak to the application: its own client and LangChain's, over real sockets."""

import asyncio
import json
import sqlite3
import time
from contextlib import closing

import httpx
import openai
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from chatbot.conversation import ConversationStore
from chatbot.emulator import Emulator
from tests.api.conftest import add_key, in_store
from tests.conversation.conversing import until
from tests.support.app_process import AppProcess

FILE = """
[[deployment]]
name = "first"
endpoint_url = "{first.chat_url}"
api_key_variable = "FIRST_KEY"
system_prompt = "Be somebody."
fallback = ["second"]

[[deployment]]
name = "frail"
endpoint_url = "{first.chat_url}"
api_key_variable = "FIRST_KEY"
fallback = ["second"]

[[deployment]]
name = "second"
endpoint_url = "{second.chat_url}"
api_key_variable = "SECOND_KEY"
vision = false

[[deployment]]
name = "slow"
endpoint_url = "{slow.chat_url}"
api_key_variable = "SLOW_KEY"

[[deployment]]
name = "for staff"
endpoint_url = "{second.chat_url}"
api_key_variable = "SECOND_KEY"
allowed = ["staff"]
"""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Tells the weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
PICTURE = "data:image/png;base64,iVBORw0KGgo="


@pytest.fixture(scope="module")
def endpoints():
    with Emulator(token_delay=0) as first, Emulator(token_delay=0) as second, Emulator(token_delay=0.1) as slow:
        yield first, second, slow


@pytest.fixture(autouse=True)
def _well_in_the_end(endpoints):
    yield
    for each in endpoints:
        each.heal()


def until_status(status, url, **headers):
    """Ask until that is the answer: what becomes of a key is known soon, and not at once."""
    while httpx.get(url, headers=headers).status_code != status:
        time.sleep(0.5)


class Application:
    def __init__(self, process, before, folder):
        self.url = f"{process.url}v1"
        self.before, self.folder, self.process = before, folder, process
        self.store_url = f"sqlite:///{folder}/data/conversations.db"
        self.key, self.staff = (
            in_store(add_key, self.store_url, "IDE"),
            in_store(add_key, self.store_url, "staff", "for staff"),
        )


@pytest.fixture(scope="module")
def app(endpoints, tmp_path_factory):
    first, second, slow = endpoints
    folder = tmp_path_factory.mktemp("api")
    (folder / "deployments.toml").write_text(FILE.format(first=first, second=second, slow=slow), encoding="utf-8")
    keys = {"FIRST_KEY": first.key, "SECOND_KEY": second.key, "SLOW_KEY": slow.key}
    with AppProcess(folder, {"CHATBOT_DEPLOYMENTS_FILE": "deployments.toml", **keys}) as process:
        before = httpx.get(f"{process.url}v1/models", headers={"authorization": "Bearer sk-chatbot-x"})
        application = Application(process, before, folder)
        until_status(401, f"{application.url}/models")
        yield application
        assert "Traceback" not in process.log
        assert application.key not in process.log


@pytest.fixture
def client(app):
    with openai.OpenAI(api_key=app.key, base_url=app.url, max_retries=0) as client:
        yield client


def said(text):
    return [{"role": "user", "content": text}]


def test_without_a_key_there_is_nothing(app):
    assert app.before.status_code == 404


def test_it_lists_what_a_key_may_use(app, client):
    assert [each.id for each in client.models.list()] == ["first", "frail", "second", "slow"]
    assert client.models.retrieve("second").owned_by == "chatbot"
    with openai.OpenAI(api_key=app.staff, base_url=app.url) as staff:
        assert [each.id for each in staff.models.list()] == ["for staff"]
        answer = staff.chat.completions.create(model="for staff", messages=said("repeat: Hello"))
        assert answer.choices[0].message.content == "Hello"
    with pytest.raises(openai.NotFoundError, match="There is: “first”, “frail”, “second”, “slow”") as refused:
        client.chat.completions.create(model="for staff", messages=said("Hello"))
    assert (refused.value.code, refused.value.param) == ("model_not_found", "model")


def test_it_answers_whole_and_in_a_stream_alike(client):
    asked = {"model": "first", "messages": said("repeat: One two — 三 😀\n  four")}
    whole = client.chat.completions.create(**asked)
    [choice] = whole.choices
    assert (choice.message.content, choice.finish_reason) == ("One two — 三 😀\n  four", "stop")
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens > 0
    chunks = list(client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    *growing, last = chunks
    assert "".join(each.choices[0].delta.content or "" for each in growing) == choice.message.content
    assert growing[0].choices[0].delta.role == "assistant"
    assert [each.choices[0].finish_reason for each in growing if each.choices[0].finish_reason] == ["stop"]
    assert (last.choices, last.usage.total_tokens) == ([], whole.usage.total_tokens)
    assert {each.id for each in chunks} == {last.id}
    assert {each.model for each in chunks} == {"first"}
    plain = list(client.chat.completions.create(**asked, stream=True))
    assert all(each.choices and each.usage is None for each in plain)


def test_the_model_gets_what_was_sent_and_nothing_else(client, endpoints):
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "repeat: a"}]},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "repeat: b"},
    ]
    client.chat.completions.create(
        model="first",
        messages=messages,
        temperature=0.5,
        max_completion_tokens=77,
        stop=["\n\n\n"],
        seed=7,
        presence_penalty=0.1,
        user="somebody",
        metadata={"a": "b"},
    )
    body = endpoints[0].requests[-1].body
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "repeat: a"},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "repeat: b"},
    ]
    told = {name: body.get(name) for name in ("temperature", "max_tokens", "stop", "seed", "presence_penalty")}
    assert told == {"temperature": 0.5, "max_tokens": 77, "stop": ["\n\n\n"], "seed": 7, "presence_penalty": 0.1}
    assert not {"user", "metadata"} & set(body)


@pytest.mark.parametrize("streams", [False, True])
def test_tools_are_called_and_their_results_are_read(client, streams):
    messages = said("What is the weather in Paris?")
    asked = {"model": "first", "tools": [WEATHER], "tool_choice": "required"}
    if streams:
        with client.chat.completions.stream(messages=messages, **asked) as events:
            choice = events.get_final_completion().choices[0]
    else:
        choice = client.chat.completions.create(messages=messages, **asked).choices[0]
    [call] = choice.message.tool_calls
    assert (choice.finish_reason, call.function.name) == ("tool_calls", "get_weather")
    assert json.loads(call.function.arguments) == {"city": "Paris"}
    messages += [
        {"role": "assistant", "content": None, "tool_calls": [call.model_dump(exclude={"index", "parsed_arguments"})]},
        {"role": "tool", "tool_call_id": call.id, "content": "17 degrees"},
    ]
    answer = client.chat.completions.create(model="first", messages=messages, tools=[WEATHER])
    assert "17 degrees" in answer.choices[0].message.content


@pytest.mark.parametrize("streams", [False, True])
def test_thoughts_come_apart_from_the_answer(client, endpoints, streams):
    endpoints[0].fail("think-tags", times=10)
    asked = {"model": "first", "messages": said("repeat: Hello")}
    if streams:
        deltas = [each.choices[0].delta for each in client.chat.completions.create(**asked, stream=True)]
        thoughts = "".join(getattr(each, "reasoning_content", None) or "" for each in deltas)
        answer = "".join(each.content or "" for each in deltas)
    else:
        message = client.chat.completions.create(**asked).choices[0].message
        thoughts, answer = message.reasoning_content, message.content
    assert (answer, bool(thoughts), "<think>" in thoughts) == ("Hello", True, False)


def test_an_answer_follows_a_schema(client):
    class City(BaseModel):
        name: str

    answer = client.chat.completions.parse(model="first", messages=said("Name a city."), response_format=City)
    assert isinstance(answer.choices[0].message.parsed, City)


async def test_langchains_client_talks_streams_and_calls_tools(app):
    model = ChatOpenAI(model="first", base_url=app.url, api_key=SecretStr(app.key), max_retries=0)
    answer = await model.ainvoke("repeat: Hello")
    assert (answer.content, answer.response_metadata["finish_reason"]) == ("Hello", "stop")
    assert answer.usage_metadata["total_tokens"] > 0
    chunks = [each async for each in model.astream("repeat: Hello again", stream_usage=True)]
    whole = sum(chunks[1:], chunks[0])
    assert (whole.content, whole.usage_metadata["output_tokens"]) == ("Hello again", 2)
    asked = HumanMessage("What is the weather in Paris?")
    called = await model.bind_tools([WEATHER], tool_choice="any").ainvoke([asked])
    [call] = called.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "Paris"})
    result = ToolMessage("17 degrees", tool_call_id=call["id"])
    assert "17 degrees" in (await model.bind_tools([WEATHER]).ainvoke([asked, called, result])).content


def test_who_stands_in_is_named_as_the_model(client, endpoints):
    endpoints[0].fail("rate-limit:600", times=1)
    assert client.chat.completions.create(model="frail", messages=said("repeat: Hello")).model == "second"
    # It is left alone for as long as its endpoint said, though it would answer.
    streamed = list(client.chat.completions.create(model="frail", messages=said("repeat: Hello"), stream=True))
    assert {each.model for each in streamed} == {"second"}
    assert "".join(each.choices[0].delta.content or "" for each in streamed) == "Hello"


def test_pictures_go_to_whoever_reads_them_and_to_nobody_else(client, endpoints):
    picture = {"type": "image_url", "image_url": {"url": PICTURE}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "repeat: seen"}, picture]}]
    client.chat.completions.create(model="first", messages=messages)
    assert endpoints[0].requests[-1].body["messages"][0]["content"][1]["image_url"]["url"] == PICTURE
    with pytest.raises(openai.BadRequestError, match="“second” reads no pictures"):
        client.chat.completions.create(model="second", messages=messages)


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("rate-limit:700", 429, "rate_limit_exceeded"),
        ("context-length", 400, "context_length_exceeded"),
        ("content-filter", 400, "content_filter"),
        ("unauthorized-serverless", 502, None),
    ],
)
def test_what_the_endpoint_fails_of_has_a_status_and_words(client, endpoints, fault, status, code, streams):
    endpoints[1].fail(fault, times=10)
    with pytest.raises(openai.APIStatusError) as error:
        client.chat.completions.create(model="second", messages=said("Hello"), stream=streams)
    assert (error.value.status_code, error.value.code) == (status, code)
    assert error.value.body["message"].endswith((".", "”"))
    assert error.value.response.headers.get("retry-after") == ("700" if status == 429 else None)


def test_what_breaks_off_in_the_middle_is_an_error_there(client, endpoints):
    endpoints[1].fail("cut-after-events:2", times=10)
    stream = client.chat.completions.create(model="second", messages=said("repeat: a b c d e f"), stream=True)
    words = (chunk.choices[0].delta.content for chunk in stream)
    assert [next(words), next(words)][1].startswith("a")
    with pytest.raises(openai.APIError, match="The connection to the endpoint broke"):
        list(words)


@pytest.mark.parametrize("streams", [False, True])
async def test_who_hangs_up_ends_the_endpoints_request(app, endpoints, streams):
    slow = endpoints[2]
    before = slow.cancelled_streams
    body = {"model": "slow", "messages": said("repeat: " + "word " * 1000), "stream": streams}
    headers = {"authorization": f"Bearer {app.key}"}
    async with httpx.AsyncClient(base_url=app.url, headers=headers, timeout=60) as client:
        if streams:
            async with client.stream("POST", "/chat/completions", json=body) as reply:
                async for _ in reply.aiter_lines():
                    break
        else:
            asking = asyncio.create_task(client.post("/chat/completions", json=body))
            await until(lambda: equals(slow.active_streams, 1))
            asking.cancel()
        await until(lambda: equals(slow.cancelled_streams, before + 1))


async def equals(one, other):
    return one == other


@pytest.mark.parametrize(
    ("changed", "param", "words"),
    [
        ({"surprise": 1}, "surprise", "Unrecognized request argument supplied: surprise."),
        ({"n": 2}, "n", "n may only be 1: one answer is written for each request."),
        ({"temperature": 3}, "temperature", "temperature: input should be less than or equal to 2."),
        ({"messages": []}, "messages", "messages: list should have at least 1 item"),
        ({"messages": [{"role": "user"}]}, "messages[0].content", "messages[0].content should be text"),
        ({"messages": [{"role": "assistant", "tool_calls": 5}]}, "messages[0].tool_calls", "should be a list"),
        ({"messages": "Hello"}, "messages", "messages: input should be a valid list."),
        ({"model": None}, "model", "model: input should be a valid string."),
        ({"tools": [json.loads('{"a":' * 150 + "1" + "}" * 150)]}, None, "nested more than 100 deep"),
    ],
)
def test_what_cannot_be_read_is_said_by_its_place(app, changed, param, words):
    body = {"model": "first", "messages": said("Hello"), **changed}
    headers = {"authorization": f"Bearer {app.key}"}
    reply = httpx.post(f"{app.url}/chat/completions", json=body, headers=headers)
    error = reply.json()["error"]
    assert (reply.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert words in error["message"]


def test_what_is_no_json_and_what_is_nowhere_is_told_in_openais_shape(app):
    headers = {"authorization": f"Bearer {app.key}"}
    for method, path, body, status in (
        ("POST", "/chat/completions", b"{", 400),
        ("POST", "/chat/completions", b'{"a": "\\ud800"}', 400),
        ("GET", "/chat/completions", None, 405),
        ("POST", "/models", b"{}", 405),
        ("POST", "/embeddings", b"{}", 404),
        ("GET", "/models/none", None, 404),
    ):
        reply = httpx.request(method, app.url + path, content=body, headers=headers)
        assert (reply.status_code, sorted(reply.json()["error"])) == (status, ["code", "message", "param", "type"])


def test_whoever_shows_no_key_is_told_so_and_nothing_else(app):
    for authorization in ("", "Bearer sk-chatbot-x", f"Basic {app.key}", app.key):
        for path in ("/models", "/models/first", "/chat/completions", "/x"):
            reply = httpx.post(app.url + path, headers={"authorization": authorization}, json={})
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
            assert "access-control-allow-origin" not in reply.headers
    with openai.OpenAI(api_key="sk-chatbot-x", base_url=app.url) as stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()


async def test_it_is_counted_by_the_key_and_nothing_of_it_is_kept(app, client):
    client.chat.completions.create(model="second", messages=said("repeat: xylophone"))
    store = ConversationStore(app.store_url)
    try:
        known = {each.name: each for each in await store.api_keys.list()}
        used = {each.key: each for each in await store.usage.lines(1, "visitor")}
    finally:
        await store.aclose()
    assert known["IDE"].last_used_at is not None
    assert used["key:IDE"].messages > 0 < used["key:IDE"].input_tokens
    with closing(sqlite3.connect(app.folder / "data" / "conversations.db")) as database:
        assert database.execute("SELECT count(*) FROM conversations").fetchone() == (0,)
        dump = "\n".join(database.iterdump())
    for said_or_shown in ("xylophone", app.key):
        assert said_or_shown not in dump
        assert said_or_shown not in app.process.log


async def test_a_key_that_is_revoked_opens_nothing(app):
    store = ConversationStore(app.store_url)
    try:
        assert await store.api_keys.revoke("staff")
    finally:
        await store.aclose()
    await asyncio.to_thread(until_status, 401, f"{app.url}/models", authorization=f"Bearer {app.staff}")
    await asyncio.to_thread(until_status, 200, f"{app.url}/models", authorization=f"Bearer {app.key}")
