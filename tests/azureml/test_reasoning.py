"""Thoughts apart from the answer: in fields of their own, between tags, and cut wherever a network may cut them."""

import copy
import pickle
import re
import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk, HumanMessage
from langchain_core.outputs.chat_generation import merge_chat_generation_chunks

from chatbot.azureml import AzureMLStreamError
from chatbot.azureml.reasoning import ReasoningSplitter, ReplacingChunk, split
from chatbot.azureml.stream import ChatStream
from tests.support.asking import FINISH, SCORE, ask, chunks_of, every_stream, every_way, failure, model_of
from tests.support.completions import both, piece, whole
from tests.support.wire import DONE, event, json_reply, sample_reply, stream_reply

# text, thoughts, answer
TEXTS = [
    ("<think>\nHmm.\n</think>\n\nA", "\nHmm.\n", "A"),
    ("<think></think>A", "", "A"),
    ("<think>\n\n</think>\n\nA", "\n\n", "A"),
    ("<think>Hmm.</think>", "Hmm.", ""),
    ("<think>Hmm.</think>\n\n", "Hmm.", ""),
    ("<think>Hmm.</think> A\n", "Hmm.", " A\n"),
    (" \n<think>Hmm.</think>\n\n  A\n\nB", "Hmm.", "  A\n\nB"),
    ("<think>Hmm", "Hmm", ""),
    ("<think>Hmm.</thin", "Hmm.</thin", ""),
    ("<think>a </think b</think>A", "a </think b", "A"),
    ("<think>a < b </ c</think>A", "a < b </ c", "A"),
    ("<think>a</think>b</think>c<think>d", "a", "b</think>c<think>d"),
    ("<think><think>a</think>b", "<think>a", "b"),
    ("<think>é 😀</think>漢", "é 😀", "漢"),
    ("[THINK]Hmm.[/THINK]A", "Hmm.", "A"),
    ("<thinking>Hmm.</thinking>\n\nA", "Hmm.", "A"),
    ("<seed:think>Hmm.</seed:think>A", "Hmm.", "A"),
    ("◁think▷Hmm.◁/think▷A", "Hmm.", "A"),
]
# text, thoughts, answer, where the chat template wrote the opening
UNOPENED = [
    ("The user greets me.\n</think>\n\nHello!", "The user greets me.\n", "Hello!"),
    ("Hmm</think>A", "Hmm", "A"),
    ("Hmm. </think> A", "Hmm. ", " A"),
    ("okay </think>\nA", "okay ", "A"),
    ("</think>A", "", "A"),
    ("\n\n</think>\n\nA", "\n\n", "A"),
    ("Hmm.\n</think>", "Hmm.\n", ""),
    ("I write `</think>` last.\n</think>\nA", "I write `</think>` last.\n", "A"),
    ("a\n</think>\nb</think>c<think>", "a\n", "b</think>c<think>"),
]
# the answer speaks of the tag
MENTIONS = [
    "Close it with </think> and go on.",
    "The tag `</think>` closes.",
    'Say "</think>" then.',
    "A <think>b</think> c",
    "```\nHmm.\n</think>\n```\nA",
    "Hmm.\n</thin",
]
# what has no thoughts at its beginning stays as it is
PLAIN = [
    "",
    " ",
    "\n",
    "A",
    " A",
    "A <think>b</think>",
    "<",
    "<thin",
    "<thinker>b",
    "<b>",
    "<Think>a",
    "<<think>",
    " <th",
]


def fed(pieces):
    splitter = ReasoningSplitter()
    parts = [splitter.feed(piece) for piece in pieces] + [splitter.finish()]
    return "".join(part.reasoning for part in parts), "".join(part.answer for part in parts)


def cut_at(text, places):
    edges = [0, *sorted(places), len(text)]
    return [text[start:end] for start, end in pairwise(edges)]


