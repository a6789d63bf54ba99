"""langchain_community's class of the same name has 23 known defects (0.4.2); ours has none of them, on a real socket.

Each test is one of them, by its number, with what happens there.
"""

import asyncio
import sys
import threading

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from pydantic import BaseModel, ValidationError

from chatbot.azureml import (
    AzureMLAPIError,
    AzureMLAuthenticationError,
    AzureMLChatOnlineEndpoint,
    AzureMLInvalidRequestError,
    AzureMLRateLimitError,
    AzureMLResponseError,
    AzureMLStreamError,
    AzureMLTimeoutError,
    CustomOpenAIChatContentFormatter,
    MistralChatContentFormatter,
)
from tests.support.asking import (
    CHAT,
    KEY,
    SCORE,
    STREAMS,
    answer,
    ask,
    every_route,
    every_stream,
    every_way,
    failure,
    model_of,
)
from tests.support.completions import both
from tests.support.wire import (
    DONE,
    Reply,
    WireServer,
    event,
    json_reply,
    sample_reply,
    stream_reply,
    text_reply,
)

INFERENCE = "/models/chat/completions?api-version=2024-05-01-preview"


def messages_of(request):
    """The messages of a request, on either route."""
    return request.json.get("messages") or request.json["input_data"]["input_string"]


def parameters(request):
    """The parameters of a request, on either route."""
    body = request.json
    if "input_data" in body:
        return body["input_data"]["parameters"]
    return {name: value for name, value in body.items() if name not in ("messages", "stream")}


@every_way
@every_route
@pytest.mark.parametrize("text", ["two\nlines", 'a "quote"', "back\\slash", "\\n", "tab\tand\r", "é 漢字 😀", "\u2028"])
async def test_01_text_is_escaped_once(answering, way, path, text):
    """There: twice, so that a model reads the two characters ``\\n`` for a line break."""
    await ask(way, model_of(answering, path), [SystemMessage(text), HumanMessage(text)])

    assert [message["content"] for message in messages_of(answering.requests[0])] == [text, text]


@every_way
@pytest.mark.parametrize(
    ("path", "api_type", "route"),
    [
        (SCORE, "dedicated", SCORE),
        (SCORE, "serverless", SCORE),
        (CHAT, "serverless", CHAT),
        ("/v1/completions", "serverless", CHAT),
        ("/chat/completions", "serverless", "/chat/completions?api-version=2024-05-01-preview"),
        (INFERENCE, "serverless", INFERENCE),
        ("/openai/v1/chat/completions", "serverless", "/openai/v1/chat/completions"),
        ("", "dedicated", SCORE),
        ("/", "serverless", CHAT),
    ],
)
async def test_02_the_urls_of_the_portal_and_of_the_published_examples_work(answering, way, path, api_type, route):
    """There: a list of three paths, which rejects most of them."""
    await ask(way, model_of(answering, path, endpoint_api_type=api_type, deployment_name="blue"))

    assert answering.requests[0].path == route


@every_way
@every_route
@pytest.mark.parametrize(
    "given", [{"content_formatter": CustomOpenAIChatContentFormatter}, {"content_formatter": None}, {}]
)
async def test_03_a_formatter_may_be_its_class_or_left_out(answering, way, path, given):
    """There: a TypeError about properties, or an AttributeError with the first question."""
    assert (await ask(way, model_of(answering, path, **given))).content == "an answer"


@every_way
@every_route
async def test_04_nothing_of_one_call_stays_for_the_next(answering, way, path):
    """There: ``model_kwargs`` keeps what a call brought, for everybody."""
    model = model_of(answering, path, model_kwargs={"temperature": 0.5})
    await ask(way, model)
    await ask(way, model, stop=["END"], max_tokens=5, temperature=1, seed=3)
    await ask(way, model)

    first, between, last = map(parameters, answering.requests)
    assert first == last
    assert between["stop"] == ["END"]
    assert model.model_kwargs == {"temperature": 0.5}


@every_stream
async def test_05_a_stream_asks_for_all_that_a_whole_answer_does(answering, way):
    """There: no ``model_kwargs``, no deployment, nulls for model and stop, and the model's URL is changed."""
    model = model_of(answering, model_kwargs={"temperature": 0.5, "top_k": 3}, deployment_name="blue")
    url = model.endpoint_url
    await ask("invoke", model)
    await ask(way, model)

    whole, streamed = answering.requests
    assert {**whole.json, "stream": True} == streamed.json
    assert None not in streamed.json.values()
    assert streamed.headers["azureml-model-deployment"] == "blue"
    assert model.endpoint_url == url


