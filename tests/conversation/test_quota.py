"""What may be used: reserved before a request and settled after it, in the store, on SQLite and on PostgreSQL."""

import asyncio
import time
from contextlib import aclosing

import pytest
import pytest_asyncio
from langchain_core.exceptions import ModelConnectionError, ModelRateLimitError, ModelTimeoutError
from langchain_core.messages import AIMessageChunk

from chatbot.conversation import (
    BudgetError,
    Caller,
    Conversation,
    ConversationConflictError,
    ConversationService,
    ConversationStore,
    Deployment,
    Deployments,
    LimitError,
    Prices,
    Rate,
    TitleError,
    TurnStatus,
    Usage,
    UsageLimits,
    WindowMemory,
)
from chatbot.conversation.quota import SETTLING_SECONDS, Quota, most_usage
from chatbot.conversation.retention import PASSING
from chatbot.conversation.store import counters as store_counters
from tests.conversation.conversing import say, start, talk
from tests.conversation.store.test_cost import statements
from tests.support.scripted_model import ScriptedModel

HERE = Caller("192.0.2.7")
HALF_PAST_TEN = 1_800_000_000 // 86_400 * 86_400 + 10.5 * 3600
MOST = Usage(700, 300)
HOLD = 1200.0


class Clock:
    """Time that goes on as a test says."""

    def __init__(self, now=HALF_PAST_TEN):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest_asyncio.fixture
async def open_store(url):
    """Make further stores on the same database, as other processes have them."""
    opened = []

    def open_store():
        opened.append(ConversationStore(url))
        return opened[-1]

    yield open_store
    for store in opened:
        await store.aclose()


@pytest.fixture
def open_quota(open_store, clock):
    """Make quotas, each with a store of its own on the same database."""

    def open_quota(clock=clock, **limits):
        return Quota(UsageLimits(**limits), open_store().counters, hold_seconds=HOLD, clock=clock)

    return open_quota


async def failing(*_):
    raise OSError("the disk is full")


async def passes(quota, owner="ada", caller=HERE, most=MOST):
    """Whether a request is let through; what is reserved for it stays so."""
    try:
        await quota.reserve(owner, caller, most)
    except (LimitError, BudgetError):
        return False
    return True


async def refusal(quota, owner="ada", caller=HERE, most=MOST):
    with pytest.raises((LimitError, BudgetError)) as refused:
        await quota.reserve(owner, caller, most)
    return refused.value


# ----------------------------------------------------------------------------------------------- messages


async def test_a_period_slides_and_no_such_period_has_more_than_the_limit(open_quota, clock):
    quota = open_quota(visitor_messages=[Rate(2, "hour")])
    assert await passes(quota)
    clock.now += 1800
    assert await passes(quota)
    refused = await refusal(quota)
    assert (refused.reason, refused.data["most"], refused.data["period"]) == ("visitor_messages", 2, "hour")
    # The first one is an hour ago then, or up to a slot longer.
    assert HALF_PAST_TEN + 3600 <= refused.data["until"] <= HALF_PAST_TEN + 3900
    clock.now = refused.data["until"] - 1
    assert not await passes(quota)
    clock.now = refused.data["until"]
    assert await passes(quota)
    assert not await passes(quota)


async def test_all_rates_hold_and_the_one_that_lasts_is_told(open_quota, clock):
    quota = open_quota(visitor_messages=[Rate(1, "minute"), Rate(2, "day")])
    assert await passes(quota)
    assert (await refusal(quota)).data["period"] == "minute"
    clock.now += 65
    assert await passes(quota)
    assert (await refusal(quota)).data["period"] == "day"


async def test_what_is_refused_counts_for_nothing(open_quota, clock):
    quota = open_quota(visitor_messages=[Rate(1, "minute")], address_messages=[Rate(2, "minute")])
    assert await passes(quota)
    for _ in range(5):
        assert not await passes(quota)
    assert await passes(quota, "grace"), "what ada was refused was not counted at the address"


async def test_others_have_their_own(open_quota):
    quota = open_quota(visitor_messages=[Rate(1, "hour")])
    assert await passes(quota, "ada")
    assert not await passes(quota, "ada", Caller("192.0.2.8"))
    assert await passes(quota, "grace")


