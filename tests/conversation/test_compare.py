"""One question asked twice: what each is sent, what is kept, what is remembered, and that both count."""

import asyncio
import subprocess
import sys
from dataclasses import replace

import pytest
import pytest_asyncio
from langchain_core.exceptions import ModelAPIError

from chatbot.conversation import (
    COMPARE,
    COMPARED,
    BudgetError,
    Caller,
    ComparisonError,
    ConversationBusyError,
    ConversationConflictError,
    ConversationNotFoundError,
    ConversationService,
    ConversationStore,
    Deployment,
    Deployments,
    GenerationListener,
    LimitError,
    Options,
    Prices,
    Rate,
    TurnMemory,
    TurnStatus,
    UsageLimits,
    WindowMemory,
)
from tests.conversation.conversing import ask, say, talk, until
from tests.support.scripted_model import ScriptedModel

SMALL = Options(deployment="small", k=1)


class Pair:
    """A service with two deployments for everybody and one for staff, and what they are asked."""

    def __init__(self, store, locked=frozenset(), **options):
        self.store = store
        self.large, self.small, self.staff = ScriptedModel(), ScriptedModel(), ScriptedModel()
        self.service = ConversationService(
            Deployments(
                Deployment("large", self.large, WindowMemory(5, 4000)),
                Deployment("small", self.small, WindowMemory(3, 4000), prices=Prices(1.0, 1.0)),
                Deployment("staff", self.staff, WindowMemory(), allowed=frozenset({"staff"})),
                locked=locked,
            ),
            store,
            **options,
        )

    async def compare(self, conversation, text, beside=SMALL, *, caller=None):
        """Both answers, which have begun; each says ``<deployment>: <text>`` unless it was told to say something."""
        for name, model in (("large", self.large), ("small", self.small)):
            if model._script.empty():
                model.will_say(f"{name}: {text}")
        known = {} if caller is None else {"caller": caller}
        return await self.service.compare(conversation, text, beside, **known)

    async def ended(self, generations):
        for generation in generations:
            await generation.wait()
        return await self.service.refresh(generations[0].conversation)


@pytest_asyncio.fixture
async def make(store):
    made = []

    def make(**options):
        made.append(Pair(store, **options))
        return made[-1]

    yield make
    for pair in made:
        await pair.service.aclose()


@pytest_asyncio.fixture
async def pair(make):
    return make()


def sent(messages):
    return [message.text for message in messages]


async def compared(pair, *questions, beside=SMALL, **kwargs):
    """A conversation of some turns and then a question with two answers, which have ended."""
    conversation = await talk(pair.service, pair.large, *questions[:-1])
    return await pair.ended(await pair.compare(conversation, questions[-1], beside, **kwargs))


async def test_each_is_sent_what_its_own_memory_holds_and_both_are_recorded(pair):
    conversation = await compared(pair, "one", "two", "three")
    [first] = pair.large.asked[-1:]
    [second] = pair.small.asked
    assert sent(first) == ["one", "re: one", "two", "re: two", "three"]
    assert sent(second) == ["two", "re: two", "three"]
    view = await pair.service.view(conversation)
    assert [each.turn.answer_text for each in view.compared] == ["large: three", "small: three"]
    assert [each.turn.deployment for each in view.compared] == ["large", "small"]
    assert [sent(each.plan.messages) for each in view.compared] == [sent(first), sent(second)]
    costs = [each.turn.usage.cost for each in view.compared]
    assert (costs[0], costs[1] is not None) == (None, True)
    assert all(each.turn.timing.total > 0 for each in view.compared)
    # And for whoever reads it when the process has forgotten what it sent.
    notices = [[each for each in answer.turn.notices if each.kind == COMPARED] for answer in view.compared]
    assert [each.data["count"] for [each] in notices] == [2, 1]
    assert [each.data["tokens"] for [each] in notices] == [answer.plan.tokens for answer in view.compared]


