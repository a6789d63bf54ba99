"""When the endpoint cannot answer, one that stands in for it does, and the page says who, why, and for how long."""

import re
import time
from contextlib import contextmanager

import pytest
from playwright.async_api import expect

from chatbot.emulator import Emulator
from tests.support.app_process import AppProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")

FILE = """
[[deployment]]
name = "primary"
endpoint_url = "{primary.chat_url}"
api_key_variable = "PRIMARY_KEY"
system_prompt = "Be first."
fallback = ["backup"]

[[deployment]]
name = "backup"
endpoint_url = "{backup.chat_url}"
api_key_variable = "BACKUP_KEY"
system_prompt = "Be second."
token_budget = 3000
"""


@pytest.fixture(scope="module")
def endpoints():
    with Emulator(token_delay=0) as primary, Emulator(token_delay=0) as backup:
        yield primary, backup


@contextmanager
def started(folder, endpoints):
    primary, backup = endpoints
    (folder / "deployments.toml").write_text(FILE.format(primary=primary, backup=backup), encoding="utf-8")
    keys = {"PRIMARY_KEY": primary.key, "BACKUP_KEY": backup.key}
    with AppProcess(folder, {"CHATBOT_DEPLOYMENTS_FILE": "deployments.toml", **keys}) as process:
        yield process
        assert "Traceback" not in process.log


@pytest.fixture(scope="module")
def app(endpoints, tmp_path_factory):
    with started(tmp_path_factory.mktemp("fallback"), endpoints) as process:
        yield process


@pytest.fixture(autouse=True)
def _well_in_the_end(endpoints):
    yield
    for each in endpoints:
        each.heal()


async def until_primary_answers(visitor):
    """Ask until it does: it is asked again after what it said."""
    while "Answered by" in " ".join(await visitor.notes.all_inner_texts()):
        await visitor.new_chat()
        await visitor.ask("Are you back?")


async def test_the_page_says_who_answers_and_when_the_first_is_tried_again(app, endpoints, visit):
    primary, backup = endpoints
    async with visit(app.url) as visitor:
        await visitor.ask("My name is Ada.")
        await expect(visitor.notes).to_have_count(0)
        primary.fail("rate-limit:2", times=None)
        answered, asked = len(backup.requests), len(primary.requests)
        failed_at = time.monotonic()
        assert "Ada" in await visitor.ask("What is my name?")
        said = re.compile(r"^Answered by backup\. primary is out of capacity and is tried again in [12] s\.$")
        await expect(visitor.notes).to_have_text(said)
        assert (len(backup.requests), len(primary.requests)) == (answered + 1, asked + 1)
        sent = backup.requests[-1].body["messages"]
        assert [each["content"] for each in sent if each["role"] != "assistant"] == [
            "Be first.",
            "My name is Ada.",
            "What is my name?",
        ]
        await expect(visitor.badge).to_have_text("primary")
        await visitor.reload()
        await expect(visitor.notes).to_have_text(said)
        primary.heal()
        # What the endpoint asked for has to pass.
        await visitor.page.wait_for_timeout(1000 * max(failed_at + 3 - time.monotonic(), 0))
        assert "Ada" in await visitor.ask("And now, what is my name?")
        await expect(visitor.notes).to_have_count(1)
        assert len(primary.requests) == asked + 2


async def test_while_another_answers_the_memory_shows_what_it_was_sent(app, endpoints, visit):
    primary, backup = endpoints
    async with visit(app.url) as visitor:
        await visitor.page.locator("#panel-toggle").click()
        await expect(visitor.total).to_contain_text("4,976 tokens")
        primary.fail("rate-limit:1")
        backup.fail("delay:3")
        await visitor.say("Hello?")
        await expect(visitor.total).to_contain_text("1,976 tokens")
        await expect(visitor.notes).to_contain_text("Answered by backup.")
        await expect(visitor.plan.first).to_contain_text("Be first.")
        await visitor.settled()
        await until_primary_answers(visitor)


async def test_where_both_are_out_of_capacity_the_page_says_when_to_try_again(endpoints, tmp_path, visit):
    primary, backup = endpoints
    # One that nobody else's failures are known to.
    with started(tmp_path, endpoints) as app:
        async with visit(app.url) as visitor:
            primary.fail("rate-limit:6")
            backup.fail("rate-limit:31", times=None)
            await visitor.say("Hello?")
            failed = visitor.page.locator("#chat .note.failed")
            await expect(failed).to_contain_text("The endpoint is busy")
            await expect(visitor.notes.first).to_contain_text("backup is out of capacity and is tried again in 31 s.")
            await visitor.settled()
            await visitor.press("Retry")
            await expect(failed).to_contain_text(re.compile("Wait [1-6] second"))
            await visitor.settled()
            await expect(failed.locator(".ready")).to_be_visible()
            await visitor.press("Retry")
            await expect(visitor.answers.last).to_be_visible()
            await expect(failed).to_have_count(0)


async def test_it_is_said_in_the_visitors_language(french, endpoints):
    endpoints[0].fail("server-error", times=None)
    await french.ask("Bonjour")
    await expect(french.notes).to_contain_text("Réponse de backup. primary")
