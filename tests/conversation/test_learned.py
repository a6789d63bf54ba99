"""What one visitor's requests teach, and that nobody else's memory depends on them."""

import pytest
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import HumanMessage
from pydantic import Field

from chatbot.conversation import (
    ConversationService,
    Deployment,
    Deployments,
    Options,
    TurnStatus,
    Usage,
    WindowMemory,
)
from chatbot.conversation.context.learned import FORGOTTEN_SECONDS, LEAST_CONTEXT, Learned
from chatbot.conversation.context.tokens import TokenCounter
from tests.conversation.conversing import say, talk
from tests.support.scripted_model import ScriptedModel

CONTEXT = 4096


class TooLongError(ContextOverflowError):
    """What a client raises that has read the endpoint's own words."""

    def __init__(self, context_size=None, requested_tokens=None, prompt_tokens=None):
        super().__init__("This is longer than the model can read.")
        self.context_size, self.requested_tokens, self.prompt_tokens = context_size, requested_tokens, prompt_tokens


class SmallModel(ScriptedModel):
    """Refuses what does not fit into its context, as an endpoint does; says so in numbers where ``names`` is set.

    Counts as is estimated, unless a test says what a text counts.
    """

    context: int = CONTEXT
    names: bool = True
    counts: dict[str, int] = Field(default_factory=dict)

    async def _astream(self, messages, stop=None, run_manager=None, **told):
        prompt = sum(TokenCounter()(each.text) for each in messages)
        requested = prompt + (told.get("max_tokens") or 0)
        if requested > self.context:
            self.asked.append(messages)
            self.told.append(told)
            raise TooLongError(self.context, requested, prompt) if self.names else TooLongError()
        counted = self.counts.get(messages[-1].text, prompt)
        async for chunk in super()._astream(messages, stop, run_manager, **told):
            if chunk.message.usage_metadata:
                chunk.message.usage_metadata["input_tokens"] = counted
            yield chunk


@pytest.fixture(params=[True, False], ids=["named", "silent"])
def model(request):
    return SmallModel(names=request.param)


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def service(model, store, clock):
    """As the application makes it: a budget that is larger than the model, and answers of 500 tokens."""
    memory = WindowMemory(5, 6000, "You are a helpful assistant.", answer_tokens=500)
    learned = Learned(lambda: clock[0])
    return ConversationService(
        Deployments(Deployment("small", model, memory, {"max_tokens": 500}, learned=learned)), store
    )


@pytest.fixture
def open_service(model, store, clock):
    """One whose owner sets no length of answers: with one, nobody can choose a longer answer."""
    memory = WindowMemory(5, 6000, "You are a helpful assistant.", answer_tokens=500)
    learned = Learned(lambda: clock[0])
    return ConversationService(Deployments(Deployment("small", model, memory, learned=learned)), store)


def questions(messages) -> list[str]:
    return [message.text.split()[0] for message in messages if isinstance(message, HumanMessage)]


async def answered(service, model, conversation, text):
    model.forget_script()
    model.will_say("ok")
    turn = await say(service, conversation, text)
    return turn, await service.refresh(conversation)


LONG = " words and words" * 40


async def long_talk(service, model, *names, owner):
    return await talk(service, model, *(name + LONG for name in names), owner=owner)


@pytest.mark.parametrize("chosen", [4000, 4096, 100_000])
async def test_a_visitor_who_asks_for_the_longest_answers_takes_nobodys_memory(open_service, model, chosen):
    service = open_service
    others = await long_talk(service, model, "one", "two", "three", owner="grace")
    greedy = await long_talk(service, model, "a", "b", owner="ada")
    greedy = await service.choose(greedy, Options(max_tokens=chosen))
    for text in ("c", "d", "e"):
        turn, greedy = await answered(service, model, greedy, text)
        assert turn.status is TurnStatus.COMPLETE
        assert [each.kind for each in turn.notices][-1] == "lower_max_tokens"
    assert questions(model.asked[-1]) == ["a", "b", "c", "d", "e"], "nor their own"
    shown = (await service.view(others, text="four")).plan
    assert [turn.index for turn in shown.remembered] == [0, 1, 2]
    await answered(service, model, others, "four")
    assert questions(model.asked[-1]) == ["one", "two", "three", "four"]
    assert "max_tokens" not in model.told[-1]


