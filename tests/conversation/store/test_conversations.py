"""Conversations: whose they are, what they are called, and how they go and come back."""

import time
from dataclasses import replace

import pytest

from chatbot.conversation.store import RevisionError
from chatbot.conversation.store.search import BEFORE, LONGEST, excerpt
from chatbot.conversation.turn import Conversation, Options
from tests.conversation.store.talk import begin, ended, say, talk, texts


async def test_a_conversation_begins_with_its_first_turn(store):
    assert await store.get("c1") is None
    before = time.time()
    turn, revision = await begin(store, Conversation("c1", "ada", title="Hello", options=Options(k=3)), 0, "hello")
    begun = await store.get("c1")
    assert (turn.index, turn.version, turn.parent, revision) == (0, 0, None, 1)
    assert begun == Conversation("c1", "ada", 1, "Hello", Options(k=3), begun.updated_at)
    assert begun.updated_at >= before


async def test_a_list_holds_only_the_owners_conversations_the_one_written_to_last_first(store):
    first = await talk(store, "one", name="c1")
    await talk(store, "two", name="c2")
    await talk(store, "three", name="c3", owner="grace")
    await say(store, first, 1, "more")
    assert [c.id for c in await store.list("ada")] == ["c1", "c2"]
    assert [c.id for c in await store.list("ada", limit=1)] == ["c1"]
    assert [c.id for c in await store.list("grace")] == ["c3"]
    assert await store.list("nobody") == []


async def test_a_conversation_was_written_to_when_its_answer_ended(store):
    turn, _ = await begin(store, Conversation("c1", "ada"), 0, "one")
    await talk(store, "two", name="c2")
    assert [c.id for c in await store.list("ada")] == ["c2", "c1"]
    assert await store.end("c1", ended(turn))
    assert [c.id for c in await store.list("ada")] == ["c1", "c2"]


@pytest.mark.parametrize(
    "search", ["école", "ÉCOLE", "МОСКВА", "straßE", "σοφια", "100%", "a_b", "\\", "' or 1=1", "\0x"]
)
async def test_a_search_finds_words_in_titles_questions_and_answers_in_whatever_case(store, search):
    word = {"straßE": "Straße", "σοφια": "ΣΟΦΙΑ", "МОСКВА": "Москва"}.get(search, search.capitalize())
    for name, title, question in (("title", word, "x"), ("question", "x", f"about {word}?")):
        await say(store, Conversation(name, "ada", title=title), 0, question)
    await say(store, Conversation("answer", "ada"), 0, word)
    await say(store, Conversation("none", "ada", title="Ecole, 1000 axb Stra_e"), 0, "Mockba")
    await say(store, Conversation("theirs", "grace", title=word), 0, word)
    assert {c.id for c in await store.list("ada", search=search)} == {"title", "question", "answer"}


async def test_a_search_does_not_find_what_is_no_longer_shown(store):
    conversation = await talk(store, "hello", "secret")
    await store.truncate("c1", 1, conversation.revision)
    assert await store.list("ada", search="secret") == []
    assert len(await store.list("ada", search="hello")) == 1


async def test_a_search_may_be_longer_than_any_pattern(store):
    await talk(store, "long " * 20_000)
    assert len(await store.list("ada", search="LONG " * 20_000)) == 1


async def test_of_what_was_found_in_a_text_there_is_an_excerpt(store):
    await talk(store, "hello", "an **École** of fish\n\n- and whales", "École again", name="c1")
    await talk(store, f"{'before ' * 1000}école{' after' * 1000}", name="c2")
    await talk(store, "nothing of it", name="c3")
    await talk(store, "a \0 école", name="c4")
    found = await store.excerpts(["c1", "c2", "c3", "c4", "gone"], "ÉCOLE")
    assert found == {
        "c1": "an École of fish - and whales",
        "c2": f"…{'before ' * 5}école{' after' * 19}…",
        "c4": "a \0 école",
    }
    assert await store.excerpts([], "école") == {}


async def test_an_excerpt_is_of_what_is_shown_and_never_long(store):
    conversation = await talk(store, "hello", "secret")
    await store.truncate("c1", 1, conversation.revision)
    assert await store.excerpts(["c1"], "secret") == {}
    await talk(store, "long " * 20_000, name="c2")
    assert await store.excerpts(["c2"], "LONG " * 20_000) == {"c2": ("long " * 32).strip() + "…"}


