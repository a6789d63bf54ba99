"""What a responder tells becomes the turn, whoever it asks; however it ends, what it told is kept."""

import asyncio
from contextlib import aclosing
from dataclasses import replace

import pytest
from langchain_core.callbacks import AsyncCallbackHandler
from langchain_core.exceptions import ContextOverflowError, ModelRateLimitError
from langchain_core.messages import AIMessageChunk

from chatbot.conversation import (
    Conversation,
    Deployment,
    Deployments,
    Failure,
    Notice,
    Prices,
    TurnStatus,
    Usage,
    Waiting,
    WindowMemory,
)
from chatbot.conversation.context.messages import NO_ANSWER
from chatbot.conversation.generation import Generation
from chatbot.conversation.generation.responder import (
    AnsweredBy,
    Bytes,
    Correction,
    Delta,
    Finish,
    Responder,
    Step,
    StreamingResponder,
)
from chatbot.conversation.generation.task import GenerationTask
from chatbot.conversation.parts import Citation, Reasoning, Text, ToolCall, ToolResult, blobs_of
from tests.conversation.store import talk
from tests.support.scripted_model import ScriptedModel
from tests.support.turns import text_turn

LOOKED_UP, BUSY = Notice("looked_up"), Notice("busy", {"deployment": "large"})
PLAN = WindowMemory().plan([], "Hello?")
SHORTER = WindowMemory(k=0).plan([], "Hello?")
CALL, RESULT = ToolCall("1", "look_up", {"word": "x"}), ToolResult("1", "found")


class Toy:
    """Yields what it is given; an exception is raised, and an event of asyncio's waited for."""

    def __init__(self, *events):
        self.events = events
        self.is_closed = False

    async def respond(self, plan, config):
        try:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event
                if isinstance(event, asyncio.Event):
                    await event.wait()
                else:
                    yield event
        finally:
            self.is_closed = True


class FallBack:
    """Asks one after the other, as long as nobody has said a word."""

    def __init__(self, *responders: Responder):
        self.responders = responders

    async def respond(self, plan, config):
        for responder in self.responders:
            has_answered = False
            try:
                async with aclosing(responder.respond(plan, config)) as events:
                    async for event in events:
                        has_answered = has_answered or isinstance(event, Delta)
                        yield event
                return
            except ModelRateLimitError:
                if has_answered or responder is self.responders[-1]:
                    raise


@pytest.fixture
def begin(store):
    """Begin to write an answer; the generation, whose task returns the turn as it ended."""

    async def begin(responder, max_seconds=60.0):
        conversation = Conversation("c1", "ada")
        turn, revision = await talk.begin(store, conversation, 0, "Hello?")
        generation = Generation(turn, Conversation("c1", "ada", revision), PLAN)
        writing = GenerationTask(
            generation, responder, store, pace=lambda: 0.0, max_seconds=max_seconds, max_saving_seconds=0.0
        )
        generation.task = asyncio.create_task(writing.write())
        return generation

    return begin


@pytest.fixture
def write(begin):
    async def write(responder, **options):
        return await (await begin(responder, **options)).task

    return write


async def told(responder, plan=PLAN, callbacks=()):
    async with aclosing(responder.respond(plan, {"callbacks": list(callbacks)})) as events:
        return [event async for event in events]


def streaming(model, *turns, parameters=None, **options):
    deployment = Deployment("test", model, WindowMemory(), parameters or {}, **options)
    effective = Deployments(deployment).effective(Conversation("c1", "ada"))
    return StreamingResponder(effective, lambda: effective.plan(turns, "Hello?"))


# ------------------------------------------------------------------------------------------------ any responder


async def test_all_that_can_be_told_becomes_the_turn(begin, store):
    pause = asyncio.Event()
    responder = Toy(
        AnsweredBy("large"),
        Step(PLAN),
        Delta(Reasoning("I should ")),
        Delta(Reasoning("look it up.")),
        Delta(CALL),
        Step(SHORTER, (LOOKED_UP,)),
        Delta(RESULT),
        Delta(Text("It is ")),
        Delta(Text("there.")),
        pause,
        Delta(Citation("A book")),
        Usage(10, 5),
        Usage(30, 9, cost=0.5),
        Finish("stop"),
    )
    generation = await begin(responder)
    grown = next_state(generation, lambda turn: turn.answer_text)
    assert (await grown).answer == (Reasoning("I should look it up."), CALL, RESULT, Text("It is there."))
    assert generation.plan is SHORTER
    pause.set()
    turn = await generation.task
    assert turn.answer == (Reasoning("I should look it up."), CALL, RESULT, Text("It is there."), Citation("A book"))
    assert (turn.status, turn.deployment, turn.notices) == (TurnStatus.COMPLETE, "large", (LOOKED_UP,))
    assert (turn.usage, turn.finish_reason) == (Usage(30, 9, cost=0.5), "stop")
    assert 0 <= turn.timing.thinking <= turn.timing.first_word <= turn.timing.total
    [kept] = await store.turns("c1")
    assert (kept.answer_text, kept.usage, kept.deployment) == ("It is there.", turn.usage, "large")
    assert (await store.get("c1")).usage == turn.usage


