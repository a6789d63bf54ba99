"""Parts as content blocks and back, and what models send that is no text."""

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage

from chatbot.conversation.content_blocks import PartReader, blob_of, blocks_of, messages_of, parts_of
from chatbot.conversation.parts import (
    Citation,
    File,
    Image,
    NonStandard,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
)
from tests.support.parts import ALL_PARTS, DATA

PNG = b"\x89PNG and more"
V1 = {"output_version": "v1"}


@given(ALL_PARTS)
def test_parts_come_back_from_messages(parts):
    read = {}
    back = [part for message in messages_of(parts, DATA) for part in parts_of(message, read)]
    assert back == list(parts)
    assert read.items() <= DATA.items()


@given(ALL_PARTS)
def test_parts_come_back_from_a_stream_of_their_blocks(parts):
    reader = PartReader()
    chunks = [AIMessageChunk(content=[block], response_metadata=V1) for block in blocks_of(parts, DATA)]
    assert [part for chunk in chunks for part in reader.read(chunk)] == list(parts)
    assert reader.data.items() <= DATA.items()


def test_a_question_is_made_of_langchains_own_blocks():
    blob = blob_of(PNG, "image/png")
    [text, image, file] = blocks_of((Text("Look:"), Image(blob, "a cat"), File(blob, "cat.png")), {blob: PNG})
    message = HumanMessage(content_blocks=[text, image, file])
    assert message.content_blocks == [
        {"type": "text", "text": "Look:"},
        {
            "type": "image",
            "base64": b64encode(PNG).decode(),
            "mime_type": "image/png",
            "extras": {"description": "a cat"},
        },
        {
            "type": "file",
            "base64": b64encode(PNG).decode(),
            "mime_type": "image/png",
            "extras": {"filename": "cat.png"},
        },
    ]


def test_a_citation_is_an_annotation_of_the_text_before_it():
    parts = (Text("It is so."), Citation("Book", "https://a.example/b", "so it is"), Text(" Truly."))
    assert blocks_of(parts, {}) == [
        {
            "type": "text",
            "text": "It is so.",
            "annotations": [
                {"type": "citation", "title": "Book", "url": "https://a.example/b", "cited_text": "so it is"}
            ],
        },
        {"type": "text", "text": " Truly."},
    ]


def test_results_of_tools_are_messages_between_what_came_before_and_after():
    parts = (
        Text("I look."),
        ToolCall("1", "look", {"at": "it"}),
        ToolResult("1", "seen", is_error=True),
        Text("Seen."),
    )
    first, result, last = messages_of(parts, {})
    assert (first.text, first.tool_calls[0]["args"]) == ("I look.", {"at": "it"})
    assert (result.tool_call_id, result.text, result.status) == ("1", "seen", "error")
    assert last.text == "Seen."


def call(args, id=None, name=None, index=0):  # noqa: A002
    return {"type": "tool_call_chunk", "id": id, "name": name, "args": args, "index": index}


def test_a_call_in_pieces_is_one_call_at_the_end_of_the_stream():
    reader = PartReader()
    assert reader.read(AIMessageChunk("Wait.", tool_call_chunks=[call('{"a"', "1", "f")])) == [Text("Wait.")]
    assert reader.read(AIMessageChunk("", tool_call_chunks=[call(": [1]}"), call("[", "2", "g", 1)])) == []
    assert reader.read(AIMessageChunk("", chunk_position="last")) == [
        ToolCall("1", "f", {"a": [1]}),
        NonStandard({"type": "invalid_tool_call", "name": "g", "args": "[", "id": "2", "error": None}),
    ]


def test_a_call_that_the_stream_does_not_finish_is_none():
    reader = PartReader()
    assert reader.read(AIMessageChunk("", tool_call_chunks=[call('{"a"', "1", "f")])) == []
    assert reader.read(AIMessageChunk("Well.")) == [Text("Well.")]


def test_the_calls_of_a_whole_message_are_read():
    calls = [{"name": "f", "args": {"a": 1}, "id": "1"}, {"name": "f", "args": {}, "id": None}]
    message = AIMessage("Wait.", tool_calls=calls, additional_kwargs={"reasoning_content": "Hm."})
    assert PartReader().read(message) == [
        Reasoning("Hm."),
        Text("Wait."),
        ToolCall("1", "f", {"a": 1}),
        ToolCall("", "f", {}),
    ]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image", "url": "https://a.example/cat.png"},
        {"type": "image", "base64": "no base64!", "mime_type": "image/png"},
        {"type": "server_tool_call", "id": "1", "name": "search", "args": {"q": "x"}},
        {"type": "refusal", "refusal": "No."},
        {"type": "something_new", "value": [1, {"a": None}]},
        {"type": "text", "text": 7},
        {"type": "tool_call", "id": "1", "name": "f", "args": None},
        {"no": "type"},
    ],
)
def test_a_block_that_is_no_part_is_kept_whole(block):
    [kept] = PartReader().read(AIMessageChunk(content=[block], response_metadata=V1))
    assert kept == NonStandard(block)


def test_what_a_block_holds_is_made_json_for_every_database():
    odd = {"type": "odd", "a": float("nan"), "b": "half \ud83d", "c": (1, b"x"), 4: {"\udc00": None}}
    [part] = PartReader().read(AIMessageChunk(content=[odd], response_metadata=V1))
    text = json.dumps(part.block, allow_nan=False, ensure_ascii=False)
    assert json.loads(text.encode()) == part.block
    assert part.block["b"] == "half \ufffd"


@given(st.lists(st.dictionaries(st.text(max_size=9), st.none() | st.text() | st.integers() | st.lists(st.text()))))
def test_nothing_is_raised_whatever_a_model_sends(blocks):
    reader = PartReader()
    for type_ in ("text", "image", "tool_call", "server_tool_result", "reasoning", "image_url", "input_audio", "x"):
        for block in blocks:
            reader.read(AIMessageChunk(content=[{**block, "type": type_, "index": 0}]))
    assert isinstance(reader.read(AIMessageChunk("", chunk_position="last")), list)


def test_a_result_of_a_tool_that_is_no_text_is_its_json():
    message = AIMessage(
        [{"type": "server_tool_result", "tool_call_id": "1", "status": "success", "output": [{"a": "é"}]}],
        response_metadata=V1,
    )
    assert parts_of(message, {}) == [ToolResult("1", '[{"a": "é"}]')]
    assert parts_of(ToolMessage("x", tool_call_id="1", status="error"), {}) == [ToolResult("1", "x", is_error=True)]
