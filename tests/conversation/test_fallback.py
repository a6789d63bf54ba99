"""Where the deployment that was chosen cannot answer, one that stands in for it does, and the turn says so."""

import asyncio
import json
import threading
from contextlib import aclosing
from functools import partial

import pytest
from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelInvalidRequestError,
    ModelRateLimitError,
    ModelTimeoutError,
)
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage

from chatbot.azureml import AzureMLChatOnlineEndpoint
from chatbot.conversation import (
    Conversation,
    ConversationService,
    Deployment,
    Deployments,
    Notice,
    Options,
    TurnStatus,
    WindowMemory,
)
from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.generation.breaker import BreakerState
from chatbot.conversation.generation.fallback import FallbackResponder, NobodyLeftError
from chatbot.conversation.generation.first_word import FirstWordTimeoutError
from chatbot.conversation.generation.responder import AnsweredBy, Delta, Step, StreamingResponder
from chatbot.conversation.generation.responders import Responders
from tests.conversation.conversing import say, start, until
from tests.support.asking import FINISH, happens
from tests.support.scripted_model import ScriptedModel
from tests.support.turns import text_turn
from tests.support.wire import DONE, Reply, WireServer, event, sample_reply, stream_reply, text_reply

BUSY = text_reply("", 429, retry_after="12")
OUT = Notice("out_of_capacity", {"deployment": "primary", "seconds": 12})


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def backup():
    return ScriptedModel()


def busy(seconds=None):
    error = ModelRateLimitError("Slow down.")
    error.retry_after = seconds
    return error


def pair(primary, backup, **more):
    return Deployments(
        Deployment("primary", primary, WindowMemory(system_prompt="Be first."), fallback=("backup",), **more),
        Deployment("backup", backup, WindowMemory(system_prompt="Be second.")),
    )


def responders_of(primary, backup, clock, **more):
    deployments = pair(primary, backup, **more)
    return Responders(deployments, clock), deployments.effective(Conversation("c1", "ada"))


async def told(responders, effective, text="Hello?", turns=()):
    """Everything that is told of one answer."""

    def plan(asked):
        return asked.plan(turns, text)

    async with aclosing(responders.responder(effective, plan).respond(plan(effective), {"callbacks": []})) as events:
        return [event async for event in events]


async def holds(condition):
    """Wait until it does."""

    async def look():
        return condition()

    await until(look)


def words(events):
    return "".join(event.part.text for event in events if isinstance(event, Delta))


def notices(events):
    return [event.notices for event in events if isinstance(event, Step)][-1]


# ------------------------------------------------------------------------------------------------ who is asked


def test_alone_a_deployment_is_asked_as_ever(model):
    responders = Responders(deployments := Deployments(Deployment("test", model, WindowMemory())))
    effective = deployments.effective(Conversation("c1", "ada"))
    assert type(responders.responder(effective, lambda asked: asked.plan([], "Q"))) is StreamingResponder
    assert responders.breakers == {}


def test_those_that_stand_in_follow_in_the_order_that_was_told(model):
    def deployment(name, *fallback):
        return Deployment(name, model, WindowMemory(), fallback=fallback)

    several = Deployments(
        deployment("a", "b", "c"), deployment("b", "d"), deployment("c", "d", "e"), *map(deployment, "de")
    )
    responders = Responders(several)
    order = {name: [each.name for each in responders._stand_ins[name]] for name in several}
    assert order == {"a": ["b", "c", "d", "e"], "b": ["d"], "c": ["d", "e"], "d": [], "e": []}


@pytest.mark.parametrize(
    ("fallbacks", "words"),
    [
        (
            {"primary": ("bakcup",), "backup": ()},
            "“primary” falls back on “bakcup”, which is no deployment; did you mean “backup”",
        ),
        ({"primary": ("primary",)}, "“primary” falls back on itself"),
        ({"a": ("b",), "b": ("c",), "c": ("a",)}, "“a” falls back on itself, for “c” falls back on it"),
        ({"a": ("b",), "b": ("c",), "c": ("b",)}, "“b” falls back on itself, for “c” falls back on it"),
    ],
)
def test_unknown_names_and_circles_are_refused(model, fallbacks, words):
    deployments = [Deployment(name, model, WindowMemory(), fallback=fallback) for name, fallback in fallbacks.items()]
    with pytest.raises(ValueError, match=words):
        Responders(Deployments(*deployments))


