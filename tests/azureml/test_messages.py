"""Messages on the wire: each kind of message and each kind of block, and what is not sent back to a model."""

import base64
import json
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from chatbot.azureml import MistralChatContentFormatter
from chatbot.azureml.messages import fold_system, to_wire
from tests.support.asking import CHAT, SCORE, ask, every_way, model_of
from tests.support.completions import both
from tests.support.wire import sample

PIXEL = base64.b64encode(b"a picture").decode()
TEXT = {"type": "text", "text": "What is it?"}


def sent(message):
    [wire] = to_wire([message])
    return wire


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (SystemMessage("s"), {"role": "system", "content": "s"}),
        (HumanMessage("u"), {"role": "user", "content": "u"}),
        (AIMessage("a"), {"role": "assistant", "content": "a"}),
        (AIMessageChunk(content="a"), {"role": "assistant", "content": "a"}),
        (ToolMessage("r", tool_call_id="1"), {"role": "tool", "tool_call_id": "1", "content": "r"}),
        (FunctionMessage("r", name="f"), {"role": "function", "name": "f", "content": "r"}),
        (ChatMessage("d", role="developer"), {"role": "developer", "content": "d"}),
        (
            SystemMessage("d", additional_kwargs={"__openai_role__": "developer"}),
            {"role": "developer", "content": "d"},
        ),
        (HumanMessage("u", name="Ann"), {"role": "user", "name": "Ann", "content": "u"}),
        (AIMessage("a", name="Bot"), {"role": "assistant", "name": "Bot", "content": "a"}),
        (HumanMessage(""), {"role": "user", "content": ""}),
        (HumanMessage([]), {"role": "user", "content": ""}),
        (AIMessage([]), {"role": "assistant", "content": ""}),
    ],
)
def test_a_message_has_its_role_its_name_and_its_text(message, wire):
    assert sent(message) == wire


def test_a_message_that_is_none_is_refused():
    with pytest.raises(ValueError):
        to_wire([RemoveMessage(id="1")])


class TestText:
    @pytest.mark.parametrize("kind", [SystemMessage, HumanMessage, AIMessage])
    @given(texts=st.lists(st.text(max_size=8), max_size=4), plain=st.booleans())
    def test_parts_of_text_go_out_as_one_string_byte_for_byte(self, kind, texts, plain):
        parts = list(texts) if plain else [{"type": "text", "text": text} for text in texts]

        assert sent(kind(parts))["content"] == "".join(texts)

    def test_blocks_of_other_makers_are_text_too(self):
        parts = ["a", {"type": "text", "text": "b", "annotations": []}, {"type": "text", "text": "c", "id": "1"}]

        assert sent(HumanMessage(parts))["content"] == "abc"

    def test_a_text_of_nothing_is_nothing(self):
        assert sent(HumanMessage([{"type": "text", "text": None}, TEXT]))["content"] == "What is it?"

    def test_a_block_without_its_text_is_refused(self):
        with pytest.raises(ValueError, match="missing expected key"):
            to_wire([HumanMessage([{"type": "text"}])])


