"""The list of conversations: what a visitor finds there, and what they can do with it."""

import re

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

HOSTILE = '<img src=x onerror="window.hurt=1"><b>bold</b>'


async def test_the_newest_is_on_top_and_its_first_question_is_its_title(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await expect(visitor.page.locator("#conversations")).to_contain_text("will be listed here")
        await visitor.ask("first things first")
        await expect(visitor.titles).to_have_text(["first things first"])
        await visitor.new_chat()
        await visitor.ask("second thoughts")
        await expect(visitor.titles).to_have_text(["second thoughts", "first things first"])
        await visitor.open("first things first")
        await expect(visitor.questions).to_have_text(["first things first"])
        # Which one is shown is seen also where it is pointed at or has the focus.
        colours = []
        for row in (".shown", ":not(.shown)"):
            row = visitor.page.locator(f"#conversations .row{row}")
            await row.hover()
            colours.append(await row.evaluate("(row) => getComputedStyle(row).backgroundColor"))
        assert colours[0] != colours[1]
        await visitor.ask("on with it")
        await expect(visitor.titles).to_have_text(["first things first", "second thoughts"])
        await expect(visitor.page.locator("#conversations [aria-current]")).to_contain_text("first things first")


async def test_each_conversation_remembers_only_its_own(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("My name is Ada")
        await visitor.new_chat()
        await visitor.ask("My name is Grace")
        await visitor.open("My name is Ada")
        await expect(visitor.questions).to_have_text(["My name is Ada"])
        assert "Ada" in await visitor.ask("what is my name?")


@pytest.mark.exhaustive
async def test_renaming_by_hand(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("a title nobody wants")
        await visitor.do("a title", "Rename")
        title = visitor.page.get_by_role("textbox", name="Title")
        await expect(title).to_be_focused()
        await title.fill("never mind")
        await title.press("Escape")
        await expect(visitor.titles).to_have_text(["a title nobody wants"])
        await visitor.do("a title", "Rename")
        await title.fill(HOSTILE)
        await title.press("Enter")
        await expect(visitor.titles).to_have_text([HOSTILE])
        await visitor.reload()
        await expect(visitor.titles).to_have_text([HOSTILE])
        assert await visitor.page.locator("#conversations img, #conversations b").count() == 0
        assert await visitor.page.evaluate("window.hurt") is None


async def test_the_model_finds_a_title(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("tell me of Mediterranean holiday islands")
        await visitor.do("tell me", "Let the model find a title")
        await expect(visitor.titles).to_have_text(["Mediterranean holiday islands"])


@pytest.mark.exhaustive
async def test_a_title_the_model_fails_to_find_is_told_and_the_old_one_stays(wired_app, endpoint, visit):
    async with visit(wired_app.url) as visitor:
        await visitor.ask("hello")
        endpoint.fail("unauthorized-serverless")
        await visitor.do("hello", "Let the model find a title")
        await expect(visitor.toast).to_be_visible()
        await expect(visitor.titles).to_have_text(["hello"])


async def test_a_deleted_conversation_comes_back(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("keep me")
        await visitor.new_chat()
        await visitor.ask("throw me away")
        await visitor.do("throw me away", "Delete")
        await expect(visitor.titles).to_have_text(["keep me"])
        await expect(visitor.questions).to_have_count(0)
        await expect(visitor.page.locator(".undelete")).to_contain_text("Deleted “throw me away”")
        await visitor.page.get_by_role("button", name="Bring back").click()
        await expect(visitor.titles).to_have_text(["throw me away", "keep me"])
        await expect(visitor.questions).to_have_text(["throw me away"])
        await expect(visitor.page.locator(".undelete")).to_have_count(0)


@pytest.mark.exhaustive
async def test_deleting_another_conversation_leaves_the_shown_one(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("throw me away")
        await visitor.new_chat()
        await visitor.ask("keep me")
        await visitor.do("throw me away", "Delete")
        await expect(visitor.titles).to_have_text(["keep me"])
        await expect(visitor.questions).to_have_text(["keep me"])


async def test_deleting_a_conversation_ends_its_answer(slow_app, slow_endpoint, visit):
    cancelled = slow_endpoint.cancelled_streams
    async with visit(slow_app.url) as visitor:
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        await visitor.do("give me", "Delete")
        await expect(visitor.questions).to_have_count(0)
        await visitor.until(lambda: slow_endpoint.cancelled_streams == cancelled + 1)
        await expect(visitor.send).to_be_visible()
        await expect(visitor.toast).to_have_count(0)


async def test_a_conversation_deleted_in_another_tab_costs_no_words(demo_app, visit):
    async with visit(demo_app.url) as first:
        await first.ask("here today")
        async with visit(demo_app.url, context=first.page.context) as second:
            await second.do("here today", "Delete")
            await expect(second.titles).to_have_count(0)
        await first.say("gone tomorrow")
        await expect(first.toast).to_contain_text("not here any more")
        await expect(first.box).to_have_value("gone tomorrow")
        await expect(first.questions).to_have_count(0)
        await first.box.press("Enter")
        await expect(first.questions).to_have_text(["gone tomorrow"])
        await first.settled()


async def test_search_looks_into_titles_and_text(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("repeat pineapples are fruit")
        await visitor.new_chat()
        await visitor.ask("hello")
        await visitor.ask("repeat the Kraken sleeps")
        await visitor.search.press_sequentially("pineAPPLE")
        await expect(visitor.titles).to_have_text(["repeat pineapples are fruit"])
        await visitor.search.fill("kraken")
        await expect(visitor.titles).to_have_text(["hello"])
        await visitor.search.fill("nowhere to be found")
        await expect(visitor.page.locator("#conversations")).to_contain_text("Nothing found for “nowhere to be found”")
        await visitor.search.fill("")
        await expect(visitor.titles).to_have_count(2)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)], ids=["desktop", "phone"])
async def test_a_hit_in_a_text_shows_the_words_around_it(demo_app, visit, width, height):
    async with visit(demo_app.url, width=width, height=height) as visitor:
        page = visitor.page
        hello = "hello, this is a title that no list of chats has room for"
        await visitor.ask(hello)
        await visitor.ask(f"repeat {'long ago ' * 30} the <b>Kraken</b> woke and {'ate a ship ' * 30}")
        await page.locator("#new-chat" if width > 600 else "#new-chat-here").click()
        await expect(visitor.questions).to_have_count(0)
        await visitor.ask("The kraken itself")
        if width < 600:
            await page.locator("#sidebar-toggle").click()
        await visitor.search.fill("kraken")
        await expect(visitor.titles).to_have_text(["The kraken itself", hello])
        excerpt = page.locator("#conversations .excerpt")
        await expect(excerpt).to_have_count(1)  # a title says so by itself
        await expect(excerpt).to_contain_text("long ago the <b>Kraken</b> woke and ate a ship")
        await expect(excerpt.locator("mark")).to_have_text("Kraken")
        await expect(excerpt.locator("mark")).to_be_in_viewport(ratio=1)
        assert await excerpt.locator("b").count() == 0
        assert await page.locator("#sidebar").evaluate("(side) => side.scrollWidth <= side.clientWidth")
        title = visitor.titles.last
        await expect(title).to_have_accessible_name(hello)
        await expect(title).to_have_accessible_description(re.compile("the <b>Kraken</b> woke"))
        # Its menu can be reached, and all else of the row opens the chat.
        await visitor.open_menu(hello)
        options = await page.locator("#conversations .found button.options").bounding_box()
        line = await title.bounding_box()
        assert abs(options["y"] + options["height"] / 2 - line["y"] - line["height"] / 2) < 4, "it is on another line"
        await page.keyboard.press("Escape")
        box = await excerpt.bounding_box()
        await page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] - 4)
        await expect(visitor.questions.first).to_have_text(hello)
        if width < 600:
            await page.locator("#sidebar-toggle").click()
        await visitor.search.fill("")
        await expect(excerpt).to_have_count(0)


async def test_after_a_restart_the_same_browser_finds_its_conversations_and_no_other_does(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        await visitor.ask("first things first")
        await visitor.new_chat()
        await visitor.ask("second thoughts")
        told = []
        visitor.page.on("console", lambda message: told.append(message.text))
        process.stop()
        # The same port: another one is another site to a browser's storage.
        process._settings["CHATBOT_PORT"] = process.url.rstrip("/").rpartition(":")[2]
        process.start()
        await visitor.page.goto(process.url)
        await expect(visitor.titles).to_have_text(["second thoughts", "first things first"])
        assert [each for each in told if "localStorage" in each] == [], "what the browser has kept cannot be read"
        await visitor.open("first things first")
        await expect(visitor.questions).to_have_text(["first things first"])
        async with visit(process.url) as stranger:
            await expect(stranger.page.locator("#conversations")).to_contain_text("will be listed here")
            await expect(stranger.titles).to_have_count(0)


async def test_on_a_phone_the_list_is_a_drawer(demo_app, visit):
    async with visit(demo_app.url, width=390, height=844) as visitor:
        sidebar, toggle = visitor.page.locator("#sidebar"), visitor.page.locator("#sidebar-toggle")
        await visitor.ask("first things first")
        await expect(sidebar).to_be_hidden()
        await expect(toggle).to_have_attribute("aria-expanded", "false")
        await toggle.click()
        await expect(sidebar).to_be_visible()
        await expect(toggle).to_have_attribute("aria-expanded", "true")
        await expect(visitor.page.locator("#sidebar .close")).to_be_focused()
        await visitor.page.keyboard.press("Escape")
        await expect(sidebar).to_be_hidden()
        await expect(toggle).to_be_focused()
        await toggle.click()
        await visitor.page.locator("#new-chat").click()
        await expect(sidebar).to_be_hidden()
        await expect(visitor.questions).to_have_count(0)
        await toggle.click()
        await visitor.open("first things first")
        await expect(sidebar).to_be_hidden()
        await expect(visitor.questions).to_have_text(["first things first"])
        await toggle.click()
        await visitor.page.mouse.click(380, 400)
        await expect(sidebar).to_be_hidden()
        await visitor.page.locator("#panel-toggle").click()
        await expect(visitor.page.locator("#panel")).to_be_visible()
        await visitor.page.locator("#panel .close").click()
        await expect(visitor.page.locator("#panel")).to_be_hidden()


async def test_escape_leaves_a_title_before_it_closes_the_drawer(demo_app, visit):
    async with visit(demo_app.url, width=390, height=844) as visitor:
        await visitor.ask("first things first")
        await visitor.page.locator("#sidebar-toggle").click()
        await visitor.do("first things first", "Rename")
        await visitor.page.get_by_role("textbox", name="Title").press("Escape")
        await expect(visitor.page.locator("#sidebar")).to_be_visible()
        await expect(visitor.titles).to_have_text(["first things first"])