@pytest.mark.parametrize("beside", [Options(k=1, pins=False), Options(token_budget=100)], ids=["pins", "budget"])
async def test_pins_and_the_token_budget_can_differ(pair, beside):
    questions = [f"{number} " * 30 for number in range(3)]
    conversation = await talk(pair.service, pair.large, *questions)
    conversation = await pair.service.set_memory(conversation, 0, TurnMemory.PINNED)
    conversation = await pair.service.choose(conversation, Options(max_tokens=50))
    pair.large.will_say("first")
    pair.large.will_say("second")
    both = await pair.service.compare(conversation, "and now?", replace(beside, max_tokens=50))
    plans = [generation.plan for generation in both]
    await pair.ended(both)
    remembered = [[turn.index for turn in plan.remembered] for plan in plans]
    assert remembered[0] == [0, 1, 2]
    if beside.pins is False:
        assert remembered[1] == [2]
    else:
        assert remembered[1][0] == 0
        assert len(remembered[1]) < 3
        assert plans[1].tokens <= 50
    assert sorted(map(sent, pair.large.asked[-2:])) == sorted(sent(plan.messages) for plan in plans)
    kinds = [{notice.kind for notice in generation.turn.notices} for generation in both]
    assert kinds[0] == {COMPARED}
    assert kinds[1] == {COMPARED, f"{COMPARED}_without_pins" if beside.pins is False else f"{COMPARED}_budget"}


async def test_the_one_that_is_kept_is_remembered_and_who_gave_it_goes_on(pair):
    conversation = await compared(pair, "one", "two")
    conversation = await pair.service.keep(conversation, 1)
    assert conversation.options == SMALL
    view = await pair.service.view(conversation)
    assert ([turn.answer_text for turn in view.turns], view.compared) == (["re: one", "small: two"], ())
    assert view.versions[1] == [0, 1]
    conversation = await ask(pair.service, pair.small, conversation, "three")
    assert sent(pair.small.asked[-1]) == ["two", "small: two", "three"]
    # The other one is a version as any is.
    conversation = await pair.service.select_version(conversation, 1, 0)
    assert [turn.answer_text for turn in await pair.service.turns(conversation)] == ["re: one", "large: two"]


async def test_until_one_is_kept_the_first_is_remembered_and_so_it_is_if_one_asks_on(pair):
    conversation = await compared(pair, "one", "two")
    view = await pair.service.view(conversation, text="three")
    conversation = await ask(pair.service, pair.large, conversation, "three")
    assert sent(pair.large.asked[-1]) == sent(view.plan.messages)
    assert sent(view.plan.messages) == ["one", "re: one", "two", "large: two", "three"]
    view = await pair.service.view(conversation)
    assert (view.compared, view.versions[1], conversation.options) == ((), [0, 1], Options())
    with pytest.raises(ConversationConflictError):
        await pair.service.keep(conversation, 1)


async def test_one_that_fails_leaves_the_other_and_says_why(pair):
    pair.large.will_say("half", ModelAPIError("It broke."))
    conversation = await compared(pair, "two")
    view = await pair.service.view(conversation, text="three")
    failed, whole = (each.turn for each in view.compared)
    assert (failed.status, failed.failure.kind, failed.answer_text) == (TurnStatus.FAILED, "ModelAPIError", "half")
    assert (whole.status, whole.answer_text) == (TurnStatus.COMPLETE, "small: two")
    assert sent(view.plan.messages) == ["two", "small: two", "three"]
    await ask(pair.service, pair.large, conversation, "three")
    assert sent(pair.large.asked[-1]) == sent(view.plan.messages)


async def test_stop_stops_both_and_keeps_what_there_is_of_each(pair):
    pair.large.will_say("A", ends=False)
    pair.small.will_say("B", ends=False)
    both = await pair.compare(pair.service.begin("ada"), "one")

    async def have_begun():
        return all(generation.turn.answer_text for generation in both)

    await until(have_begun)
    with pytest.raises(ConversationBusyError):
        await pair.service.ask(both[0].conversation, "two")
    assert (await pair.service.view(both[0].conversation)).growing
    await pair.service.stop(both[0].conversation)
    view = await pair.service.view(both[0].conversation)
    assert [(each.turn.answer_text, each.turn.status) for each in view.compared] == [
        ("A", TurnStatus.STOPPED),
        ("B", TurnStatus.STOPPED),
    ]
    assert (pair.large.closed, pair.small.closed, view.growing) == (1, 1, False)