@pytest.mark.parametrize(
    ("piece", "words", "expected"),
    [
        ("# A **kraken** | sleeps", "kraken", "A kraken sleeps"),
        ("x" * BEFORE + "kraken" + "y" * LONGEST, "kraken", "…" + "x" * BEFORE + "kraken" + "y" * 114 + "…"),
        ("漢" * BEFORE + "字" + "漢" * LONGEST, "字", "…" + "漢" * BEFORE + "字" + "漢" * 119 + "…"),
        ("two\n\nlines", "two\n\nlines", "two lines"),
        ("İİ kraken", "KRAKEN", "İİ kraken"),
        ("what is found may be **bold**", "**bold**", "what is found may be **bold**"),
    ],
)
def test_an_excerpt_is_one_line_with_whole_words(piece, words, expected):
    assert excerpt(piece, words) == expected


async def test_a_renamed_conversation_keeps_its_revision_and_its_place(store):
    conversation = await talk(store, "one", name="c1")
    await talk(store, "two", name="c2")
    await store.rename("c1", "A \0 better 漢字 name " + "x" * 300)
    renamed = await store.get("c1")
    assert renamed.title == "A \0 better 漢字 name " + "x" * 300
    assert renamed.revision == conversation.revision
    assert [c.id for c in await store.list("ada")] == ["c2", "c1"]


async def test_k_is_changed_at_a_revision(store):
    conversation = await talk(store, "one")
    assert await store.set_options("c1", Options(k=0), conversation.revision) == 2
    assert (await store.get("c1")).options.k == 0
    with pytest.raises(RevisionError):
        await store.set_options("c1", Options(k=9), conversation.revision)
    assert (await store.get("c1")).options.k == 0
    assert await store.set_options("c1", Options(), 2) == 3
    assert (await store.get("c1")).options.k is None


async def test_a_deleted_conversation_comes_back_as_it_was(store):
    conversation = await talk(store, "one", "two")
    before = await store.get("c1")
    await store.delete("c1")
    assert await store.get("c1") is None
    assert await store.list("ada") == []
    assert await store.list("ada", search="one") == []
    with pytest.raises(RevisionError):
        await begin(store, conversation, 2, "three")
    with pytest.raises(RevisionError):
        await begin(store, replace(conversation, revision=0), 0, "one")
    assert await store.restore("c1", "ada") == before
    assert await texts(store) == ["one", "two"]
    assert [c.id for c in await store.list("ada")] == ["c1"]


async def test_nobody_else_brings_a_deleted_conversation_back(store):
    await talk(store, "one")
    await store.delete("c1")
    assert await store.restore("c1", "grace") is None
    assert await store.get("c1") is None
    assert await store.restore("c2", "ada") is None


async def test_deleting_twice_does_not_put_the_end_off(store, sql):
    await talk(store, "one")
    await store.delete("c1")
    deleted = sql("SELECT deleted_at, expires_at FROM conversations")
    await store.delete("c1")
    assert sql("SELECT deleted_at, expires_at FROM conversations") == deleted


async def test_what_is_pinned_is_on_top_and_what_is_archived_is_apart(store):
    for name in ("c1", "c2", "c3"):
        await talk(store, "one", name=name)
    written = (await store.get("c1")).updated_at
    await store.pin("c1", is_pinned=True)
    await store.archive("c3", is_archived=True)
    assert [c.id for c in await store.list("ada", archived=False, pinned_first=True)] == ["c1", "c2"]
    assert [c.id for c in await store.list("ada", archived=False)] == ["c2", "c1"]
    assert [c.id for c in await store.list("ada", archived=True)] == ["c3"]
    assert [c.id for c in await store.list("ada")] == ["c3", "c2", "c1"]
    first = await store.get("c1")
    assert (first.is_pinned, first.is_archived, first.updated_at, first.revision) == (True, False, written, 1)
    await store.pin("c1", is_pinned=False)
    assert not (await store.get("c1")).is_pinned


async def test_whoever_asks_in_an_archived_conversation_has_it_back_in_the_list(store):
    conversation = await talk(store, "one", name="c1")
    await store.archive("c1", is_archived=True)
    await say(store, conversation, 1, "more")
    assert [c.id for c in await store.list("ada", archived=False)] == ["c1"]


async def test_a_title_takes_the_place_of_the_one_that_is_meant_only(store):
    await say(store, Conversation("c1", "ada", title="first"), 0, "one")
    assert not await store.rename("c1", "found", instead_of="other")
    assert await store.rename("c1", "found", instead_of="first")
    assert (await store.get("c1")).title == "found"


async def test_archived_conversations_are_removed_when_their_time_is_over_as_all_others_are(store, sql):
    await talk(store, "one", name="c1")
    await store.archive("c1", is_archived=True)
    await store.pin("c1", is_pinned=True)
    sql("UPDATE conversations SET expires_at = 1")
    assert await store.remove_expired()
    assert await store.get("c1") is None