class TestMedia:
    @pytest.mark.parametrize(
        ("block", "wire"),
        [
            (
                {"type": "image_url", "image_url": {"url": "https://x/a.png", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://x/a.png", "detail": "low"}},
            ),
            (
                {"type": "image", "source_type": "url", "url": "https://x/a.png"},
                {"type": "image_url", "image_url": {"url": "https://x/a.png"}},
            ),
            (
                {"type": "image", "source_type": "base64", "data": PIXEL, "mime_type": "image/png"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
            ),
            (
                {"type": "image", "url": "https://x/a.png"},
                {"type": "image_url", "image_url": {"url": "https://x/a.png"}},
            ),
            (
                {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
            ),
            (
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
            ),
            (
                {"type": "audio", "base64": PIXEL, "mime_type": "audio/wav"},
                {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "wav"}},
            ),
            (
                {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "mp3"}},
                {"type": "input_audio", "input_audio": {"data": PIXEL, "format": "mp3"}},
            ),
            (
                {"type": "file", "base64": PIXEL, "mime_type": "application/pdf", "filename": "a.pdf"},
                {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PIXEL}", "filename": "a.pdf"}},
            ),
        ],
    )
    def test_a_block_goes_out_as_openai_has_it_beside_the_text(self, block, wire):
        assert sent(HumanMessage([TEXT, block]))["content"] == [TEXT, wire]

    @pytest.mark.parametrize(
        "block", [{"type": "file", "file_id": "f-1"}, {"type": "file", "source_type": "id", "id": "f-1"}]
    )
    def test_a_file_that_was_uploaded_goes_out_by_its_id(self, block):
        _, part = sent(HumanMessage([TEXT, block]))["content"]

        assert (part["type"], part["file"]["file_id"]) == ("file", "f-1")

    @pytest.mark.parametrize(
        "block",
        [
            {"type": "video", "base64": PIXEL, "mime_type": "video/mp4"},
            {"type": "file", "url": "https://x/a.pdf"},
            {"type": "image"},
        ],
    )
    @every_way
    async def test_a_block_that_has_no_form_is_refused_before_anything_is_sent(self, answering, way, block):
        with pytest.raises(ValueError):
            await ask(way, model_of(answering), [HumanMessage([TEXT, block])])

        assert answering.connections == 0

    @every_way
    async def test_a_picture_goes_out_as_it_was_recorded(self, answering, way):
        recorded = sample("aoai_chat_image_ok")["request"]["json"]["messages"]
        await ask(way, model_of(answering), [HumanMessage(recorded[0]["content"])])

        assert answering.requests[0].json["messages"] == recorded

    @every_way
    async def test_a_picture_goes_to_a_score_route_as_well(self, answering, way):
        await ask(way, model_of(answering, SCORE), [HumanMessage([TEXT, {"type": "image", "url": "https://x/a.png"}])])

        [message] = answering.requests[0].json["input_data"]["input_string"]
        assert message["content"] == [TEXT, {"type": "image_url", "image_url": {"url": "https://x/a.png"}}]


class TestHistory:
    @pytest.mark.parametrize(
        "thought",
        [
            {"type": "reasoning", "reasoning": "Hmm."},
            {"type": "thinking", "thinking": "Hmm.", "signature": "s"},
            {"type": "redacted_thinking", "data": "s"},
            {"type": "reasoning_content", "reasoning_content": {"text": "Hmm."}},
            {"type": "non_standard", "value": {"a": 1}},
        ],
    )
    def test_what_a_model_thought_is_not_sent_back_to_it(self, thought):
        assert sent(AIMessage([thought, {"type": "text", "text": "A"}, {"type": "text", "text": "B"}])) == {
            "role": "assistant",
            "content": "AB",
        }

    def test_nor_is_what_it_thought_in_a_field_of_its_own(self):
        assert sent(AIMessage("A", additional_kwargs={"reasoning_content": "Hmm."})) == {
            "role": "assistant",
            "content": "A",
        }

    def test_what_it_refused_is(self):
        assert sent(AIMessage("", additional_kwargs={"refusal": "No."})) == {
            "role": "assistant",
            "content": "",
            "refusal": "No.",
        }

    @every_way
    async def test_an_answer_with_thoughts_goes_back_without_them(self, server, way):
        server.default = both(
            {"content": "<think>\nHmm.\n</think>\n\nA"}, {"content": "<think>\nHm"}, {"content": "m.\n</think>\n\nA"}
        )
        model = model_of(server)
        first = await ask(way, model)
        await ask(way, model, [HumanMessage("Q"), first, HumanMessage("And?")])

        assert first.additional_kwargs["reasoning_content"].strip() == "Hmm."
        assert server.requests[1].json["messages"][1] == {"role": "assistant", "content": "A"}

    def test_calls_of_other_makers_are_calls(self):
        blocks = [{"type": "text", "text": "Hm."}, {"type": "tool_use", "id": "9", "name": "f", "input": {"é": 1}}]
        wire = sent(AIMessage(blocks))

        assert wire["content"] == "Hm."
        assert wire["tool_calls"] == [
            {"type": "function", "id": "9", "function": {"name": "f", "arguments": '{"é": 1}'}}
        ]

    def test_a_call_that_is_a_block_as_well_is_sent_once(self):
        made = {"name": "f", "args": {}, "id": "3", "type": "tool_call"}
        wire = sent(AIMessage([{"type": "text", "text": "Hm."}, made], tool_calls=[made]))

        assert (wire["content"], len(wire["tool_calls"])) == ("Hm.", 1)

    def test_results_among_what_a_person_says_are_messages_of_their_own(self):
        result = {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "text", "text": "62"}]}

        assert to_wire([HumanMessage([TEXT, result])]) == [
            {"role": "user", "content": "What is it?"},
            {"role": "tool", "tool_call_id": "1", "content": "62"},
        ]

    def test_the_messages_are_not_touched(self):
        calls = [{"name": "f", "args": {"a": [1]}, "id": "1", "type": "tool_call"}]
        history = [HumanMessage([TEXT]), AIMessage([{"type": "reasoning", "reasoning": "Hmm."}], tool_calls=calls)]
        before = [message.model_dump_json() for message in history]
        to_wire(history)

        assert [message.model_dump_json() for message in history] == before


