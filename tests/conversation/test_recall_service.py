"""The words of long conversations are read in pieces that take turns: nobody's are in anybody else's way."""

import asyncio
from collections import Counter

import pytest

from chatbot.conversation import Conversation, Mention, TurnStatus, WindowMemory
from chatbot.conversation.recall import RecallService, service
from tests.support.turns import text_turn

QUESTION = "and what was the Contoso budget?"
LONG, SHORT = 40, 2
"""Conversations by how many pieces they are read in."""


class Turns:
    """A store of conversations as long as their ids say, each of which begins with the turn that is asked about."""

    def __init__(self):
        self.pieces = Counter()
        self.held = asyncio.Event()
        self.held.set()

    async def tail(self, name, limit, *, before=None):
        self.pieces[name] += 1
        await self.held.wait()
        end = int(name.split()[0]) * service.PIECE - 1 if before is None else before
        return [self.turn(index) for index in range(max(end - limit, 0), end)]

    @staticmethod
    def turn(index):
        return text_turn(index, "how high is it" if index else "The Contoso budget is 4711 pounds", "so", COMPLETE)


COMPLETE = TurnStatus.COMPLETE
FOUND = Mention(0, "Contoso budget")


@pytest.fixture
def turns():
    return Turns()


@pytest.fixture
def ask(turns):
    recall = RecallService(turns)
    forgetting = WindowMemory(k=1).plan([turns.turn(5), turns.turn(6)], QUESTION)

    def ask(owner, pieces=LONG, name="", revision=1):
        conversation = Conversation(f"{pieces} {owner} {name}", owner, revision)
        return asyncio.create_task(recall.find(conversation, QUESTION, forgetting))

    return ask


async def test_who_has_a_short_conversation_does_not_wait_for_the_long_ones_of_others(ask):
    long = [ask(f"owner {number}") for number in range(5)]
    await asyncio.sleep(0)
    assert await ask("ada", SHORT) == FOUND
    assert not any(each.done() for each in long)
    assert await asyncio.gather(*long) == [FOUND] * 5


async def test_what_is_asked_again_meanwhile_is_read_once(ask, turns):
    assert await asyncio.gather(*(ask("ada") for _ in range(5))) == [FOUND] * 5
    assert await ask("ada") == FOUND
    assert turns.pieces == {f"{LONG} ada ": LONG}


@pytest.mark.parametrize("newer", [{"name": "another"}, {"revision": 2}])
async def test_a_newer_question_of_the_same_owner_ends_the_reading_for_an_older_one(ask, turns, newer):
    turns.held.clear()
    older = ask("ada", name="one")
    await asyncio.sleep(0)
    asked = ask("ada", **({"name": "one"} | newer))
    await asyncio.sleep(0)
    turns.held.set()
    assert await older is None
    assert await asked == FOUND
    assert sum(turns.pieces.values()) == 1 + LONG


async def test_so_many_are_read_at_once_and_the_next_is_offered_nothing_until_then(ask, turns, monkeypatch):
    monkeypatch.setattr(service, "MAX_BUILDS", 3)
    turns.held.clear()
    read = [ask(f"owner {number}") for number in range(3)]
    await asyncio.sleep(0)
    assert await ask("ada") is None
    turns.held.set()
    assert await asyncio.gather(*read) == [FOUND] * 3
    assert await ask("ada") == FOUND


async def test_who_goes_away_leaves_it_to_the_others_who_ask(ask, turns):
    turns.held.clear()
    gone, stays = ask("ada"), ask("ada")
    await asyncio.sleep(0)
    gone.cancel()
    turns.held.set()
    assert await stays == FOUND


async def test_a_store_that_fails_is_asked_again_with_the_next_question(ask, turns, monkeypatch):
    async def fails(*_, **__):
        raise OSError("away")

    with monkeypatch.context() as broken:
        broken.setattr(turns, "tail", fails)
        with pytest.raises(OSError, match="away"):
            await ask("ada")
    assert await ask("ada") == FOUND
