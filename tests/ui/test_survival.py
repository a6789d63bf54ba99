"""Answers survive their reader: reloads, closed tabs, second tabs, and the end of the process itself."""

import re

import pytest
from playwright.async_api import expect

from tests.support.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = "give me a long answer"


async def begun(visitor: Visitor) -> int:
    """Ask for a long answer, wait for its first words; return how long it is."""
    await visitor.say(LONG)
    await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
    return len(await visitor.answers.last.inner_text())


async def grows(visitor: Visitor, beyond: int) -> None:
    await expect(visitor.answers.last).to_have_text(re.compile(rf".{{{beyond + 40},}}", re.DOTALL))


async def test_an_answer_goes_on_without_a_tab_and_is_complete_later(slow_app, slow_endpoint, visit):
    cancelled = slow_endpoint.cancelled_streams
    async with visit(slow_app.url) as visitor:
        context = visitor.page.context
        other = await context.new_page()  # keeps the context: a browser with no tab at the chat
        await begun(visitor)
        await visitor.page.goto("about:blank")
        await visitor.until(lambda: slow_endpoint.active_streams == 0)
        assert slow_endpoint.cancelled_streams == cancelled
        async with visit(slow_app.url, context=context) as later:
            await expect(later.send).to_be_visible()
            await expect(later.notes).to_have_count(0)
            complete = await later.answers.last.inner_text()
            await expect(later.planned(1)).to_have_class("in")
        await other.close()
        assert len(complete) > 1000


async def test_a_second_tab_shows_the_same_answer_growing_and_can_stop_it(slow_app, slow_endpoint, visit):
    cancelled = slow_endpoint.cancelled_streams
    async with visit(slow_app.url) as first:
        length = await begun(first)
        async with visit(slow_app.url, context=first.page.context) as second:
            await expect(second.stop).to_be_visible()
            await grows(second, length)
            await second.stop.click()
            for tab in (first, second):
                await expect(tab.notes).to_have_text("Stopped.")
                await expect(tab.send).to_be_visible()
            assert slow_endpoint.cancelled_streams == cancelled + 1
            assert await first.answers.last.inner_text() == await second.answers.last.inner_text()


async def test_an_answer_goes_on_while_another_conversation_is_open(slow_app, visit):
    async with visit(slow_app.url) as visitor:
        length = await begun(visitor)
        await visitor.new_chat()
        await expect(visitor.send).to_be_visible()
        await visitor.open(LONG)
        await expect(visitor.stop).to_be_visible()
        await grows(visitor, length)
        await visitor.stop.click()
        await expect(visitor.notes).to_have_text("Stopped.")


async def test_after_kill_9_there_is_the_question_what_had_arrived_and_a_retry_that_works(app, slow_endpoint, visit):
    process = app(AZUREML_ENDPOINT_URL=slow_endpoint.chat_url, AZUREML_ENDPOINT_API_KEY=slow_endpoint.key)
    async with visit(process.url) as visitor:
        await grows(visitor, await begun(visitor) + 200)
        process.kill()
        process.start()
        await visitor.page.goto(process.url)
        await expect(visitor.questions).to_have_text([LONG])
        await expect(visitor.answers.first).to_contain_text("conversation", ignore_case=True)
        await expect(visitor.notes).to_contain_text("ended while it was writing this answer", timeout=60_000)
        await expect(visitor.send).to_be_visible()
        await visitor.press("Retry")
        await expect(visitor.stop).to_be_visible()
        await visitor.settled()
        await expect(visitor.notes).to_have_count(0)
        await expect(visitor.questions).to_have_text([LONG])
        assert len(await visitor.answers.last.inner_text()) > 1000
