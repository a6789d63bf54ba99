"""The chat model over a real socket: its arguments, its answers, its secret, its place in LangChain."""

import pickle
import threading
import traceback

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler
from langchain_core.load import dumps
from pydantic import ValidationError

from chatbot.azureml import (
    AzureMLChatOnlineEndpoint,
    AzureMLConnectionError,
    AzureMLEndpointApiType,
    AzureMLInvalidRequestError,
    AzureMLResponseError,
)
from tests.support.asking import (
    CHAT,
    FINISH,
    KEY,
    SCORE,
    STREAMS,
    WAYS,
    answer,
    ask,
    chunks_of,
    every_stream,
    every_way,
    failure,
    listen,
    model_of,
)
from tests.support.wire import DONE, Reply, WireServer, event, json_reply, sample_reply, stream_reply, text_reply


class TestConstruction:
    def test_everything_can_come_from_the_environment(self, monkeypatch):
        monkeypatch.setenv("AZUREML_ENDPOINT_URL", "http://127.0.0.1/predict")
        monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", KEY)
        monkeypatch.setenv("AZUREML_ENDPOINT_API_TYPE", "dedicated")
        monkeypatch.setenv("AZUREML_DEPLOYMENT_NAME", "blue")
        monkeypatch.setenv("AZUREML_TIMEOUT", "7.5")
        model = AzureMLChatOnlineEndpoint()

        assert model.endpoint_url == "http://127.0.0.1/predict"
        assert model.endpoint_api_key.get_secret_value() == KEY
        assert model.endpoint_api_type is AzureMLEndpointApiType.dedicated
        assert (model.deployment_name, model.timeout) == ("blue", 7.5)

    async def test_the_environment_reaches_the_wire(self, answering, monkeypatch):
        monkeypatch.setenv("AZUREML_ENDPOINT_URL", answering.url + SCORE)
        monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", KEY)
        monkeypatch.setenv("AZUREML_DEPLOYMENT_NAME", "blue")
        await AzureMLChatOnlineEndpoint().ainvoke("Q")

        assert answering.requests[0].path == SCORE
        assert answering.requests[0].headers["Authorization"] == f"Bearer {KEY}"
        assert answering.requests[0].headers["azureml-model-deployment"] == "blue"

    def test_arguments_win_over_the_environment(self, monkeypatch):
        monkeypatch.setenv("AZUREML_ENDPOINT_URL", "http://elsewhere/score")
        monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "another")
        model = AzureMLChatOnlineEndpoint(endpoint_url="http://127.0.0.1/score", endpoint_api_key=KEY)

        assert model.endpoint_url == "http://127.0.0.1/score"
        assert model.endpoint_api_key.get_secret_value() == KEY

    def test_what_is_empty_in_the_environment_counts_as_not_set(self, monkeypatch):
        for name in ("ENDPOINT_API_TYPE", "DEPLOYMENT_NAME", "TIMEOUT"):
            monkeypatch.setenv(f"AZUREML_{name}", "")
        model = AzureMLChatOnlineEndpoint(endpoint_url="http://127.0.0.1/score", endpoint_api_key=KEY)

        assert (model.endpoint_api_type, model.deployment_name, model.timeout) == (None, "", 190)

    @pytest.mark.parametrize(
        ("arguments", "missing"),
        [
            ({"endpoint_api_key": KEY}, "endpoint_url"),
            ({"endpoint_url": "http://127.0.0.1/score"}, "endpoint_api_key"),
        ],
    )
    def test_what_is_missing_is_named_with_its_variable(self, arguments, missing):
        with pytest.raises(ValidationError, match=f"{missing} is missing: pass it, or set AZUREML_{missing.upper()}"):
            AzureMLChatOnlineEndpoint(**arguments)

    @pytest.mark.parametrize(
        ("arguments", "named"),
        [
            ({"request_timeout": 0}, "timeout"),
            ({"request_timeout": 5, "timeout": 6}, "request_timeout"),
            ({"max_retrys": 5}, "max_retrys"),
            ({"temperature": 0.5, "model_kwargs": {"temperature": 0.7}}, "temperature: given as an argument and in"),
            ({"azure_endpoint": "http://127.0.0.1"}, "azure_endpoint"),
            ({"endpoint_url": "nonsense"}, "endpoint_url: this must be a web address"),
            ({"endpoint_url": "http://127.0.0.1/predict"}, "endpoint_url: .* no chat route we know"),
            ({"endpoint_api_type": "serverles"}, "endpoint_api_type"),
            ({"timeout": 0}, "timeout"),
            ({"timeout": "soon"}, "timeout"),
            ({"stream_idle_timeout": -1}, "stream_idle_timeout"),
            ({"max_retries": -1}, "max_retries"),
            ({"content_formatter": "odd"}, "content_formatter"),
            ({"model_kwargs": "odd"}, "model_kwargs"),
            ({"endpoint_api_key": KEY + "\nX-Forged: 1"}, "endpoint_api_key"),
            ({"endpoint_api_key": f" {KEY}"}, "endpoint_api_key"),
            ({"endpoint_api_key": KEY + "é"}, "endpoint_api_key"),
            ({"deployment_name": "blue\r\nX-Forged: 1"}, "deployment_name"),
        ],
    )
    def test_a_wrong_argument_is_refused_by_name_and_the_key_is_not_shown(self, arguments, named):
        with pytest.raises(ValidationError, match=named) as caught:
            AzureMLChatOnlineEndpoint(
                **{"endpoint_url": "http://127.0.0.1/score", "endpoint_api_key": KEY, **arguments}
            )

        assert KEY not in f"{caught.value} {caught.value!r}"
        assert KEY[-8:] not in "".join(traceback.format_exception(caught.value))

    def test_langchain_knows_whose_model_it_is(self):
        model = AzureMLChatOnlineEndpoint(endpoint_url="http://127.0.0.1/score", endpoint_api_key=KEY)

        assert model._llm_type == "azureml_chat_endpoint"
        assert model._get_ls_params()["ls_provider"] == "azureml"


