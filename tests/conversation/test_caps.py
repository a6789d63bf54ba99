"""What one visitor may take of what all share."""

import pytest

from chatbot.conversation import ApplicationBusyError, ConversationBusyError, OwnerBusyError
from chatbot.conversation.answers.answering import MAX_ANSWERS_PER_OWNER
from tests.conversation.talking import answers, say, service_of, talk
from tests.support.scripted_model import ScriptedModel


@pytest.fixture
def busy(service, model):
    """Ada, who has as many answers written as one may have."""

    async def begin():
        conversations = [service.begin("ada") for _ in range(MAX_ANSWERS_PER_OWNER)]
        for conversation in conversations:
            await service.ask(conversation, "and this?")
        return conversations

    return begin


async def test_one_owner_has_so_many_answers_written_at_once_and_others_theirs(service, model, busy):
    mine = await busy()
    with pytest.raises(OwnerBusyError):
        await service.ask(service.begin("ada"), "one more?")
    with pytest.raises(ConversationBusyError):
        await service.ask(mine[0], "in the same conversation?")
    generation = await service.ask(service.begin("grace"), "and mine?")
    await service.stop(mine[0])
    await service.ask(service.begin("ada"), "now?")
    assert generation.conversation.owner == "grace"


async def test_a_title_counts_as_an_answer(service, model, busy):
    named = await talk(service, model, "a question")
    await busy()
    with pytest.raises(OwnerBusyError):
        await service.name(named)


async def test_who_was_refused_or_failed_to_begin_holds_no_place(service, model):
    known = await talk(service, model, "a question")
    for _ in range(2 * MAX_ANSWERS_PER_OWNER):
        with pytest.raises(Exception, match="moved on"):
            await service.ask(known, "out of order", at=7)
    model.will_say("here I am")
    await say(service, known, "in order")
    assert (await answers(service, known))[-1] == "here I am"


async def test_the_bound_of_all_holds_beside_that_of_one(store):
    service = service_of(ScriptedModel(), store, max_answers=2)
    await service.ask(service.begin("ada"), "one")
    await service.ask(service.begin("grace"), "two")
    with pytest.raises(ApplicationBusyError):
        await service.ask(service.begin("joan"), "three")
    await service.aclose()
