"""While a model waits before it asks its endpoint again, the growing turn says what for and until when."""

import asyncio
import json
import time
from contextlib import aclosing, asynccontextmanager

import pytest
from langchain_core.exceptions import ModelRateLimitError
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr
from tenacity import RetryCallState, Retrying

from chatbot.azureml import AzureMLChatOnlineEndpoint
from chatbot.conversation import TurnStatus, WindowMemory
from tests.conversation.conversing import say, service_of
from tests.support.asking import FINISH
from tests.support.wire import DONE, WireServer, event, stream_reply, text_reply

BUSY = text_reply("", 429, retry_after="20")
SOON = text_reply("", 429, retry_after_ms="50")


class Waits(BaseChatModel):
    """Any model of LangChain's that reports its retries, and answers when it is let."""

    error: Exception
    _go: asyncio.Event = PrivateAttr(default_factory=asyncio.Event)

    def go(self):
        self._go.set()

    async def _agenerate(self, messages, stop=None, run_manager=None, **kwargs):
        state = RetryCallState(Retrying(), None, (), {})
        state.set_exception((type(self.error), self.error, None))
        state.upcoming_sleep = 12.0
        await run_manager.on_retry(state)
        await self._go.wait()
        return ChatResult(generations=[ChatGeneration(message=AIMessage("At last."))])

    def _generate(self, *_, **__):
        raise NotImplementedError

    @property
    def _llm_type(self):
        return "waits"


@pytest.fixture
def endpoint():
    with WireServer(stream_reply(event("Here."), FINISH, DONE)) as server:
        yield server


@pytest.fixture
def model(endpoint):
    return AzureMLChatOnlineEndpoint(endpoint_url=f"{endpoint.url}/v1/chat/completions", endpoint_api_key="k")


@asynccontextmanager
async def waiting(service, conversation):
    """Ask, and stay with the answer until it waits."""
    async with aclosing(service.say(conversation, "Q")) as turns:
        async for turn in turns:
            if turn.waiting is not None:
                yield turn, turns
                return
    raise AssertionError("nothing was waited for")


async def test_the_growing_turn_says_what_it_waits_for(service, endpoint):
    endpoint.script(BUSY)
    conversation = service.begin("ada")
    asked = time.time()
    async with waiting(service, conversation) as (turn, _):
        assert turn.waiting.kind == "ModelRateLimitError"
        assert asked + 20 <= turn.waiting.until <= time.time() + 20
        assert (turn.status, turn.answer_text) == (TurnStatus.STREAMING, "")
        view = await service.view(conversation)
        assert view.turns[-1].waiting == turn.waiting


async def test_the_first_word_ends_it(service, endpoint):
    endpoint.script(SOON, stream_reply(event("Here."), 60.0))
    async with waiting(service, service.begin("ada")) as (_, turns):
        seen = await anext(turns)
        assert (seen.answer_text, seen.waiting) == ("Here.", None)


async def test_stop_works_while_it_waits(service, endpoint):
    endpoint.script(BUSY)
    conversation = service.begin("ada")
    async with waiting(service, conversation):
        await service.stop(conversation)
    [turn] = await service.turns(conversation)
    assert (turn.status, turn.waiting) == (TurnStatus.STOPPED, None)
    assert len(endpoint.requests) == 1


async def test_it_is_told_again_for_each_wait_and_gone_when_it_failed(service, endpoint):
    endpoint.default = SOON
    seen = [turn async for turn in service.say(service.begin("ada"), "Q")]
    assert len({turn.waiting for turn in seen} - {None}) == 2
    assert seen[-1].failure.kind == "ModelRateLimitError"
    assert seen[-1].waiting is None


async def test_it_is_not_exported(service, endpoint):
    endpoint.script(SOON)
    conversation = service.begin("ada")
    await say(service, conversation, "Q")
    exported = await service.export_json(await service.refresh(conversation))
    assert "waiting" not in json.loads(exported)["turns"][0]


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ModelRateLimitError("Slow down."), "ModelRateLimitError"), (OSError("Gone."), "ModelError")],
)
async def test_any_model_that_reports_its_retries_is_heard(store, error, kind):
    model = Waits(error=error)
    service = service_of(model, store, WindowMemory())
    async with waiting(service, service.begin("ada")) as (turn, turns):
        assert turn.waiting.kind == kind
        assert turn.waiting.until > time.time()
        model.go()
        *_, ended = [each async for each in turns]
    assert (ended.answer_text, ended.waiting) == ("At last.", None)
    await service.aclose()
