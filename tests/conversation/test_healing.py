"""What the service mends by itself: a conversation too long for the model, and turns that a request fails with."""

from contextlib import aclosing

import pytest
from langchain_core.exceptions import ContextOverflowError, ModelInvalidRequestError, ModelRateLimitError
from langchain_core.messages import AIMessageChunk, HumanMessage

from chatbot.conversation import Inclusion, Notice, TurnMemory, TurnStatus
from tests.conversation.conversing import answers, ask, say, start, talk

TOO_LONG = ContextOverflowError("The conversation is longer than the model can read.")


class FilterError(ModelInvalidRequestError):
    """What an endpoint's client raises for a blocked prompt: it names what the filter found."""

    filter_results = {"violence": {"filtered": True}}  # noqa: RUF012


def questions(messages) -> list[str]:
    return [message.text for message in messages if isinstance(message, HumanMessage)]


async def test_what_is_too_long_is_asked_again_with_fewer_turns_and_said(service, model):
    conversation = await talk(service, model, *"abcd")
    model.will_say(TOO_LONG)
    model.will_say("ok")
    turn = await say(service, conversation, "e")
    assert (turn.status, turn.answer_text) == (TurnStatus.COMPLETE, "ok")
    assert turn.notices == (Notice("turns_left_out", {"count": 2}),)
    assert [questions(asked) for asked in model.asked[-2:]] == [[*"abcde"], [*"cde"]]
    assert (await service.turns(conversation))[-1] == turn


async def test_while_it_is_asked_again_the_display_shows_the_shorter_request(service, model):
    conversation = await talk(service, model, *"abcd")
    model.will_say(TOO_LONG)
    model.will_say("half", ends=False)
    async with aclosing(await start(service, conversation, "e")):
        view = await service.view(conversation)
        assert view.plan.messages == model.asked[-1]
        assert [view.plan.inclusion(n) for n in (0, 3)] == [Inclusion.OVER_BUDGET, Inclusion.SENT]
    await service.stop(conversation)


async def test_later_requests_stay_within_what_was_learned(service, model):
    conversation = await talk(service, model, *"abcd")
    refused = (await service.view(conversation, text="e")).plan.tokens
    model.will_say(TOO_LONG)
    conversation = await ask(service, model, conversation, "e", "ok")
    for text in "fgh":
        assert (await service.view(conversation, text=text)).plan.tokens <= refused * 2 // 3
        conversation = await ask(service, model, conversation, text)
    assert len(model.asked) == 9


async def test_it_is_asked_again_only_once(service, model):
    conversation = await talk(service, model, *"abcd")
    model.will_say(TOO_LONG)
    model.will_say(TOO_LONG)
    turn = await say(service, conversation, "e")
    assert (turn.status, turn.failure.kind) == (TurnStatus.FAILED, "ContextOverflowError")
    assert len(model.asked) == 6


async def test_what_was_refused_twice_is_shorter_the_next_time(service, model):
    conversation = await talk(service, model, *"abcd")
    model.will_say(TOO_LONG)
    model.will_say(TOO_LONG)
    await say(service, conversation, "e")
    model.will_say("ok")
    assert (await say(service, await service.refresh(conversation), "e", at=4)).answer_text == "ok"
    lengths = [len(asked) for asked in model.asked[-3:]]
    assert lengths == sorted(set(lengths), reverse=True)


async def test_it_is_not_asked_again_when_something_had_arrived(service, model):
    conversation = await talk(service, model, *"abcd")
    before = (await service.view(conversation, text="e")).plan
    model.will_say("half", TOO_LONG)
    turn = await say(service, conversation, "e")
    assert (turn.status, turn.answer_text, turn.notices) == (TurnStatus.FAILED, "half", ())
    assert len(model.asked) == 5
    assert (await service.view(conversation, text="e")).plan.budget is before.budget is None


async def test_it_is_not_asked_again_when_nothing_can_be_left_out(service, model):
    model.will_say(TOO_LONG)
    turn = await say(service, service.begin("ada"), "all of War and Peace " * 1000)
    assert (turn.status, turn.failure.data) == (TurnStatus.FAILED, {"detail": str(TOO_LONG)})
    assert len(model.asked) == 1


async def test_a_question_that_is_too_long_by_itself_costs_nobody_their_memory(service, model):
    others = await talk(service, model, *"abc")
    model.will_say(TOO_LONG)
    await say(service, service.begin("grace"), "hi")
    assert (await service.view(others)).plan.budget is None


async def test_a_healed_answer_takes_the_place_of_the_old_one(service, model):
    conversation = await talk(service, model, *"abcd")
    model.will_say(TOO_LONG)
    conversation = await ask(service, model, conversation, "d", "better", at=3)
    assert await answers(service, conversation) == ["re: a", "re: b", "re: c", "better"]


@pytest.mark.parametrize(
    ("words", "inclusion"),
    [
        ((FilterError("Blocked."),), Inclusion.BLOCKED),
        (("half", FilterError("Blocked.")), Inclusion.BLOCKED),
        (("half", AIMessageChunk("", response_metadata={"finish_reason": "content_filter"})), Inclusion.BLOCKED),
        ((ModelRateLimitError("Too many."),), Inclusion.FAILED),
        (("half", ModelRateLimitError("Too many.")), Inclusion.FAILED),
    ],
)
async def test_what_was_blocked_or_failed_is_left_out_and_can_be_put_back(service, model, words, inclusion):
    conversation = await talk(service, model, "a")
    conversation = await ask(service, model, conversation, "bad", *words)
    assert (await service.view(conversation)).plan.inclusion(1) is inclusion
    conversation = await ask(service, model, conversation, "c")
    assert questions(model.asked[-1]) == ["a", "c"]
    conversation = await service.set_memory(conversation, 1, TurnMemory.PINNED)
    conversation = await ask(service, model, conversation, "d")
    assert questions(model.asked[-1]) == ["a", "bad", "c", "d"]
    conversation = await service.set_memory(conversation, 1, TurnMemory.AUTO)
    await ask(service, model, conversation, "e")
    assert questions(model.asked[-1]) == ["a", "c", "d", "e"]
