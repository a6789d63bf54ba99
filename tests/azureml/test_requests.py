"""What goes out on the wire, and that nothing of one call stays for the next."""

import asyncio
import copy
import json
import threading
from types import MappingProxyType

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from chatbot.azureml import (
    AzureMLChatOnlineEndpoint,
    AzureMLTimeoutError,
    ContentFormatterBase,
    CustomOpenAIChatContentFormatter,
)
from tests.support.asking import CHAT, KEY, SCORE, STREAMS, ask, every_route, every_way, failure, model_of
from tests.support.wire import Reply, json_reply


class TestRequest:
    @every_way
    async def test_the_key_goes_out_in_both_headers(self, answering, way):
        await ask(way, model_of(answering))

        headers = answering.requests[0].headers
        assert headers["Authorization"] == f"Bearer {KEY}"
        assert headers["api-key"] == KEY

    @every_way
    @pytest.mark.parametrize("path", [CHAT, SCORE, f"{SCORE}?api-version=1&a=b", f"{CHAT}?api-version=1"])
    async def test_the_request_is_posted_to_the_route_with_its_query(self, answering, way, path):
        await ask(way, model_of(answering, path))

        assert (answering.requests[0].method, answering.requests[0].path) == ("POST", path)
        assert answering.requests[0].headers["Content-Type"] == "application/json"

    @every_way
    async def test_a_serverless_request_asks_for_a_stream_only_when_it_wants_one(self, answering, way):
        await ask(way, model_of(answering))

        streamed = way in STREAMS
        assert answering.requests[0].json.get("stream", "none") == (True if streamed else "none")
        accepted = "application/json, text/event-stream" if streamed else "application/json"
        assert answering.requests[0].headers["Accept"] == accepted

    @every_way
    async def test_a_dedicated_request_never_asks_for_a_stream_but_says_that_one_would_do(self, answering, way):
        await ask(way, model_of(answering, SCORE))

        assert answering.requests[0].json == {
            "input_data": {"input_string": [{"role": "user", "content": "Q"}], "parameters": {}}
        }
        accepted = "application/json, text/event-stream" if way in STREAMS else "application/json"
        assert answering.requests[0].headers["Accept"] == accepted

    @every_way
    async def test_a_serverless_request_says_what_was_said_and_how_long_the_answer_may_be(self, answering, way):
        await ask(way, model_of(answering), [SystemMessage("s"), HumanMessage("u"), AIMessage("a"), HumanMessage("v")])

        sent = answering.requests[0].json
        sent.pop("stream", None)
        assert sent == {
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "user", "content": "u"},
                {"role": "assistant", "content": "a"},
                {"role": "user", "content": "v"},
            ],
            "max_tokens": 1024,
        }

    @every_way
    @every_route
    async def test_odd_text_arrives_byte_for_byte(self, answering, way, path):
        text = ' \n "quotes" back\\slash \\n é 漢字 😀 '
        await ask(way, model_of(answering, path), [HumanMessage(text)])

        sent = answering.requests[0].json
        messages = sent["messages"] if path == CHAT else sent["input_data"]["input_string"]
        assert messages == [{"role": "user", "content": text}]
        assert "\\u" not in answering.requests[0].body.decode()

    @every_way
    @every_route
    async def test_without_a_deployment_none_is_named(self, answering, way, path):
        await ask(way, model_of(answering, path))

        assert "azureml-model-deployment" not in answering.requests[0].headers
        assert "model" not in answering.requests[0].json

    @every_way
    async def test_a_serverless_deployment_is_named_in_the_header_and_as_the_model(self, answering, way):
        await ask(way, model_of(answering, deployment_name="blue"))

        assert answering.requests[0].headers["azureml-model-deployment"] == "blue"
        assert answering.requests[0].json["model"] == "blue"

    @every_way
    async def test_a_dedicated_deployment_is_named_in_the_header_alone(self, answering, way):
        await ask(way, model_of(answering, SCORE, deployment_name="blue"))

        assert answering.requests[0].headers["azureml-model-deployment"] == "blue"
        assert b"blue" not in answering.requests[0].body

    @every_way
    async def test_a_model_given_as_a_parameter_wins_over_the_deployment(self, answering, way):
        await ask(way, model_of(answering, deployment_name="blue"), model="green")

        assert answering.requests[0].json["model"] == "green"

    @every_way
    async def test_nothing_else_goes_out(self, answering, way, monkeypatch):
        for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_API_KEY"):
            monkeypatch.setenv(name, "from-outside")
        await ask(way, model_of(answering))

        assert {name.lower() for name in answering.requests[0].headers} == {
            "host",
            "accept-encoding",
            "content-length",
            "content-type",
            "accept",
            "authorization",
            "api-key",
            "user-agent",
            "x-ms-client-request-id",
        }
        assert "from-outside" not in str(answering.requests[0].headers)

    @every_way
    async def test_every_request_has_an_id_of_its_own_that_servers_accept(self, answering, way):
        model = model_of(answering)
        for _ in range(3):
            await ask(way, model)

        ids = [request.headers["x-ms-client-request-id"] for request in answering.requests]
        assert len(set(ids)) == 3
        assert all(0 < len(identifier) <= 100 for identifier in ids)

    @every_way
    async def test_the_formatter_says_what_type_the_body_has(self, answering, way):
        class Formatter(CustomOpenAIChatContentFormatter):
            content_type = "application/x-odd"

        await ask(way, model_of(answering, content_formatter=Formatter()))

        assert answering.requests[0].headers["Content-Type"] == "application/x-odd"

    def test_a_formatter_may_be_given_as_its_class(self, answering):
        model = model_of(answering, content_formatter=CustomOpenAIChatContentFormatter)

        assert model.invoke("Q").content == "an answer"

    @every_way
    async def test_a_formatter_of_ones_own_writes_the_body_and_reads_the_reply(self, server, way):
        class Formatter(ContentFormatterBase):
            def format_messages_request_payload(self, messages, model_kwargs, api_type):
                return json.dumps({"inputs": messages[-1].content, "as": api_type, **model_kwargs}).encode()

            def format_response_payload(self, output, api_type):
                text = json.loads(output)["odd"]
                return CustomOpenAIChatContentFormatter().format_response_payload(json.dumps(text).encode(), api_type)

        server.default = json_reply({"odd": "read"})
        model = model_of(server, "/predict", endpoint_api_type="dedicated", content_formatter=Formatter())
        message = await ask(way, model, top_k=3)

        assert message.content == "read"
        assert server.requests[0].json == {"inputs": "Q", "as": "dedicated", "top_k": 3}