async def test_the_first_answers_as_long_as_it_can(model, backup, clock):
    responders, effective = responders_of(model, backup, clock)
    model.will_say("Here.")
    plan = effective.plan([], "Hello?")
    events = await told(responders, effective)
    assert events[:2] == [AnsweredBy("primary"), Step(plan)]
    assert (words(events), backup.asked) == ("Here.", [])


@pytest.mark.parametrize(
    ("error", "kind", "seconds"),
    [
        (busy(12.0), "out_of_capacity", 12),
        (busy(), "out_of_capacity", 5),
        (ModelAPIError("503"), "failing", 5),
        (ModelConnectionError("refused"), "unreachable", 5),
        (ModelTimeoutError("late"), "too_slow", 5),
    ],
)
async def test_another_answers_where_the_first_cannot_and_says_so(model, backup, clock, error, kind, seconds):
    responders, effective = responders_of(model, backup, clock)
    model.will_say(error)
    backup.will_say("Here I ", "am.")
    events = await told(responders, effective)
    assert words(events) == "Here I am."
    assert [each.deployment for each in events if isinstance(each, AnsweredBy)] == ["primary", "backup"]
    assert notices(events) == (
        Notice("stands_in", {"deployment": "backup"}),
        Notice(kind, {"deployment": "primary", "seconds": seconds}),
    )


class RefusedError(ModelAPIError):
    is_retryable = False


@pytest.mark.parametrize(
    "error",
    [
        ModelInvalidRequestError("No."),
        ModelAuthenticationError("Who?"),
        ContextOverflowError("Too long."),
        RefusedError("In no shape that anybody knows."),
        RuntimeError("A bug."),
    ],
)
async def test_what_another_would_refuse_as_well_is_told_and_changes_nothing(model, backup, clock, error):
    responders, effective = responders_of(model, backup, clock)
    model.will_say(error)
    with pytest.raises(type(error)):
        await told(responders, effective)
    assert (backup.asked, responders.breakers["primary"].state) == ([], BreakerState.CLOSED)


async def test_after_the_first_word_nobody_else_goes_on(model, backup, clock):
    responders, effective = responders_of(model, backup, clock)
    model.will_say("so far", busy())
    with pytest.raises(ModelRateLimitError):
        await told(responders, effective)
    assert backup.asked == []


@pytest.mark.parametrize("said", [(), ("so far",)])
async def test_a_filtered_answer_stays_one(model, backup, clock, said):
    responders, effective = responders_of(model, backup, clock)
    model.will_say(*said, AIMessageChunk("", response_metadata={"finish_reason": "content_filter"}))
    events = await told(responders, effective)
    assert (words(events), backup.asked) == ("".join(said), [])


async def test_a_stopped_answer_stays_one_before_its_first_word_too(model, backup, store):
    service = ConversationService(pair(model, backup), store)
    model.will_say(ends=False)
    conversation = service.begin("ada")
    generation = await service.ask(conversation, "Hello?")
    await holds(lambda: model.asked)
    generation.stop()
    await generation.task
    assert generation.turn.status is TurnStatus.STOPPED
    assert (model.closed, backup.asked) == (1, [])
    await service.aclose()


# ------------------------------------------------------------------------------------------------ how long


async def test_who_failed_is_passed_over_for_as_long_as_it_said_and_then_asked_again(model, backup, clock):
    responders, effective = responders_of(model, backup, clock)
    model.will_say(busy(12.0))
    for seconds in (12, 7):
        backup.will_say("Here.")
        assert notices(await told(responders, effective))[1].data["seconds"] == seconds
        clock.now += 5
    assert len(model.asked) == 1
    clock.now += 5
    model.will_say("Back.")
    assert words(await told(responders, effective)) == "Back."


async def test_of_many_questions_at_once_one_tries_whether_it_is_back(model, backup, clock):
    responders, effective = responders_of(model, backup, clock)
    model.will_say(busy(1.0))
    for _ in range(10):
        backup.will_say("Here.")
    await told(responders, effective)
    clock.now += 1
    asked = [asyncio.create_task(told(responders, effective)) for _ in range(10)]
    await asyncio.wait(asked[1:])
    assert (len(model.asked), len(backup.asked)) == (2, 10)
    model.will_say("Back.")
    assert words(await asked[0]) == "Back."
    model.will_say("Here again.")
    assert words(await told(responders, effective)) == "Here again."


