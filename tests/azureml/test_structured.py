"""Answers that fit a schema: what is asked for on each route, and what is made of what comes back."""

import json
from typing import TypedDict

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.prompts import ChatPromptTemplate
from pydantic import BaseModel, ValidationError

from tests.support.asking import CHAT, SCORE, STREAMS, WAYS, ask, every_stream, every_way, model_of
from tests.support.completions import both, piece, whole
from tests.support.wire import DONE, event, json_reply, sample_reply, stream_reply

METHODS = ("function_calling", "json_schema", "json_mode")
every_method = pytest.mark.parametrize("method", METHODS)


class Joke(BaseModel):
    """A joke."""

    setup: str
    rating: int


class JokeDict(TypedDict):
    """A joke."""

    setup: str
    rating: int


PROPERTIES = {"setup": {"type": "string"}, "rating": {"type": "integer"}}
FIELDS = {"type": "object", "properties": PROPERTIES, "required": ["setup", "rating"]}
SCHEMA = {"title": "Joke", "description": "A joke.", **FIELDS}
TOOL = {"type": "function", "function": {"name": "Joke", "description": "A joke.", "parameters": FIELDS}}

ANSWER = {"setup": 'Why "é"?\n', "rating": 7}
SCHEMAS = {
    "pydantic": (Joke, "Joke"),
    "TypedDict": (JokeDict, "JokeDict"),
    "JSON": (SCHEMA, "Joke"),
    "tool": (TOOL, "Joke"),
}
every_schema = pytest.mark.parametrize("kind", SCHEMAS)


def answering_with(arguments, *, name="Joke"):
    """A default reply that is a call to those who offer tools, and text to those who do not."""
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)

    def reply(request):
        if "tools" not in request.json:
            return both({"content": text}, *({"content": text[place : place + 3]} for place in range(0, len(text), 3)))(
                request
            )
        first = {"tool_calls": [{"index": 0, "id": "1", "function": {"name": name, "arguments": ""}}]}
        rest = [
            {"tool_calls": [{"index": 0, "function": {"arguments": text[place : place + 3]}}]}
            for place in range(0, len(text), 3)
        ]
        message = {"content": None, "tool_calls": [{"id": "1", "function": {"name": name, "arguments": text}}]}
        return both(message, first, *rest)(request)

    return reply


async def last(way, runnable, prompt="Q"):
    """What invoking returns, or the last value of a stream."""
    if way == "invoke":
        return runnable.invoke(prompt)
    if way == "ainvoke":
        return await runnable.ainvoke(prompt)
    result = list(runnable.stream(prompt)) if way == "stream" else [part async for part in runnable.astream(prompt)]
    return result[-1] if result else None