class TestFolding:
    """For models without a system role."""

    @pytest.mark.parametrize(
        ("messages", "folded"),
        [
            ([], []),
            ([("user", "u")], [("user", "u")]),
            ([("system", "s"), ("user", "u")], [("user", "s\n\nu")]),
            (
                [("system", "s"), ("user", "u"), ("assistant", "a"), ("user", "v")],
                [("user", "s\n\nu"), ("assistant", "a"), ("user", "v")],
            ),
            ([("system", "s")], [("user", "s")]),
            ([("system", "s"), ("assistant", "a")], [("user", "s"), ("assistant", "a")]),
            ([("system", "s"), ("system", "t"), ("user", "u")], [("user", "s\n\nt\n\nu")]),
            ([("system", "s"), ("system", "t")], [("user", "s\n\nt")]),
            ([("user", "u"), ("system", "s")], [("user", "u"), ("system", "s")]),
        ],
    )
    def test_a_system_prompt_goes_into_the_first_question(self, messages, folded):
        def wires(pairs):
            return [{"role": role, "content": text} for role, text in pairs]

        assert fold_system(wires(messages)) == wires(folded)

    def test_into_one_with_a_picture_as_a_part(self):
        picture = {"type": "image_url", "image_url": {"url": "https://x/a.png"}}
        question = {"role": "user", "name": "Ann", "content": [TEXT, picture]}

        assert fold_system([{"role": "system", "content": "s"}, question]) == [
            {"role": "user", "name": "Ann", "content": [{"type": "text", "text": "s"}, TEXT, picture]}
        ]

    @every_way
    @pytest.mark.parametrize("path", [CHAT, SCORE])
    @pytest.mark.parametrize("formatter", [MistralChatContentFormatter, MistralChatContentFormatter()])
    async def test_the_mistral_formatter_does_it_on_either_route(self, answering, way, path, formatter):
        model = model_of(answering, path, content_formatter=formatter)
        await ask(way, model, [SystemMessage("s"), HumanMessage("u"), AIMessage("a"), HumanMessage("v")])

        body = answering.requests[0].json
        messages = body["messages"] if path == CHAT else body["input_data"]["input_string"]
        assert json.dumps(messages) == json.dumps(
            [
                {"role": "user", "content": "s\n\nu"},
                {"role": "assistant", "content": "a"},
                {"role": "user", "content": "v"},
            ]
        )


class TestCounting:
    """An estimate, without any download."""

    @pytest.fixture(autouse=True)
    def _no_network(self, answering, monkeypatch):
        def refuse(*_):
            raise AssertionError("something is to be fetched")

        monkeypatch.setattr(socket.socket, "connect", refuse)

    def test_a_text_is_estimated(self, answering):
        model = model_of(answering)

        assert model.get_num_tokens("") == 0
        assert 0 < model.get_num_tokens("one two three") < model.get_num_tokens("one two three" * 9) < 60
        assert answering.connections == 0

    def test_messages_are_estimated_with_what_surrounds_them(self, answering):
        model = model_of(answering)
        messages = [SystemMessage("s" * 40), HumanMessage("u" * 40)]
        count = model.get_num_tokens_from_messages(messages)

        assert count > model.get_num_tokens("s" * 40) + model.get_num_tokens("u" * 40)
        tools = [{"type": "function", "function": {"name": "f" * 40, "parameters": {}}}]
        assert model.get_num_tokens_from_messages(messages, tools) > count

    def test_who_has_a_tokenizer_counts_exactly(self, answering):
        model = model_of(answering, custom_get_token_ids=lambda text: [1] * len(text.split()))

        assert model.get_num_tokens("one two three") == 3
        assert model.get_num_tokens_from_messages([HumanMessage("one two"), AIMessage([TEXT])]) == 5
