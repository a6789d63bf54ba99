"""LangChain's callbacks get each wait before it begins, in every way to ask."""

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
    """The retries that a handler got, and how many requests had been sent by then."""

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
    listener = kind(answering)
    message = await ask(way, model_of(answering), config={"callbacks": [listener]})

    assert message.content == "an answer"
    assert [(state.attempt_number, state.upcoming_sleep, sent) for state, sent in listener.retries] == [
        (1, 0.02, 1),
        (2, 0.03, 2),
    ]
    first, second = (state for state, _ in listener.retries)
    assert first.next_action.sleep == 0.02
    assert isinstance(first.outcome.exception(), AzureMLRateLimitError)
    assert second.outcome.exception().status == 503
    assert second.idle_for == pytest.approx(0.05)
    assert len(listener.runs) == 1


@every_way
@every_listener
async def test_without_a_wait_nobody_is_told(answering, way, kind):
    listener = kind(answering)
    await ask(way, model_of(answering), config={"callbacks": [listener]})
    answering.script(BUSY)
    await failure(way, model_of(answering, max_retries=0), AzureMLRateLimitError, config={"callbacks": [listener]})

    assert listener.retries == []


@every_way
@pytest.mark.parametrize("place", ["argument", "manager", "model", "chain"])
async def test_wherever_the_handler_is_given_it_is_told(answering, way, place):
    answering.script(BUSY)
    listener = Listener(answering)
    model = model_of(answering, callbacks=[listener] if place == "model" else None)
    if place == "argument":
        await ask(way, model, callbacks=[listener])
    elif place == "chain":
        await ask(way, RunnableLambda(lambda text: text) | model, config={"callbacks": [listener]})
    else:
        await ask(way, model, config={"callbacks": CallbackManager([listener]) if place == "manager" else None})

    assert len(listener.retries) == 1


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
    # What arrives together is one token to the listeners: apart enough that a busy machine reads most of them alone.
    server.script(BUSY, stream_reply(*(piece for _ in range(200) for piece in (event("a"), 0.005)), FINISH, DONE))
    listener, other = OnlyRetries(server), Listener(server)
    await ask(way, model_of(server), config={"callbacks": [listener, other]})

    assert len(listener.retries) == len(other.retries) == 1
    assert other.tokens > 100
    assert listener.asked < 10


@every_way
async def test_nothing_of_it_is_sent(answering, way):
    await ask(way, model_of(answering), config={"callbacks": [Listener(answering)]})

    assert answering.requests[0].json.keys() <= {"messages", "max_tokens", "stream", "stream_options"}