class TestAsked:
    @every_way
    @every_method
    @every_schema
    async def test_an_answer_is_an_instance_of_the_schema_or_a_dict(self, server, way, method, kind):
        schema, name = SCHEMAS[kind]
        server.default = answering_with(ANSWER, name=name)
        answer = await last(way, model_of(server).with_structured_output(schema, method=method))

        assert answer == (Joke(**ANSWER) if kind == "pydantic" else ANSWER)

    @every_way
    @every_schema
    async def test_function_calling_offers_one_tool_that_must_be_called(self, server, way, kind):
        schema, name = SCHEMAS[kind]
        server.default = answering_with(ANSWER, name=name)
        await last(way, model_of(server).with_structured_output(schema))

        sent = server.requests[0].json
        function = {"name": name, "description": "A joke.", "parameters": FIELDS}
        assert sent["tools"] == [{"type": "function", "function": function}]
        assert sent["tool_choice"] == {"type": "function", "function": {"name": name}}
        assert set(sent) - {"stream"} == {"messages", "tools", "tool_choice", "max_tokens"}

    @every_way
    @every_schema
    async def test_json_schema_holds_the_answer_to_the_schema(self, server, way, kind):
        schema, name = SCHEMAS[kind]
        server.default = answering_with(ANSWER)
        await last(way, model_of(server).with_structured_output(schema, method="json_schema"))

        sent = server.requests[0].json
        wanted = {"title": name, "description": "A joke.", **FIELDS}
        assert sent["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": name, "description": "A joke.", "schema": wanted},
        }
        assert set(sent) - {"stream"} == {"messages", "response_format", "max_tokens"}

    @every_way
    @every_schema
    async def test_json_mode_only_asks_for_json(self, server, way, kind):
        server.default = answering_with(ANSWER)
        await last(way, model_of(server).with_structured_output(SCHEMAS[kind][0], method="json_mode"))

        sent = server.requests[0].json
        assert sent["response_format"] == {"type": "json_object"}
        assert set(sent) - {"stream"} == {"messages", "response_format", "max_tokens"}

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    async def test_what_must_fit_exactly_says_so(self, server, way):
        server.default = answering_with(ANSWER)
        model = model_of(server)
        await last(way, model.with_structured_output(Joke, strict=True))
        await last(way, model.with_structured_output(Joke, method="json_schema", strict=True))

        called, held = (request.json for request in server.requests)
        assert called["tools"][0]["function"]["strict"] is True
        assert called["tools"][0]["function"]["parameters"]["additionalProperties"] is False
        assert held["response_format"]["json_schema"]["strict"] is True
        assert held["response_format"]["json_schema"]["schema"]["additionalProperties"] is False

    @every_way
    async def test_json_mode_needs_no_schema(self, server, way):
        server.default = answering_with({"any": "thing"})

        assert await last(way, model_of(server).with_structured_output(method="json_mode")) == {"any": "thing"}

    @pytest.mark.parametrize("method", ["function_calling", "json_schema"])
    @pytest.mark.parametrize("path", [CHAT, SCORE])
    def test_the_other_methods_do(self, answering, method, path):
        with pytest.raises(ValueError, match=f"method {method} needs a schema"):
            model_of(answering, path).with_structured_output(method=method)

    @pytest.mark.parametrize("path", [CHAT, SCORE])
    def test_a_method_that_nobody_knows_is_refused(self, answering, path):
        with pytest.raises(ValueError, match="function_calling, json_schema or json_mode, not 'json'"):
            model_of(answering, path).with_structured_output(Joke, method="json")

    @every_way
    @every_method
    async def test_further_parameters_go_out_with_the_request(self, server, way, method):
        server.default = answering_with(ANSWER)
        await last(way, model_of(server).with_structured_output(Joke, method=method, temperature=0))

        assert server.requests[0].json["temperature"] == 0

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    async def test_the_recorded_answer_to_a_schema(self, server, way):
        class S(BaseModel):
            """d"""

            distance: int

        server.default = sample_reply("aoai_chat_json_schema_ok")
        model = model_of(server, "/openai/deployments/DEP")

        assert await last(way, model.with_structured_output(S, method="json_schema", strict=True)) == S(distance=146)
        [sent] = [request.json["response_format"] for request in server.requests]
        assert (sent["type"], sent["json_schema"]["name"]) == ("json_schema", "S")

    async def test_it_stands_in_a_chain(self, server):
        server.default = answering_with(ANSWER)
        chain = ChatPromptTemplate([("system", "s"), ("human", "{about}")]) | model_of(server).with_structured_output(
            Joke
        )

        assert await chain.ainvoke({"about": "cats"}) == Joke(**ANSWER)
        assert server.requests[0].json["messages"][1] == {"role": "user", "content": "cats"}

    @every_stream
    @every_method
    async def test_a_dict_grows_while_it_comes(self, server, way, method):
        server.default = answering_with(ANSWER)
        runnable = model_of(server).with_structured_output(SCHEMA, method=method)
        result = list(runnable.stream("Q")) if way == "stream" else [part async for part in runnable.astream("Q")]

        assert all(part.keys() <= ANSWER.keys() for part in result)
        assert result[-1] == ANSWER