async def next_state(generation, condition):
    async with aclosing(generation.follow()) as turns:
        async for turn in turns:
            if condition(turn):
                return turn
    raise AssertionError("it ended before")


async def test_words_that_were_thoughts_are_corrected(write):
    turn = await write(
        Toy(
            Delta(Text("Hm. ")), Delta(Text("Yes.")), Correction((Reasoning("Hm. "), Text("Yes."))), Delta(Text(" No."))
        )
    )
    assert turn.answer == (Reasoning("Hm. "), Text("Yes. No."))
    assert turn.timing.thinking is not None


async def test_whatever_is_told_after_a_wait_ends_it(begin):
    ready, done = asyncio.Event(), asyncio.Event()
    generation = await begin(Toy(ready, AnsweredBy("other"), done))
    generation.pause(Waiting("ModelRateLimitError", 0.0))
    assert generation.turn.waiting is not None
    ready.set()
    assert (await next_state(generation, lambda turn: turn.deployment)).waiting is None
    done.set()
    await generation.task


async def test_one_that_fails_leaves_what_it_told(write, store):
    responder = Toy(AnsweredBy("a"), Delta(Text("so far")), ModelRateLimitError("Slow down."))
    turn = await write(responder)
    assert (turn.status, turn.answer_text, turn.failure.kind) == (TurnStatus.FAILED, "so far", "ModelRateLimitError")
    assert (await store.turns("c1"))[0].failure == turn.failure
    assert responder.is_closed


async def test_what_no_model_raises_is_told_without_its_words(write):
    turn = await write(Toy(Delta(Text("so far")), RuntimeError("a secret")))
    assert (turn.status, turn.answer_text) == (TurnStatus.FAILED, "so far")
    assert turn.failure == Failure("Unexpected")


async def test_one_that_hangs_is_ended_by_the_time_limit(write):
    responder = Toy(Delta(Text("so far")), asyncio.Event())
    turn = await write(responder, max_seconds=0.05)
    assert (turn.status, turn.answer_text, turn.failure.kind) == (TurnStatus.FAILED, "so far", "AnswerTimeout")
    assert responder.is_closed


async def test_one_that_is_stopped_is_closed_and_what_it_told_is_kept(begin, store):
    responder = Toy(Delta(Text("so far")), asyncio.Event())
    generation = await begin(responder)
    await next_state(generation, lambda turn: turn.answer_text)
    generation.stop()
    turn = await generation.task
    assert (turn.status, turn.answer_text) == (TurnStatus.STOPPED, "so far")
    assert responder.is_closed
    assert [(kept.status, kept.answer_text) for kept in await store.turns("c1")] == [(TurnStatus.STOPPED, "so far")]


# ------------------------------------------------------------------------------------------------ one of others


async def test_one_can_fall_back_on_another_before_the_first_word(write):
    busy = Toy(AnsweredBy("large"), Step(PLAN), ModelRateLimitError("Slow down."))
    turn = await write(FallBack(busy, Toy(AnsweredBy("small"), Step(PLAN, (BUSY,)), Delta(Text("Here.")))))
    assert (turn.status, turn.answer_text) == (TurnStatus.COMPLETE, "Here.")
    assert (turn.deployment, turn.notices) == ("small", (BUSY,))


async def test_and_does_not_after_it(write):
    other = Toy(AnsweredBy("small"), Delta(Text("Here.")))
    turn = await write(FallBack(Toy(AnsweredBy("large"), Delta(Text("so far")), ModelRateLimitError("No.")), other))
    assert (turn.status, turn.answer_text, turn.deployment) == (TurnStatus.FAILED, "so far", "large")


async def test_stopping_one_of_others_closes_the_request_of_the_one_that_answers(begin):
    model = ScriptedModel()
    model.will_say("so far", ends=False)
    generation = await begin(FallBack(Toy(ModelRateLimitError("No.")), streaming(model)))
    await next_state(generation, lambda turn: turn.answer_text)
    generation.stop()
    assert (await generation.task).answer_text == "so far"
    assert model.closed == 1


# ------------------------------------------------------------------------------------------------ streaming


