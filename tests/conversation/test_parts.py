"""Answers and conversations of more than text, through the service."""

from base64 import b64encode

import pytest
from langchain_core.messages import AIMessageChunk

from chatbot.conversation import Conversation, TurnStatus
from chatbot.conversation.content_blocks import blob_of
from chatbot.conversation.errors import BlobNotFoundError, BlobSpaceError
from chatbot.conversation.parts import Citation, Image, Text, ToolCall
from chatbot.conversation.store import StoredTurn, blobs
from chatbot.conversation.turn import Turn
from tests.conversation.conversing import say
from tests.support.document_words import WORDS

PNG = b"\x89PNG\0" * 50
PICTURE = blob_of(PNG, "image/png")


async def with_picture(store, owner="ada", name="c1") -> Conversation:
    await store.blobs.put(owner, PNG, "image/png")
    turn = Turn(0, (Text("Look"), Image(PICTURE, "a cat")), (Text("I see"), Citation("Cats")), TurnStatus.COMPLETE)
    return await store.add(Conversation(name, owner, title="Cats"), [StoredTurn(turn, shown=True)])


@pytest.mark.parametrize("kind", ["json", "bundle"])
async def test_an_export_with_a_picture_becomes_the_importers(service, store, kind):
    conversation = await with_picture(store)
    if kind == "json":
        data = (await service.export_json(conversation)).encode()
    else:
        data = await service.export_all("ada", WORDS)
    [theirs] = (await service.import_from("grace", data)).conversations
    assert await service.turns(theirs) == await service.turns(conversation)
    assert await store.blobs.read("grace", PICTURE) == PNG


async def test_an_import_beyond_the_owners_room_adds_nothing(service, store, monkeypatch):
    data = (await service.export_json(await with_picture(store))).encode()
    monkeypatch.setattr(blobs, "MAX_OWNER_BYTES", len(PNG) - 1)
    with pytest.raises(BlobSpaceError):
        await service.import_from("grace", data)
    assert await service.list("grace") == []
    with pytest.raises(BlobNotFoundError):
        await store.blobs.read("grace", PICTURE)


def picture() -> AIMessageChunk:
    return AIMessageChunk(content=[{"type": "image", "base64": b64encode(PNG).decode(), "mime_type": "image/png"}])


async def test_what_a_model_answers_beside_text_is_kept(service, store, model):
    call = {"type": "tool_call_chunk", "id": "1", "name": "look", "args": '{"a": 1}', "index": 0}
    model.will_say("Here: ", picture(), " and", AIMessageChunk("", tool_call_chunks=[call]), " done")
    conversation = service.begin("ada")
    turn = await say(service, conversation, "draw")
    assert turn.answer == (Text("Here: "), Image(PICTURE), Text(" and done"), ToolCall("1", "look", {"a": 1}))
    assert turn.answer_text == "Here:  and done"
    [kept] = await service.turns(conversation)
    assert kept.answer == turn.answer
    assert await store.blobs.read("ada", PICTURE) == PNG


async def test_a_picture_there_is_no_room_for_does_not_lose_the_answer(service, store, model, monkeypatch):
    monkeypatch.setattr(blobs, "MAX_OWNER_BYTES", 1)
    model.will_say("Here: ", picture())
    conversation = service.begin("ada")
    assert (await say(service, conversation, "draw")).status is TurnStatus.COMPLETE
    [kept] = await service.turns(conversation)
    assert kept.answer == (Text("Here: "), Image(PICTURE))
    # It can still be taken elsewhere, with a word in the picture's place.
    [theirs] = (await service.import_from("grace", (await service.export_json(conversation)).encode())).conversations
    assert (await service.turns(theirs))[0].answer_text == "Here: "
