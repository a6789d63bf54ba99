"""What a visitor sees and does, in a real browser over the real application."""

import re

import pytest
from playwright.async_api import expect

from tests.support.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

K = 5


async def test_a_name_is_remembered_for_k_turns_and_the_page_says_when_it_is_not(demo_app, visit):
    async with visit(demo_app.url) as ada:
        await ada.ask("My name is Ada")
        await expect(ada.memory).to_have_text("Remembering turn 1 of 1")
        assert "Ada" in await ada.ask("what is my name?")
        for number in range(3, K + 2):
            await ada.ask(f"filler {number}")
        await expect(ada.memory).to_have_text("Remembering turns 2–6 of 6")
        assert "Ada" not in await ada.ask("what is my name?")


async def test_nothing_configured_is_plainly_labelled(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await expect(visitor.page.locator(".badge")).to_have_text("Demo endpoint")
        await expect(visitor.page.locator("#chat")).to_contain_text("built-in demo model")
        await expect(visitor.memory).to_contain_text("Nothing to remember yet")


async def test_the_badge_names_the_host_of_a_real_endpoint(slow_app, visit):
    async with visit(slow_app.url) as visitor:
        await expect(visitor.page.locator(".badge")).to_have_text("127.0.0.1")


async def test_an_answer_appears_word_by_word(slow_app, visit):
    async with visit(slow_app.url) as visitor:
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        seen = set()
        while len(seen) < 5:
            seen.add(len(await visitor.answers.last.inner_text()))
            assert await visitor.stop.is_visible(), f"it was complete after {len(seen)} lengths"


async def test_stop_keeps_the_partial_answer_and_reaches_the_endpoint(slow_app, slow_endpoint, visit):
    cancelled = slow_endpoint.cancelled_streams
    async with visit(slow_app.url) as visitor:
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        await visitor.stop.click()
        await visitor.settled()
        await expect(visitor.notes).to_have_text("Stopped.")
        partial = await visitor.answers.first.inner_text()
        await visitor.reload()
        assert await visitor.answers.first.inner_text() == partial
        assert slow_endpoint.cancelled_streams == cancelled + 1
        assert "demo" in (await visitor.ask("who are you?")).lower()


async def test_retry_asks_the_same_question_again(slow_app, slow_endpoint, visit):
    question = [{"content": "hello, retried", "role": "user"}]
    async with visit(slow_app.url) as visitor:
        await visitor.ask("hello, retried")
        await visitor.press("Retry")
        await visitor.until(
            lambda: [request.body["messages"][1:] for request in slow_endpoint.requests].count(question) == 2
        )
        await visitor.settled()
        await expect(visitor.questions).to_have_text(["hello, retried"])
        await expect(visitor.answers).to_contain_text(["demo model"])
        await expect(visitor.notes).to_have_count(0)


async def test_a_regenerated_answer_can_be_stopped(slow_app, slow_endpoint, visit):
    cancelled = slow_endpoint.cancelled_streams
    async with visit(slow_app.url) as visitor:
        for attempt in (1, 2):
            if attempt == 1:
                await visitor.say("give me a long answer")
            else:
                await visitor.press("Retry")
                await expect(visitor.notes).to_have_count(0)
            await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
            await visitor.stop.click()
            await visitor.settled()
            await expect(visitor.notes).to_have_text("Stopped.")
            assert slow_endpoint.cancelled_streams == cancelled + attempt
        await expect(visitor.questions).to_have_count(1)


async def test_an_edited_question_replaces_what_came_after_it(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("My name is Ada")
        await visitor.ask("hello")
        await visitor.edit_question(1, "My name is Grace")
        await expect(visitor.questions).to_have_count(1)
        await visitor.settled()
        await expect(visitor.answers.last).to_contain_text("Grace")
        assert "Grace" in await visitor.ask("what is my name?")
        await visitor.reload()
        await expect(visitor.questions).to_have_text(["My name is Grace", "what is my name?"])


async def test_an_edited_question_can_be_stopped(slow_app, slow_endpoint, visit):
    cancelled = slow_endpoint.cancelled_streams
    async with visit(slow_app.url) as visitor:
        await visitor.ask("hello")
        await visitor.edit_question(1, "give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        await visitor.stop.click()
        await visitor.settled()
        await expect(visitor.notes).to_have_text("Stopped.")
        assert slow_endpoint.cancelled_streams == cancelled + 1


async def test_undo_gives_the_question_back(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("My name is Ada")
        await visitor.ask("forget\nthis")
        await visitor.press("Undo")
        await expect(visitor.box).to_have_value("forget\nthis")
        await expect(visitor.questions).to_have_text(["My name is Ada"])
        await expect(visitor.memory).to_have_text("Remembering turn 1 of 1")


async def test_a_reload_finds_the_conversation_again(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("My name is Ada")
        await visitor.reload()
        await expect(visitor.questions).to_have_text(["My name is Ada"])
        assert "Ada" in await visitor.ask("what is my name?")


async def test_a_reload_in_the_middle_of_an_answer_finds_it_growing(slow_app, visit):
    async with visit(slow_app.url) as visitor:
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        await visitor.reload()
        await expect(visitor.stop).to_be_visible()
        at_first = len(await visitor.answers.last.inner_text())
        await expect(visitor.answers.last).to_have_text(re.compile(rf".{{{at_first + 60},}}", re.DOTALL))
        await visitor.stop.click()
        await visitor.settled()
        await expect(visitor.notes).to_have_text("Stopped.")


async def test_two_visitors_at_once_do_not_see_each_other(slow_app, visit):
    async with visit(slow_app.url) as ada, visit(slow_app.url) as grace:
        await ada.say("My name is Ada")
        await grace.say("My name is Grace")
        for visitor in (ada, grace):
            await expect(visitor.questions).to_have_count(1)
        await ada.settled()
        await grace.settled()
        assert "Ada" in await ada.ask("what is my name?")
        assert "Grace" in await grace.ask("what is my name?")
        for visitor, other in ((ada, "Grace"), (grace, "Ada")):
            await visitor.reload()
            await expect(visitor.questions).to_have_count(2)
            await expect(visitor.page.locator("#chat")).not_to_contain_text(other)


async def test_two_tabs_of_one_visitor_lose_no_words(demo_app, visit):
    async with visit(demo_app.url) as first:
        await first.ask("My name is Ada")
        async with visit(demo_app.url, context=first.page.context) as second:
            await expect(second.questions).to_have_count(1)
            await second.ask("hello from the second tab")
        await first.say("hello from the first tab")
        await expect(first.box).to_have_value("hello from the first tab")
        await expect(first.toast).to_contain_text("moved on")
        await expect(first.questions).to_have_text(["My name is Ada", "hello from the second tab"])
        await first.box.press("Enter")
        await expect(first.questions).to_have_count(3)
        await first.settled()


async def test_new_chat_starts_over(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("My name is Ada")
        await visitor.page.get_by_role("button", name="New chat").click()
        await expect(visitor.questions).to_have_count(0)
        await expect(visitor.memory).to_contain_text("Nothing to remember yet")
        assert "Ada" not in await visitor.ask("what is my name?")


async def test_new_chat_in_the_middle_of_an_answer_stays_new(slow_app, visit):
    async with visit(slow_app.url) as visitor:
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        await visitor.page.get_by_role("button", name="New chat").click()
        await expect(visitor.questions).to_have_count(0)
        await visitor.settled()
        await visitor.ask("hello")
        await expect(visitor.questions).to_have_text(["hello"])


async def test_an_example_prompt_is_sent_with_a_click(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.page.locator("#chat .example").first.click()
        await expect(visitor.questions).to_have_text(["My name is Ada."])
        await visitor.settled()
        await expect(visitor.answers.last).to_contain_text("Ada")


async def test_words_typed_while_an_answer_is_written_stay_in_the_box(slow_app, visit):
    async with visit(slow_app.url) as visitor:
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        await visitor.say("typed too early")
        await visitor.stop.click()
        await visitor.settled()
        await expect(visitor.box).to_have_value("typed too early")
        await expect(visitor.questions).to_have_text(["give me a long answer"])


async def test_a_message_sent_before_the_page_has_loaded_can_be_stopped(slow_app, visit):
    """What the page shows is decided once, whichever of its events is the first."""
    async with visit(slow_app.url) as known:
        page = await known.page.context.new_page()
        visitor = Visitor(page)
        await page.goto(slow_app.url, wait_until="commit")
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        await visitor.stop.click()
        await expect(visitor.notes).to_have_text("Stopped.")
        await page.close()


async def test_a_message_during_an_answer_found_after_a_reload_waits_in_the_box(slow_app, visit):
    async with visit(slow_app.url) as visitor:
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        await visitor.reload()
        await expect(visitor.stop).to_be_visible()
        await visitor.say("too early")
        await expect(visitor.toast).to_contain_text("still being written")
        await expect(visitor.box).to_have_value("too early")
        await visitor.stop.click()
        await visitor.settled()
        await expect(visitor.box).to_have_value("too early")


async def test_shift_enter_is_a_new_line_and_enter_sends(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.box.press_sequentially("first")
        await visitor.box.press("Shift+Enter")
        await visitor.box.press_sequentially("second")
        await expect(visitor.box).to_have_value("first\nsecond")
        await visitor.box.press("Enter")
        await expect(visitor.questions).to_have_text("first second", use_inner_text=True)


async def test_an_empty_message_is_refused_in_words(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.say("   ")
        await expect(visitor.toast).to_contain_text("nothing to send")
        await expect(visitor.questions).to_have_count(0)
        await visitor.ask("hello")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_everything_fits_the_window(demo_app, visit, width, height, scheme):
    async with visit(demo_app.url, width=width, height=height, scheme=scheme) as visitor:
        for message in ("My name is Ada", "show me a table", "show me code", "give me a long answer"):
            await visitor.ask(message)
        # The page itself never scrolls; the conversation does.
        size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
        assert await visitor.page.evaluate(size) == [width, height]
        for part in (visitor.box, visitor.send, visitor.memory, visitor.page.locator(".badge")):
            await expect(part).to_be_in_viewport(ratio=1)
        await expect(visitor.answers.last).to_be_in_viewport()
