"""Retry, edit, undo and flip: the old answer is there until the new one is, and can be gone back to."""

from contextlib import aclosing

import pytest
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.messages import HumanMessage

from chatbot.conversation import ConversationBusyError, ConversationConflictError, Inclusion, Options, TurnMemory
from tests.conversation.conversing import answers, ask, say, start, talk, users


async def test_the_old_answer_is_there_until_the_new_one_is_complete(service, model):
    conversation = await talk(service, model, "one", "two")
    model.will_say("half", ends=False)
    async with aclosing(await start(service, conversation, "one", at=0)):
        assert await answers(service, conversation) == ["re: one", "re: two"]
        view = await service.view(conversation)
        assert (view.growing, [turn.answer_text for turn in view.turns]) == (True, ["half"])
        model.will_say(" done")
        assert [turn.answer_text async for turn in service.follow(conversation)][-1] == "half done"
    assert await answers(service, conversation) == ["half done"]


@pytest.mark.parametrize("words", [(), ("half",)])
async def test_a_retry_that_fails_keeps_the_old_answer(service, model, words):
    conversation = await talk(service, model, "one", "two")
    conversation = await ask(service, model, conversation, "one", *words, ModelRateLimitError("no"), at=0)
    assert await answers(service, conversation) == ["re: one", "re: two"]
    assert (await service.view(conversation)).versions == {0: [0], 1: [0]}


async def test_a_retry_that_is_stopped_before_its_first_word_keeps_the_old_answer(service, model):
    conversation = await talk(service, model, "one", "two")
    async with aclosing(service.say(conversation, "one", at=0)) as reader:
        await anext(reader)
        await service.stop(conversation)
    assert await answers(service, conversation) == ["re: one", "re: two"]


async def test_a_retry_that_is_stopped_later_keeps_both(service, model):
    conversation = await talk(service, model, "one", "two")
    model.will_say("half", ends=False)
    async with aclosing(await start(service, conversation, "one", at=0)):
        await service.stop(conversation)
    assert await answers(service, conversation) == ["half"]
    assert (await service.view(conversation)).versions == {0: [0, 1]}


async def test_flipping_back_brings_what_followed_and_the_request_follows(service, model):
    conversation = await talk(service, model, "one", "two", "three")
    conversation = await ask(service, model, conversation, "other", at=1)
    conversation = await ask(service, model, conversation, "four")
    assert await users(service, conversation) == ["one", "other", "four"]
    assert (await service.view(conversation)).versions == {0: [0], 1: [0, 1], 2: [1]}
    conversation = await service.select_version(conversation, 1, 0)
    assert await users(service, conversation) == ["one", "two", "three"]
    conversation = await ask(service, model, conversation, "five")
    assert [m.text for m in model.asked[-1] if isinstance(m, HumanMessage)] == ["one", "two", "three", "five"]
    conversation = await service.select_version(conversation, 1, 1)
    assert await users(service, conversation) == ["one", "other", "four"]


async def test_undo_takes_the_last_turn_back_out_of_page_and_request(service, model):
    conversation = await talk(service, model, "one", "two")
    conversation = await service.rewind(conversation, 1)
    assert [turn.question_text for turn in (await service.view(conversation)).turns] == ["one"]
    await ask(service, model, conversation, "three")
    assert [m.text for m in model.asked[-1] if isinstance(m, HumanMessage)] == ["one", "three"]


async def test_while_an_answer_is_written_nothing_is_cut_or_flipped(service, model):
    conversation = await talk(service, model, "one")
    conversation = await ask(service, model, conversation, "one", "again", at=0)
    model.will_say("half", ends=False)
    async with aclosing(await start(service, conversation, "two")):
        now = await service.refresh(conversation)
        for attempt in (service.rewind(now, 0), service.select_version(now, 0, 0), say(service, now, "three")):
            with pytest.raises(ConversationBusyError):
                await attempt
    await service.stop(conversation)
    assert await answers(service, conversation) == ["again", "half"]


@pytest.mark.parametrize("version", [1, -1])
async def test_a_version_that_is_not_there_is_not_flipped_to(service, model, version):
    conversation = await talk(service, model, "one")
    with pytest.raises(ConversationConflictError):
        await service.select_version(conversation, 0, version)
    assert await answers(service, conversation) == ["re: one"]


