"""What is written into the box is nobody's to write over, and words that cannot be sent are kept beside it."""

import pytest
from playwright.async_api import expect

from tests.support.app_process import AppProcess
from tests.support.visitor import Visitor
from tests.support.wire import DONE, Reply, WireServer, event, sample_reply, stream_reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

DRAFT = "a draft\nof two lines"
GROWING = stream_reply(event("It has begun."), end="hang")


def says(text: str) -> Reply:
    return stream_reply(event(text), event(finish_reason="stop"), DONE)


@pytest.fixture(scope="module")
def wire():
    with WireServer(says("unscripted")) as server:
        yield server


@pytest.fixture(scope="module")
def app(wire, tmp_path_factory):
    settings = {"AZUREML_ENDPOINT_URL": f"{wire.url}/v1/chat/completions", "AZUREML_ENDPOINT_API_KEY": "key"}
    with AppProcess(tmp_path_factory.mktemp("drafts"), settings) as process:
        yield process


async def begun(visitor: Visitor) -> None:
    await visitor.say("second question")
    await expect(visitor.answers.last).to_have_text("It has begun.")
    await expect(visitor.stop).to_be_visible()


def button(visitor: Visitor, name: str):
    return visitor.page.locator("#chat").get_by_role("button", name=name, exact=True)


async def test_while_an_answer_grows_nothing_is_offered_that_would_be_refused(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(says("old"), GROWING)
        await visitor.ask("first question")
        for name in ("Retry", "Undo", "Edit"):
            await expect(button(visitor, name)).to_have_count(1)
        await begun(visitor)
        async with visit(app.url, context=visitor.page.context) as second:
            await expect(second.stop).to_be_visible()
            for tab in (visitor, second):
                for name in ("Retry", "Undo", "Edit"):
                    await expect(button(tab, name)).to_have_count(0)
                await expect(button(tab, "Copy message").first).to_be_visible()
                await tab.box.press("ArrowUp")
                await expect(tab.page.locator("#chat textarea")).to_have_count(0)
        await visitor.stop.click()
        await expect(button(visitor, "Retry")).to_have_count(1)
        await expect(button(visitor, "Edit")).to_have_count(2)


@pytest.mark.parametrize("what", ["Retry", "Undo"])
async def test_a_tab_that_does_not_know_of_the_answer_keeps_its_draft_and_shows_it(app, wire, visit, what):
    async with visit(app.url) as visitor:
        wire.script(says("old"), GROWING)
        await visitor.ask("first question")
        async with visit(app.url, context=visitor.page.context) as second:
            await expect(second.answers).to_have_text(["old"])
            await second.box.fill(DRAFT)
            await begun(visitor)
            await button(second, what).click()
            await expect(second.toast).to_contain_text("still being written")
            await expect(second.stop).to_be_visible()
            await expect(second.questions).to_have_text(["first question", "second question"])
            await second.stop.click()
            await expect(second.notes).to_have_text("Stopped.")
            await expect(visitor.notes).to_have_text("Stopped.")
            await second.settled()
            await expect(second.box).to_have_value(DRAFT)


@pytest.mark.exhaustive
async def test_an_edit_that_is_refused_is_kept_below_the_draft(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(says("old"), GROWING)
        await visitor.ask("first question")
        async with visit(app.url, context=visitor.page.context) as second:
            await expect(second.answers).to_have_text(["old"])
            await second.box.fill(DRAFT)
            await begun(visitor)
            await second.edit_question(1, "other words\nin two lines")
            await expect(second.toast).to_contain_text("still being written")
            await expect(second.box).to_have_value(f"{DRAFT}\nother words\nin two lines")
            await second.stop.click()
            await second.settled()
            await expect(second.box).to_have_value(f"{DRAFT}\nother words\nin two lines")


@pytest.mark.exhaustive
async def test_an_editor_that_was_open_before_the_answer_loses_no_words(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(says("old"), GROWING)
        await visitor.ask("first question")
        await visitor.press("Edit")
        editor = visitor.page.locator("#chat textarea")
        await editor.fill("other words")
        await begun(visitor)
        await expect(editor).to_have_value("other words")
        await editor.press("Enter")
        await expect(visitor.box).to_have_value("other words")
        await visitor.stop.click()
        await visitor.settled()
        await expect(visitor.box).to_have_value("other words")


async def test_an_edit_that_fails_is_kept_below_the_draft(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(says("old"), sample_reply("maas_401_bad_key"))
        await visitor.ask("first question")
        await visitor.box.fill(DRAFT)
        await visitor.edit_question(1, "other words")
        await expect(visitor.toast).to_contain_text("The earlier answer is kept")
        await visitor.settled()
        await expect(visitor.box).to_have_value(f"{DRAFT}\nother words")


@pytest.mark.exhaustive
async def test_an_edit_of_what_was_deleted_elsewhere_loses_no_words(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(says("old"))
        await visitor.ask("first question")
        await visitor.press("Edit")
        await visitor.page.locator("#chat textarea").fill("other words")
        async with visit(app.url, context=visitor.page.context) as second:
            await second.do("first question", "Delete")
            await expect(second.questions).to_have_count(0)
        await visitor.press("Submit")
        await expect(visitor.questions).to_have_count(0)
        await expect(visitor.box).to_have_value("other words")


async def test_what_is_taken_back_stands_below_the_draft(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(says("old"))
        await visitor.ask("first question")
        await visitor.box.fill(DRAFT)
        await visitor.press("Undo")
        await expect(visitor.box).to_have_value(f"{DRAFT}\nfirst question")
        await expect(visitor.questions).to_have_count(0)
        await visitor.settled()
        await expect(visitor.box).to_have_value(f"{DRAFT}\nfirst question")
