"""The estimate of tokens, and what corrects it."""

import pytest
from langchain_core.messages import AIMessageChunk

from chatbot.conversation import TokenCounter, Usage, WindowMemory
from tests.conversation.conversing import say


@pytest.fixture
def memory():
    return WindowMemory(3, system_prompt="You know all about the sea. " * 10)


def test_token_estimates_follow_the_script():
    count = TokenCounter()
    english, chinese = "a" * 400, "字" * 400
    assert 100 <= count(english) <= 110
    assert count(chinese) > 2 * count(english)
    assert count("half \ud83d") > 0


@pytest.mark.parametrize("truth", [0.5, 1.7, 3.0])
async def test_the_estimate_comes_closer_to_what_the_endpoint_counts(service, model, truth):
    """An endpoint that counts differently: after a few turns the display is within a tenth of its figures."""
    conversation, errors = service.begin("ada"), []
    for number in range(12):
        text = f"question {number} " * 20
        plan = (await service.view(conversation, text=text)).plan
        estimated = sum(TokenCounter()(message.text) for message in plan.messages)
        used = {"input_tokens": round(truth * estimated), "output_tokens": 5, "total_tokens": 5}
        errors.append(abs(plan.tokens - used["input_tokens"]) / used["input_tokens"])
        model.will_say("fine", AIMessageChunk("", usage_metadata=used))
        await say(service, conversation, text)
        conversation = await service.refresh(conversation)
    assert errors[-1] < 0.1 < errors[0]
    assert errors[-1] < errors[4] < errors[0]


@pytest.mark.parametrize("reported", [0, 10**9])
def test_a_senseless_report_does_not_turn_the_estimate_over(reported):
    count = TokenCounter()
    count.learn(["some text"], Usage(reported, 1))
    assert 0.9 <= count.factor <= 2


def test_an_endpoint_that_reports_nothing_changes_nothing():
    count = TokenCounter()
    count.learn([], Usage(10, 1))
    assert count.factor == 1
