"""One character more than may be: refused on the server, in kind words, with nothing stored and nothing lost."""

import json
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio

from chatbot.conversation import (
    OPTIONS,
    ConversationService,
    ConversationStore,
    Deployment,
    Deployments,
    WindowMemory,
)
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding, Lengths
from chatbot.ui.actions import PageActions
from chatbot.ui.house_rules import TermsGuard
from chatbot.ui.lengths import PER_CHARACTER, SMALL
from tests.support.page_events import act, headers
from tests.support.scripted_model import ScriptedModel
from tests.support.serving import serving
from tests.support.tables import dump

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(360)]

MESSAGE, UPLOAD = 500, 1_000_000

TOO_LONG = {
    "send": (["a" * (MESSAGE + 1)], "The message has 501 characters; it may have 500."),
    "edit": ([0, "a" * (MESSAGE + 1)], "The message has 501 characters; it may have 500."),
    "compare": (["a" * (MESSAGE + 1), {"k": 0}], "The message has 501 characters; it may have 500."),
    "set_system_prompt": (["a" * 20_001], "The system prompt has 20,001 characters; it may have 20,000."),
    "search": (["a" * 1_001], "What is searched for has 1,001 characters; it may have 1,000."),
    "comment": ([0, "a" * 1_001], "The word about the answer has 1,001 characters; it may have 1,000."),
    "rename": (["ID", "a" * 61], "The title has 61 characters; it may have 60."),
}
"""What a visitor types, one character too long, and what is said of it."""

NO_WORDS = {
    "open": ["a" * 1_000],
    "delete": ["a" * 1_000],
    "restore": ["a" * 1_000],
    "pin": ["a" * 1_000],
    "unpin": ["a" * 1_000],
    "archive": ["a" * 1_000],
    "unarchive": ["a" * 1_000],
    "name": ["a" * 1_000],
    "unshare": ["a" * 1_000],
    "set_deployment": ["a" * 1_000],
    "retry_with": ["a" * 1_000],
    "set_preset": ["a" * 1_000],
}
"""What a page names, longer than any name: there is no such thing."""


@asynccontextmanager
async def page_in(folder):
    """A page where one question was answered; yields a client, what the page is told, and where it is stored."""
    model = ScriptedModel()
    store = ConversationStore(f"sqlite:///{folder}/chat.db")
    deployments = Deployments(Deployment("one", model, WindowMemory()), Deployment("two", model, WindowMemory()))
    service = ConversationService(deployments, store, max_question=MESSAGE)
    app = create_page_app(service, Branding("Test"), [Step("close", store.aclose, 5)], lengths=Lengths(MESSAGE, UPLOAD))
    with serving(app) as url:
        async with httpx.AsyncClient(base_url=url, timeout=60) as client:
            model.will_say("an answer")
            assert await act(client, "send", ["a" * MESSAGE], "a page", "ada") == 204
            async with client.stream("GET", "/chat/updates", headers=headers("a page", "ada")) as reply:
                updates = (json.loads(line[6:]) async for line in reply.aiter_lines() if line.startswith("data: "))
                async for update in updates:
                    if "an answer" in json.dumps(update) and update["components"]["box"]["submit_btn"]:
                        break
                assert await act(client, "rate", [0, "up"], "a page", "ada") == 204
                yield client, updates, f"sqlite:///{folder}/chat.db"


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def served(tmp_path_factory):
    """One page for all tests that store nothing."""
    async with page_in(tmp_path_factory.mktemp("lengths")) as page:
        yield page


def actions():
    service = ConversationService(
        Deployments(Deployment("one", ScriptedModel(), WindowMemory())), ConversationStore("sqlite://")
    )
    return PageActions(service, None, Branding(), TermsGuard(service, None))._actions


async def test_every_action_that_takes_words_is_in_the_table():
    takes = {
        name
        for name, (_, readers) in actions().items()
        if any(getattr(reader, "__name__", "") in ("_text", "_words", "_id") for reader in readers)
    }
    assert takes == TOO_LONG.keys() | NO_WORDS.keys()