async def test_to_keep_one_ends_the_other(pair):
    pair.large.will_say("A", ends=False)
    both = await pair.compare(pair.service.begin("ada"), "one")
    await both[1].wait()
    conversation = await pair.service.keep(both[0].conversation, 1)
    assert (both[0].turn.status, pair.large.closed) == (TurnStatus.STOPPED, 1)
    assert [turn.answer_text for turn in await pair.service.turns(conversation)] == ["small: one"]


async def test_both_count_as_messages_and_where_one_is_too_many_neither_is_asked(make):
    pair = make(limits=UsageLimits(visitor_messages=[Rate(3, "hour")]))
    conversation = await compared(pair, "one", "two")
    with pytest.raises(LimitError):
        await pair.compare(conversation, "three")
    with pytest.raises(LimitError):
        await say(pair.service, conversation, "three")
    pair = make(limits=UsageLimits(visitor_messages=[Rate(2, "hour")]))
    conversation = await talk(pair.service, pair.large, "one", owner="grace")
    with pytest.raises(LimitError):
        await pair.compare(conversation, "two")
    assert (len(pair.large.asked), len(pair.small.asked)) == (1, 0)
    assert len(await pair.service.turns(conversation)) == 1
    pair.large.forget_script()
    await ask(pair.service, pair.large, conversation, "two")


async def test_a_budget_for_one_of_them_is_for_none_and_nobody_stands_in(make):
    stand_in = Deployment("stand-in", ScriptedModel(), WindowMemory())
    pair = make(limits=UsageLimits(daily_tokens=2000, stand_in=stand_in))
    for options, is_begun in ((Options(max_tokens=900, k=0), False), (Options(max_tokens=200, k=0), True)):
        conversation = replace(pair.service.begin("ada"), options=options)
        if not is_begun:
            with pytest.raises(BudgetError):
                await pair.compare(conversation, "x" * 1000, replace(options, deployment="small"))
            assert pair.large.asked == pair.small.asked == stand_in.model.asked == []
            assert not await pair.service.list("ada")
        else:
            await pair.ended(await pair.compare(conversation, "one", replace(options, deployment="small")))
    assert (len(pair.large.asked), len(pair.small.asked)) == (1, 1)


async def test_both_are_counted_and_told_to_whoever_listens(make):
    told = []

    class Listener(GenerationListener):
        def began(self, generation):
            told.append(("began", generation.turn.key))

        def ended(self, generation, turn):
            told.append(("ended", turn.key))

    pair = make(listener=Listener())
    conversation = await compared(pair, "one")
    assert sorted(told) == [(what, (0, version)) for what in ("began", "ended") for version in (0, 1)]
    lines = await pair.service.usage.lines(1, "deployment")
    assert {line.key: (line.messages, line.output_tokens) for line in lines} == {"large": (1, 7), "small": (1, 7)}
    assert conversation.usage.output_tokens == 14


@pytest.mark.parametrize("name", ["staff", "no such deployment"])
async def test_what_is_for_others_is_as_what_is_not_there(pair, name):
    conversation = pair.service.begin("ada")
    with pytest.raises(ComparisonError) as refused:
        await pair.compare(conversation, "one", Options(deployment=name))
    assert refused.value.reason == "not_available"
    assert pair.large.asked == []
    pair.staff.will_say("for you")
    if name == "staff":
        staff = Caller(groups=frozenset({"staff"}))
        both = await pair.compare(conversation, "one", Options(deployment=name), caller=staff)
        await pair.ended(both)
        assert both[1].turn.answer_text == "for you"


@pytest.mark.parametrize(
    ("beside", "locked", "reason"),
    [
        (Options(), frozenset(), "alike"),
        (Options(deployment="large", k=5, token_budget=4000, pins=True), frozenset(), "alike"),
        (SMALL, frozenset({"deployment", "k"}), "alike"),
        (SMALL, frozenset({COMPARE}), "locked"),
    ],
)
async def test_two_that_would_be_asked_alike_are_not_asked(make, beside, locked, reason):
    pair = make(locked=locked)
    with pytest.raises(ComparisonError) as refused:
        await pair.compare(pair.service.begin("ada"), "one", beside)
    assert refused.value.reason == reason
    assert pair.large.asked == pair.small.asked == []


