"""A day in public: three visitors, one greedy, a primary that fails and comes back, a restart, an empty budget.

Each of them reads only what is true, and nobody loses a word.
"""

import re
from contextlib import AsyncExitStack

import pytest
from playwright.async_api import expect

from chatbot.emulator import Emulator
from tests.support.app_process import AppProcess

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]

FILE = """
[[deployment]]
name = "primary"
endpoint_url = "{primary.chat_url}"
api_key_variable = "PRIMARY_KEY"
fallback = ["backup"]

[[deployment]]
name = "backup"
endpoint_url = "{backup.chat_url}"
api_key_variable = "BACKUP_KEY"
"""

SETTINGS = {
    "CHATBOT_DEPLOYMENTS_FILE": "deployments.toml",
    "CHATBOT_VISITOR_MESSAGES": "4/hour",
    "CHATBOT_OVER_BUDGET": "demo",
    # What is reserved for an answer is small, so that the budget is used up by what was said.
    "CHATBOT_TOKEN_BUDGET": "400",
    "CHATBOT_MAX_TOKENS": "100",
}


@pytest.fixture(scope="module")
def endpoints():
    with Emulator(token_delay=0) as primary, Emulator(token_delay=0) as backup:
        yield primary, backup


def questions_of(visitor):
    return visitor.questions.all_inner_texts()


async def test_each_sees_only_what_is_true_and_nobody_loses_a_word(endpoints, tmp_path, visit):
    primary, backup = endpoints
    (tmp_path / "deployments.toml").write_text(FILE.format(primary=primary, backup=backup), encoding="utf-8")
    keys = {"PRIMARY_KEY": primary.key, "BACKUP_KEY": backup.key}
    process = AppProcess(tmp_path, {**SETTINGS, **keys, "CHATBOT_DAILY_TOKENS": "20000"})
    async with AsyncExitStack() as stack:
        stack.callback(process.stop)
        process.start()
        ada, grace, mallory = [await stack.enter_async_context(visit(process.url)) for _ in range(3)]

        # In the morning all is well.
        await ada.ask("My name is Ada.")
        await grace.ask("My name is Grace.")
        await expect(ada.notes).to_have_count(0)
        await expect(grace.notes).to_have_count(0)

        # One takes all that they may, is told until when, and keeps their words; the others notice nothing.
        for number in range(4):
            await mallory.ask(f"more, {number}")
        await mallory.say("and more")
        await expect(mallory.toast).to_contain_text("One visitor may send 4 messages per hour")
        await expect(mallory.toast).to_contain_text("Opens again at")
        await expect(mallory.box).to_have_value("and more")
        await expect(mallory.questions).to_have_count(4)
        await expect(grace.toast).to_have_count(0)

        # The primary is out of capacity: another answers and says so. Then it is back, and nobody says anything.
        primary.fail("rate-limit:1")
        assert "Ada" in await ada.ask("What is my name?")
        await expect(ada.notes).to_have_text(re.compile(r"^Answered by backup\. primary is out of capacity"))
        primary.heal()
        await ada.page.wait_for_timeout(1500)  # what it asked for has to pass
        assert "Grace" in await grace.ask("What is my name?")
        await expect(grace.notes).to_have_count(0)

        # It is deployed anew while one of them types; the page goes on by itself, with what was said and typed.
        await grace.box.fill("half a thought")
        port = re.search(r":(\d+)/", process.url)[1]
        assert process.stop() == 0
        for visitor in (grace, ada):
            await expect(visitor.connection).to_contain_text("reach")
        process = AppProcess(tmp_path, {**SETTINGS, **keys, "CHATBOT_DAILY_TOKENS": "300", "CHATBOT_PORT": port})
        stack.callback(process.stop)
        process.start()
        for visitor in (grace, ada):
            await expect(visitor.connection).not_to_contain_text("reach", timeout=60_000)
        await expect(grace.box).to_have_value("half a thought", timeout=60_000)
        for visitor in (grace, ada):
            await expect(visitor.questions).to_have_count(2, timeout=60_000)
        assert await questions_of(grace) == ["My name is Grace.", "What is my name?"]
        assert await questions_of(ada) == ["My name is Ada.", "What is my name?"]

        # With the smaller budget of today's settings all of it is used up: the demo takes over, and says so each time.
        await expect(grace.badge).to_have_text("Demo endpoint", timeout=60_000)
        asked = len(primary.requests) + len(backup.requests)
        await grace.box.press("Enter")
        await expect(grace.questions).to_have_count(3)
        await grace.settled()
        told = "So “Demo endpoint” answered this, and not “primary”"
        await expect(grace.notes.filter(has_text=told)).to_have_count(1)
        await ada.ask("And again: what is my name?")
        await expect(ada.notes.filter(has_text=told)).to_have_count(1)
        assert len(primary.requests) + len(backup.requests) == asked
        # The limits of a visitor hold on, and their words are still there.
        await expect(mallory.box).to_have_value("and more", timeout=60_000)
        await mallory.box.press("Enter")
        await expect(mallory.toast.last).to_contain_text("One visitor may send 4 messages per hour")
        await expect(mallory.box).to_have_value("and more")
        for visitor, first in ((ada, "My name is Ada."), (grace, "My name is Grace."), (mallory, "more, 0")):
            await visitor.reload()
            assert (await questions_of(visitor))[0] == first
    assert "Traceback" not in process.log