@every_stream
async def test_05_a_stream_does_not_wait_for_ever(server, way):
    """There: streams have no time-out at all."""
    server.default = Reply(hold=threading.Event())
    await failure(way, model_of(server, timeout=0.2, max_retries=0), AzureMLTimeoutError)

    await asyncio.to_thread(server.wait_for, 1)  # which may read later than its client gives up
    assert server.connections == 1


@every_stream
@pytest.mark.parametrize("path", [SCORE, f"{SCORE}?a=b", INFERENCE, CHAT])
async def test_06_a_stream_goes_where_a_whole_answer_comes_from(answering, way, path):
    """There: to ``/score/chat/completions``, and into the middle of the query."""
    model = model_of(answering, path, deployment_name="blue")
    await ask("invoke", model)
    await ask(way, model)

    assert [request.path for request in answering.requests] == [path, path]


@every_stream
async def test_07_streams_share_a_connection_and_take_nothing_from_openais_environment(answering, way, monkeypatch):
    """There: a client, and a connection, for each stream; it sends the ids of an OpenAI account along."""
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "http://from-outside")
    model = model_of(answering)
    for _ in range(5):
        await ask(way, model)

    assert answering.connections == 1
    assert "from-outside" not in "".join(str(request.headers) for request in answering.requests)
    assert not [name for request in answering.requests for name in request.headers if name.lower().startswith("openai")]


@every_stream
@pytest.mark.parametrize("end", ["close", "normal"])
async def test_08_a_stream_that_does_not_say_it_is_complete_is_an_error(server, way, end):
    """There: half an answer is an answer."""
    server.default = stream_reply(event("Half an"), event(" ans"), end=end)
    error = await failure(way, model_of(server), AzureMLStreamError)

    assert error.partial == "Half an ans"


@every_way
async def test_09_token_counts_are_told(server, way):
    """There: none, neither whole nor streamed."""
    server.default = sample_reply("maas_stream_ok" if way in STREAMS else "maas_chat_ok")
    usage = (await ask(way, model_of(server))).usage_metadata

    assert usage["input_tokens"] == 24
    assert usage["input_tokens"] + usage["output_tokens"] == usage["total_tokens"]


@every_way
async def test_10_tools_are_offered_called_and_answered(server, way):
    """There: NotImplementedError, an AttributeError for a null content, and a ValueError for the result."""

    class GetWeather(BaseModel):
        """Say what the weather will be."""

        city: str

    made = {
        "index": 0,
        "id": "1",
        "type": "function",
        "function": {"name": "GetWeather", "arguments": '{"city":"Ulm"}'},
    }
    server.default = both({"content": None, "tool_calls": [made]}, {"content": None, "tool_calls": [made]})
    model = model_of(server)
    message = await ask(way, model.bind_tools([GetWeather]))
    assert [(call["name"], call["args"]) for call in message.tool_calls] == [("GetWeather", {"city": "Ulm"})]
    assert "tool_calls" not in message.additional_kwargs

    await ask(way, model, [HumanMessage("Q"), message, ToolMessage("fine", tool_call_id="1")])
    assert messages_of(server.requests[1])[2] == {"role": "tool", "tool_call_id": "1", "content": "fine"}

    if way in ("invoke", "ainvoke"):
        runnable = model.with_structured_output(GetWeather)
        answered = runnable.invoke("Q") if way == "invoke" else await runnable.ainvoke("Q")
        assert answered == GetWeather(city="Ulm")


@every_way
@every_route
async def test_11_a_picture_can_be_sent(answering, way, path):
    """There: ``'list' object has no attribute 'replace'``."""
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "https://x/a.png"}}]
    await ask(way, model_of(answering, path), [HumanMessage(parts)])

    assert messages_of(answering.requests[0])[0]["content"] == parts