async def test_nobody_compares_or_keeps_in_somebody_elses_conversation(pair):
    conversation = await compared(pair, "one")
    for stranger in (replace(conversation, owner="eve"), replace(conversation, owner="eve", id="none")):
        with pytest.raises(ConversationNotFoundError):
            await pair.compare(stranger, "two")
        with pytest.raises(ConversationNotFoundError):
            await pair.service.keep(stranger, 1)
    assert len(await pair.service.turns(conversation)) == 1
    assert len(pair.large.asked) == 1


async def test_a_page_that_has_not_seen_it_keeps_nothing(pair):
    conversation = await compared(pair, "one")
    with pytest.raises(ConversationConflictError):
        await pair.service.keep(replace(conversation, revision=conversation.revision - 1), 1)
    with pytest.raises(ConversationConflictError):
        await pair.service.keep(conversation, 2)
    assert (await pair.service.view(conversation)).compared


async def test_temporary_chats_compare_too_and_leave_nothing(pair):
    both = await pair.compare(pair.service.begin_temporary("ada"), "one")
    conversation = await pair.ended(both)
    assert await pair.store.get(conversation.id) is None
    conversation = await pair.service.keep(conversation, 1)
    assert [turn.answer_text for turn in await pair.service.turns(conversation)] == ["small: one"]
    await pair.service.discard(conversation)
    assert pair.service._generations.sent(conversation, both[0].turn) is None


async def test_an_export_has_both_and_an_import_shows_the_one_that_counted(pair):
    conversation = await compared(pair, "one", "two")
    conversation = await pair.service.choose(conversation, Options(pins=False, token_budget=500))
    exported = await pair.service.export_json(conversation)
    [brought] = (await pair.service.import_from("grace", exported.encode())).conversations
    view = await pair.service.view(brought)
    assert (view.compared, view.versions[1], view.turns[1].answer_text) == ((), [0, 1], "large: two")
    assert brought.options == conversation.options
    stored = await pair.store.everything(brought.id)
    assert [each.turn.answer_text for each in stored] == ["re: one", "large: two", "small: two"]
    assert [COMPARED in [notice.kind for notice in each.turn.notices] for each in stored] == [False, True, True]


KILLED = """
import asyncio, sys
from chatbot.conversation import ConversationStore, Options
from tests.conversation.test_compare import Pair, SMALL

async def main():
    pair = Pair(ConversationStore(sys.argv[1]))
    pair.large.will_say("A so far", ends=False)
    conversation = pair.service.begin("ada")
    both = await pair.compare(conversation, "one")
    await both[1].wait()
    while not (await pair.store.versions(conversation.id, 0))[0].answer_text:
        await asyncio.sleep(0.05)
    print(conversation.id, flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


@pytest.mark.slow
async def test_of_a_killed_process_each_answer_that_ended_is_there_once(tmp_path):
    url = f"sqlite:///{tmp_path}/chat.db"

    def kill():
        with subprocess.Popen([sys.executable, "-c", KILLED, url], stdout=subprocess.PIPE, text=True) as process:
            id_ = process.stdout.readline().strip()
            process.kill()
        return id_

    id_ = await asyncio.to_thread(kill)
    store = ConversationStore(url, silence=0)
    pair = Pair(store)
    conversation = await pair.service.open("ada", id_)
    view = await pair.service.view(conversation, text="two")
    assert [(each.turn.answer_text, each.turn.status) for each in view.compared] == [
        ("A so far", TurnStatus.FAILED),
        ("small: one", TurnStatus.COMPLETE),
    ]
    assert sent(view.plan.messages) == ["one", "small: one", "two"]
    conversation = await ask(pair.service, pair.large, conversation, "two")
    assert sent(pair.large.asked[-1]) == ["one", "small: one", "two"]
    stored = await store.everything(id_)
    assert [each.turn.answer_text for each in stored] == ["A so far", "small: one", "re: two"]
    await pair.service.aclose()
    await store.aclose()
