"""What a good reply holds: the recorded ones, several choices, refusals, filters, and the streams of prompt flow."""

import json

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.outputs import ChatGeneration, Generation

from chatbot.azureml import (
    AzureMLConnectionError,
    AzureMLResponseError,
    AzureMLStreamError,
    ContentFormatterBase,
)
from tests.support.asking import (
    CHAT,
    FINISH,
    SCORE,
    STREAMS,
    WAYS,
    ask,
    chunks_of,
    every_route,
    every_stream,
    every_way,
    failure,
    model_of,
)
from tests.support.completions import both, data, piece, whole
from tests.support.wire import DONE, SAMPLES, event, json_reply, sample, sample_reply, stream_reply, text_reply

every_whole = pytest.mark.parametrize("way", ["invoke", "ainvoke"])

# sample: text of the answer
GOOD = {
    "aoai_chat_image_ok": "Three balls.",
    "aoai_chat_json_schema_ok": '{"distance":146}',
    "aoai_stream_ok": "There are",
    "aoai_tool_call_stream_fragments": "",
    "content_filter_completion_200": "",
    "maas_chat_extras_passthrough": "A",
    "maas_chat_ok": "There are 5,280 feet in a mile.",
    "maas_stream_ok": "Absolutely\n",
    "maas_tool_call_ok": "",
    "maas_tool_call_stream_no_index": "",
    "maas_tool_result_turn": "It will be 62.",
    "r1_reasoning_content": "About 7000.",
    "r1_reasoning_stream": "About",
    "r1_think_tags": "About 7000.",
    "score_chat_ok": " A2",
    "score_content_safety_blocked": "",
    "score_lc_community_dedicated_request": "  hello\n",
    "score_text_ok": "I believe in love.",
    "sse_comments": "Hé",
    "sse_crlf": "Hé",
    "sse_empty_data": "Hé",
    "sse_event_id_retry": "Hé",
    "sse_multiline_data": "Hi",
    "sse_no_done_after_finish": "Hé",
    "sse_no_space": "Hé",
}
NOT_ANSWERS = {"maas_info_ok", "sse_cut_mid_json", "sse_no_done_clean_close"}


def test_every_recorded_good_reply_is_in_the_table():
    good = {path.stem for path in SAMPLES.glob("*.json") if sample(path.stem)["response"]["status"] == 200}

    assert good - NOT_ANSWERS == GOOD.keys()


@every_way
@pytest.mark.parametrize("name", GOOD)
async def test_every_recorded_good_reply_is_read(server, way, name):
    server.default = sample_reply(name)
    streamed = "sse" in sample(name)["response"]
    if streamed and way not in STREAMS:
        message = await ask(way, model_of(server, streaming=True))
    else:
        message = await ask(way, model_of(server, SCORE if name.startswith("score_") else CHAT))

    assert message.content == GOOD[name]


CHOICES = [{"index": n, "message": {"content": f"A{n}"}, "finish_reason": "stop"} for n in range(3)]


class TestChoices:
    @every_whole
    async def test_of_several_answers_all_are_generated(self, server, way):
        server.default = json_reply(
            {"id": "x", "choices": CHOICES, "usage": {"prompt_tokens": 2, "completion_tokens": 1}, "model": "m"}
        )
        model = model_of(server)
        result = (
            model.generate([[HumanMessage("Q")]], n=3)
            if way == "invoke"
            else await model.agenerate([[HumanMessage("Q")]], n=3)
        )

        [generations] = result.generations
        assert [generation.text for generation in generations] == ["A0", "A1", "A2"]
        assert [generation.generation_info["finish_reason"] for generation in generations] == ["stop"] * 3
        assert [generation.message.usage_metadata is None for generation in generations] == [False, True, True]
        assert len({generation.message.id for generation in generations}) == 3
        assert server.requests[0].json["n"] == 3

    @every_way
    async def test_of_several_answers_the_first_is_the_answer(self, server, way):
        server.default = json_reply({"choices": CHOICES})

        assert (await ask(way, model_of(server), n=3)).content == "A0"

    @every_stream
    async def test_of_several_streamed_answers_the_first_is_the_answer(self, server, way):
        server.default = stream_reply(
            data({"choices": [{"index": 0, "delta": {"content": "A"}}, {"index": 1, "delta": {"content": "B"}}]}),
            data({"choices": [{"index": 1, "delta": {"content": "C"}, "finish_reason": "length"}]}),
            data({"choices": [{"index": 0, "delta": {"content": "D"}, "finish_reason": "stop"}]}),
            DONE,
        )
        message = await ask(way, model_of(server))

        assert (message.content, message.response_metadata["finish_reason"]) == ("AD", "stop")

    @every_stream
    async def test_a_second_answer_that_ends_does_not_end_the_first(self, server, way):
        second = {"index": 1, "delta": {"content": "B"}, "finish_reason": "stop"}
        server.default = stream_reply(event("A"), data({"choices": [second]}), end="close")
        error = await failure(way, model_of(server), AzureMLStreamError)

        assert error.partial == "A"