@every_way
async def test_12_nothing_of_an_answer_is_left_out_or_stripped(server, way):
    """There: thoughts, refusals and filter results are dropped, and ``strip`` spoils code."""
    text = "\n    def f():\n        pass\n\n"
    safe = {"hate": {"filtered": False, "severity": "safe"}}
    beside = {"reasoning_content": "Hmm.", "refusal": "No."}
    choice = {"index": 0, "finish_reason": "stop", "content_filter_results": safe}
    if way in STREAMS:
        choice["delta"] = {"content": text, **beside}
        server.default = stream_reply(b"data: " + json_reply({"choices": [choice]}).pieces[0] + b"\n\n", DONE)
    else:
        server.default = json_reply({"choices": [{**choice, "message": {"content": text, **beside}}]})
    message = await ask(way, model_of(server))

    assert message.content == text
    assert message.additional_kwargs == beside
    assert message.response_metadata["content_filter_results"] == safe


@every_way
async def test_13_an_error_says_what_the_server_messages_of(server, way):
    """There: ``HTTP Error 424: Failed Dependency``, and the rest is lost."""
    server.default = sample_reply("score_424_model_error")
    error = await failure(way, model_of(server, SCORE, max_retries=0), AzureMLAPIError)

    assert (error.status, error.reason, error.request_id) == (500, "model_error", "0")
    assert "An unexpected error occurred in scoring script." in str(error)


@every_way
async def test_13_an_error_that_says_200_is_no_riddle_about_formatters(server, way):
    """There: ``Are you using the right formatter``."""
    server.default = json_reply({"error": {"code": "oom", "message": "Out of memory."}})
    error = await failure(way, model_of(server), AzureMLResponseError)

    assert "Out of memory." in str(error)


@every_way
@every_route
async def test_14_what_may_pass_is_tried_again_as_often_as_it_says(server, way, path):
    """There: ``max_retries`` is never read."""
    busy = json_reply({"error": {"code": "429", "message": "Busy."}}, 429, retry_after_ms="0")
    server.default = answer()
    server.script(busy, busy)
    assert (await ask(way, model_of(server, path, max_retries=2))).content == "an answer"
    assert len(server.requests) == 3

    server.script(busy)
    await failure(way, model_of(server, path, max_retries=0), AzureMLRateLimitError)
    assert len(server.requests) == 4


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
async def test_15_many_wait_at_once_without_a_thread_for_each(server, way):
    """There: ``ainvoke`` takes a thread of a pool that has but a few."""
    all_there = threading.Event()
    whole = answer()

    def reply(request):
        made = whole(request)
        return Reply(made.status, made.headers, made.pieces, made.length, hold=all_there)

    server.default = reply
    model = model_of(server)
    # Other loops of this process may have threads that have not ended yet.
    before = set(threading.enumerate())
    asked = [asyncio.create_task(ask(way, model)) for _ in range(60)]
    await asyncio.to_thread(server.wait_for, 60)
    ours = [each for each in threading.enumerate() if each.name.startswith("asyncio_") and each not in before]
    all_there.set()

    assert {message.content for message in await asyncio.gather(*asked)} == {"an answer"}
    assert len(ours) <= 1  # the one that waited for the requests
    await model.aclose()


@every_way
async def test_16_a_connection_is_kept(answering, way):
    """There: a new one, with TLS, for each question."""
    model = model_of(answering)
    for _ in range(5):
        await ask(way, model)

    assert answering.connections == 1


@every_way
@every_route
async def test_16_the_key_follows_nobody_to_another_host(server, way, path):
    """There: a redirect is followed, with the Authorization header, to any host."""
    with WireServer(answer()) as elsewhere:
        server.default = text_reply("", 302, Location=elsewhere.url + path)
        await failure(way, model_of(server, path), AzureMLInvalidRequestError)

        assert elsewhere.connections == 0


@every_way
@every_route
async def test_16_a_time_out_of_a_call_is_a_time_out(server, way, path):
    """There: it becomes a parameter of the model, and the wait is the default's."""
    server.default = Reply(hold=threading.Event())
    await failure(way, model_of(server, path, max_retries=0), AzureMLTimeoutError, timeout=0.5)

    assert "timeout" not in parameters(await asyncio.to_thread(server.wait_for, 1))


