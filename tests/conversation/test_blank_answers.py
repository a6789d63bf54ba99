"""An answer with nothing to read in it is none: not remembered, named after, or put in the place of another."""

from dataclasses import replace

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage

from chatbot.conversation import ConversationStore, Inclusion, TitleError, TurnMemory, TurnStatus
from chatbot.conversation.context.messages import NO_ANSWER
from chatbot.conversation.parts import text_parts
from chatbot.conversation.turn import is_blank
from tests.conversation.conversing import answers, ask, say, start, talk
from tests.conversation.store.talk import begin
from tests.support.document_words import WORDS
from tests.support.turns import text_turn

BLANKS = [
    "",
    "   \n\n",
    "\t\r\n\x0b\x0c",
    "\u00a0\u00a0",
    "\u200b",
    " \u200b\u200c\u200d\u2060\ufeff\n",
    "\u3000\u2003\u2028",
    "\u00ad\u200e\u202e",
    "\u2800\u3164\u115f",
    "\ufe0f",
    "\0",
]


@pytest.mark.parametrize("text", BLANKS, ids=ascii)
def test_nothing_to_read_is_blank(text):
    assert is_blank(text)
    assert not text_turn(0, "hi", text).has_answer


@pytest.mark.parametrize(
    "text", ["0", " . ", "\n-\n", "字", "👍🏽", "❤️", "\u200bé", "\u0301", "`", "\\", "​ok​", "क्ष"], ids=ascii
)
def test_whatever_can_be_seen_is_not(text):
    assert not is_blank(text)


@pytest.mark.parametrize("text", BLANKS, ids=ascii)
async def test_a_blank_answer_is_kept_as_it_came_and_not_remembered(service, model, text):
    conversation = await talk(service, model, "one")
    conversation = await ask(service, model, conversation, "two", text)
    assert (await answers(service, conversation))[1] == text
    assert (await service.view(conversation, text="three")).plan.inclusion(1) is Inclusion.UNANSWERED
    conversation = await ask(service, model, conversation, "three")
    assert model.asked[-1] == [HumanMessage("one"), AIMessage("re: one"), HumanMessage("three")]
    conversation = await service.set_memory(conversation, 1, TurnMemory.PINNED)
    await ask(service, model, conversation, "four")
    assert AIMessage(NO_ANSWER) in model.asked[-1]


async def test_thoughts_without_an_answer_are_no_answer(service, model):
    thought = AIMessageChunk("", additional_kwargs={"reasoning_content": "Let me think."})
    conversation = await ask(service, model, service.begin("ada"), "one", thought, "\u200b\n")
    assert (await service.view(conversation)).plan.inclusion(0) is Inclusion.UNANSWERED
    assert (await service.turns(conversation))[0].reasoning_text == "Let me think."


async def test_a_blank_answer_gives_no_title(service, model):
    conversation = await ask(service, model, service.begin("ada"), "one", " \n")
    with pytest.raises(TitleError, match="nothing_to_name"):
        await service.find_title(conversation)


async def test_a_blank_answer_is_told_in_the_markdown_export(service, model):
    conversation = await ask(service, model, service.begin("ada"), "one", " \u200b\n")
    assert "*complete.*" in await service.export_markdown(conversation, WORDS)


async def test_blanks_that_were_stopped_do_not_take_an_answers_place(service, model):
    conversation = await talk(service, model, "one")
    model.will_say(" \n", ends=False)
    await start(service, conversation, "one", at=0)
    await service.stop(conversation)
    assert await answers(service, conversation) == ["re: one"]


async def test_blanks_that_another_process_stops_do_not_either(service, model, store, tmp_path):
    conversation = await talk(service, model, "one")
    turn, _ = await begin(store, conversation, 0, "one")
    assert await store.checkpoint(conversation.id, replace(turn, answer=text_parts(" \u200b")))
    other = ConversationStore(f"sqlite:///{tmp_path}/deep/down/chat.db")
    await other.stop_remote(conversation.id)
    await other.aclose()
    assert await store.in_progress(conversation.id) == []
    assert await answers(service, conversation) == ["re: one"]


async def test_an_answer_takes_the_place_of_a_blank_one_also_where_it_fails(service, model):
    conversation = await ask(service, model, service.begin("ada"), "one", " \n")
    model.will_say("half", ValueError("broken"))
    assert (await say(service, conversation, "one", at=0)).status is TurnStatus.FAILED
    assert await answers(service, conversation) == ["half"]
