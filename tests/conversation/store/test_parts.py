"""Parts of questions and answers: as they were, on every database, beside the text that is searched."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatbot.conversation.content_blocks import blob_of
from chatbot.conversation.parts import Citation, File, Image, NonStandard, Reasoning, Text, ToolCall, ToolResult
from chatbot.conversation.store import StoredTurn
from chatbot.conversation.turn import Conversation, Turn, TurnStatus
from tests.conversation.store.talk import begin, ended
from tests.support.parts import ALL_PARTS
from tests.support.turns import text_turn

BLOB = blob_of(b"bytes", "image/png")
EVERY = (
    Reasoning("thought \0"),
    Text("before "),
    Image(BLOB, "a \0 cat é"),
    Reasoning("again"),
    ToolCall("1", "look", {"a": [1, None, {"\0": "\0 \x1a 漢字 😀"}]}),
    ToolResult("1", "found \0", is_error=True),
    NonStandard({"type": "non_standard", "value": {"x": 1.5}}),
    Text("after"),
    Citation("Book", "https://a.example", "“so”"),
    File(BLOB, "cat.png"),
)


async def test_every_part_comes_back_as_it_was(store, other):
    turn, _ = await begin(store, Conversation("c1", "ada"), 0, "hello")
    growing = replace(turn, answer=EVERY[:5])
    assert await store.checkpoint("c1", growing)
    assert await other.in_progress("c1") == [growing]
    whole = replace(turn, answer=EVERY, status=TurnStatus.COMPLETE)
    assert await store.end("c1", whole)
    assert await other.turns("c1") == [whole]


async def test_a_conversation_with_any_parts_comes_back_as_it_was(store):
    names = iter(range(10_000))
    # The fixture's loop, for each example: Hypothesis would have a store of its own for none of them.
    loop = asyncio.get_running_loop()

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(ALL_PARTS, ALL_PARTS), min_size=1, max_size=4))
    def comes_back(said):
        stored = [
            StoredTurn(Turn(index, question, answer, TurnStatus.COMPLETE, parent=0 if index else None), shown=True)
            for index, (question, answer) in enumerate(said)
        ]
        name = f"c{next(names)}"
        asyncio.run_coroutine_threadsafe(store.add(Conversation(name, "ada"), stored), loop).result(30)
        assert asyncio.run_coroutine_threadsafe(store.everything(name), loop).result(30) == stored

    await asyncio.to_thread(comes_back)


async def test_turns_of_text_alone_take_no_room_for_parts(store, sql):
    turn, _ = await begin(store, Conversation("c1", "ada"), 0, "hello")
    await store.end("c1", replace(ended(turn), answer=(Reasoning("why"), Text("so"))))
    assert sql("SELECT question_parts, answer_parts FROM turns") == [(None, None)]


async def test_thoughts_between_words_stay_between_them(store):
    turn, _ = await begin(store, Conversation("c1", "ada"), 0, "hello")
    whole = replace(ended(turn), answer=(Text("one"), Reasoning("hm"), Text("two")))
    await store.end("c1", whole)
    [back] = await store.turns("c1")
    assert back == whole
    assert (back.answer_text, back.reasoning_text) == ("onetwo", "hm")


async def test_text_is_found_in_turns_with_parts(store):
    turn = Turn(0, (Image(BLOB), Text("Which ANIMAL?")), (Text("A "), Image(BLOB), Text("cat")), TurnStatus.COMPLETE)
    await store.add(Conversation("c1", "ada"), [StoredTurn(turn, shown=True)])
    for words in ("animal", "a cat"):
        assert [each.id for each in await store.list("ada", search=words)] == ["c1"]


async def test_an_answer_of_a_picture_alone_is_kept_when_another_process_stops_it(store, other):
    await store.add(Conversation("c1", "ada"), [StoredTurn(text_turn(0, "q", "a", TurnStatus.COMPLETE), shown=True)])
    turn, _ = await begin(store, await store.get("c1"), 0, "a picture, please")
    await store.checkpoint("c1", replace(turn, answer=(Image(BLOB),)))
    await other.stop_remote("c1")
    assert [each.answer for each in await store.turns("c1")] == [(Image(BLOB),)]


@pytest.mark.parametrize("name", ["question_parts", "answer_parts"])
async def test_rows_of_the_version_before_read_as_they_are(store, sql, name):
    turn, _ = await begin(store, Conversation("c1", "ada"), 0, "hello")
    await store.end("c1", ended(turn))
    sql(f"UPDATE turns SET {name} = NULL")
    assert await store.turns("c1") == [ended(turn)]