async def test_an_address_is_shared_by_all_who_are_there(open_quota):
    quota = open_quota(address_messages=[Rate(2, "hour")])
    assert await passes(quota, "ada")
    assert await passes(quota, "grace")
    assert (await refusal(quota, "joan")).reason == "address_messages"
    assert await passes(quota, "joan", Caller("192.0.2.8"))
    assert await passes(quota, "a program", Caller()), "who asks from nowhere is at no address"


async def test_who_has_no_cookie_is_one_visitor_with_all_others_at_the_address_who_have_none(open_quota):
    quota = open_quota(visitor_messages=[Rate(2, "hour")])
    assert await passes(quota, PASSING + "1")
    assert await passes(quota, PASSING + "2")
    assert (await refusal(quota, PASSING + "3")).reason == "visitor_messages"
    assert await passes(quota, PASSING + "3", Caller("192.0.2.8"))
    assert await passes(quota, "ada"), "who has one is not among them"


# ------------------------------------------------------------------------------------- at the same time


@pytest.mark.parametrize(
    ("limits", "error"),
    [
        ({"visitor_messages": [Rate(1, "hour")]}, LimitError),
        ({"visitor_tokens": [Rate(1500, "hour")]}, LimitError),
        ({"daily_tokens": 1500}, BudgetError),
        ({"daily_cost": 0.0015}, BudgetError),
    ],
)
async def test_a_hundred_at_once_do_not_pass_a_limit_for_one(open_quota, clock, limits, error):
    # In two processes, between whose looks at the clock a slot ends: they write different rows.
    later = Clock(clock.now // 300 * 300 + 300)
    quotas = [open_quota(Clock(later.now - 1), **limits), open_quota(later, **limits)]
    most = Usage(700, 300, 0.001)
    found = await asyncio.gather(
        *(quotas[n % 2].reserve("ada", HERE, most) for n in range(100)), return_exceptions=True
    )
    refused = [each for each in found if isinstance(each, error)]
    assert len(refused) == 99, found


async def test_of_a_hundred_at_once_as_many_pass_as_there_is_room_for(open_quota):
    quotas = [open_quota(daily_tokens=7 * 1000 + 999), open_quota(daily_tokens=7 * 1000 + 999)]
    found = await asyncio.gather(*(passes(quotas[n % 2], f"visitor {n}") for n in range(100)))
    assert sum(found) == 7


async def test_those_who_begin_and_end_at_once_block_nobody(open_quota):
    quotas = [open_quota(visitor_tokens=[Rate(10**9, "hour")], daily_tokens=10**9) for _ in range(2)]

    async def ask(n):
        reserved = await quotas[n % 2].reserve(f"visitor {n % 3}", HERE, MOST)
        await reserved.settle(Usage(10, 5))

    async with asyncio.timeout(60):
        await asyncio.gather(*(ask(n) for n in range(60)))
    standing = await quotas[0].standing("visitor 0", HERE, MOST)
    assert standing.tokens.left == 10**9 - 20 * 15


async def test_many_at_once_are_written_together(open_quota):
    quota = open_quota(visitor_messages=[Rate(5, "hour")], daily_tokens=10**9)
    await passes(quota)
    with statements() as sent:
        reserved = await asyncio.gather(*(quota.reserve(f"visitor {n}", HERE, MOST) for n in range(50)))
        await asyncio.gather(*(each.settle(Usage(10, 5)) for each in reserved))
    # The first of each fifty finds nobody writing, and all who come meanwhile are the second transaction.
    assert len(sent) <= 2 * (2 + 1) + 2
    for n in range(50):
        assert (await quota.standing(f"visitor {n}", HERE, MOST)).messages.left == 4


async def test_of_those_who_are_written_together_each_finds_its_own_and_what_was_before_it(open_quota):
    quota = open_quota(visitor_messages=[Rate(2, "hour")], address_tokens=[Rate(10**6, "hour")])
    asked = ["ada", "ada", "ada", "grace", "ada", "grace"]
    found = await asyncio.gather(*(quota.reserve(each, HERE, MOST) for each in asked), return_exceptions=True)
    left = [each.standing.messages.left if not isinstance(each, LimitError) else None for each in found]
    assert left == [1, 0, None, 1, None, 0]
    assert found[-1].standing.tokens.left == 10**6 - 4 * 1000
    standing = await quota.standing("grace", HERE, MOST)
    assert standing.tokens.left == 10**6 - 4 * 1000, "what was refused left nothing"


async def test_what_cannot_be_written_fails_for_all_who_wait_and_for_nobody_after_them(open_store, monkeypatch):
    store = open_store()
    quota = Quota(UsageLimits(daily_tokens=10**6), store.counters, hold_seconds=HOLD)
    assert await passes(quota)
    with monkeypatch.context() as broken:
        broken.setattr(store_counters, "_add", failing)
        found = await asyncio.gather(*(quota.reserve("ada", HERE, MOST) for _ in range(5)), return_exceptions=True)
    assert [str(each) for each in found] == ["the disk is full"] * 5
    assert await passes(quota)
    assert (await quota.standing("ada", HERE, MOST)).budget == 1 - 2 * 1000 / 10**6


# ------------------------------------------------------------------------------------- tokens and money


async def test_what_was_reserved_is_settled_with_what_was_counted(open_quota):
    quota = open_quota(visitor_tokens=[Rate(1500, "hour")])
    reserved = await quota.reserve("ada", HERE, MOST)
    assert reserved.standing.tokens.left == 500
    assert not await passes(quota)
    await reserved.settle(Usage(30, 20))
    assert reserved.standing.tokens.left == 1450
    assert (await quota.standing("ada", HERE, MOST)).tokens.left == 1450
    assert await passes(quota)


async def test_what_takes_more_than_was_reserved_counts_all_the_same(open_quota):
    quota = open_quota(visitor_tokens=[Rate(2000, "hour")])
    await (await quota.reserve("ada", HERE, MOST)).settle(Usage(1900, 99))
    refused = await refusal(quota, most=Usage(1, 1))
    assert refused.reason == "visitor_tokens"


async def test_what_was_not_asked_is_given_back_once(open_quota):
    quota = open_quota(visitor_messages=[Rate(1, "hour")], visitor_tokens=[Rate(1000, "hour")], daily_cost=1.0)
    reserved = await quota.reserve("ada", HERE, Usage(700, 300, 1.0))
    await reserved.settle(None)
    await reserved.settle(None)
    standing = await quota.standing("ada", HERE, MOST)
    assert (standing.messages.left, standing.tokens.left, standing.budget) == (1, 1000, 1.0)


async def test_where_the_room_is_only_reserved_it_is_told_to_try_again_soon(open_quota, clock):
    quota = open_quota(visitor_tokens=[Rate(1500, "day")], daily_tokens=2500)
    reserved = await quota.reserve("ada", HERE, MOST)
    assert (await refusal(quota)).data["until"] == clock.now + SETTLING_SECONDS
    assert await passes(quota, "grace")
    assert (await refusal(quota, "joan")).data["until"] == clock.now + SETTLING_SECONDS
    await reserved.settle(Usage(700, 300))
    assert (await refusal(quota)).data["until"] > clock.now + 23 * 3600


async def test_a_limit_that_is_smaller_than_an_answer_may_take_lets_one_through_at_a_time(open_quota):
    quota = open_quota(daily_tokens=500)
    reserved = await quota.reserve("ada", HERE, MOST)
    assert not await passes(quota, "grace")
    await reserved.settle(Usage(100, 50))
    assert isinstance(await refusal(quota, "grace"), BudgetError), "something was used"


async def test_a_budget_is_open_again_at_midnight_by_utc(open_quota, clock):
    quota = open_quota(daily_cost=2.0)
    most = Usage(700, 300, 1.5)
    await (await quota.reserve("ada", HERE, most)).settle(most)
    until = (await refusal(quota, "grace", most=most)).data["until"]
    assert until == HALF_PAST_TEN + 13.5 * 3600
    assert (await quota.standing("grace", HERE, most)).is_over_budget
    clock.now = until - 1
    assert not await passes(quota, "grace", most=most)
    clock.now = until
    assert await passes(quota, "grace", most=most)


async def test_what_a_killed_process_reserved_comes_back_after_a_while(open_quota, clock):
    killed = open_quota(daily_tokens=1000, visitor_messages=[Rate(9, "day")])
    await killed.reserve("ada", HERE, MOST)
    quota = open_quota(daily_tokens=1000, visitor_messages=[Rate(9, "day")])
    clock.now += HOLD - 1
    assert not await passes(quota, "grace")
    clock.now += 301
    assert await passes(quota, "grace")
    assert (await quota.standing("ada", HERE, MOST)).messages.left == 8, "its question was written down"


async def test_an_answer_that_ends_after_its_reservation_is_counted_once(open_quota, clock):
    quota = open_quota(daily_tokens=10_000)
    reserved = await quota.reserve("ada", HERE, MOST)
    clock.now += HOLD + 600
    await reserved.settle(Usage(300, 200))
    assert (await quota.standing("ada", HERE, MOST)).budget == 0.95


# ------------------------------------------------------------------------------------------- in the store


async def test_a_restart_forgets_nothing_and_another_process_knows_it(open_quota):
    limits = {"visitor_messages": [Rate(1, "day")], "daily_tokens": 10_000}
    await (await open_quota(**limits).reserve("ada", HERE, MOST)).settle(Usage(1000, 1000))
    again = open_quota(**limits)
    assert not await passes(again)
    assert (await again.standing("grace", HERE, MOST)).budget == 0.8


async def test_rows_that_nobody_looks_at_are_removed_and_no_others(open_store, open_quota, clock):
    limits = {"visitor_messages": [Rate(5, "day")], "daily_tokens": 10_000}
    clock.now = time.time() - 30 * 3600
    old = open_quota(**limits)
    for n in range(3):
        await old.reserve(f"visitor {n}", HERE, MOST)
    clock.now = time.time()
    await old.reserve("ada", HERE, MOST)
    store = open_store()
    everything = ["all", "visitor:ada", *(f"visitor:visitor {n}" for n in range(3))]
    assert len(await store.counters.slots(everything, 0)) == 6
    assert not await store.counters.remove_expired(), "there is no more"
    kept = await store.counters.slots(everything, 0)
    assert sorted(slot.subject for slot in kept) == ["all", "visitor:ada"]
    assert (await old.standing("ada", HERE, MOST)).messages.left == 4


async def test_a_request_takes_three_statements_and_without_limits_none(open_quota):
    quota = open_quota(
        visitor_messages=[Rate(5, "hour"), Rate(9, "day")],
        visitor_tokens=[Rate(50_000, "day")],
        address_messages=[Rate(9, "minute")],
        address_tokens=[Rate(50_000, "day")],
        daily_tokens=100_000,
        daily_cost=10.0,
    )
    await quota.standing("ada", HERE, MOST)
    with statements() as sent:
        reserved = await quota.reserve("ada", HERE, MOST)
        assert len(sent) == 2
        await reserved.settle(Usage(1, 1))
        assert len(sent) == 3
        await quota.standing("ada", HERE, MOST)
        assert len(sent) == 4
    with statements() as sent:
        unlimited = open_quota()
        await (await unlimited.reserve("ada", HERE, MOST)).settle(Usage(1, 1))
        assert await unlimited.standing("ada", HERE, MOST) is None
    assert sent == []


# ------------------------------------------------------------------------------------------- the service


PRICES = Prices(1_000_000, 1_000_000)
"""So that a token costs one, and a budget in money is as many tokens."""


@pytest_asyncio.fixture
async def open_service(open_store):
    opened = []

    def open_service(model=None, **limits):
        memory = WindowMemory(5, 6000, "Be kind.")
        deployment = Deployment("test", model or ScriptedModel(), memory, {"max_tokens": 500}, PRICES)
        opened.append(ConversationService(Deployments(deployment), open_store(), limits=UsageLimits(**limits)))
        return opened[-1]

    yield open_service
    for service in opened:
        await service.aclose()


async def left(service, conversation, caller=HERE):
    return await service.standing(await service.view(conversation), caller)


async def test_messages_retries_and_titles_count_and_what_is_refused_is_not_written_down(open_service, model):
    service = open_service(model, visitor_messages=[Rate(3, "hour")])
    conversation = await talk(service, model, "one")
    model.will_say("again")
    await say(service, conversation, "one", at=0)
    conversation = await service.refresh(conversation)
    model.will_say("A title")
    await service.find_title(conversation)
    conversation = await service.refresh(conversation)
    for refused in (
        service.ask(conversation, "two"),
        service.ask(conversation, "one", at=0),
        service.ask(service.begin("ada"), "elsewhere"),
        service.find_title(conversation),
    ):
        with pytest.raises(LimitError, match="visitor_messages"):
            await refused
    assert await service.refresh(conversation) == conversation
    assert [each.id for each in await service.list("ada")] == [conversation.id]
    assert len(model.asked) == 3
    model.will_say("fine")
    await say(service, service.begin("grace"), "and I?")


async def test_what_the_endpoint_counted_is_what_counts(open_service, model):
    service = open_service(model, visitor_tokens=[Rate(100_000, "hour")], daily_cost=10_000.0)
    conversation = await talk(service, model, "one", "two")
    standing = await left(service, conversation)
    assert (standing.tokens.left, standing.budget) == (100_000 - 2 * 18, 1 - 36 / 10_000)
    model.will_say("A title")
    await service.find_title(conversation)
    assert (await left(service, conversation)).tokens.left == 100_000 - 3 * 18


async def test_an_answer_knows_what_is_left_while_it_grows_and_when_it_has_ended(open_service, model):
    service = open_service(model, visitor_messages=[Rate(3, "hour")], visitor_tokens=[Rate(100_000, "hour")])
    conversation = service.begin("ada")
    model.will_say("half", ends=False)
    async with aclosing(await start(service, conversation, "one")):
        generation = service.generation(conversation)
        view = await service.view(conversation, of=generation)
        with statements() as sent:
            standing = await service.standing(view, HERE, of=generation)
        assert sent == []
        assert (standing.messages.left, standing.tokens.left < 99_900) == (2, True)
        model.will_say(" whole")
        await generation.wait()
    standing = await service.standing(view, HERE, of=generation)
    assert (standing.messages.left, standing.tokens.left) == (2, 100_000 - 18)


@pytest.mark.parametrize(
    ("words", "counts"),
    [
        ((ModelConnectionError("Nobody is there."),), 0),
        ((ModelRateLimitError("Too many."),), 0),
        ((ModelTimeoutError("It read, and said nothing."),), 1),
        (("half", ModelConnectionError("Cut off.")), 1),
    ],
)
async def test_a_failure_is_given_back_where_no_model_read_the_question(open_service, model, words, counts):
    service = open_service(model, visitor_messages=[Rate(3, "hour")], visitor_tokens=[Rate(100_000, "hour")])
    conversation = service.begin("ada")
    model.will_say(*words)
    turn = await say(service, conversation, "one")
    assert turn.status is TurnStatus.FAILED
    standing = await left(service, conversation)
    assert standing.messages.left == 3 - counts
    assert (standing.tokens.left < 100_000) == bool(counts), "without a count it is an estimate"


async def test_what_was_stopped_or_is_not_counted_is_estimated(open_service, model):
    service = open_service(model, visitor_tokens=[Rate(100_000, "hour")], daily_cost=10_000.0)
    conversation = service.begin("ada")
    model.will_say("four score and seven years ago " * 20, ends=False)
    async with aclosing(await start(service, conversation, "one")):
        await service.stop(conversation)
    standing = await left(service, conversation)
    took = 100_000 - standing.tokens.left
    assert 620 / 4 < took < 620 / 4 + 60
    assert standing.budget == pytest.approx(1 - took / 10_000)
    model.will_say(AIMessageChunk("It tells no usage."))
    await say(service, await service.refresh(conversation), "two")
    assert (await left(service, conversation)).tokens.left < standing.tokens.left - 150


async def test_who_was_refused_for_something_else_gets_it_back(open_service, model):
    service = open_service(model, visitor_messages=[Rate(2, "hour")])
    conversation = await talk(service, model, "one")
    for _ in range(3):
        with pytest.raises(ConversationConflictError):
            await service.ask(conversation, "out of order", at=7)
    with pytest.raises(ConversationConflictError):
        # Begun by somebody else meanwhile: there is one with its id.
        await service.ask(Conversation(conversation.id, "ada"), "one")
    model.will_say(ModelConnectionError("Nobody is there."))
    with pytest.raises(TitleError):
        await service.find_title(conversation)
    assert (await left(service, conversation)).messages.left == 1


async def test_a_hundred_questions_at_once_reach_the_model_as_often_as_the_budget_allows(open_service, model):
    effective = open_service().deployments.effective(open_service().begin("ada"))
    first = most_usage([effective], "one", is_first=True)
    budget = 2 * (first.input_tokens + first.output_tokens)
    services = [open_service(model, daily_tokens=budget) for _ in range(2)]

    async def ask(n):
        try:
            return await services[n % 2].ask(
                services[n % 2].begin(f"visitor {n}"), "one", caller=Caller(f"192.0.2.{n}")
            )
        except BudgetError:
            return None

    begun = [each for each in await asyncio.gather(*(ask(n) for n in range(100))) if each is not None]
    assert len(begun) == 2
    model.will_say("1")
    model.will_say("2")
    for generation in begun:
        await generation.wait()
    assert len(model.asked) == 2
    # What they did not take is free again.
    assert (await ask(100)) is not None
    model.will_say("3")


async def test_over_the_budget_a_stand_in_answers_and_each_of_its_answers_says_so(open_service, model):
    stand_in = ScriptedModel()
    service = open_service(
        model,
        daily_tokens=1,
        visitor_messages=[Rate(3, "hour")],
        stand_in=Deployment("demo", stand_in, WindowMemory(5, 6000), {"max_tokens": 100}),
    )
    conversation = await talk(service, model, "one")
    assert (await left(service, conversation)).stand_in == "demo"
    for number in ("two", "three"):
        stand_in.will_say("Here I am.")
        turn = await say(service, await service.refresh(conversation), number)
        assert (turn.answer_text, turn.deployment) == ("Here I am.", "demo")
        assert [(each.kind, dict(each.data)) for each in turn.notices] == [
            ("over_budget", {"answering": "demo", "chosen": "test"})
        ]
    conversation = await service.refresh(conversation)
    assert [turn.notices != () for turn in await service.turns(conversation)] == [False, True, True], "it is kept"
    assert (len(model.asked), len(stand_in.asked)) == (1, 2)
    assert [each.text for each in stand_in.asked[-1]][:-1] == ["one", "re: one", "two", "Here I am."]
    assert stand_in.told[-1] == {"max_tokens": 100}
    with pytest.raises(LimitError, match="visitor_messages"):
        await service.ask(conversation, "four")
    with pytest.raises((BudgetError, LimitError)):
        await service.find_title(conversation)
    assert (len(model.asked), len(stand_in.asked)) == (1, 2)


async def test_a_first_question_may_take_itself_and_its_answer_and_a_later_one_what_is_remembered(open_service):
    service = open_service()
    effective = service.deployments.effective(service.begin("ada"))
    first = most_usage([effective], "a" * 400, is_first=True)
    assert (100 < first.input_tokens < 120, first.output_tokens) == (True, 500)
    assert first.cost == first.input_tokens + 500
    later = most_usage([effective], "a" * 400, is_first=False)
    assert later.input_tokens + later.output_tokens == 6000
    long = most_usage([effective], "a" * 40_000, is_first=False)
    assert long.input_tokens > 10_000, "the question is sent whatever the budget is"


async def test_what_is_reserved_is_enough_for_whoever_may_come_to_answer(open_store):
    memory, model = WindowMemory(5, 6000), ScriptedModel()
    cheap = Deployment("cheap", model, memory, {"max_tokens": 100}, Prices(1, 1), fallback=("dear",))
    dear = Deployment("dear", model, memory, {"max_tokens": 500}, Prices(1_000_000, 1_000_000))
    limits = UsageLimits(visitor_tokens=[Rate(10_000, "hour")], daily_cost=10_000.0)
    service = ConversationService(Deployments(cheap, dear), open_store(), limits=limits)
    model.will_say("half", ends=False)
    conversation = service.begin("ada")
    async with aclosing(await start(service, conversation, "one")):
        standing = service.generation(conversation).standing
        assert standing.tokens.left < 10_000 - 500
        assert standing.budget < 1 - 500 / 10_000
    await service.aclose()