async def test_its_first_word_is_enough_to_let_the_others_in(model, backup, clock):
    responders, effective = responders_of(model, backup, clock)
    model.will_say(busy(1.0))
    backup.will_say("Here.")
    await told(responders, effective)
    clock.now += 1
    model.will_say("Ba", ends=False)
    growing = asyncio.create_task(told(responders, effective))
    await holds(lambda: responders.breakers["primary"].state is BreakerState.CLOSED)
    growing.cancel()
    await asyncio.wait([growing])
    assert backup.asked[1:] == []


async def test_one_that_is_stopped_while_it_tries_lets_the_next_one_try(model, backup, clock):
    responders, effective = responders_of(model, backup, clock)
    model.will_say(busy(1.0))
    backup.will_say("Here.")
    await told(responders, effective)
    clock.now += 1
    trying = asyncio.create_task(told(responders, effective))
    await holds(lambda: len(model.asked) == 2)
    trying.cancel()
    await asyncio.wait([trying])
    model.will_say("Back.")
    assert words(await told(responders, effective)) == "Back."


async def test_where_all_are_left_alone_nobody_is_asked_and_it_is_said_until_when(model, backup, clock):
    responders, effective = responders_of(model, backup, clock)
    model.will_say(busy(12.0))
    backup.will_say(ModelConnectionError("refused"))
    with pytest.raises(ModelConnectionError):
        await told(responders, effective)
    clock.now += 1
    with pytest.raises(NobodyLeftError) as caught:
        await told(responders, effective)
    assert (caught.value.condition, caught.value.retry_after) == ("ModelConnectionError", 4.0)
    assert (len(model.asked), len(backup.asked)) == (1, 1)


async def test_the_turn_of_such_an_answer_says_why_each_of_them_did_not(model, backup, store):
    service = ConversationService(pair(model, backup), store)
    conversation = service.begin("ada")
    model.will_say(busy(12.0))
    backup.will_say(busy(30.0))
    first = await say(service, conversation, "Hello?")
    assert first.failure.kind == "ModelRateLimitError"
    assert first.notices == (OUT, Notice("out_of_capacity", {"deployment": "backup", "seconds": 30}))
    second = await say(service, await service.refresh(conversation), "Hello?")
    assert (second.failure.kind, second.deployment) == ("ModelRateLimitError", "primary")
    assert 0 < second.failure.retry_after <= 12
    assert [each.kind for each in second.notices] == ["out_of_capacity", "out_of_capacity"]
    await service.aclose()


# ------------------------------------------------------------------------------------------------ what is asked


class Picture:
    """A section of a request that holds a picture."""

    kind, always_sent, entries, tokens = "picture", True, (), 0
    messages = (HumanMessage([{"type": "image", "base64": "aGk=", "mime_type": "image/png"}]),)


def with_picture(asked):
    plan = asked.plan([], "What is this?")
    return ContextPlan((*plan.sections, Picture()), plan.budget)


async def test_who_reads_no_pictures_is_not_asked_about_one(model, backup, clock):
    responders, effective = responders_of(model, backup, clock, vision=False)
    backup.will_say("A cat.")
    respond = responders.responder(effective, with_picture).respond(with_picture(effective), {"callbacks": []})
    async with aclosing(respond) as events:
        seen = [event async for event in events]
    assert (words(seen), model.asked) == ("A cat.", [])
    assert notices(seen)[1] == Notice("reads_no_pictures", {"deployment": "primary"})
    model.will_say("Hello.")
    assert words(await told(responders, effective)) == "Hello."


async def test_who_cannot_read_as_much_is_not_asked_to(model, backup, clock):
    responders, effective = responders_of(model, backup, clock, context_size=512)
    backup.will_say("Long.")
    events = await told(responders, effective, "word " * 1000)
    assert (words(events), model.asked) == ("Long.", [])
    assert notices(events)[1] == Notice("too_long_for", {"deployment": "primary"})
    turns = [text_turn(n, "word " * 100, "word " * 100, TurnStatus.COMPLETE) for n in range(3)]
    model.will_say("Short.")
    assert words(await told(responders, effective, "Hello?", turns)) == "Short."
    assert len(model.asked[0]) == 4, "the memory gives way to the size that is known"


async def test_where_nobody_can_take_it_the_first_says_so_itself(model, clock):
    small = Deployment("small", model, WindowMemory(), context_size=512, fallback=("tiny",))
    deployments = Deployments(small, Deployment("tiny", ScriptedModel(), WindowMemory(), context_size=512))
    model.will_say(ContextOverflowError("Too long."))
    with pytest.raises(ContextOverflowError):
        await told(Responders(deployments, clock), deployments.effective(Conversation("c1", "ada")), "word " * 1000)