async def test_what_was_chosen_is_refused_once_and_not_at_every_turn(open_service, model):
    service = open_service
    greedy = await service.choose(await long_talk(service, model, "a", owner="ada"), Options(max_tokens=4000))
    before = len(model.asked)
    for text in "bcd":
        _, greedy = await answered(service, model, greedy, text)
    assert len(model.asked) - before == 4


async def test_what_the_endpoint_names_is_true_for_everybody(store):
    model = SmallModel(context=1800)
    memory = WindowMemory(9, 6000, answer_tokens=500)
    service = ConversationService(Deployments(Deployment("small", model, memory, {"max_tokens": 500})), store)
    first = await talk(service, model, *(f"{n}" + LONG * 2 for n in range(4)), owner="ada")
    assert ["turns_left_out" in [each.kind for each in turn.notices] for turn in await service.turns(first)].count(
        True
    ) == 1
    second = await talk(service, model, *(f"{n}" + LONG * 2 for n in range(7)), owner="grace")
    plan = (await service.view(second, text="more")).plan
    assert plan.budget == 1300
    model.will_say("ok")
    before = len(model.asked)
    assert (await say(service, second, "more")).notices == ()
    assert len(model.asked) == before + 1, "nobody else is refused for it"
    assert model.asked[-1] == plan.messages


@pytest.mark.parametrize("text", ["🙃" * 10_000, "x" * 50_000, "\u0301" * 10_000])
async def test_a_text_that_is_too_long_takes_only_its_own_place(service, model, text):
    others = await long_talk(service, model, "one", "two", owner="grace")
    odd = await long_talk(service, model, "a", owner="ada")
    for _ in range(3):
        model.forget_script()
        model.will_say("ok")
        await say(service, odd, text)
        odd = await service.refresh(odd)
    await answered(service, model, others, "three")
    assert questions(model.asked[-1]) == ["one", "two", "three"]


@pytest.mark.parametrize("counted", [1, 40_000])
async def test_a_text_that_is_counted_oddly_changes_nobody_elses_estimate(service, model, counted):
    others = await long_talk(service, model, "one", "two", "three", owner="grace")
    model.context = 10**6
    before = (await service.view(others, text="hi")).plan
    odd = service.begin("ada")
    text = "🙃" * 10_000
    model.counts = {text: counted}
    for _ in range(8):
        _, odd = await answered(service, model, odd, text)
    assert (await service.view(others, text="hi")).plan == before
    newcomer = (await service.view(service.begin("someone"), text="hello there")).plan
    assert newcomer.sections[-1].tokens == TokenCounter()("hello there")


def test_what_most_conversations_count_is_what_a_new_one_begins_with():
    learned = Learned()
    for number in range(6):
        for _ in range(20):
            learned.counted(f"{number}", ["some words"], Usage(3 * TokenCounter()("some words"), 0))
    assert learned.counter("new").factor == pytest.approx(3, rel=0.1)


def test_a_size_is_forgotten_after_a_while_and_a_larger_one_believed():
    now = [0.0]
    learned = Learned(lambda: now[0])
    learned.refused("ada", 3000)
    learned.named(8192)
    assert (learned.context_size("ada"), learned.context_size("grace")) == (2000, 8192)
    learned.named(16_384)
    assert learned.context_size("grace") == 16_384
    now[0] = FORGOTTEN_SECONDS
    assert learned.context_size("ada") is learned.context_size("grace") is None


@pytest.mark.parametrize("size", [1, 100, LEAST_CONTEXT - 1])
def test_a_number_that_is_no_context_size_is_not_taken_for_one(size):
    learned = Learned()
    learned.named(size)
    assert learned.context_size("ada") is None


@pytest.mark.parametrize("value", [None, 0, -5, "4096", 4096.0])
async def test_an_error_that_tells_nothing_sensible_still_gets_an_answer(store, value):
    model = ScriptedModel()
    deployment = Deployment("small", model, WindowMemory(5), {"max_tokens": 500})
    service = ConversationService(Deployments(deployment), store)
    conversation = await talk(service, model, "one", "two", "three")
    model.will_say(TooLongError(value, value, value))
    model.will_say("ok")
    assert (await say(service, conversation, "four")).answer_text == "ok"
    assert deployment.learned.context_size("somebody else") is None


async def test_where_the_model_cannot_even_take_that_the_endpoints_words_are_told(service, model):
    model.context = 10
    turn = await say(service, service.begin("ada"), "hello")
    assert (turn.status, turn.failure.data["detail"]) == (TurnStatus.FAILED, "This is longer than the model can read.")
