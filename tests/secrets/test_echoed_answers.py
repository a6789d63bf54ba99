"""A key of ours that a model repeats in a good answer is kept out of it; nothing else of an answer is changed."""

import json

import pytest
from langchain_core.exceptions import ModelAPIError
from langchain_core.messages import AIMessageChunk

from chatbot.conversation import ConversationStore, TitleError, WindowMemory
from chatbot.conversation.generation import Generation
from chatbot.conversation.generation.responder import Correction, Delta, Finish
from chatbot.conversation.parts import Citation, NonStandard, Reasoning, Text, ToolCall, text_parts
from chatbot.conversation.turn import Conversation, Turn
from chatbot.redaction import known, remember
from tests.conversation.conversing import say, service_of, talk
from tests.support.leaks import WRITINGS, every_writing, leaks
from tests.support.scripted_model import ScriptedModel

KEY = "Qm7sVx2Lp9TwBc4DeF6gHjN1oUiYtR8k"


@pytest.fixture(autouse=True)
def _key_is_known(monkeypatch):
    fresh = known.KnownSecrets()
    for name in ("_needles", "_withheld", "_lasting", "_passing", "_shortest", "longest"):
        monkeypatch.setattr(known._PROCESS, name, getattr(fresh, name))
    remember(KEY)


def grown(*events, look=1):
    """The answers that somebody sees who looks after every so many events."""
    generation = Generation(Turn(0, text_parts("?")), Conversation("c", "ada"), WindowMemory().plan([], "?"))
    seen = []
    for number, event in enumerate(events, 1):
        generation.take(event)
        if number % look == 0:
            seen.append(generation.turn)
    return [*seen, generation.turn]


@pytest.mark.parametrize(("size", "look"), [(1, 2), (6, 1), (11, 3), (1000, 1), (7, 1000)])
@pytest.mark.parametrize("kind", [Text, Reasoning])
def test_nobody_sees_half_of_a_key_while_it_is_written(kind, size, look):
    answer = f"You sent {every_writing([KEY])} and nothing else."
    turns = grown(*(Delta(kind(answer[at : at + size])) for at in range(0, len(answer), size)), look=look)
    for turn in turns:
        assert leaks(KEY, turn.answer_text + turn.reasoning_text) == []
    shown = turns[-1].answer_text or turns[-1].reasoning_text
    assert (shown[:9], shown[-18:]) == ("You sent ", " and nothing else.")


@pytest.mark.parametrize(
    "part",
    [
        ToolCall("1", "look_up", {"headers": {"Authorization": f"Bearer {KEY}"}}),
        ToolCall("1", KEY, {KEY: 1}),
        Citation(KEY, f"https://h/?code={KEY}", KEY),
        NonStandard({"type": "odd", "deep": [{"value": KEY}]}),
    ],
)
def test_a_key_in_another_part_is_withheld(part):
    [*_, turn] = grown(Delta(Text("Here: ")), Delta(part))
    assert leaks(KEY, str(turn.answer)) == []
    assert type(turn.answer[1]) is type(part)


def test_a_corrected_answer_is_looked_through_too():
    [*_, turn] = grown(Delta(Text("so")), Correction((Text(f"so {KEY}"),)), Delta(Text(" far")), Finish(KEY))
    assert (turn.answer_text, turn.finish_reason) == ("so *** far", "***")


@pytest.mark.parametrize(
    "answer",
    [
        "Send it as `Authorization: Bearer abcdef1234567`, or in `https://h/score?code=abc`.",
        "An example of a token: eyJ0eXAiOiJKV1QiLCJh.eyJzdWIiOiIxMjM0.abc, and sk-1234567890abcdefghij.",
        f"{KEY[:7]} {KEY[9:20]}",
        "%41%42 \\u0041 &amp; " * 50,
    ],
)
def test_whatever_else_looks_like_a_key_is_the_models_own_text(answer):
    [*_, turn] = grown(*(Delta(Text(answer[at : at + 4])) for at in range(0, len(answer), 4)))
    assert turn.answer_text == answer


async def test_an_answer_is_kept_and_exported_without_the_key(tmp_path):
    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    model = ScriptedModel()
    service = service_of(model, store)
    try:
        conversation = service.begin("ada")
        model.will_say("You sent ", *(WRITINGS["in a header"](KEY)), ".")
        turn = await say(service, conversation, "what did I send?")
        assert turn.answer_text == "You sent Authorization: Bearer ***."
        exported = await service.export_json(conversation)
        assert json.loads(exported)["turns"][0]["assistant"] == turn.answer_text
    finally:
        await store.aclose()
    assert leaks(KEY, (tmp_path / "chat.db").read_bytes().decode("latin-1")) == []


async def test_a_title_tells_no_key_and_what_failed_only_where_that_is_wanted(tmp_path, caplog):
    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    model = ScriptedModel()
    service = service_of(model, store)
    try:
        conversation = await talk(service, model, "what did I send to the endpoint?")
        model.will_say(AIMessageChunk(f"All of {KEY}"))
        assert await service.find_title(conversation) == "All of"  # asterisks at its ends are no part of a title
        model.will_say(ModelAPIError(f"host-7 knows {KEY} of “what did I send to the endpoint?”"))
        with pytest.raises(TitleError) as told:
            await service.find_title(conversation)
        assert told.value.data["detail"].startswith("host-7 knows ***")
        assert "host-7 knows ***" in caplog.text
        assert "what did I send" not in caplog.text
        service.deployments._quotes_errors = False
        model.will_say(ModelAPIError("host-7 is down"))
        with pytest.raises(TitleError) as told:
            await service.find_title(conversation)
        assert (told.value.kind, dict(told.value.data)) == (
            "TitleError.model_failed_unquoted",
            {"cause": "ModelAPIError"},
        )
    finally:
        await store.aclose()
