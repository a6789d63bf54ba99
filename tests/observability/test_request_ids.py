"""One id for a request: in its reply, in what is done for it, and from a proxy only where one is believed."""

import re

import pytest
from langchain_core.exceptions import ModelRateLimitError

from tests.conversation.conversing import until
from tests.support.page_events import headers

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_every_request_has_an_id_of_its_own(serve):
    with serve() as served:
        async with served.client() as client:
            ids = [(await client.get(path)).headers["x-request-id"] for path in ("/", "/healthz", "/nothing/here")]
    assert len(set(ids)) == 3
    assert all(re.fullmatch(r"[0-9a-f]{16}", each) for each in ids)


@pytest.mark.parametrize(
    ("trusted", "sent", "taken"),
    [
        ("X-Request-ID", "proxy-4f1c.22", True),
        ("X-Amzn-Trace-Id", "proxy-4f1c.22", True),
        (None, "proxy-4f1c.22", False),
        ("X-Request-ID", "short", False),
        ("X-Request-ID", "a" * 65, False),
        ("X-Request-ID", "<script>alert(1)</script>", False),
        ("X-Request-ID", "two words here", False),
    ],
)
async def test_a_proxys_id_is_taken_over_where_it_is_believed_and_well_formed(serve, trusted, sent, taken):
    with serve(request_id_header=trusted) as served:
        async with served.client() as client:
            reply = await client.get("/healthz", headers={trusted or "X-Request-ID": sent})
    assert (reply.headers["x-request-id"] == sent) is taken
    assert len(reply.headers.get_list("x-request-id")) == 1


async def test_the_id_of_the_request_that_asked_is_kept_with_a_failure(serve):
    with serve() as served:
        served.model.will_say(ModelRateLimitError("busy"))
        async with served.client() as client:
            reply = await client.post("/chat/send", content='["hello"]', headers=headers("a page", "ada"))
            owner = (await served.app.state.sessions.of(reply_request("a page", "ada"))).owner

            async def failed():
                turns = await served.service.turns(await served.service.latest(owner))
                return bool(turns) and turns[-1].failure is not None

            await until(failed)
            [turn] = await served.service.turns(await served.service.latest(owner))
    assert turn.failure.data["request"] == reply.headers["x-request-id"]


class reply_request:  # noqa: N801 - stands for a request
    """A request as a page of this visitor would send it."""

    client = None

    def __init__(self, page, visitor):
        self.headers = headers(page)
        self.cookies = {"chatbot_visitor": visitor}


async def test_a_client_of_the_api_is_known_by_its_id_too(serve):
    """Gradio answers it in a task that knows nothing of the request."""
    with serve() as served:
        served.model.will_say(ModelRateLimitError("busy"))
        async with served.client() as client:
            client.cookies.set("chatbot_visitor", "bob")
            called = await client.post("/gradio_api/call/chat", json={"data": ["hello"]})
            await client.get(f"/gradio_api/call/chat/{called.json()['event_id']}")
            owner = (await served.app.state.sessions.of(reply_request("other", "bob"))).owner
            [turn] = await served.service.turns(await served.service.latest(owner))
    assert turn.failure.data["request"] == called.headers["x-request-id"]