class TestAnswer:
    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    async def test_a_whole_serverless_answer(self, server, way):
        server.default = sample_reply("maas_chat_ok")
        message = await ask(way, model_of(server))

        assert message.content == "There are 5,280 feet in a mile."
        assert message.usage_metadata == {"input_tokens": 24, "output_tokens": 7, "total_tokens": 31}
        assert message.response_metadata == {
            "finish_reason": "stop",
            "model_name": "mistral-large-2411",
            "request_id": "00000000-0000-4000-8000-000000000001",
        }
        assert message.id == "0a1b"

    @every_stream
    async def test_a_streamed_serverless_answer(self, server, way):
        server.default = sample_reply("maas_stream_ok")
        message = await ask(way, model_of(server))

        assert message.content == "Absolutely\n"
        assert message.usage_metadata == {"input_tokens": 24, "output_tokens": 352, "total_tokens": 376}
        assert message.response_metadata == {
            "finish_reason": "stop",
            "model_name": "mistral-large-2411",
            "request_id": "00000000-0000-4000-8000-000000000001",
        }

    @every_way
    async def test_a_dedicated_answer_is_one_chunk_with_its_blanks(self, server, way):
        server.default = sample_reply("score_chat_ok")
        chunks = [chunk async for chunk in chunks_of(way, model_of(server, SCORE))]

        assert [chunk.content for chunk in chunks] == [" A2"]
        assert chunks[0].usage_metadata is None

    @every_stream
    async def test_a_whole_reply_to_a_stream_request_is_one_chunk(self, server, way):
        server.default = sample_reply("maas_chat_ok")
        chunks = [chunk async for chunk in chunks_of(way, model_of(server))]

        assert server.requests[0].json["stream"] is True
        assert [chunk.content for chunk in chunks] == ["There are 5,280 feet in a mile."]
        assert chunks[0].usage_metadata == {"input_tokens": 24, "output_tokens": 7, "total_tokens": 31}
        assert chunks[0].response_metadata["finish_reason"] == "stop"

    @every_way
    @pytest.mark.parametrize("header", ["x-request-id", "apim-request-id", "x-ms-request-id"])
    async def test_the_request_id_is_told_whatever_its_header(self, server, way, header):
        content_type = "text/event-stream" if way in STREAMS else "application/json"
        name = "maas_stream_ok" if way in STREAMS else "maas_chat_ok"
        server.default = sample_reply(name, headers={"Content-Type": content_type, header: "id-7"})
        message = await ask(way, model_of(server))

        assert message.response_metadata["request_id"] == "id-7"

    @every_stream
    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("sse_comments", "Hé"),
            ("sse_crlf", "Hé"),
            ("sse_empty_data", "Hé"),
            ("sse_event_id_retry", "Hé"),
            ("sse_multiline_data", "Hi"),
            ("sse_no_done_after_finish", "Hé"),
            ("sse_no_space", "Hé"),
        ],
    )
    async def test_every_framing_is_read(self, server, way, name, text):
        server.default = sample_reply(name)
        message = await ask(way, model_of(server))

        assert message.content == text
        assert message.response_metadata["finish_reason"] == "stop"

    @every_stream
    async def test_an_answer_cut_into_single_bytes_is_whole(self, server, way):
        body = event("Grüße 😀") + FINISH + DONE
        server.default = stream_reply(*(body[place : place + 1] for place in range(len(body))))

        assert (await ask(way, model_of(server))).content == "Grüße 😀"

    @every_way
    async def test_a_long_answer_is_whole(self, server, way):
        text = "Größe 😀\n" * 50_000
        server.default = answer(text)

        assert (await ask(way, model_of(server))).content == text

    @every_stream
    async def test_every_token_is_handed_over_before_the_next_one_is_sent(self, server, way):
        taken = [threading.Event() for _ in range(3)]
        server.default = stream_reply(event("a"), taken[0], event("b"), taken[1], event("c"), taken[2], FINISH, DONE)
        heard = []
        await listen(way, model_of(server, stream_idle_timeout=5), heard, lambda: taken[min(len(heard), 3) - 1].set())

        assert [text for text in heard if text] == ["a", "b", "c"]

    @every_stream
    async def test_an_answer_of_nothing_is_an_empty_answer(self, server, way):
        server.default = stream_reply(DONE)

        assert (await ask(way, model_of(server))).content == ""

    @every_stream
    async def test_the_name_of_the_content_type_has_no_case(self, server, way):
        server.default = Reply(200, {"content-type": "Text/Event-Stream"}, (event("a"), FINISH, DONE))

        assert (await ask(way, model_of(server))).content == "a"

    @every_way
    async def test_a_reply_that_is_no_answer_is_a_response_error_with_its_request_id(self, server, way):
        server.default = json_reply({"result": 1}, X_Request_ID="id-7")
        error = await failure(way, model_of(server), AzureMLResponseError)

        assert "an object with the keys result." in str(error)
        assert error.request_id == "id-7"