@every_way
async def test_17_an_argument_is_taken_or_refused_and_never_ignored(server, way):
    """There: whatever is misspelled is silently ignored, ``request_timeout`` among it."""
    for misspelled in ("request_timout", "max_retrys", "endpoint_api_typ", "temprature"):
        with pytest.raises(ValidationError, match=misspelled):
            model_of(server, **{misspelled: 5})

    server.default = Reply(hold=threading.Event())
    await failure(way, model_of(server, request_timeout=0.05, max_retries=0), AzureMLTimeoutError)


@every_way
@every_route
async def test_18_the_mistral_formatter_serves_both_routes(answering, way, path):
    """There: it cannot be used on a dedicated endpoint, and fails where a system prompt stands alone."""
    model = model_of(answering, path, content_formatter=MistralChatContentFormatter())
    await ask(way, model, [SystemMessage("s"), HumanMessage("u")])
    await ask(way, model, [SystemMessage("s")])

    assert [messages_of(request) for request in answering.requests] == [
        [{"role": "user", "content": "s\n\nu"}],
        [{"role": "user", "content": "s"}],
    ]


@every_way
async def test_19_every_kind_of_endpoint_finds_the_secret_in_its_header(answering, way):
    """There: Bearer alone, and no Entra ID."""
    await ask(way, model_of(answering))
    token = AzureMLChatOnlineEndpoint(endpoint_url=answering.url + CHAT, azure_ad_token_provider=lambda: "a-token")
    await ask(way, token)

    with_key, with_token = (request.headers for request in answering.requests)
    assert (with_key["Authorization"], with_key["api-key"]) == (f"Bearer {KEY}", KEY)
    assert (with_token["Authorization"], with_token["api-key"]) == ("Bearer a-token", None)
    assert KEY not in repr(vars(model_of(answering)))


def test_20_tokens_are_counted_without_a_download(answering, monkeypatch):
    """There: an ImportError, or the download of GPT-2's tokenizer."""
    monkeypatch.setitem(sys.modules, "transformers", None)
    model = model_of(answering)

    assert model.get_num_tokens("What is a memory window?") > 0
    assert model.get_num_tokens_from_messages([HumanMessage("Q"), AIMessage("A")]) > 0


@every_way
@pytest.mark.parametrize("given", [{"max_tokens": 5}, {"model_kwargs": {"max_tokens": 5}}])
async def test_21_a_limit_has_the_name_that_the_container_knows(answering, way, given):
    """There: ``max_tokens``, which containers pass over."""
    await ask(way, model_of(answering, SCORE, **given))

    assert parameters(answering.requests[0]) == {"max_new_tokens": 5}


@every_way
@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ([{"0": "A"}], "A"),
        (["A"], "A"),
        ({"output": ["A"]}, "A"),
        ({"output": {"content": "A"}}, "A"),
        ({"answer": "A"}, "A"),
        ("A", "A"),
        ({"choices": [{"message": {"content": "A"}}]}, "A"),
    ],
)
async def test_22_a_dedicated_reply_may_have_any_of_its_shapes(server, way, reply, text):
    """There: a ValueError or an AttributeError for all but ``{"output": "…"}``."""
    server.default = json_reply(reply)

    assert (await ask(way, model_of(server, SCORE))).content == text


@every_way
@pytest.mark.parametrize(
    "reply", [text_reply("<html>", content_type="text/html"), json_reply({"result": 1}), json_reply([])]
)
async def test_22_a_dedicated_reply_that_is_no_answer_is_an_error_that_says_so(server, way, reply):
    """There: a bare JSONDecodeError."""
    server.default = reply
    error = await failure(way, model_of(server, SCORE), AzureMLResponseError)

    assert "The endpoint answered, but not" in str(error)


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_23_two_endpoints_never_answer_for_each_other(way):
    """There: the cache's key leaves the endpoint out."""
    cache = InMemoryCache()
    with WireServer(answer("one")) as first, WireServer(answer("two")) as second:
        models = [model_of(server, cache=cache) for server in (first, second)]
        for _ in range(2):
            assert [(await ask(way, model)).content for model in models] == ["one", "two"]

        assert (len(first.requests), len(second.requests)) == (1, 1)


@every_way
async def test_a_wrong_key_is_what_the_error_is_about(server, way):
    """What users of that class ask most: which of URL, key and request was wrong."""
    server.default = sample_reply("score_401_key")
    error = await failure(way, model_of(server, SCORE), AzureMLAuthenticationError)

    assert "did not accept the key" in str(error)
    assert KEY not in str(error)