class TestRefusal:
    @every_way
    async def test_a_refusal_stands_beside_an_empty_answer(self, server, way):
        server.default = both({"content": None, "refusal": "I will not."}, {"refusal": "I will "}, {"refusal": "not."})
        message = await ask(way, model_of(server))

        assert (message.content, message.additional_kwargs) == ("", {"refusal": "I will not."})

    @every_way
    async def test_a_null_is_no_refusal(self, server, way):
        server.default = both({"content": "A", "refusal": None}, {"content": "A", "refusal": None})

        assert (await ask(way, model_of(server))).additional_kwargs == {}


class TestPromptFlow:
    """``/score`` may stream: events ``{"answer": …}`` without an end but the connection's."""

    EVENTS = (data({"answer": "Hé"}), data({"answer": "llo "}), data({"answer": ""}), data({"answer": "there"}))

    @every_stream
    async def test_its_events_are_the_answer_and_its_close_the_end(self, server, way):
        server.default = stream_reply(*self.EVENTS, end="close")
        chunks = [chunk async for chunk in chunks_of(way, model_of(server, SCORE))]

        assert "".join(chunk.content for chunk in chunks) == "Héllo there"
        assert server.requests[0].headers["Accept"] == "application/json, text/event-stream"
        assert "stream" not in server.requests[0].json

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    async def test_whoever_wants_no_stream_does_not_say_that_one_would_do(self, answering, way):
        await ask(way, model_of(answering, SCORE))

        assert answering.requests[0].headers["Accept"] == "application/json"

    @every_stream
    @pytest.mark.parametrize("end", ["cut", "reset"])
    async def test_a_connection_that_breaks_is_no_end(self, server, way, end):
        server.default = stream_reply(*self.EVENTS[:2], end=end)
        error = await failure(way, model_of(server, SCORE), AzureMLConnectionError)

        assert error.partial == "Héllo "

    @every_stream
    async def test_an_answer_of_nothing_is_an_answer(self, server, way):
        server.default = stream_reply(data({"answer": ""}), end="close")

        assert (await ask(way, model_of(server, SCORE))).content == ""

    @every_stream
    async def test_a_stream_of_nothing_that_is_text_is_none(self, server, way):
        server.default = stream_reply(data({"context": {"a": 1}}), end="close")
        await failure(way, model_of(server, SCORE), AzureMLStreamError)

    @every_stream
    async def test_outputs_beside_the_answer_are_passed_over(self, server, way):
        server.default = stream_reply(data({"context": ["a"]}), *self.EVENTS, data({"context": None}), end="close")

        assert (await ask(way, model_of(server, SCORE))).content == "Héllo there"

    @every_stream
    async def test_an_error_among_the_events_is_told_with_what_there_was(self, server, way):
        failed = data({"error": {"code": "UserError", "message": "The flow failed."}})
        server.default = stream_reply(*self.EVENTS[:2], failed, end="close")
        error = await failure(way, model_of(server, SCORE), AzureMLStreamError)

        assert (error.partial, error.code) == ("Héllo ", "UserError")
        assert "The flow failed." in str(error)

    @every_stream
    async def test_thoughts_may_be_cut_by_events(self, server, way):
        texts = ("<thi", "nk>Hm", "m.</", "think>\n", "\nA", "<think>")
        server.default = stream_reply(*(data({"answer": text}) for text in texts), end="close")
        message = await ask(way, model_of(server, SCORE))

        assert (message.additional_kwargs["reasoning_content"], message.content) == ("Hmm.", "A<think>")

    @every_stream
    async def test_a_flow_that_does_not_stream_answers_whole(self, server, way):
        server.default = json_reply({"answer": "Hello"})

        assert (await ask(way, model_of(server, SCORE))).content == "Hello"

    @every_stream
    async def test_a_formatter_of_ones_own_reads_each_event(self, server, way):
        class Formatter(ContentFormatterBase):
            def format_request_payload(self, prompt, model_kwargs, api_type):
                return f'{{"question":"{prompt}"}}'

            def format_response_payload(self, output, api_type):
                return json.loads(output)["reply"]

        server.default = stream_reply(data({"reply": "a"}), data({"other": 1}), data({"reply": "b"}), end="close")
        message = await ask(way, model_of(server, SCORE, content_formatter=Formatter))

        assert message.content == "ab"

    @every_stream
    async def test_where_openais_events_come_others_do_not_make_an_end(self, server, way):
        server.default = stream_reply(data({"answer": "warming up"}), event("A"), end="close")
        error = await failure(way, model_of(server), AzureMLStreamError)

        assert error.partial.endswith("A")

    @every_way
    async def test_the_refusal_of_an_accept_header_is_told(self, server, way):
        server.default = sample_reply("promptflow_424_not_acceptable")
        error = await failure(way, model_of(server, SCORE, max_retries=0))

        assert "is not acceptable" in str(error)
        assert error.status == 406