class TestSecret:
    @pytest.mark.parametrize(
        "shown",
        [
            repr,
            str,
            dumps,
            lambda model: repr(model.model_dump()),
            lambda model: repr(vars(model)),
            lambda model: repr(model._identifying_params),
        ],
        ids=["repr", "str", "langchain", "model_dump", "vars", "identifying_params"],
    )
    def test_the_model_does_not_show_the_key(self, shown):
        model = AzureMLChatOnlineEndpoint(endpoint_url="http://127.0.0.1/score", endpoint_api_key=KEY)

        assert KEY not in shown(model)

    @pytest.mark.parametrize(
        ("way", "reply"),
        [
            *((way, json_reply({"error": {"message": f"Key {KEY} is unknown", "code": KEY}}, 401)) for way in WAYS),
            *((way, json_reply({"error": {"message": f"Key {KEY} is unknown", "code": KEY}})) for way in WAYS),
            *((way, text_reply(f"Key {KEY} is unknown", 400)) for way in WAYS),
            *((way, stream_reply(f'data: {{"error":{{"message":"{KEY}","code":"{KEY}"}}}}\n\n')) for way in STREAMS),
        ],
    )
    async def test_an_error_does_not_show_the_key_that_the_server_echoed(self, server, way, reply):
        server.default = reply
        error = await failure(way, model_of(server))

        assert "***" in str(error)
        assert KEY not in "".join(traceback.format_exception(error))
        assert KEY not in f"{error!r} {vars(error)}"
        assert KEY.encode() not in pickle.dumps(error)

    @every_way
    async def test_an_error_of_the_network_does_not_show_the_key(self, server, way):
        server.default = Reply(end="mute")
        error = await failure(way, model_of(server, max_retries=0), AzureMLConnectionError)

        assert KEY not in "".join(traceback.format_exception(error))

    @every_way
    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    async def test_a_redirect_is_not_followed_and_the_key_goes_nowhere_else(self, server, way, status):
        with WireServer(answer()) as elsewhere:
            server.default = text_reply("", status, Location=elsewhere.url + CHAT)
            error = await failure(way, model_of(server), AzureMLInvalidRequestError)

            assert elsewhere.connections == 0
        assert len(server.requests) == 1
        assert error.status == status
        assert "pointed to another address" in str(error)