class TestParameters:
    ARGUMENTS = MappingProxyType({"temperature": 0.5, "top_p": 0.9, "max_tokens": 7, "stop": ["END"], "seed": 0})

    @every_way
    async def test_arguments_of_the_model_go_into_every_request(self, answering, way):
        model = model_of(answering, **self.ARGUMENTS)
        for _ in range(2):
            await ask(way, model)

        for request in answering.requests:
            assert {name: request.json[name] for name in self.ARGUMENTS} == self.ARGUMENTS

    @every_way
    async def test_they_have_the_containers_names_on_a_score_route(self, answering, way):
        await ask(way, model_of(answering, SCORE, **self.ARGUMENTS))

        sent = dict(self.ARGUMENTS)
        sent["max_new_tokens"] = sent.pop("max_tokens")
        assert answering.requests[0].json["input_data"]["parameters"] == sent

    @every_way
    async def test_what_is_not_given_is_not_sent(self, answering, way):
        await ask(way, model_of(answering, stop=[]))

        assert set(answering.requests[0].json) - {"stream"} == {"messages", "max_tokens"}

    @every_way
    @pytest.mark.parametrize(
        ("called", "sent"),
        [
            ({"temperature": 0.1}, {"temperature": 0.1, "stop": ["A"], "top_k": 3}),
            ({"temperature": None}, {"stop": ["A"], "top_k": 3}),
            ({"stop": ["B", "C"]}, {"temperature": 0.5, "stop": ["B", "C"], "top_k": 3}),
            ({"stop": "B"}, {"temperature": 0.5, "stop": ["B"], "top_k": 3}),
            (
                {"top_k": 4, "logit_bias": {"1": 2}},
                {"temperature": 0.5, "stop": ["A"], "top_k": 4, "logit_bias": {"1": 2}},
            ),
        ],
    )
    async def test_a_calls_own_win_over_those_of_the_model(self, answering, way, called, sent):
        await ask(way, model_of(answering, SCORE, temperature=0.5, stop=["A"], model_kwargs={"top_k": 3}), **called)

        assert answering.requests[0].json["input_data"]["parameters"] == sent

    @every_way
    async def test_other_libraries_names_of_the_arguments_are_known(self, answering, way):
        model = AzureMLChatOnlineEndpoint(
            endpoint_url=answering.url + CHAT, api_key=KEY, model_name="phi", stop_sequences=["END"], request_timeout=7
        )
        await ask(way, model)

        [request] = answering.requests
        assert (request.json["model"], request.json["stop"], model.timeout) == ("phi", ["END"], 7)
        assert request.headers["api-key"] == KEY

    @every_way
    @every_route
    @pytest.mark.parametrize("name", ["timeout", "request_timeout"])
    async def test_a_time_out_of_a_call_is_no_parameter_of_the_model(self, server, way, path, name):
        never = threading.Event()
        server.default = Reply(hold=never)
        error = await failure(way, model_of(server, path, max_retries=0), AzureMLTimeoutError, **{name: 0.25})

        assert "nothing for 0.25 seconds" in str(error)
        request = await asyncio.to_thread(server.wait_for, 1)
        assert name.encode() not in request.body

    @every_way
    @pytest.mark.parametrize("seconds", [0, -1, "soon", [7]])
    async def test_a_time_out_that_is_none_is_refused_before_anything_is_sent(self, answering, way, seconds):
        with pytest.raises(ValueError, match="timeout must be a positive number of seconds"):
            await ask(way, model_of(answering), timeout=seconds)

        assert answering.connections == 0

    @every_way
    @pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
    async def test_a_limit_of_the_callers_takes_the_place_of_ours(self, answering, way, name):
        await ask(way, model_of(answering), **{name: 7})

        sent = answering.requests[0].json
        assert {limit: sent[limit] for limit in sent if limit.startswith("max_")} == {name: 7}

    @every_way
    async def test_nobody_turns_a_whole_answer_into_a_stream_by_a_parameter(self, answering, way):
        await ask(way, model_of(answering, model_kwargs={"stream": "True"}))

        assert answering.requests[0].json.get("stream") is (True if way in STREAMS else None)

    @every_way
    async def test_parameters_of_the_model_go_into_every_request(self, answering, way):
        model = model_of(answering, model_kwargs={"temperature": 0.7, "max_tokens": 5})
        for _ in range(2):
            await ask(way, model)

        for request in answering.requests:
            assert (request.json["temperature"], request.json["max_tokens"]) == (0.7, 5)

    @every_way
    async def test_a_dedicated_limit_has_the_containers_name(self, answering, way):
        await ask(way, model_of(answering, SCORE, model_kwargs={"max_tokens": 5, "temperature": 0.7}))

        assert answering.requests[0].json["input_data"]["parameters"] == {"max_new_tokens": 5, "temperature": 0.7}

    @every_way
    @every_route
    async def test_parameters_of_a_call_never_stick(self, answering, way, path):
        nested = {"temperature": 0.7, "logit_bias": {"1": 2}, "stop_sequences": ["A"]}
        before = copy.deepcopy(nested)
        model = model_of(answering, path, model_kwargs=nested)

        await ask(way, model)
        await ask(way, model, temperature=0.1, max_tokens=5, stop=["END"], logit_bias={"3": 4}, seed=1)
        await ask(way, model)

        first, changed, last = (request.body for request in answering.requests)
        assert first == last != changed
        assert nested == before == model.model_kwargs

    @every_way
    async def test_parameters_of_a_call_win(self, answering, way):
        await ask(way, model_of(answering, model_kwargs={"temperature": 0.7, "top_p": 0.9}), temperature=0.1)

        assert (answering.requests[0].json["temperature"], answering.requests[0].json["top_p"]) == (0.1, 0.9)

    @every_way
    async def test_none_takes_a_parameter_away(self, answering, way):
        await ask(way, model_of(answering, model_kwargs={"temperature": 0.7}), temperature=None)

        assert "temperature" not in answering.requests[0].json

    @every_way
    async def test_stop_words_are_sent_as_a_list(self, answering, way):
        for path in (CHAT, SCORE):
            await ask(way, model_of(answering, path), stop=["END", "\n"])

        assert answering.requests[0].json["stop"] == ["END", "\n"]
        assert answering.requests[1].json["input_data"]["parameters"]["stop"] == ["END", "\n"]

    async def test_bound_parameters_go_out(self, answering):
        await model_of(answering).bind(temperature=0.1).ainvoke("Q")

        assert answering.requests[0].json["temperature"] == 0.1

    @every_way
    async def test_what_has_no_json_form_is_refused_before_anything_is_sent(self, answering, way):
        with pytest.raises(ValueError, match="cannot be written as JSON"):
            await ask(way, model_of(answering), odd=object())

        assert answering.connections == 0