class TestOddServers:
    @every_way
    @pytest.mark.parametrize(
        "reply",
        [
            {"object": "error", "message": "Engine died", "type": "ServerError", "code": 500},
            {"error": {"message": "Engine died"}},
            {"error": {"message": "Engine died"}, "choices": []},
            {"error": "Engine died", "choices": None},
        ],
    )
    async def test_an_error_that_says_200_is_told_in_its_own_words(self, server, way, reply):
        server.default = json_reply(reply, x_request_id="id-7")
        error = await failure(way, model_of(server), AzureMLResponseError)

        assert "Engine died" in str(error)
        assert error.request_id == "id-7"

    @every_way
    @every_route
    async def test_a_web_page_is_described(self, server, way, path):
        server.default = text_reply("<!DOCTYPE html><title>Sign in</title>", content_type="text/html")

        assert "a web page" in str(await failure(way, model_of(server, path), AzureMLResponseError))

    @every_stream
    async def test_a_delta_of_calls_alone_is_noticed(self, server, way):
        made = {"index": 0, "id": "1", "function": {"name": "f", "arguments": "{}"}}
        server.default = stream_reply(piece({"tool_calls": [made]}), FINISH, DONE)

        assert [made["name"] for made in (await ask(way, model_of(server))).tool_calls] == ["f"]

    @every_stream
    async def test_messages_instead_of_deltas_are_read(self, server, way):
        choices = [{"index": 0, "message": {"content": "A"}, "finish_reason": "stop"}]
        server.default = stream_reply(data({"choices": choices}), DONE)

        assert (await ask(way, model_of(server))).content == "A"

    @every_stream
    async def test_content_in_parts_is_read(self, server, way):
        server.default = stream_reply(piece({"content": [{"type": "text", "text": "A"}]}), FINISH, DONE)

        assert (await ask(way, model_of(server))).content == "A"


class TestStreaming:
    @pytest.mark.parametrize("way", WAYS)
    async def test_a_model_that_streams_by_itself_says_the_same(self, server, way):
        server.default = sample_reply("maas_stream_ok")
        message = await ask(way, model_of(server, streaming=True))

        assert message.content == "Absolutely\n"
        assert message.usage_metadata == {"input_tokens": 24, "output_tokens": 352, "total_tokens": 376}
        assert message.response_metadata["finish_reason"] == "stop"
        assert server.requests[0].json["stream"] is True

    @every_stream
    async def test_a_model_that_must_not_stream_does_not(self, answering, way):
        message = await ask(way, model_of(answering, disable_streaming=True))

        assert message.content == "an answer"
        assert "stream" not in answering.requests[0].json

    @every_stream
    async def test_the_last_chunk_says_that_it_is_the_last(self, answering, way):
        chunks = [chunk async for chunk in chunks_of(way, model_of(answering))]

        assert [chunk.chunk_position for chunk in chunks] == [None] * (len(chunks) - 1) + ["last"]
        assert len({chunk.id for chunk in chunks}) == 1

    async def test_batches_are_answered_in_their_order(self, server):
        server.default = lambda request: whole({"content": request.json["messages"][0]["content"].upper()})
        model = model_of(server)

        assert [message.content for message in model.batch(["a", "b", "c"])] == ["A", "B", "C"]
        assert [message.content for message in await model.abatch(["a", "b"])] == ["A", "B"]
        await model.aclose()

    async def test_what_a_formatter_makes_of_it_may_be_any_of_langchains(self, server):
        class Formatter(ContentFormatterBase):
            made = None

            def format_messages_request_payload(self, messages, model_kwargs, api_type):
                return b"{}"

            def format_response_payload(self, output, api_type):
                return self.made

        server.default = json_reply({})
        model = model_of(server, content_formatter=Formatter())
        for made in ("A", AIMessage("A"), Generation(text="A"), ChatGeneration(message=AIMessage("A"))):
            Formatter.made = made
            for way in WAYS:
                assert (await ask(way, model)).content == "A"
