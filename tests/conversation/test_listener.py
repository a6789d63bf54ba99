"""Who listens to answers is told of each as a whole, and can break none."""

import pytest

from chatbot.conversation import ConversationBusyError, GenerationListener, Listeners
from chatbot.conversation.errors import ApplicationRestartingError
from tests.conversation.conversing import answers, say, service_of, start, until


class Notes(GenerationListener):
    def __init__(self):
        self.notes = []

    def began(self, generation):
        self.notes.append(("began", generation.turn.status.value))

    def ended(self, generation, turn):
        self.notes.append(("ended", turn.status.value))

    def named(self, deployment, usage):
        self.notes.append(("named", deployment, usage.input_tokens))

    def refused(self, error):
        self.notes.append(("refused", error.kind))


class Breaks(GenerationListener):
    def began(self, generation):
        raise RuntimeError("a listener of the test")

    def ended(self, generation, turn):
        raise RuntimeError("a listener of the test")


async def test_an_answer_of_many_words_is_told_of_twice(model, store):
    notes = Notes()
    service = service_of(model, store, listener=notes)
    model.will_say(*["word "] * 500)
    await say(service, service.begin("ada"), "hello")
    assert notes.notes == [("began", "streaming"), ("ended", "complete")]
    await service.aclose()


async def test_refusals_and_titles_are_told_of(model, store):
    notes = Notes()
    service = service_of(model, store, listener=notes)
    conversation = service.begin("ada")
    model.will_say("one", ends=False)
    reader = await start(service, conversation, "hello")
    latest = await service.latest("ada")
    with pytest.raises(ConversationBusyError):
        await service.ask(latest, "too early")
    model.will_say("two")
    async for _ in reader:
        pass
    model.will_say("A title")
    await service.find_title(latest)
    assert notes.notes == [
        ("began", "streaming"),
        ("refused", "ConversationBusyError"),
        ("ended", "complete"),
        ("named", "test", 11),
    ]
    await service.aclose()


async def test_a_listener_that_breaks_costs_no_answer_and_no_other_listener_anything(model, store, caplog):
    notes = Notes()
    service = service_of(model, store, listener=Listeners(Breaks(), notes))
    model.will_say("hello")
    await say(service, conversation := service.begin("ada"), "hello")
    assert notes.notes == [("began", "streaming"), ("ended", "complete")]
    assert await answers(service, await service.refresh(conversation)) == ["hello"]
    assert caplog.text.count("A listener failed") == 2
    await service.aclose()


async def test_draining_refuses_what_is_new_and_waits_for_what_is_running(model, store):
    service = service_of(model, store)
    model.will_say("half ", ends=False)
    reader = await start(service, conversation := service.begin("ada"), "hello")
    await service.drain(0)
    with pytest.raises(ApplicationRestartingError):
        await service.ask(service.begin("eve"), "another")
    assert service.generation(conversation) is not None, "it was given no time and goes on"
    model.will_say("whole")
    await service.drain(60)
    assert service.generation(conversation) is None
    assert await answers(service, conversation) == ["half whole"]
    async for _ in reader:
        pass
    await service.aclose()


async def test_what_does_not_end_in_time_is_kept_as_stopped(model, store):
    service = service_of(model, store)
    model.will_say("half", ends=False)
    reader = await start(service, conversation := service.begin("ada"), "hello")
    await service.drain(0.05)
    await service.aclose()

    async def is_kept():
        [turn] = await store.turns(conversation.id)
        return (turn.status.value, turn.answer_text) == ("stopped", "half")

    await until(is_kept)
    async for _ in reader:
        pass
