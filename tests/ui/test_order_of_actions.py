"""What a visitor does last is what counts: requests that are under way together could overtake each other."""

import asyncio

import pytest
from playwright.async_api import Page, Route, expect

pytestmark = pytest.mark.asyncio(loop_scope="session")


TAKE_NOTE_OF_SEARCHES = """() => {
  window.meant = [];
  window.chatbotActions = window.chatbotActions.then((perform) => (action, values) => {
    if (action === "search") window.meant.push(values[0]);
    return perform(action, values);
  });
}"""


async def hold_back_once(page: Page, action: str, seconds: float = 0.7) -> None:
    """Let the next request of an action take so long that what is done after it could be there before it."""

    async def hold(route: Route) -> None:
        await asyncio.sleep(seconds)
        await route.continue_()

    await page.route(f"**/chat/{action}", hold, times=1)


async def test_what_was_searched_for_last_is_listed(wired_app, visit):
    async with visit(wired_app.url) as visitor:
        page = visitor.page
        await visitor.ask("hello")
        await visitor.new_chat()
        await visitor.ask("second")
        searched: list[str] = []
        second_is_meant = asyncio.Event()

        async def hold_the_first(route: Route) -> None:
            searched.append(route.request.post_data)
            if len(searched) == 1:
                await second_is_meant.wait()
                await asyncio.sleep(0.5)  # what could overtake it is there before it
            await route.continue_()

        await page.route("**/chat/search", hold_the_first)
        await page.evaluate(TAKE_NOTE_OF_SEARCHES)
        await visitor.search.press_sequentially("hello")
        await visitor.search.fill("second")
        await page.wait_for_function("window.meant.includes('second')")
        second_is_meant.set()
        await visitor.until(lambda: '["second"]' in searched)
        await expect(visitor.titles).to_have_text(["second"])
        await page.wait_for_timeout(700)
        await expect(visitor.titles).to_have_text(["second"])
        # What was typed while the first one was under way, nobody waits for any more.
        assert len(searched) == 2


async def test_a_message_goes_to_the_chat_that_was_turned_to_before(wired_app, visit):
    async with visit(wired_app.url) as visitor:
        await visitor.ask("hello")
        await hold_back_once(visitor.page, "new")
        await visitor.page.locator("#new-chat").click()
        await visitor.say("in a new one")
        await expect(visitor.questions).to_have_text(["in a new one"])
        await visitor.settled()
        await hold_back_once(visitor.page, "open")
        await visitor.open("hello")
        await visitor.say("in the old one")
        await expect(visitor.questions).to_have_text(["hello", "in the old one"])
        await visitor.settled()


async def test_a_message_is_sent_as_it_was_chosen_before(wired_app, endpoint, visit):
    async with visit(wired_app.url) as visitor:
        await visitor.page.locator("#settings .label-wrap").click()
        await hold_back_once(visitor.page, "set_system_prompt")
        await visitor.page.locator("#system-prompt textarea").fill("Talk like a pirate.")
        await visitor.ask("hello")
        assert endpoint.requests[-1].body["messages"][0]["content"] == "Talk like a pirate."


async def test_behind_an_action_that_hangs_others_do_not_wait_for_long(slow_app, visit):
    async with visit(slow_app.url) as visitor:
        await visitor.say("give me a long answer")
        await expect(visitor.stop).to_be_visible()
        await hold_back_once(visitor.page, "search", 3600)
        await visitor.search.fill("nothing")
        await visitor.stop.click()
        await visitor.settled()
        await visitor.say("and then?")
        await expect(visitor.questions).to_have_text(["give me a long answer", "and then?"])
        await visitor.stop.click()
        await visitor.settled()
        await visitor.page.unroute_all(behavior="ignoreErrors")
