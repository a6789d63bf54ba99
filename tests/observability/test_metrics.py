"""The numbers, as Prometheus reads them over a socket, and to whom they are shut."""

import asyncio
import socket

import httpx
import pytest
import pytest_asyncio
from langchain_core.exceptions import ModelRateLimitError
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from chatbot.access.owner import OwnerDoor
from chatbot.observability import Metrics
from tests.conversation.conversing import until
from tests.support.app_process import AppProcess, refused
from tests.support.page_events import act, headers

pytestmark = pytest.mark.asyncio(loop_scope="session")

TOKEN = "a-token-of-the-owner"
OWNER = {"authorization": f"Bearer {TOKEN}"}


def numbers_of(text):
    """By name and labels: ``chatbot_tokens_total{deployment=test,direction=input}``."""
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


@pytest_asyncio.fixture(loop_scope="session")
async def watched(serve):
    metrics = Metrics()
    options = {"listener": metrics, "timed": metrics.store_took, "metrics": metrics}
    with serve(**options, owner=OwnerDoor(TOKEN)) as served:
        yield served


async def scraped(client):
    reply = await client.get("/metrics", headers=OWNER)
    assert reply.status_code == 200
    return numbers_of(reply.text)


async def test_what_happens_is_counted(watched):
    served = watched
    async with served.client() as client, client.stream("GET", "/chat/updates", headers=headers("a page", "ada")):
        await served.send("a question nobody may read")
        served.model.will_say("an answer", ends=False)

        async def is_active():
            return (await scraped(client))["chatbot_answers_active"] == 1

        await until(is_active)
        assert (await scraped(client))["chatbot_pages_open"] == 1
        # The same page asks again while it is being answered.
        await served.send("too early")
        served.model.will_say("!")

        async def is_answered():
            return (await scraped(client))["chatbot_answers_active"] == 0

        await until(is_answered)
        served.model.will_say(ModelRateLimitError("busy"))
        await served.send("another question")

        async def has_failed():
            failed = "chatbot_answers_total{deployment=test,error=ModelRateLimitError,outcome=failed}"
            return (await scraped(client)).get(failed) == 1

        await until(has_failed)

        async def has_looked():
            return (await scraped(client))["chatbot_event_loop_lag_seconds_count"] >= 1

        await until(has_looked)
        text = (await client.get("/metrics", headers=OWNER)).text
    numbers = numbers_of(text)
    assert numbers["chatbot_answers_total{deployment=test,error=,outcome=complete}"] == 1
    assert numbers["chatbot_refusals_total{kind=ConversationBusyError}"] == 1
    assert numbers["chatbot_first_word_seconds_count{deployment=test}"] == 1
    assert numbers["chatbot_answer_seconds_count{deployment=test,outcome=complete}"] == 1
    assert numbers["chatbot_answer_seconds_count{deployment=test,outcome=failed}"] == 1
    assert numbers["chatbot_tokens_total{deployment=test,direction=input}"] == 11
    assert numbers["chatbot_tokens_total{deployment=test,direction=output}"] == 7
    assert numbers["chatbot_store_seconds_count{operation=write}"] >= 4
    assert numbers["chatbot_store_seconds_count{operation=read}"] >= 1
    assert numbers["process_resident_memory_bytes"] > 0
    for secret in ("question", "ada", "a page", "127.0.0.1", served.url, "busy"):
        assert secret not in text


async def test_a_title_by_the_model_counts_what_it_took(watched):
    served = watched
    served.model.will_say("hello")
    await served.send("hello")
    async with served.client() as client:

        async def is_answered():
            return (await scraped(client)).get("chatbot_tokens_total{deployment=test,direction=input}") == 11

        await until(is_answered)
        async with client.stream("GET", "/chat/updates", headers=headers("a page", "ada")) as updates:
            async for line in updates.aiter_lines():
                if line.startswith("data: "):
                    break
        owner = next(iter(served.app.state.sessions._sessions.values())).owner
        conversation = await served.service.latest(owner)
        served.model.will_say("A title")
        assert await act(client, "name", [conversation.id], "a page", "ada") == 204
        numbers = await scraped(client)
    assert numbers["chatbot_tokens_total{deployment=test,direction=input}"] == 22
    assert numbers["chatbot_answers_total{deployment=test,error=,outcome=complete}"] == 1


@pytest.mark.parametrize("given", [{}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}])
async def test_they_are_shut_to_who_has_no_token(watched, given):
    async with watched.client() as client:
        reply = await client.get("/metrics", headers=given)
    assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert "chatbot_" not in reply.text


async def test_without_a_setting_there_are_none(serve):
    with serve() as served:
        async with served.client() as client:
            assert (await client.get("/metrics", headers=OWNER)).status_code == 404


async def test_the_state_of_breakers_is_told_where_there_are_any():
    metrics = Metrics()
    states = {"one": "closed", "two": "open"}
    metrics.watch_breakers(lambda: states)
    told = numbers_of(generate_latest(metrics.registry).decode())
    assert told["chatbot_breaker_state{deployment=one,state=closed}"] == 1
    assert told["chatbot_breaker_state{deployment=two,state=open}"] == 1
    states["two"] = "half_open"
    told = numbers_of(generate_latest(metrics.registry).decode())
    assert "chatbot_breaker_state{deployment=two,state=open}" not in told
    assert told["chatbot_breaker_state{deployment=two,state=half_open}"] == 1


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


async def test_they_have_a_port_of_their_own_where_one_is_named(tmp_path):
    port = free_port()
    with AppProcess(tmp_path, {"CHATBOT_METRICS_PORT": str(port)}) as process:
        async with httpx.AsyncClient(timeout=30) as client:
            assert (await client.get(f"{process.url}metrics")).status_code == 404
            assert await act_on(client, process.url) == 204

            async def is_counted():
                numbers = numbers_of((await client.get(f"http://127.0.0.1:{port}/metrics")).text)
                return numbers.get("chatbot_answers_total{deployment=Demo endpoint,error=,outcome=complete}") == 1

            await until(is_counted)


async def act_on(client, url):
    reply = await client.post(f"{url}chat/send", content='["hello"]', headers=headers("a page", "ada"))
    return reply.status_code


async def test_a_port_that_is_taken_is_told_before_anything_is_served(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = await asyncio.to_thread(refused, tmp_path, CHATBOT_METRICS_PORT=str(port), CHATBOT_PORT="0")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
    assert "CHATBOT_METRICS_PORT" in ended.stderr
    assert "Traceback" not in ended.stderr