async def test_streaming_tells_who_answers_what_is_asked_and_what_comes():
    model = ScriptedModel()
    thought = AIMessageChunk("", additional_kwargs={"reasoning_content": "Hm."})
    end = AIMessageChunk(
        "",
        response_metadata={"finish_reason": "length"},
        usage_metadata={"input_tokens": 1_000_000, "output_tokens": 500_000, "total_tokens": 1_500_000},
    )
    model.will_say(thought, "Hello", " there", end)
    assert await told(streaming(model, prices=Prices(2.0, 4.0))) == [
        AnsweredBy("test"),
        Step(PLAN),
        Delta(Reasoning("Hm.")),
        Delta(Text("Hello")),
        Delta(Text(" there")),
        Finish("length"),
        Usage(1_000_000, 500_000, cost=4.0),
    ]
    assert model.asked == [PLAN.messages]


class TakesBack(AIMessageChunk):
    """Says that all before it was thought."""

    def __radd__(self, before):
        return AIMessageChunk(self.content, additional_kwargs={"reasoning_content": before.text})


async def test_a_chunk_that_changes_what_came_before_it_corrects_the_answer(write):
    model = ScriptedModel()
    model.will_say("Let me ", "think.", TakesBack("Done"), ".")
    responder = streaming(model)
    assert await told(responder) == [
        AnsweredBy("test"),
        Step(PLAN),
        Delta(Text("Let me ")),
        Delta(Text("think.")),
        Correction((Reasoning("Let me think."), Text("Done"))),
        Delta(Text(".")),
    ]
    model.will_say("Let me ", "think.", TakesBack("Done"), ".")
    assert (await write(responder)).answer == (Reasoning("Let me think."), Text("Done."))


class TooLongError(ContextOverflowError):
    context_size = 1000
    requested_tokens = prompt_tokens = None


async def test_a_request_that_was_too_long_is_a_step_of_its_own_and_so_is_the_shorter_one():
    model = ScriptedModel()
    model.will_say(TooLongError("too long"))
    model.will_say("Here.")
    turns = [text_turn(n, "word " * 300, "word " * 300, TurnStatus.COMPLETE) for n in range(3)]
    _, first, second, delta, *_ = await told(streaming(model, *turns), WindowMemory().plan(turns, "Hello?"))
    assert len(second.plan.remembered) < len(first.plan.remembered) == 3
    assert (first.notices, delta) == ((), Delta(Text("Here.")))
    assert [each.kind for each in second.notices] == ["turns_left_out"]
    assert model.asked == [first.plan.messages, second.plan.messages]


@pytest.mark.parametrize("words", [(), ("begun",)])
async def test_a_second_refusal_and_one_after_a_word_are_failures(words):
    model = ScriptedModel()
    turns = [text_turn(n, "word " * 300, "word " * 300, TurnStatus.COMPLETE) for n in range(3)]
    model.will_say(*words, TooLongError("too long"))
    model.will_say(TooLongError("still too long"))
    with pytest.raises(ContextOverflowError):
        await told(streaming(model, *turns), WindowMemory().plan(turns, "Hello?"))
    assert len(model.asked) == (1 if words else 2)


async def test_the_callbacks_of_the_task_go_with_the_request():
    class Heard(AsyncCallbackHandler):
        starts = 0

        async def on_chat_model_start(self, *_, **__):
            Heard.starts += 1

    model = ScriptedModel()
    model.will_say("Hello")
    await told(streaming(model), callbacks=[Heard()])
    assert Heard.starts == 1


async def test_closing_it_ends_the_request():
    model = ScriptedModel()
    model.will_say("Hello", ends=False)
    async with aclosing(streaming(model).respond(PLAN, {})) as events:
        async for event in events:
            if isinstance(event, Delta):
                break
    assert model.closed == 1


class Summing(AIMessageChunk):
    """A chunk of a class of its own."""


async def test_an_answer_without_words_is_no_empty_message():
    turn = replace(text_turn(0, "Look it up.", status=TurnStatus.COMPLETE), answer=(CALL,))
    assert [message.text for message in WindowMemory().plan([turn], "And?").messages][1] == NO_ANSWER


async def test_bytes_of_a_chunk_that_corrects_come_before_what_refers_to_them(model):
    picture = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
    model.will_say("so far ", Summing([picture]))
    events = await told(streaming(model))
    [data] = [event for event in events if isinstance(event, Bytes)]
    [corrected] = [event for event in events if isinstance(event, Correction)]
    assert data.data == b"hi"
    assert events.index(data) < events.index(corrected)
    assert data.blob in blobs_of(corrected.answer)