class TestTags:
    @pytest.mark.parametrize(("text", "thoughts", "answer"), TEXTS)
    def test_thoughts_and_answer_are_told_apart(self, text, thoughts, answer):
        assert split(text) == (thoughts, answer)

    @pytest.mark.parametrize("text", PLAIN)
    def test_a_text_that_does_not_begin_with_the_tag_is_the_answer_as_it_is(self, text):
        assert split(text) == ("", text)

    @pytest.mark.parametrize("text", [line[0] for line in TEXTS] + PLAIN)
    def test_it_may_come_character_by_character_and_in_two_pieces_cut_anywhere(self, text):
        assert fed(text) == split(text)
        for place in range(len(text) + 1):
            assert fed([text[:place], text[place:]]) == split(text)

    @given(
        text=st.lists(
            st.sampled_from(["<think>", "</think>", "<", "think", ">", "/", "\n", " ", "a", "é"]), max_size=10
        ).map("".join),
        data=st.data(),
    )
    def test_any_cut_gives_the_same_and_nothing_is_lost(self, text, data):
        places = data.draw(st.lists(st.integers(0, len(text)), max_size=6))
        thoughts, answer = fed(cut_at(text, places))

        assert (thoughts, answer) == fed([text])
        if "</think>" not in text and not text.lstrip().startswith("<think>"):
            assert (thoughts, answer) == ("", text)

    @given(text=st.text(max_size=30).filter(lambda text: not text.lstrip().startswith("<think>")), data=st.data())
    def test_a_text_without_thoughts_is_never_changed(self, text, data):
        places = data.draw(st.lists(st.integers(0, len(text)), max_size=6))

        assert fed(cut_at(text, places)) == ("", text)

    @pytest.mark.parametrize(
        ("pieces", "given_out"),
        [
            (["A", "b"], ["A", "b"]),
            (["<", "b>"], ["", "<b>"]),
            (["<thin", "g"], ["", "<thing"]),
            ([" ", "A"], ["", " A"]),
            (["<think>a</think>A", "<", "think>"], ["A", "<", "think>"]),
            (["A", "<", "think>"], ["A", "<", "think>"]),
            (["<think>a</think>", "\n", "\n", "A", "\n"], ["", "", "", "A", "\n"]),
        ],
    )
    def test_an_answer_is_held_back_no_longer_than_it_may_be_a_tag(self, pieces, given_out):
        splitter = ReasoningSplitter()

        assert [splitter.feed(text).answer for text in pieces] == given_out
        assert splitter.finish() == ("", "")

    @pytest.mark.parametrize(
        ("pieces", "given_out"),
        [
            (["<think>a", "b", "</think>"], ["a", "b", ""]),
            (["<think>a<", "b"], ["a", "<b"]),
            (["<think>a</thin", "g"], ["a", "</thing"]),
            (["<think>a</", "</think>"], ["a", "</"]),
        ],
    )
    def test_nor_are_the_thoughts(self, pieces, given_out):
        splitter = ReasoningSplitter()

        assert [splitter.feed(text).reasoning for text in pieces] == given_out

    @pytest.mark.parametrize(("text", "thoughts", "answer"), UNOPENED)
    def test_thoughts_that_the_template_opened_are_told_by_their_end(self, text, thoughts, answer):
        assert split(text) == (thoughts, answer)

    @pytest.mark.parametrize("text", MENTIONS)
    def test_who_speaks_of_the_tag_does_not_close_thoughts(self, text):
        assert split(text) == ("", text)


def summed(pieces):
    """The sum of the chunks of a stream with these contents, one event a read, as LangChain adds it: both ways."""
    stream = ChatStream()
    chunks = [chunk for text in pieces if (chunk := stream.feed(piece({"content": text})))]
    stream.feed(FINISH + DONE)
    chunks.append(stream.finish())
    one = chunks[0].message
    for chunk in chunks[1:]:
        one = one + chunk.message
    many = merge_chat_generation_chunks(chunks).message
    assert (one.content, one.additional_kwargs) == (many.content, many.additional_kwargs)
    assert type(one) is type(many) is AIMessageChunk
    return one.additional_kwargs.get("reasoning_content", ""), one.content


