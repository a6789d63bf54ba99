"""The offer to include a turn that a question mentions and its request would not carry."""

from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.messages import AIMessageChunk

from chatbot.conversation import Conversation, ConversationStore, Mention, Options, TurnMemory, WindowMemory
from chatbot.conversation.recall import RecallService
from tests.conversation.conversing import ask, service_of, start, talk
from tests.support.scripted_model import ScriptedModel

CONTOSO = "The Contoso budget is 4711 pounds"
ASKED = "and what was the Contoso budget?"
FILLERS = ("how high is it", "how deep is it", "how cold is it")


@pytest.fixture
def memory():
    return WindowMemory(k=2)


async def offered(service, conversation, text=ASKED) -> int | None:
    mention = await service.mention(conversation, text)
    return None if mention is None else mention.turn_index


async def test_a_forgotten_turn_is_offered_with_the_words_that_mention_it(service, model):
    conversation = await talk(service, model, CONTOSO, *FILLERS)
    assert await service.mention(conversation, ASKED) == Mention(0, "Contoso budget")
    assert await service.mention(conversation, "and how is the weather?") is None


async def test_a_remembered_turn_is_not_offered(service, model):
    conversation = await talk(service, model, *FILLERS, CONTOSO)
    assert await offered(service, conversation) is None


@pytest.mark.parametrize("mark", [TurnMemory.PINNED, TurnMemory.EXCLUDED])
async def test_what_the_visitor_has_decided_about_is_not_offered(service, model, mark):
    conversation = await talk(service, model, CONTOSO, *FILLERS)
    assert await offered(service, conversation) == 0
    conversation = await service.set_memory(conversation, 0, mark)
    assert await offered(service, conversation) is None
    conversation = await service.set_memory(conversation, 0, TurnMemory.AUTO)
    assert await offered(service, conversation) == 0


@pytest.mark.parametrize(
    "words",
    [
        (ModelRateLimitError("no"),),
        ("half", ModelRateLimitError("no")),
        ("half", AIMessageChunk("", response_metadata={"finish_reason": "content_filter"})),
    ],
)
async def test_a_failed_or_blocked_turn_is_not_offered(service, model, words):
    conversation = await ask(service, model, service.begin("ada"), CONTOSO, *words)
    for filler in FILLERS:
        conversation = await ask(service, model, conversation, filler)
    assert await offered(service, conversation) is None


async def test_without_a_window_nothing_is_offered(service, model):
    conversation = await service.choose(await talk(service, model, CONTOSO, *FILLERS), Options(k=0))
    assert await offered(service, conversation) is None


async def test_a_turn_too_old_to_be_looked_at_is_offered(service, model):
    """Also where each of the newer turns is out for a reason of its own."""
    conversation = await talk(service, model, CONTOSO)
    for _ in range(WindowMemory.lookback(2)):
        conversation = await ask(service, model, conversation, "how high is it", ModelRateLimitError("no"))
    assert await offered(service, conversation) == 0


async def test_a_smaller_window_forgets_more(service, model):
    conversation = await talk(service, model, CONTOSO, FILLERS[0])
    assert await offered(service, conversation) is None
    assert await offered(service, await service.choose(conversation, Options(k=1))) == 0


async def test_what_is_said_later_is_offered_later(service, model):
    """The index grows with the conversation."""
    conversation = await talk(service, model, *FILLERS)
    assert await offered(service, conversation) is None
    for text in (CONTOSO, *FILLERS):
        conversation = await ask(service, model, conversation, text)
    assert await offered(service, conversation) == 3


async def test_who_types_while_an_answer_is_written_does_not_spoil_what_is_offered_later(service, model):
    conversation = await talk(service, model, *FILLERS)
    model.will_say("it is", ends=False)
    async with aclosing(await start(service, conversation, CONTOSO)):
        assert await offered(service, conversation) is None
        model.will_say()
        async for _ in service.follow(conversation):
            pass
    conversation = await service.refresh(conversation)
    for text in FILLERS:
        conversation = await ask(service, model, conversation, text)
    assert await offered(service, conversation) == 3


@pytest.mark.parametrize("asked_before", [False, True])
@pytest.mark.parametrize("typed_meanwhile", [False, True])
async def test_after_an_edit_the_old_words_are_gone_and_after_a_flip_they_are_back(
    service, model, asked_before, typed_meanwhile
):
    conversation = await talk(service, model, CONTOSO, *FILLERS)
    if asked_before:
        assert await offered(service, conversation) == 0
    model.will_say("it", ends=False)
    async with aclosing(await start(service, conversation, "what is the Fabrikam rebate", at=0)):
        if typed_meanwhile:
            assert await offered(service, conversation) is None
        model.will_say(" depends")
        async for _ in service.follow(conversation):
            pass
    conversation = await service.refresh(conversation)
    for text in FILLERS:
        conversation = await ask(service, model, conversation, text)
        assert await offered(service, conversation) is None
    assert await offered(service, conversation, "and the Fabrikam rebate?") == 0
    conversation = await service.select_version(conversation, 0, 0)
    assert await offered(service, conversation) == 0
    assert await offered(service, conversation, "and the Fabrikam rebate?") is None


async def test_after_an_undo_nothing_of_it_is_offered(service, model):
    conversation = await talk(service, model, *FILLERS, CONTOSO, *FILLERS)
    assert await offered(service, conversation) == 3
    conversation = await service.rewind(conversation, 3)
    assert await offered(service, conversation) is None


async def test_what_another_replica_adds_is_offered(service, model, tmp_path):
    conversation = await talk(service, model, *FILLERS)
    assert await offered(service, conversation) is None
    store, other_model = ConversationStore(f"sqlite:///{tmp_path}/deep/down/chat.db"), ScriptedModel()
    other = service_of(other_model, store, WindowMemory(k=2))
    for text in (CONTOSO, *FILLERS):
        conversation = await ask(other, other_model, conversation, text)
    await store.aclose()
    assert await offered(service, conversation) == 3


SENTENCES = st.lists(
    st.sampled_from(["the Contoso budget", "Fabrikam rebate 4711", "how high is it", "a quiet cormorant"]),
    min_size=6,
    max_size=14,
)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(SENTENCES, st.sampled_from(["Contoso budget", "Fabrikam", "4711", "the cormorant"]))
@pytest.mark.slow
async def test_an_index_that_has_grown_answers_like_one_made_anew(texts, question):
    model, store = ScriptedModel(), ConversationStore("sqlite://")
    service, memory = service_of(model, store, WindowMemory(k=2)), WindowMemory(k=2)
    conversation = await talk(service, model, *texts[:4])
    await service.mention(conversation, question)
    for text in texts[4:]:
        conversation = await ask(service, model, conversation, text)
        await service.mention(conversation, question)
    plan = memory.plan(await store.turns(conversation.id), question)
    anew = await RecallService(store).find(Conversation(conversation.id, "ada"), question, plan)
    assert await service.mention(conversation, question) == anew
    await store.aclose()