async def test_each_is_asked_with_its_own_memory_and_as_the_conversation_chose(model, backup, store):
    deployments = Deployments(
        Deployment(
            "primary", model, WindowMemory(5, system_prompt="Be first."), {"temperature": 0.1}, fallback=("backup",)
        ),
        Deployment(
            "backup", backup, WindowMemory(1, system_prompt="Be second."), {"temperature": 0.9, "max_tokens": 50}
        ),
    )
    service = ConversationService(deployments, store)
    conversation = service.begin("ada")
    for text in ("one", "two", "three"):
        model.will_say(f"re: {text}")
        await say(service, conversation, text)
        conversation = await service.refresh(conversation)
    conversation = await service.choose(conversation, Options(top_p=0.5, max_tokens=400))
    model.will_say(busy())
    backup.will_say(ends=False)
    generation = await service.ask(conversation, "four")
    await holds(lambda: backup.asked)
    assert [message.text for message in model.asked[-1]][1:] == [
        "one",
        "re: one",
        "two",
        "re: two",
        "three",
        "re: three",
        "four",
    ]
    assert backup.asked == [[SystemMessage("Be first."), *model.asked[-1][5:]]]
    assert backup.told == [{"temperature": 0.9, "top_p": 0.5, "max_tokens": 50}]
    assert (await service.view(conversation)).plan.messages == backup.asked[0], "what is shown is not what was sent"
    assert generation.turn.deployment == "backup"
    await service.aclose()


async def test_one_with_a_longer_memory_gets_what_it_can_remember(model, backup, store):
    deployments = Deployments(
        Deployment("primary", model, WindowMemory(0), fallback=("backup",)),
        Deployment("backup", backup, WindowMemory(30)),
    )
    service = ConversationService(deployments, store)
    conversation = service.begin("ada")
    for number in range(25):
        model.will_say("ok")
        await say(service, conversation, f"question {number}")
        conversation = await service.refresh(conversation)
    model.will_say(busy())
    backup.will_say("Here.")
    await say(service, conversation, "And?")
    assert backup.asked[0][0].text == "question 0"
    await service.aclose()


# ------------------------------------------------------------------------------------------------ over sockets


@pytest.fixture
def endpoints():
    good = stream_reply(event("All is well."), FINISH, DONE)
    with WireServer(good) as primary, WireServer(good) as backup:
        yield primary, backup


def model_of(server, **more):
    return AzureMLChatOnlineEndpoint(
        endpoint_url=f"{server.url}/v1/chat/completions", endpoint_api_key="k", max_retry_seconds=1.0, **more
    )


@pytest.fixture
async def chat(endpoints, store):
    """A service whose primary and backup are asked over sockets, and its store."""
    primary, backup = (model_of(each, max_retries=2) for each in endpoints)
    service = ConversationService(pair(primary, backup, first_word_timeout=20.0), store)
    yield service
    await service.aclose()
    await primary.aclose()
    await backup.aclose()


async def test_a_busy_endpoint_is_asked_once_and_the_turn_is_kept_with_what_was_said_of_it(chat, endpoints, store):
    primary, backup = endpoints
    primary.script(BUSY)
    conversation = chat.begin("ada")
    turn = await say(chat, conversation, "Hello?")
    assert (turn.answer_text, turn.deployment, len(primary.requests)) == ("All is well.", "backup", 1)
    assert turn.notices == (Notice("stands_in", {"deployment": "backup"}), OUT)
    assert backup.requests[0].json["messages"][0]["content"] == "Be first."
    [kept] = await store.turns(conversation.id)
    assert (kept.notices, kept.deployment) == (turn.notices, "backup")
    exported = json.loads(await chat.export_json(await chat.refresh(conversation)))
    assert exported["turns"][0]["notices"][1] == {"kind": "out_of_capacity", "data": dict(OUT.data)}


async def test_a_connection_that_is_refused_or_reset_leads_to_the_other(chat, endpoints):
    primary, _ = endpoints
    primary.default = Reply(end="mute")
    turn = await say(chat, chat.begin("ada"), "Hello?")
    assert (turn.deployment, turn.notices[1].kind) == ("backup", "unreachable")


