"""What one visitor may take of what all share."""

import json

import pytest

from chatbot.conversation import (
    OPTIONS,
    ApplicationBusyError,
    Caller,
    ConversationBusyError,
    OriginBusyError,
    OwnerBusyError,
    TextTooLongError,
    UnreadableExportError,
)
from chatbot.conversation.generation.admission import MAX_ANSWERS_PER_OWNER
from chatbot.conversation.generation.manager import MAX_QUESTION
from tests.conversation.conversing import answers, say, service_of, talk
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
        await service.find_title(named)


async def test_who_was_refused_or_failed_to_begin_holds_no_place(service, model):
    known = await talk(service, model, "a question")
    for _ in range(2 * MAX_ANSWERS_PER_OWNER):
        with pytest.raises(Exception, match="ConversationConflictError"):
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


async def test_half_of_all_answers_may_be_asked_for_from_one_place_whoever_asks(store):
    service = service_of(model := ScriptedModel(), store, max_answers=6)
    known = await talk(service, model, "a question", owner="joan")
    begun = [await service.ask(service.begin(f"new {n}"), "one", caller=Caller("192.0.2.7")) for n in range(3)]
    for refused in (
        service.ask(service.begin("new"), "one", caller=Caller("192.0.2.7")),
        service.find_title(known, caller=Caller("192.0.2.7")),
    ):
        with pytest.raises(OriginBusyError):
            await refused
    await service.ask(service.begin("ada"), "two", caller=Caller("192.0.2.8"))
    await service.ask(service.begin("grace"), "three")
    await service.stop(begun[0].conversation)
    await service.ask(service.begin("new"), "one", caller=Caller("192.0.2.7"))
    await service.aclose()


@pytest.mark.parametrize("character", ["a", "é", "🙂"])
async def test_a_question_has_a_greatest_length_in_characters(service, model, character):
    conversation = service.begin("ada")
    with pytest.raises(TextTooLongError, match="length=100001"):
        await service.ask(conversation, character * (MAX_QUESTION + 1))
    assert not model.asked
    model.will_say("read")
    await say(service, conversation, character * MAX_QUESTION)
    assert model.asked[-1][-1].text == character * MAX_QUESTION


async def test_an_imported_system_prompt_has_the_same_greatest_length(service, model):
    file = json.loads(await service.export_json(await talk(service, model, "a question")))
    file["options"] = {"system_prompt": "a" * OPTIONS["system_prompt"].most}
    await service.import_from("grace", json.dumps(file).encode())
    file["options"]["system_prompt"] += "a"
    with pytest.raises(UnreadableExportError, match=r"text_too_long .*options\.system_prompt.*most=20000"):
        await service.import_from("grace", json.dumps(file).encode())
