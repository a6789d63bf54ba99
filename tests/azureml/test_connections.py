"""How many connections there are, when they close, and that many answers at once do not mix."""

import asyncio
import gc
import json
import threading
import warnings
from contextlib import aclosing
from dataclasses import replace

import pytest

from chatbot.azureml import AzureMLAuthenticationError, AzureMLInvalidRequestError
from tests.support.asking import (
    FINISH,
    STREAMS,
    answer,
    ask,
    every_route,
    every_stream,
    every_way,
    failure,
    happens,
    listen,
    model_of,
)
from tests.support.wire import DONE, PATIENCE, Reply, Request, event, sample_reply, stream_reply, text_reply


class TestConnections:
    @every_way
    @every_route
    async def test_twenty_calls_share_one_connection(self, answering, way, path):
        model = model_of(answering, path)
        for _ in range(20):
            await ask(way, model)

        assert (len(answering.requests), answering.connections) == (20, 1)

    @every_stream
    async def test_they_do_so_although_the_end_of_http_comes_late(self, server, way):
        server.default = stream_reply(event("a"), FINISH, DONE, 0.01)
        model = model_of(server)
        for _ in range(20):
            await ask(way, model)

        assert (len(server.requests), server.connections) == (20, 1)

    @every_stream
    async def test_they_do_so_although_the_server_never_says_done(self, server, way):
        server.default = stream_reply(event("a"), FINISH)
        model = model_of(server)
        for _ in range(5):
            await ask(way, model)

        assert server.connections == 1

    @every_way
    @every_route
    async def test_a_server_that_closes_after_each_reply_is_answered_from_a_new_connection(self, server, way, path):
        answers = answer()

        def last_words(request):
            reply = answers(request)
            return replace(reply, headers={**reply.headers, "Connection": "close"})

        server.default = last_words
        model = model_of(server, path)
        for _ in range(3):
            assert (await ask(way, model)).content == "an answer"

        assert server.connections == 3

    @every_way
    async def test_an_error_does_not_cost_the_connection(self, answering, way):
        model = model_of(answering)
        for _ in range(3):
            answering.script(sample_reply("maas_401_bad_key"))
            await failure(way, model, AzureMLAuthenticationError)
            await ask(way, model)

        assert answering.connections == 1

    @every_way
    async def test_a_connection_that_the_server_closed_while_idle_is_replaced(self, answering, way):
        model = model_of(answering, max_retries=0)
        answering.script(sample_reply("maas_stream_ok" if way in STREAMS else "maas_chat_ok", end="drop"))
        await ask(way, model)
        assert await happens(answering.requests[0].ended)
        await asyncio.sleep(0.01)  # the news has to get through the event loop
        await ask(way, model)

        assert (len(answering.requests), answering.connections) == (2, 2)

    @every_stream
    async def test_an_answer_is_not_kept_waiting_for_an_end_of_http_that_never_comes(self, server, way):
        server.default = stream_reply(event("a"), FINISH, DONE, end="hang")

        assert (await ask(way, model_of(server))).content == "a"
        assert await happens(server.requests[0].left)

    @every_stream
    async def test_nor_for_a_server_that_goes_on_talking_after_the_end(self, server, way):
        chatter = [piece for _ in range(400) for piece in (b": ping\n\n", 0.05)]
        server.default = stream_reply(event("a"), FINISH, DONE, *chatter)

        assert (await ask(way, model_of(server))).content == "a"
        assert await happens(server.requests[0].left)

    async def test_closing_closes_and_the_next_call_opens_again(self, answering):
        model = model_of(answering)
        model.invoke("Q")
        await model.ainvoke("Q")
        model.close()
        await model.aclose()
        await asyncio.to_thread(answering.wait_for_no_connection)

        model.invoke("Q")
        await model.ainvoke("Q")
        assert answering.connections == 4

    async def test_closing_what_was_never_open_is_nothing(self, answering):
        model = model_of(answering)
        model.close()
        await model.aclose()

        assert answering.connections == 0

    async def test_a_model_that_is_forgotten_closes_its_connections(self, answering):
        model = model_of(answering)
        model.invoke("Q")
        await model.ainvoke("Q")
        del model
        gc.collect()

        await asyncio.to_thread(answering.wait_for_no_connection)

    async def test_a_model_that_is_forgotten_in_a_cycle_does_so_without_a_warning(self, answering):
        model = model_of(answering)
        await model.ainvoke("Q")
        cycle = [model]
        cycle.append(cycle)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del model, cycle
            gc.collect()

        assert [str(warning.message) for warning in caught] == []
        await asyncio.to_thread(answering.wait_for_no_connection)

    async def test_a_copy_outlives_the_model_it_was_made_of(self, server):
        taken = threading.Event()
        server.default = stream_reply(event("a"), taken, event("b"), FINISH, DONE)
        model = model_of(server)
        other = model.model_copy()
        del model
        gc.collect()
        heard = []
        await listen("astream", other, heard, taken.set)

        assert "".join(heard) == "ab"

    @pytest.mark.parametrize("way", ["ainvoke", "astream"])
    def test_one_model_serves_one_event_loop_after_the_other_without_a_warning(self, answering, way):
        model = model_of(answering)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(3):
                asyncio.run(ask(way, model))
                gc.collect()
            del model
            gc.collect()

        assert [str(warning.message) for warning in caught] == []
        assert answering.connections == 3
        answering.wait_for_no_connection()

    def test_a_loop_that_ends_in_the_middle_of_an_answer_leaves_nothing_behind(self, server):
        server.default = stream_reply(event("a"), end="hang")
        model = model_of(server)

        async def look_at_the_beginning():
            stream = model.astream("Q")
            await anext(stream)
            return stream

        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            asyncio.run(look_at_the_beginning())
            gc.collect()

        assert [str(warning.message) for warning in caught] == []
        assert server.requests[0].left.wait(PATIENCE)
        server.wait_for_no_connection()

    def test_two_event_loops_at_once_do_not_mix(self, server):
        everybody = threading.Barrier(2)
        server.default = answer()
        model = model_of(server)

        async def talk():
            everybody.wait(PATIENCE)
            return [(await model.ainvoke("Q")).content for _ in range(10)]

        answers = []
        threads = [threading.Thread(target=lambda: answers.append(asyncio.run(talk()))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert answers == [["an answer"] * 10] * 2
        assert server.connections == 2


class TestStop:
    async def test_closing_the_generator_closes_the_connection_at_once(self, server):
        server.default = stream_reply(event("a"), end="hang")
        model = model_of(server)
        async with aclosing(model.astream("Q")) as stream:
            assert (await anext(stream)).content == "a"

        assert await happens(server.requests[0].left)

    async def test_leaving_the_loop_closes_the_connection_at_once(self, server):
        server.default = stream_reply(event("a"), end="hang")
        model = model_of(server)
        async for _ in model.astream("Q"):
            break

        assert await happens(server.requests[0].left)

    def test_closing_the_sync_generator_closes_the_connection_at_once(self, server):
        server.default = stream_reply(event("a"), end="hang")
        stream = model_of(server).stream("Q")
        assert next(stream).content == "a"
        stream.close()

        assert server.requests[0].left.wait(PATIENCE)

    @pytest.mark.parametrize("way", ["ainvoke", "astream"])
    @pytest.mark.parametrize(
        "reply",
        [Reply(hold=threading.Event()), stream_reply(event("a"), end="hang")],
        ids=["before the reply", "in the middle of it"],
    )
    async def test_cancelling_the_task_closes_the_connection_at_once(self, server, way, reply):
        server.default = reply
        task = asyncio.create_task(ask(way, model_of(server)))
        request = await asyncio.to_thread(server.wait_for, 1)
        await asyncio.sleep(0.05)  # let it get as far as it can
        assert not request.left.is_set()
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert await happens(request.left)

    async def test_stopping_one_answer_leaves_the_others_alone(self, server):
        go_on = threading.Event()
        server.default = stream_reply(event("a"), go_on, event("b"), FINISH, DONE)
        model = model_of(server)
        stopped, kept = model.astream("Q"), model.astream("Q")
        await anext(stopped)
        await anext(kept)
        await stopped.aclose()
        assert await happens(server.requests[0].left)
        go_on.set()

        assert "".join([chunk.content async for chunk in kept]) == "b"


def echo(gate: threading.Event):
    """Say the prompt, letter by letter, once the gate is open."""

    def reply(request: Request) -> Reply:
        prompt = request.json["messages"][-1]["content"]
        if not request.json.get("stream"):
            message = {"choices": [{"message": {"content": prompt}, "finish_reason": "stop"}]}
            return Reply(200, {"Content-Type": "application/json"}, (json.dumps(message).encode(),), True, gate)
        return stream_reply(event("<"), gate, *map(event, prompt), event(">"), FINISH, DONE)

    return reply


class TestManyAtOnce:
    async def test_fifty_streams_do_not_mix(self, server):
        gate = threading.Event()
        server.default = echo(gate)
        model = model_of(server)
        prompts = [f"question {number}" for number in range(50)]
        tasks = [asyncio.create_task(ask("astream", model, prompt)) for prompt in prompts]
        await asyncio.to_thread(server.wait_for, 50)
        gate.set()
        messages = await asyncio.gather(*tasks)

        assert [message.content for message in messages] == [f"<{prompt}>" for prompt in prompts]

    @pytest.mark.parametrize("way", ["batch", "abatch"])
    async def test_a_batch_is_asked_at_once_and_answered_in_order(self, server, way):
        gate = threading.Event()
        server.default = echo(gate)
        model = model_of(server)
        prompts = [f"question {number}" for number in range(4)]
        asking = asyncio.to_thread(model.batch, prompts) if way == "batch" else model.abatch(prompts)
        task = asyncio.ensure_future(asking)
        await asyncio.to_thread(server.wait_for, 4)
        gate.set()

        assert [message.content for message in await task] == prompts

    @pytest.mark.parametrize("way", ["batch", "abatch"])
    async def test_a_batch_can_give_back_its_failures(self, answering, way):
        answering.script(text_reply("no", 400))
        model = model_of(answering)
        arguments = {"config": {"max_concurrency": 1}, "return_exceptions": True}
        prompts = ["a", "b"]
        results = model.batch(prompts, **arguments) if way == "batch" else await model.abatch(prompts, **arguments)

        assert isinstance(results[0], AzureMLInvalidRequestError)
        assert results[1].content == "an answer"