class TestIncludeRaw:
    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    @every_method
    @every_schema
    async def test_the_message_comes_with_what_was_read_in_it(self, server, way, method, kind):
        schema, name = SCHEMAS[kind]
        server.default = answering_with(ANSWER, name=name)
        result = await last(way, model_of(server).with_structured_output(schema, method=method, include_raw=True))

        assert type(result["raw"]) is AIMessage
        assert result["raw"].response_metadata["finish_reason"] == "stop"
        assert result["parsed"] == (Joke(**ANSWER) if kind == "pydantic" else ANSWER)
        assert result["parsing_error"] is None

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    @every_method
    @pytest.mark.parametrize("bad", ['{"setup": "Why', '{"setup": "Why?", "rating": "high"}', "[1]"])
    async def test_what_does_not_fit_is_told_beside_the_message_and_not_raised(self, server, way, method, bad):
        server.default = answering_with(bad)
        result = await last(way, model_of(server).with_structured_output(Joke, method=method, include_raw=True))

        assert (result["parsed"], isinstance(result["raw"], AIMessage)) == (None, True)
        assert isinstance(result["parsing_error"], OutputParserException | ValidationError)

    @every_stream
    @every_method
    async def test_a_stream_tells_all_three(self, server, way, method):
        server.default = answering_with(ANSWER)
        runnable = model_of(server).with_structured_output(Joke, method=method, include_raw=True)
        parts = list(runnable.stream("Q")) if way == "stream" else [part async for part in runnable.astream("Q")]

        assert {name for part in parts for name in part} == {"raw", "parsed", "parsing_error"}
        assert [part["parsed"] for part in parts if "parsed" in part] == [Joke(**ANSWER)]


class TestBadAnswers:
    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    @every_method
    @every_schema
    async def test_what_is_no_json_is_an_error_of_the_parser(self, server, way, method, kind):
        schema, name = SCHEMAS[kind]
        server.default = answering_with("no JSON", name=name)
        with pytest.raises(OutputParserException):
            await last(way, model_of(server).with_structured_output(schema, method=method))

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    @every_schema
    async def test_a_call_that_was_cut_off_is_an_error_and_not_nothing(self, server, way, kind):
        schema, name = SCHEMAS[kind]
        server.default = answering_with('{"setup": "Why', name=name)
        with pytest.raises(
            OutputParserException, match=f"called {name} with arguments that are no JSON object"
        ) as caught:
            await last(way, model_of(server).with_structured_output(schema))

        assert caught.value.llm_output == '{"setup": "Why'

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    @every_method
    async def test_what_does_not_fit_is_an_error_too(self, server, way, method):
        server.default = answering_with({"setup": "Why?"})
        with pytest.raises((OutputParserException, ValidationError), match="rating"):
            await last(way, model_of(server).with_structured_output(Joke, method=method))

    @every_way
    @every_method
    @every_schema
    async def test_a_refusal_is_told_in_its_own_words(self, server, way, method, kind):
        server.default = both(
            {"content": None, "refusal": "I cannot joke about that."},
            {"refusal": "I cannot joke"},
            {"refusal": " about that."},
        )
        with pytest.raises(
            OutputParserException, match="The model refused to answer: I cannot joke about that"
        ) as caught:
            await last(way, model_of(server).with_structured_output(SCHEMAS[kind][0], method=method))

        assert caught.value.llm_output == "I cannot joke about that."

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    @every_method
    async def test_a_refusal_stands_beside_the_message_if_that_is_wanted(self, server, way, method):
        server.default = whole({"content": None, "refusal": "No."})
        result = await last(way, model_of(server).with_structured_output(Joke, method=method, include_raw=True))

        assert result["parsed"] is None
        assert "The model refused to answer: No." in str(result["parsing_error"])

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    async def test_a_model_that_calls_nothing_gives_nothing(self, server, way):
        server.default = whole({"content": "I would rather talk."})

        assert await last(way, model_of(server).with_structured_output(Joke)) is None


def score_reply(text):
    return json_reply({"output": text})