async def test_one_that_says_nothing_in_time_is_left_and_the_other_asked(endpoints, store):
    primary, backup = endpoints
    primary.default = stream_reply(event(""), threading.Event())
    service = ConversationService(pair(model_of(primary), model_of(backup), first_word_timeout=0.2), store)
    turn = await say(service, service.begin("ada"), "Hello?")
    assert (turn.deployment, turn.notices[1].kind) == ("backup", "too_slow")
    assert await happens(primary.requests[0].left)
    await service.aclose()


async def test_an_answer_that_breaks_off_stays_with_who_gave_it(chat, endpoints):
    primary, backup = endpoints
    primary.script(stream_reply(event("The first half"), end="reset"))
    turn = await say(chat, chat.begin("ada"), "Hello?")
    assert (turn.answer_text, turn.deployment, turn.status) == ("The first half", "primary", TurnStatus.FAILED)
    assert backup.requests == []


async def test_a_question_that_a_filter_blocked_is_not_put_to_another(chat, endpoints):
    primary, backup = endpoints
    primary.script(sample_reply("content_filter_prompt_400_full"))
    turn = await say(chat, chat.begin("ada"), "Hello?")
    assert (turn.failure.blocked, backup.requests) == (True, [])


async def test_nor_is_one_that_it_blocked_within_the_stream(chat, endpoints):
    primary, backup = endpoints
    primary.script(stream_reply('data: {"error": {"code": "content_filter", "message": "Blocked."}}\n\n'))
    turn = await say(chat, chat.begin("ada"), "Hello?")
    assert (turn.status, backup.requests) == (TurnStatus.FAILED, [])


async def test_when_it_is_back_ten_at_once_send_it_one_request_until_it_answers(endpoints, clock):
    primary, backup = endpoints
    models = [model_of(each) for each in endpoints]
    responders, effective = responders_of(*models, clock)
    ask = partial(told, responders, effective)
    primary.script(BUSY)
    await ask()
    clock.now += 12
    answers = threading.Event()
    primary.default = stream_reply(answers, event("Back."), FINISH, DONE)
    asked = [asyncio.create_task(ask()) for _ in range(10)]
    while sum(task.done() for task in asked) < 9:
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED, timeout=0.05)
    assert (len(primary.requests), len(backup.requests)) == (2, 10)
    answers.set()
    assert sorted(map(words, await asyncio.gather(*asked))) == ["All is well."] * 9 + ["Back."]
    assert words(await ask()) == "Back."
    for each in models:
        await each.aclose()


# ------------------------------------------------------------------------------------------------ the first word


async def test_words_that_do_not_come_in_time_end_an_answer_of_one_alone(model, store):
    deployments = Deployments(Deployment("test", model, WindowMemory(), first_word_timeout=0.05))
    service = ConversationService(deployments, store)
    model.will_say(AIMessageChunk(""), ends=False)
    turn = await say(service, service.begin("ada"), "Hello?")
    assert (turn.failure.kind, turn.failure.data) == ("FirstWordTimeout", {"seconds": 0.05})
    assert model.closed == 1


async def test_the_time_is_for_the_first_word_only(model, store):
    deployments = Deployments(Deployment("test", model, WindowMemory(), first_word_timeout=0.05))
    service = ConversationService(deployments, store)
    model.will_say("Slowly", ends=False)
    conversation = service.begin("ada")
    reader = await start(service, conversation, "Hello?")
    await asyncio.sleep(0.1)  # twice the time, which is over whoever is late
    model.will_say(" said.")
    *_, turn = [turn async for turn in reader]
    assert (turn.answer_text, turn.status) == ("Slowly said.", TurnStatus.COMPLETE)


async def test_a_deployments_own_time_in_all_counts(model, store):
    deployments = Deployments(Deployment("test", model, WindowMemory(), answer_timeout=0.05))
    service = ConversationService(deployments, store)
    model.will_say("so far", ends=False)
    turn = await say(service, service.begin("ada"), "Hello?")
    assert (turn.failure.kind, turn.failure.data, turn.answer_text) == ("AnswerTimeout", {"seconds": 0.05}, "so far")


def test_it_is_an_error_of_time_that_may_pass():
    error = FirstWordTimeoutError(2.0)
    assert (isinstance(error, ModelTimeoutError), error.is_retryable, str(error)) == (True, True, "")


def test_the_responder_of_several_is_one(model, backup, clock):
    responders, effective = responders_of(model, backup, clock)
    assert type(responders.responder(effective, lambda asked: asked.plan([], "Q"))) is FallbackResponder
