"""Imports and exports: beside everybody else's answers, one of each visitor, and as a whole or not at all."""

import asyncio
import io
import json
import threading
import zipfile
from contextlib import aclosing
from dataclasses import replace

import pytest

from chatbot.conversation import (
    Conversation,
    Options,
    TransferBusyError,
    TurnStatus,
    UnreadableExportError,
    import_export,
)
from chatbot.conversation.import_export import json_reader
from chatbot.conversation.import_export.json_reader import JsonReader
from chatbot.conversation.parts import text_parts
from chatbot.conversation.store import RevisionError, StoredTurn
from tests.conversation.conversing import say, start, talk, until
from tests.conversation.loop_watch import watched_steps
from tests.support.bundles import bundle_of
from tests.support.document_words import WORDS
from tests.support.turns import text_turn

MANY = 2_000
STEP_SECONDS = 0.05
"""Of processor time. A step takes a fifth of it where the machine is slow; what is guarded against, five times it."""


def long_conversation(turns: int = MANY, title: str = "Long") -> tuple[Conversation, list[StoredTurn]]:
    stored = [
        StoredTurn(
            text_turn(
                n,
                f"question {n} " * 10,
                f"answer {n}: words and words. " * 30,
                TurnStatus.COMPLETE,
                parent=0 if n else None,
            ),
            True,
        )
        for n in range(turns)
    ]
    return Conversation(f"id {title}", "ada", title=title), stored


@pytest.fixture(scope="module")
def export():
    return import_export.to_json(*long_conversation()).encode()


@pytest.fixture(scope="module")
def bundle():
    return bundle_of(long_conversation(1_000, f"Number {n}") for n in range(2))


@pytest.mark.parametrize("kind", ["export", "bundle"])
@pytest.mark.slow
async def test_an_import_does_not_hold_the_event_loop(service, export, bundle, kind):
    data = {"export": export, "bundle": bundle}[kind]
    await service.list("ada")
    with watched_steps() as steps:
        brought = (await service.import_from("ada", data)).conversations
    assert steps.longest < STEP_SECONDS
    assert sum([len(await service.turns(each)) for each in brought]) == MANY


@pytest.mark.slow
async def test_exports_and_the_index_do_not_hold_the_event_loop(service, export):
    [conversation] = (await service.import_from("ada", export)).conversations
    with watched_steps() as steps:
        text = await service.export_json(conversation)
        await service.export_markdown(conversation, WORDS)
        await service.export_all("ada", WORDS)
        mention = await service.mention(conversation, "what was answer 1990 and question 17?")
    assert steps.longest < STEP_SECONDS
    assert len(json.loads(text)["turns"]) == MANY
    assert mention is not None


async def test_an_answer_grows_while_a_file_is_read(service, model, export):
    conversation = service.begin("grace")
    model.will_say("half", ends=False)
    async with aclosing(await start(service, conversation, "hi")) as reader:
        importing = asyncio.create_task(service.import_from("ada", export))
        for number in range(20):
            model.will_say(f" {number}", ends=False)
            assert str(number) in (await anext(reader)).answer_text
        assert not importing.done(), "twenty words came while it was read"
        model.will_say("!")
        async for _ in reader:
            pass
    assert len((await importing).conversations) == 1


@pytest.mark.parametrize(
    "junk",
    ['"user": [' + "0," * 200_000 + "0]", '"user": ' + "[" * 200_000, '"x": ' + '{"a": ' * 21 + "[" + "1," * 110_000],
)
def test_what_could_only_be_read_in_one_long_step_is_refused(junk):
    text = '{"format": "chatbot-conversation", "version": 2, "title": "t", "turns": [{"index": 0, ' + junk + "}]}"
    with pytest.raises(UnreadableExportError, match=r"too_many_values|value_too_long|nested_too_deep"):
        import_export.read_json(text, "me", "new")


def test_a_text_may_be_long():
    conversation, [stored] = long_conversation(1)
    long = replace(stored, turn=replace(stored.turn, question=text_parts("long\n" * 300_000)))
    assert import_export.read_json(import_export.to_json(conversation, [long]), "me", "new")[1] == [long]
    longer = replace(stored, turn=replace(stored.turn, question=text_parts("x" * (json_reader.MAX_TEXT + 1))))
    with pytest.raises(UnreadableExportError, match=r"value_too_long .*most=4000000"):
        import_export.read_json(import_export.to_json(conversation, [longer]), "me", "new")


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1.5e3,
        10**300,
        True,
        None,
        "",
        'a\\"\n\u2028é漢👍',
        [],
        {},
        [[1], {"a": [None]}],
        {"a": {"b": "c" * 600_000}},
    ],
)
@pytest.mark.parametrize("padding", ["", " \n" * 300_000])
def test_the_reader_reads_what_json_reads(value, padding):
    reader = JsonReader(f"{padding}{json.dumps(value, ensure_ascii=False)}{padding}".encode())
    if value == {"a": {"b": "c" * 600_000}}:
        assert next(reader.members()) == "a"
        return
    assert reader.value() == value
    reader.end()