class TestUnopened:
    @pytest.mark.parametrize(("text", "thoughts", "answer"), UNOPENED)
    def test_a_stream_may_be_cut_anywhere(self, text, thoughts, answer):
        assert summed(text) == (thoughts, answer)
        for place in range(len(text) + 1):
            assert summed([text[:place], text[place:]]) == (thoughts, answer)
        for size in (2, 3, 5):
            assert summed([text[at : at + size] for at in range(0, len(text), size)]) == (thoughts, answer)

    @pytest.mark.parametrize("text", MENTIONS)
    def test_who_speaks_of_the_tag_is_left_alone(self, text):
        assert summed(text) == ("", text)

    @every_way
    @pytest.mark.parametrize("cut", [list, lambda text: [text], str.split], ids=["characters", "whole", "words"])
    async def test_the_sum_of_an_answer_is_right(self, server, way, cut):
        text = "The user greets me.\n</think>\n\nHello!"
        if cut is str.split:
            cut = lambda text: re.findall(r"\S+\s*", text)  # noqa: E731
        server.default = both({"content": text}, *({"content": each} for each in cut(text)))

        assert await reasoning_and_answer(way, model_of(server)) == ("The user greets me.\n", "Hello!")
        message = await ask(way, model_of(server, streaming=True))
        assert (message.additional_kwargs["reasoning_content"], message.content) == ("The user greets me.\n", "Hello!")

    @every_stream
    async def test_no_token_waits_for_a_closing_that_may_never_come(self, server, way):
        taken = threading.Event()
        server.default = stream_reply(event("The user"), taken, event(" greets.</think>A"), FINISH, DONE)
        heard = []
        async for chunk in chunks_of(way, model_of(server, stream_idle_timeout=5)):
            heard.append(chunk.content)
            taken.set()

        assert heard[:2] == ["The user", "A"]

    def test_a_chunk_that_takes_back_survives_pickle_and_copies(self):
        chunk = ReplacingChunk(content="A", additional_kwargs={"reasoning_content": "Hmm"})
        for copied in (pickle.loads(pickle.dumps(chunk)), chunk.model_copy(), copy.deepcopy(chunk)):
            summed = AIMessageChunk(content="Hmm</thi") + copied
            assert (summed.content, summed.additional_kwargs["reasoning_content"]) == ("A", "Hmm")


async def reasoning_and_answer(way, model):
    message = await ask(way, model)
    return message.additional_kwargs.get("reasoning_content"), message.content


