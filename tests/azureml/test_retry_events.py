"""LangChain's callbacks are told of a wait before it begins, whichever way one asks."""

import uuid

import pytest
from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler, CallbackManager
from langchain_core.runnables import RunnableLambda
from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

from chatbot.azureml import AzureMLRateLimitError
from tests.support.asking import FINISH, ask, every_stream, every_way, failure, model_of
from tests.support.wire import DONE, event, stream_reply, text_reply

BUSY = text_reply("", 429, retry_after_ms="20")


class Told:
    """What a handler was told, and how many requests had been sent by then."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.retries = []
        self.runs = set()
        self.tokens = 0

    def take(self, state, run_id):
        self.retries.append((state, len(self.server.requests)))
        self.runs.add(run_id)


class Listener(Told, BaseCallbackHandler):
    def on_chat_model_start(self, serialized, messages, *, run_id, **kwargs):
        self.runs.add(run_id)

    def on_retry(self, retry_state, *, run_id, **kwargs):
        self.take(retry_state, run_id)

    def on_llm_new_token(self, token, **kwargs):
        self.tokens += 1


class AsyncListener(Told, AsyncCallbackHandler):
    async def on_chat_model_start(self, serialized, messages, *, run_id, **kwargs):
        self.runs.add(run_id)

    async def on_retry(self, retry_state, *, run_id, **kwargs):
        self.take(retry_state, run_id)


class OnlyRetries(Told, AsyncCallbackHandler):
    """Wants to know of nothing else, and counts how often it is asked whether it does."""

    asked = 0

    async def on_retry(self, retry_state, *, run_id, **kwargs):
        self.take(retry_state, run_id)

    @property
    def ignore_llm(self):
        self.asked += 1
        return True

    ignore_chat_model = ignore_llm


every_listener = pytest.mark.parametrize("kind", [Listener, AsyncListener, OnlyRetries])


@every_way
@every_listener
async def test_a_handler_is_told_why_and_how_long_before_the_wait(answering, way, kind):
    answering.script(BUSY, text_reply("", 503, retry_after_ms="30"))
    told = kind(answering)
    message = await ask(way, model_of(answering), config={"callbacks": [told]})

    assert message.content == "an answer"
    assert [(state.attempt_number, state.upcoming_sleep, sent) for state, sent in told.retries] == [
        (1, 0.02, 1),
        (2, 0.03, 2),
    ]
    first, second = (state for state, _ in told.retries)
    assert first.next_action.sleep == 0.02
    assert isinstance(first.outcome.exception(), AzureMLRateLimitError)
    assert second.outcome.exception().status == 503
    assert second.idle_for == pytest.approx(0.05)
    assert len(told.runs) == 1


@every_way
@every_listener
async def test_without_a_wait_nobody_is_told(answering, way, kind):
    told = kind(answering)
    await ask(way, model_of(answering), config={"callbacks": [told]})
    answering.script(BUSY)
    await failure(way, model_of(answering, max_retries=0), AzureMLRateLimitError, config={"callbacks": [told]})

    assert told.retries == []


@every_way
@pytest.mark.parametrize("place", ["argument", "manager", "model", "chain"])
async def test_wherever_the_handler_is_given_it_is_told(answering, way, place):
    answering.script(BUSY)
    told = Listener(answering)
    model = model_of(answering, callbacks=[told] if place == "model" else None)
    if place == "argument":
        await ask(way, model, callbacks=[told])
    elif place == "chain":
        await ask(way, RunnableLambda(lambda text: text) | model, config={"callbacks": [told]})
    else:
        await ask(way, model, config={"callbacks": CallbackManager([told]) if place == "manager" else None})

    assert len(told.retries) == 1


@every_stream
async def test_a_tracer_finds_the_run_that_waited(answering, way, caplog):
    answering.script(BUSY)
    tracer, run_id = RunCollectorCallbackHandler(), uuid.uuid4()
    await ask(way, model_of(answering), config={"callbacks": [tracer], "run_id": run_id})

    [run] = tracer.traced_runs
    assert run.id == run_id
    assert "retry" in [each["name"] for each in run.events]
    assert "retry_run_manager" not in str(run.extra)
    assert caplog.records == []


@every_stream
async def test_who_listens_to_retries_alone_costs_nothing_for_each_token(server, way):
    server.script(BUSY, stream_reply(*(piece for _ in range(200) for piece in (event("a"), 0.001)), FINISH, DONE))
    told, other = OnlyRetries(server), Listener(server)
    await ask(way, model_of(server), config={"callbacks": [told, other]})

    assert len(told.retries) == len(other.retries) == 1
    assert other.tokens > 100
    assert told.asked < 10


@every_way
async def test_nothing_of_it_is_sent(answering, way):
    await ask(way, model_of(answering), config={"callbacks": [Listener(answering)]})

    assert answering.requests[0].json.keys() <= {"messages", "max_tokens", "stream", "stream_options"}