class Listener(BaseCallbackHandler):
    def __init__(self):
        self.tokens, self.errors, self.ends = [], [], []

    def on_llm_new_token(self, token, **_):
        self.tokens.append(token)

    def on_llm_error(self, error, **_):
        self.errors.append(error)

    def on_llm_end(self, response, **_):
        self.ends.append(response)


class AsyncListener(AsyncCallbackHandler):
    def __init__(self):
        self.tokens = []

    async def on_llm_new_token(self, token, **_):
        self.tokens.append(token)


class TestLangChain:
    @every_stream
    async def test_a_listener_hears_every_token(self, server, way):
        server.default = sample_reply("maas_stream_ok")
        listener = Listener()
        await ask(way, model_of(server), config={"callbacks": [listener]})

        assert "".join(listener.tokens) == "Absolutely\n"
        [[generation]] = listener.ends[0].generations
        assert generation.message.usage_metadata["output_tokens"] == 352

    async def test_an_async_listener_hears_every_token(self, server):
        server.default = sample_reply("maas_stream_ok")
        listener = AsyncListener()
        await ask("astream", model_of(server), config={"callbacks": [listener]})

        assert "".join(listener.tokens) == "Absolutely\n"

    @every_way
    async def test_a_listener_hears_of_the_error(self, server, way):
        server.default = sample_reply("maas_401_bad_key")
        listener = Listener()
        error = await failure(way, model_of(server), config={"callbacks": [listener]})

        assert listener.errors == [error]

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    @pytest.mark.parametrize(
        "other", [{"path": SCORE}, {"deployment_name": "green"}, {"model_kwargs": {"temperature": 0.1}}]
    )
    async def test_models_that_differ_do_not_answer_from_each_others_cache(self, server, way, other):
        server.default = sample_reply("maas_chat_ok")
        cache = InMemoryCache()
        one, another = model_of(server, cache=cache), model_of(server, cache=cache, **other)
        await ask(way, one)
        await ask(way, another)
        assert len(server.requests) == 2

        await ask(way, one)
        await ask(way, another)
        assert len(server.requests) == 2

    async def test_it_is_a_runnable_like_any_other(self, answering):
        chain = model_of(answering) | (lambda message: message.content.upper())

        assert await chain.ainvoke("Q") == "AN ANSWER"