class TestAnswer:
    @every_way
    @pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
    async def test_thoughts_in_a_field_of_their_own(self, server, way, name):
        server.default = both(
            {"content": "A", name: "Hmm, hm."},
            {"role": "assistant", "content": "", name: "Hmm"},
            {"content": "", name: ", hm."},
            {"content": "A", name: ""},
            {"content": "", name: None},
        )

        assert await reasoning_and_answer(way, model_of(server)) == ("Hmm, hm.", "A")

    @every_way
    async def test_thoughts_between_tags(self, server, way):
        server.default = both(
            {"content": "<think>\nHmm.\n</think>\n\nA"}, *({"content": c} for c in "<think>\nHmm.\n</think>\n\nA")
        )

        assert await reasoning_and_answer(way, model_of(server)) == ("\nHmm.\n", "A")

    @every_way
    async def test_thoughts_that_do_not_end_are_no_answer(self, server, way):
        server.default = both(
            {"content": "<think>Hmm"}, {"content": "<think>"}, {"content": "Hmm"}, finish_reason="length"
        )

        assert await reasoning_and_answer(way, model_of(server)) == ("Hmm", "")

    @every_way
    async def test_an_answer_without_thoughts_has_none(self, server, way):
        server.default = both({"content": " <b>A</b>"}, {"content": " "}, {"content": "<"}, {"content": "b>A</b>"})

        assert await reasoning_and_answer(way, model_of(server)) == (None, " <b>A</b>")

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    @pytest.mark.parametrize(
        ("name", "thoughts"), [("r1_reasoning_content", "Let me think."), ("r1_think_tags", "\nLet me think.\n")]
    )
    async def test_the_documented_replies(self, server, way, name, thoughts):
        server.default = sample_reply(name)

        assert await reasoning_and_answer(way, model_of(server)) == (thoughts, "About 7000.")

    @every_stream
    async def test_the_documented_stream(self, server, way):
        server.default = sample_reply("r1_reasoning_stream")
        message = await ask(way, model_of(server))

        assert (message.additional_kwargs["reasoning_content"], message.content) == ("Okay, the user", "About")
        assert message.usage_metadata["output_tokens"] == 886

    @every_way
    @pytest.mark.parametrize(
        "reply", [{"output": "<think>\nHmm.\n</think>\n\nA"}, [{"0": "<think>\nHmm.\n</think>\n\nA"}]]
    )
    async def test_thoughts_in_the_text_of_a_score_route(self, server, way, reply):
        server.default = json_reply(reply)

        assert await reasoning_and_answer(way, model_of(server, SCORE)) == ("\nHmm.\n", "A")

    async def test_every_choice_has_thoughts_of_its_own(self, server):
        choices = [{"index": n, "message": {"content": f"<think>{n}</think>A{n}"}} for n in range(2)]
        server.default = json_reply({"choices": choices})
        result = await model_of(server).agenerate([[HumanMessage("Q")]])

        [generations] = result.generations
        assert [(one.message.additional_kwargs["reasoning_content"], one.text) for one in generations] == [
            ("0", "A0"),
            ("1", "A1"),
        ]

    @every_way
    async def test_langchain_has_them_as_blocks(self, server, way):
        server.default = both(
            {"content": "A", "reasoning_content": "Hmm."}, {"reasoning_content": "Hmm."}, {"content": "A"}
        )
        blocks = (await ask(way, model_of(server))).content_blocks

        assert [(block["type"], block.get("reasoning") or block.get("text")) for block in blocks] == [
            ("reasoning", "Hmm."),
            ("text", "A"),
        ]

    @every_stream
    async def test_thoughts_are_handed_over_while_they_come(self, server, way):
        taken = threading.Event()
        server.default = stream_reply(event("<think>a"), taken, event("b</think>"), event("A"), FINISH, DONE)
        pieces = []
        async for chunk in chunks_of(way, model_of(server, stream_idle_timeout=5)):
            pieces.append((chunk.additional_kwargs.get("reasoning_content", ""), chunk.content))
            taken.set()

        assert "".join(thought for thought, _ in pieces) == "ab"
        assert "".join(text for _, text in pieces) == "A"

    @every_stream
    async def test_what_broke_off_among_the_thoughts_has_no_partial_answer(self, server, way):
        server.default = stream_reply(event("<think>a"), event("</think>A"), event("B"))
        error = await failure(way, model_of(server), AzureMLStreamError)
        assert error.partial == "AB"

        server.default = stream_reply(event("<think>a"))
        error = await failure(way, model_of(server), AzureMLStreamError)
        assert error.partial == ""


@every_way
async def test_a_whole_reply_to_a_stream_request_keeps_its_thoughts(server, way):
    server.default = whole({"content": "<think>Hmm.</think>A", "refusal": "No."})
    message = await ask(way, model_of(server))

    assert message.additional_kwargs == {"reasoning_content": "Hmm.", "refusal": "No."}


@every_stream
async def test_thoughts_and_answer_of_one_read_are_one_chunk(server, way):
    server.default = stream_reply(piece({"content": "A", "reasoning_content": "Hmm."}) + FINISH + DONE)
    chunks = [chunk async for chunk in chunks_of(way, model_of(server)) if chunk.content]

    assert [(chunk.content, chunk.additional_kwargs) for chunk in chunks] == [("A", {"reasoning_content": "Hmm."})]