@pytest.mark.parametrize("text", ["", "{", "[1", '{"a" 1}', '{"a":1,}', "{1:2}", '{"a":1}x', "[1 2]"])
def test_the_reader_refuses_what_json_refuses(text):
    def read(reader):
        if reader.peek() == "{":
            for _ in reader.members():
                reader.value()
        else:
            reader.value()
        reader.end()

    with pytest.raises(UnreadableExportError, match=r"not_json \(line=2\)"):
        read(JsonReader(b"\n" + text.encode()))


async def test_an_import_is_added_as_a_whole_or_not_at_all(service, store, model):
    await talk(service, model, "mine")
    [taken] = await service.list("ada")
    first, second = long_conversation(300, "First"), long_conversation(3, "Second")
    clash = (Conversation(taken.id, "ada", title="Clash"), second[1])
    with pytest.raises(RevisionError):
        await store.add_all([first, second, clash])
    assert [each.title for each in await service.list("ada")] == ["mine"]
    assert await store.everything(first[0].id) == []
    assert len(await service.turns(taken)) == 1


async def test_nothing_of_an_import_is_seen_before_all_of_it_is_there(service, store):
    adding = asyncio.create_task(store.add_all([long_conversation(2_000, "First"), long_conversation(10, "Second")]))
    seen = set()
    while not adding.done():
        seen.add(len(await service.list("ada")))
        await asyncio.sleep(0)
    await adding
    assert seen <= {0, 2}
    assert len(await service.list("ada")) == 2


async def test_an_import_that_is_cancelled_leaves_nothing(service, store):
    conversation, stored = long_conversation(5_000)
    adding = asyncio.create_task(store.add(conversation, stored))

    async def begun():
        return bool(await store.everything(conversation.id))

    await until(begun)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert await store.everything(conversation.id) == []
    assert await service.list("ada") == []


@pytest.fixture(scope="module")
def middling_export():
    return import_export.to_json(*long_conversation(300)).encode()


async def test_a_visitor_has_one_transfer_at_a_time_and_is_told(service, model, middling_export):
    conversation = await talk(service, model, "one")
    importing = asyncio.create_task(service.import_from("ada", middling_export))
    await asyncio.sleep(0)
    for attempt in (
        service.export_all("ada", WORDS),
        service.import_from("ada", middling_export),
        service.export_json(conversation),
    ):
        with pytest.raises(TransferBusyError):
            await attempt
    await importing
    assert await service.export_all("ada", WORDS)


@pytest.fixture(scope="module")
def short_export():
    return import_export.to_json(*long_conversation(3)).encode()


async def test_files_are_read_in_another_thread(service, short_export):
    seen = set()

    class Data(bytes):
        def startswith(self, *args):
            seen.add(threading.get_ident())
            return super().startswith(*args)

    loop_thread = threading.get_ident()
    small = Data(short_export)
    await asyncio.gather(*(service.import_from(f"visitor {n}", small) for n in range(8)))
    assert loop_thread not in seen


def zipped(files: dict[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


CHATGPT = json.dumps(
    [{"title": "Trip", "create_time": 1.0, "mapping": {"a": {"id": "a", "children": []}}, "current_node": "a"}]
)
CLAUDE = json.dumps([{"uuid": "1", "name": "Trip", "account": {}, "chat_messages": [{"text": "hi"}]}])
OPEN_WEBUI = json.dumps([{"id": "1", "title": "Trip", "chat": {"history": {"messages": {}}}}])
LIBRECHAT = json.dumps({"conversationId": "1", "endpoint": "openAI", "messages": []})


@pytest.mark.parametrize(
    ("tool", "text", "reason"),
    [
        ("ChatGPT", CHATGPT, "nothing_said"),
        ("Claude", CLAUDE, "other_tool"),
        ("Open WebUI", OPEN_WEBUI, "nothing_said"),
        ("LibreChat", LIBRECHAT, "nothing_said"),
    ],
)
@pytest.mark.parametrize("packed", ["json", "zip", "folder", "large"])
async def test_another_tools_export_that_holds_nothing_to_read_is_called_by_its_name(
    service, tool, text, reason, packed
):
    others = {"user.json": "{}", "message_feedback.json": "[]", "chat.html": "<html>"}
    data = {
        "json": b"\xef\xbb\xbf \n" + text.encode(),
        "zip": zipped({**others, "conversations.json": text}),
        "folder": zipped({**others, "export/conversations-000.json": text}),
        "large": zipped({"conversations.json": text[:-1] + " " * 21_000_000 + text[-1:]}),
    }[packed]
    with pytest.raises(UnreadableExportError, match=f"{reason} \\(tool='{tool}'"):
        await service.import_from("ada", data)


async def test_a_conversation_about_another_tools_export_is_read(service, model):
    conversation = await service.choose(service.begin("ada"), Options())
    model.will_say(CHATGPT)
    await say(service, conversation, CHATGPT)
    exported = await service.export_json((await service.list("ada"))[0])
    assert len((await service.import_from("grace", exported.encode())).conversations) == 1