@pytest.mark.parametrize("action", TOO_LONG)
async def test_one_character_too_many_is_refused_in_words_and_nothing_is_stored(served, action):
    client, updates, url = served
    before = dump(url)
    values, words = TOO_LONG[action]
    values = [before["conversations"][0][0] if each == "ID" else each for each in values]
    assert await act(client, action, values, "a page", "ada") == 204
    given_back = ""
    async for update in updates:
        assert "accepted" not in update
        given_back += update.get("words", "")
        if any(words in notice["text"] for notice in update.get("notices", ())):
            break
    # What has gone from its place when it is sent comes back; the rest still stands where it was typed.
    assert given_back == (values[1] if action == "edit" else "")
    assert not {"system_prompt", "search"} & update.get("components", {}).keys()
    assert dump(url) == before


@pytest.mark.parametrize("action", NO_WORDS)
async def test_no_name_is_so_long(served, action):
    client, _, url = served
    before = dump(url)
    assert await act(client, action, NO_WORDS[action], "a page", "ada") in (204, 400)
    assert dump(url) == before


@pytest.mark.parametrize("action", [*TOO_LONG, *NO_WORDS, "new", "erase", "set_temperature", "mention"])
async def test_a_body_that_could_hold_nothing_the_action_takes_is_not_read(served, action):
    client, _, url = served
    before = dump(url)
    most = Lengths(MESSAGE, UPLOAD).of_body(f"/chat/{action}")
    assert most <= max(PER_CHARACTER * 20_000, SMALL)

    async def body():
        for _ in range(most // 100 + 2):
            yield b"[" * 100

    told = await client.post(f"/chat/{action}", content=b"[" * (most + 1), headers=headers("a page", "ada"))
    assert (told.status_code, "too long to be sent" in told.json()["notice"]) == (413, True)
    # So is one that does not tell its length, as no browser sends it.
    untold = await client.post(f"/chat/{action}", content=body(), headers=headers("a page", "ada"))
    assert untold.status_code == 413
    assert dump(url) == before


@pytest.mark.parametrize("path", ["/gradio_api/queue/join", "/gradio_api/call/chat", "/gradio_api/call/v2/chat"])
async def test_a_program_sends_no_more_than_a_message_either(served, path):
    client, _, _ = served
    most = Lengths(MESSAGE, UPLOAD).of_body(path)
    assert most == PER_CHARACTER * MESSAGE
    assert (await client.post(path, content=b"x" * (most + 1))).status_code == 413


async def test_a_file_that_is_too_large_is_told_how_large_it_may_be(served):
    client, _, url = served
    before = dump(url)
    reply = await client.post("/chat/import", content=b"x" * (UPLOAD + 1), headers=headers("a page", "ada"))
    assert (reply.status_code, reply.json()["notice"]) == (413, "The file is larger than 1 MB.")
    assert dump(url) == before


async def test_the_longest_of_everything_passes_in_any_script(tmp_path):
    async with page_in(tmp_path) as (client, updates, url):
        for action, values in {
            "set_system_prompt": ["漢" * OPTIONS["system_prompt"].most],
            "comment": [0, "漢" * 1_000],
            "rename": [dump(url)["conversations"][0][0], "漢" * 60],
            "search": ["漢" * 1_000],
            "send": ["漢" * MESSAGE],
        }.items():
            # As a page sends it; what is not refused says nothing.
            body = json.dumps(values, ensure_ascii=False).encode()
            reply = await client.post(f"/chat/{action}", content=body, headers=headers("a page", "ada"))
            assert reply.status_code == 204
        async for update in updates:
            assert not update.get("notices")
            if "accepted" in update:
                break
        rows = dump(url)
        assert rows["conversations"][0][2] == "漢" * 60
        assert len(rows["turns"]) == 2
