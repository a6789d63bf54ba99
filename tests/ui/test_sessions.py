"""Open pages: one stream each, whose they are, and that they are forgotten."""

from types import SimpleNamespace

import pytest
import pytest_asyncio

from chatbot.conversation import Conversation, ConversationNotFoundError, ConversationStore
from chatbot.ui import sessions as limits
from chatbot.ui.answer_markdown import _known, prepare
from chatbot.ui.identity import COOKIE, PAGE_HEADER, origin_of
from chatbot.ui.sessions import PageSessions, TooManyAtAddressError, TooManyPagesError
from tests.conversation.conversing import say, service_of, until
from tests.support.scripted_model import ScriptedModel


@pytest.fixture
def clock():
    return SimpleNamespace(now=0.0)


@pytest.fixture
def model():
    return ScriptedModel()


@pytest_asyncio.fixture
async def service(tmp_path, model):
    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    service = service_of(model, store)
    yield service
    await service.aclose()
    await store.aclose()


@pytest_asyncio.fixture
async def pages(service, clock):
    return PageSessions(service, lambda: clock.now)


def request(page="p1", visitor="ada", host=None):
    client = None if host is None else SimpleNamespace(host=host)
    return SimpleNamespace(
        headers={PAGE_HEADER: page, "accept-language": "en"}, cookies={COOKIE: visitor}, client=client
    )


async def test_a_page_is_the_same_for_its_visitor_and_another_for_everybody_else(pages):
    mine = await pages.of(request())
    assert await pages.of(request()) is mine
    assert await pages.of(request(visitor="grace")) is not mine
    assert await pages.of(request(page="p2")) is not mine


async def test_a_second_stream_takes_the_place_of_the_first_at_once(pages):
    session = await pages.of(request())
    first = pages.subscribe(session)
    session.changed.clear()
    second = pages.subscribe(session)
    assert session.stream is second
    assert session.changed.is_set()  # the first looks up
    pages.unsubscribe(session, first)
    assert session.stream is second
    assert pages.open_count == 1
    pages.unsubscribe(session, second)
    assert pages.open_count == 0


async def test_one_visitor_has_so_many_pages_open_and_others_theirs(pages, monkeypatch):
    monkeypatch.setattr(limits, "MAX_STREAMS_PER_OWNER", 2)
    opened = [await pages.of(request(f"p{number}")) for number in range(3)]
    streams = [pages.subscribe(session) for session in opened[:2]]
    with pytest.raises(TooManyPagesError):
        pages.subscribe(opened[2])
    pages.subscribe(await pages.of(request(visitor="grace")))
    pages.unsubscribe(opened[0], streams[0])
    pages.subscribe(opened[2])


async def test_one_network_address_has_so_many_pages_open_and_others_theirs(pages, monkeypatch):
    monkeypatch.setattr(limits, "MAX_STREAMS_PER_ADDRESS", 2)
    hosts = ("192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7", "192.0.2.8")
    opened = [await pages.of(request(visitor=f"visitor {number}", host=host)) for number, host in enumerate(hosts)]
    stream = pages.subscribe(opened[0])
    pages.subscribe(opened[1])
    with pytest.raises(TooManyAtAddressError):
        pages.subscribe(opened[2])
    pages.subscribe(opened[3])
    pages.unsubscribe(opened[0], stream)
    pages.subscribe(opened[2])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.7", "192.0.2.8", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        (None, "a unix socket", True),
    ],
)
def test_an_ipv6_network_counts_as_one_address(one, other, same):
    assert (origin_of(request(host=one)) == origin_of(request(host=other))) is same


async def test_pages_that_nobody_has_open_are_forgotten_after_a_while(pages, clock):
    left, kept = await pages.of(request("left")), await pages.of(request("kept"))
    pages.subscribe(kept)
    clock.now += limits.EXPIRES_AFTER + 1
    await pages.of(request("new"))
    assert len(pages) == 2
    assert await pages.of(request("kept")) is kept
    assert await pages.of(request("left")) is not left


async def test_made_up_pages_stay_within_a_bound_and_cost_nobody_an_open_one(pages, monkeypatch):
    monkeypatch.setattr(limits, "MAX_SESSIONS", 10)
    session = await pages.of(request())
    pages.subscribe(session)
    for number in range(30):
        await pages.of(request(f"made up {number}", visitor=f"nobody {number}"))
    assert len(pages) <= 10
    assert await pages.of(request()) is session


@pytest_asyncio.fixture
async def temporary(pages, service, model):
    """An open page with a temporary chat on it."""
    session = await pages.of(request())
    pages.subscribe(session)
    session.turn_to(service.begin_temporary(session.owner))
    model.will_say("xyzzy")
    await say(service, session.conversation, "hello")
    session.conversation = await service.refresh(Conversation(session.conversation.id, session.owner, 1))
    prepare("xyzzy")
    return session


async def gone(service, conversation):
    async def is_gone():
        try:
            await service.refresh(conversation)
        except ConversationNotFoundError:
            return True
        return False

    await until(is_gone)


LEAVING = {
    "for another one": lambda pages, session, service: session.turn_to(service.begin(session.owner)),
    "for a further temporary one": lambda pages, session, service: session.turn_to(service.begin_temporary("ada")),
    "by closing the page": lambda pages, session, service: pages.leave(session),
    "by starting over": lambda pages, session, service: session.start_over(service.begin(session.owner)),
}


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
async def test_a_temporary_chat_is_gone_when_it_is_left(pages, service, temporary, leave):
    conversation = temporary.conversation
    leave(pages, temporary, service)
    await gone(service, conversation)

    async def is_let_go_of():
        return not _known._kept

    # Nothing that was drawn of it is kept prepared.
    await until(is_let_go_of)


async def test_a_page_that_is_closed_is_forgotten_at_once(pages, service, temporary):
    temporary.accepted("hello")
    pages.leave(temporary)
    assert (len(pages), pages.open_count, temporary.stream) == (0, 0, None)
    assert (temporary.asked, temporary.outbox.take().get("accepted")) == ("", None)
    assert not temporary.conversation.is_temporary
    assert await pages.of(request()) is not temporary


async def test_a_page_that_lost_its_connection_comes_back_to_its_temporary_chat(pages, service, temporary, clock):
    conversation = temporary.conversation
    pages.unsubscribe(temporary, temporary.stream)
    clock.now += limits.TEMPORARY_SECONDS - 1
    assert await pages.of(request()) is temporary
    pages.subscribe(temporary)
    clock.now += limits.TEMPORARY_SECONDS + 1
    pages._leave_if_closed(temporary)
    assert (await service.refresh(conversation)).is_temporary


async def test_one_that_does_not_come_back_is_forgotten(pages, service, temporary, clock, monkeypatch):
    conversation = temporary.conversation
    monkeypatch.setattr(limits, "TEMPORARY_SECONDS", 0.0)
    pages.unsubscribe(temporary, temporary.stream)
    await gone(service, conversation)
    assert len(pages) == 0


async def test_so_is_one_that_makes_room_for_others(pages, service, temporary, clock):
    conversation = temporary.conversation
    pages.unsubscribe(temporary, temporary.stream)
    clock.now += limits.EXPIRES_AFTER + 1
    await pages.of(request("new"))
    await gone(service, conversation)