class TestScore:
    """Classic containers know neither tools nor formats: they are asked in words."""

    @every_way
    @every_method
    @every_schema
    async def test_the_schema_stands_in_the_system_prompt(self, server, way, method, kind):
        schema, name = SCHEMAS[kind]
        server.default = score_reply(json.dumps(ANSWER))
        answer = await last(way, model_of(server, SCORE).with_structured_output(schema, method=method))

        assert answer == (Joke(**ANSWER) if kind == "pydantic" else ANSWER)
        system, question = server.requests[0].json["input_data"]["input_string"]
        asked, _, schema = system["content"].partition("It must fit this JSON Schema:\n")
        assert asked == "Answer with one JSON object and nothing else. "
        assert json.loads(schema) == {"title": name, "description": "A joke.", **FIELDS}
        assert (system["role"], question) == ("system", {"role": "user", "content": "Q"})
        assert server.requests[0].json["input_data"]["parameters"] == {}

    @every_way
    @pytest.mark.parametrize(
        "prompt",
        [
            [SystemMessage("Be kind."), HumanMessage("Q")],
            [("system", "Be kind."), ("human", "Q")],
            ChatPromptTemplate([("system", "Be kind."), ("human", "Q")]).invoke({}),
            [SystemMessage([{"type": "text", "text": "Be kind."}]), HumanMessage("Q")],
        ],
        ids=["messages", "pairs", "prompt", "parts"],
    )
    async def test_it_follows_a_system_prompt_that_is_there(self, server, way, prompt):
        server.default = score_reply(json.dumps(ANSWER))
        await last(way, model_of(server, SCORE).with_structured_output(Joke), prompt)

        system, question = server.requests[0].json["input_data"]["input_string"]
        assert system["content"].startswith("Be kind.\n\nAnswer with one JSON object and nothing else. It must fit")
        assert question == {"role": "user", "content": "Q"}

    @every_way
    @pytest.mark.parametrize(
        "text",
        [
            ' {"setup": "Why?", "rating": 7}\n',
            '```json\n{"setup": "Why?", "rating": 7}\n```',
            ' Here you are:\n```json\n{"setup": "Why?", "rating": 7}\n```\nEnjoy!',
            '```\n{"setup": "Why?", "rating": 7}\n```',
            '<think>\nA joke…\n</think>\n\n{"setup": "Why?", "rating": 7}',
        ],
    )
    async def test_json_is_read_in_the_fence_that_models_put_around_it(self, server, way, text):
        server.default = score_reply(text)
        answer = await last(way, model_of(server, SCORE).with_structured_output(Joke))

        assert answer == Joke(setup="Why?", rating=7)

    @every_way
    async def test_json_of_any_kind_can_be_asked_for(self, server, way):
        server.default = score_reply('{"any": "thing"}')
        answer = await last(way, model_of(server, SCORE).with_structured_output(method="json_mode"))

        assert answer == {"any": "thing"}
        system, _ = server.requests[0].json["input_data"]["input_string"]
        assert system["content"] == "Answer with one JSON object and nothing else."

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    async def test_the_message_can_be_had_as_well(self, server, way):
        server.default = score_reply("I do not joke.")
        runnable = model_of(server, SCORE).with_structured_output(Joke, include_raw=True, temperature=0)
        result = await last(way, runnable)

        assert (result["raw"].content, result["parsed"]) == ("I do not joke.", None)
        assert isinstance(result["parsing_error"], OutputParserException)
        assert server.requests[0].json["input_data"]["parameters"] == {"temperature": 0}


async def test_nothing_of_the_schema_stays_for_the_next_call(server):
    server.default = answering_with(ANSWER)
    model = model_of(server)
    for way in WAYS:
        await last(way, model.with_structured_output(Joke))
        await ask(way, model)

    plain = [request.json for request in server.requests[1::2]]
    assert [set(sent) - {"stream"} for sent in plain] == [{"messages", "max_tokens"}] * 4


@pytest.mark.parametrize("way", STREAMS)
async def test_thoughts_before_the_json_are_not_read(server, way):
    server.default = stream_reply(
        event("<think>{ or [?"), event("</think>\n"), event(json.dumps(ANSWER)), piece({}, "stop"), DONE
    )

    answer = await last(way, model_of(server).with_structured_output(Joke, method="json_schema"))
    assert answer == Joke(**ANSWER)