async def test_another_k_counts_from_the_next_message(service, model):
    conversation = await talk(service, model, *"abc")
    model.will_say("half", ends=False)
    async with aclosing(await start(service, conversation, "d")):
        changed = await service.choose(await service.refresh(conversation), Options(k=1))
        assert (await service.view(changed)).plan.k == 5
        model.will_say()
        async for _ in service.follow(changed):
            pass
    view = await service.view(changed, text="e")
    assert (view.conversation.options.k, view.plan.k) == (1, 1)
    await ask(service, model, changed, "e")
    assert [m.text for m in model.asked[-1] if isinstance(m, HumanMessage)] == ["d", "e"]
    assert view.plan.messages == model.asked[-1]


async def test_k_can_be_chosen_before_the_first_message(service, model):
    conversation = await service.choose(service.begin("ada"), Options(k=1))
    conversation = await ask(service, model, conversation, "a")
    for text in "bc":
        conversation = await ask(service, model, conversation, text)
    assert [m.text for m in model.asked[-1] if isinstance(m, HumanMessage)] == ["b", "c"]


async def test_k_is_each_conversations_own(service, model):
    one, other = await talk(service, model, *"ab"), await talk(service, model, *"ab")
    await service.choose(one, Options(k=0))
    assert (await service.view(one)).plan.inclusion(1) is Inclusion.MEMORY_OFF
    assert (await service.view(other)).plan.inclusion(1) is Inclusion.SENT


async def test_what_was_taken_back_can_be_brought_back_with_what_followed_it(service, model):
    conversation = await talk(service, model, "one", "two", "three")
    conversation = await service.rewind(conversation, 1)
    assert await users(service, conversation) == ["one"]
    conversation = await service.select_version(conversation, 1, 0)
    assert await users(service, conversation) == ["one", "two", "three"]
    conversation = await service.rewind(conversation, 0)
    assert await users(service, await service.select_version(conversation, 0, 0)) == ["one", "two", "three"]


async def test_what_was_taken_back_comes_back_only_after_what_it_followed(service, model):
    conversation = await talk(service, model, "one", "two")
    conversation = await ask(service, model, conversation, "other", at=0)
    with pytest.raises(ConversationConflictError):
        # It followed the first version of the turn before it, and that is not shown.
        await service.select_version(conversation, 1, 0)
    conversation = await service.rewind(await service.refresh(conversation), 0)
    with pytest.raises(ConversationConflictError):
        await service.select_version(conversation, 1, 0)


async def test_a_pinned_turn_is_sent_from_far_back_and_an_excluded_one_never(service, model):
    conversation = await service.choose(await talk(service, model, *(f"q{n}" for n in range(40))), Options(k=2))
    conversation = await service.set_memory(conversation, 3, TurnMemory.PINNED)
    conversation = await service.set_memory(conversation, 38, TurnMemory.EXCLUDED)
    view = await service.view(conversation, text="now")
    await ask(service, model, conversation, "now")
    assert [m.text for m in model.asked[-1] if isinstance(m, HumanMessage)] == ["q3", "q37", "q39", "now"]
    assert view.plan.messages == model.asked[-1]


async def test_a_mark_counts_from_the_next_message_and_stays_with_its_version(service, model):
    conversation = await talk(service, model, *"ab")
    conversation = await service.set_memory(conversation, 0, TurnMemory.EXCLUDED)
    conversation = await ask(service, model, conversation, "a", "other", at=0)
    assert (await service.view(conversation)).plan.inclusion(0) is Inclusion.SENT
    conversation = await service.select_version(conversation, 0, 0)
    assert [(await service.view(conversation)).plan.inclusion(n) for n in range(2)] == [
        Inclusion.EXCLUDED,
        Inclusion.SENT,
    ]


async def test_a_turn_that_is_not_there_is_not_marked(service, model):
    conversation = await talk(service, model, "a")
    with pytest.raises(ConversationConflictError):
        await service.set_memory(conversation, 5, TurnMemory.PINNED)
    assert (await service.refresh(conversation)).revision == conversation.revision


async def test_what_is_shown_is_the_newest_and_the_rest_is_earlier(service, model):
    conversation = await talk(service, model, *(f"q{n}" for n in range(8)))
    view = await service.view(conversation, limit=3)
    assert ([turn.index for turn in view.turns], view.earlier) == ([5, 6, 7], 5)
    assert set(view.versions) == {5, 6, 7}
