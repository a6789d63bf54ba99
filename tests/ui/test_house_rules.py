"""What everybody is told and asked: in Chromium as visitors see it, and over a socket as programs and forgers do."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from playwright.async_api import Page, expect

from chatbot.ui.identity import HEADER
from tests.support.page_events import act, headers
from tests.support.tables import dump, holding
from tests.support.visitor import Visitor
from tests.ui.test_accessibility import violations
from tests.ui.test_framed import OTHER_SITE, framed, show_in_frame

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]

LOOKS = [(1280, 800, "light"), (390, 844, "dark")]
FIRST_LOOK = [LOOKS[0], pytest.param(*LOOKS[1], marks=pytest.mark.exhaustive)]
"""Where what is tested depends little on it."""
TERMS = "# House rules\n\nBe kind. <script>window.hurt = 1</script>\n\n- one\n- two\n"
BANNER = "On Sunday the app is down.\nDon't <b>wait</b> for it."


@pytest.fixture
def ruled(app, tmp_path):
    """Start the application with terms, and whatever else there is to be said."""

    def ruled(text=TERMS, **settings):
        (tmp_path / "terms.md").write_text(text, encoding="utf-8")
        return app(CHATBOT_TERMS_FILE="terms.md", **settings)

    return ruled


@pytest.fixture
def database(tmp_path):
    return f"sqlite:///{tmp_path}/data/conversations.db"


async def first_sight(browser, url, width=1280, height=800, scheme="light") -> Visitor:
    """A visitor of a page that shows its terms, and no memory line to wait for."""
    context = await browser.new_context(
        locale="en-US", viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = await context.new_page()
    await page.goto(url)
    await expect(page.locator("#terms button")).to_be_visible()
    return Visitor(page)


async def accept(visitor: Visitor) -> None:
    await visitor.page.locator("#terms").get_by_role("button", name="Accept").click()
    await expect(visitor.box).to_be_focused()


def bytes_below(folder: Path) -> bytes:
    """All that an application has left on the disk."""
    return b"".join(each.read_bytes() for each in folder.rglob("*") if each.is_file())


async def fits(page: Page) -> bool:
    size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    return await page.evaluate(size) == [page.viewport_size["width"], page.viewport_size["height"]]


# ------------------------------------------------------------------------------------------------------ notice, banner


@pytest.mark.parametrize(("width", "height", "scheme"), LOOKS)
async def test_that_one_talks_to_an_ai_is_always_in_sight(demo_app, visit, width, height, scheme):
    async with visit(demo_app.url, width=width, height=height, scheme=scheme) as visitor:
        notice = visitor.page.locator(".ai-notice")
        await expect(notice).to_have_text("You are talking to an AI. It can be wrong.")
        await visitor.ask("give me a long answer")
        for part in (notice, visitor.memory, visitor.box, visitor.send):
            await expect(part).to_be_in_viewport(ratio=1)
        assert await fits(visitor.page)


@pytest.mark.exhaustive
async def test_the_notice_has_the_owners_words_or_is_not_there_and_the_page_says_how_long_chats_are_kept(app, visit):
    process = app(CHATBOT_AI_NOTICE="A <b>machine</b> & no person", CHATBOT_RETENTION_DAYS="30")
    async with visit(process.url) as visitor:
        await expect(visitor.page.locator(".ai-notice")).to_have_text("A <b>machine</b> & no person")
        line = "Chats are removed for good 30 days after their last message."
        await expect(visitor.page.locator("#house")).to_contain_text(line)
    process = app(CHATBOT_AI_NOTICE="none")
    async with visit(process.url) as visitor:
        await expect(visitor.page.locator(".ai-notice")).to_have_count(0)
        await expect(visitor.page.locator("#house")).not_to_contain_text("removed for good 30")


@pytest.mark.parametrize(("width", "height", "scheme"), FIRST_LOOK)
async def test_the_banner_is_on_top_until_it_is_closed_and_comes_back_with_other_words(
    app, visit, browser, width, height, scheme
):
    process = app(CHATBOT_BANNER=BANNER)
    context = await browser.new_context(
        locale="en-US", viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    async with visit(process.url, context=context) as visitor:
        banner = visitor.page.locator(".banner")
        await expect(banner.locator("p")).to_have_text(BANNER, use_inner_text=True)
        assert (await banner.bounding_box())["y"] < (await visitor.page.locator("#chat").bounding_box())["y"]
        assert await fits(visitor.page)
        assert await violations(visitor) == []
        await banner.get_by_role("button", name="Close").click()
        await expect(banner).to_be_hidden()
        await visitor.reload()
        await expect(visitor.page.locator(".ai-notice")).not_to_be_empty()
        await expect(banner).to_be_hidden()
    process.stop()
    # The same port: another one is another site to a browser's storage.
    process._settings |= {
        "CHATBOT_BANNER": BANNER + " Really.",
        "CHATBOT_PORT": process.url.rpartition(":")[2].strip("/"),
    }
    process.start()
    async with visit(process.url, context=context) as visitor:
        await expect(visitor.page.locator(".banner")).to_be_visible()
    await context.close()


# --------------------------------------------------------------------------------------------------------------- terms


@pytest.mark.parametrize(("width", "height", "scheme"), LOOKS)
async def test_terms_stand_in_the_place_of_the_chat_until_they_are_accepted(
    ruled, browser, database, width, height, scheme
):
    process = ruled(TERMS + "\n\nA rule. " * 300)
    visitor = await first_sight(browser, process.url, width, height, scheme)
    page = visitor.page
    await expect(page.locator("#terms h1")).to_have_text("House rules")
    for part in (page.locator("#chat"), visitor.box, visitor.memory, page.locator("#panel"), page.locator("#new-chat")):
        await expect(part).to_be_hidden()
    # There is nothing to begin yet, and the name stands in the middle of its line.
    await expect(page.locator("#new-chat-here")).to_be_hidden()
    name, button = [await page.locator(each).bounding_box() for each in ("#brand h1", "#sidebar-toggle")]
    assert abs(name["y"] + name["height"] / 2 - button["y"] - button["height"] / 2) <= 2
    await expect(page.locator("#terms ul")).to_have_css("list-style-type", "disc")
    await expect(page.locator("#terms button")).to_be_in_viewport(ratio=1)
    assert (await fits(page), await page.evaluate("window.hurt")) == (True, None)
    assert await violations(visitor) == []
    await accept(visitor)
    await expect(page.locator("#terms")).to_be_hidden()
    await visitor.ask("My name is Ada")
    # Not asked again, neither after a reload nor by another process.
    await visitor.reload()
    await expect(visitor.questions).to_have_text(["My name is Ada"])
    await expect(page.locator("#terms")).to_be_hidden()
    [(owner, version, *_)] = dump(database)["acceptances"]
    assert (owner, len(version)) == (dump(database)["conversations"][0][1], 16)
    await page.context.close()


@pytest.mark.exhaustive
async def test_terms_that_change_are_asked_again_and_no_other_visitor_has_accepted_them(
    ruled, browser, database, tmp_path
):
    process = ruled(CHATBOT_TERMS_VERSION="1")
    visitor = await first_sight(browser, process.url)
    await accept(visitor)
    await visitor.ask("hello")
    stranger = await first_sight(browser, process.url)
    await stranger.page.context.close()
    process.stop()
    (tmp_path / "terms.md").write_text("A new rule.", encoding="utf-8")
    process.start()
    await visitor.page.goto(process.url)
    # The version counts, not the text, where one is set.
    await expect(visitor.questions).to_have_text(["hello"])
    process.stop()
    process._settings["CHATBOT_TERMS_VERSION"] = "2"
    process.start()
    await visitor.page.goto(process.url)
    await expect(visitor.page.locator("#terms")).to_contain_text("A new rule.")
    await expect(visitor.page.locator("#chat")).to_be_hidden()
    await accept(visitor)
    await expect(visitor.questions).to_have_text(["hello"])
    assert sorted(row[1] for row in dump(database)["acceptances"]) == ["1", "2"]
    await visitor.page.context.close()


@pytest.mark.exhaustive
async def test_who_is_on_several_pages_accepts_once(ruled, browser):
    process = ruled()
    one = await first_sight(browser, process.url)
    other = Visitor(await one.page.context.new_page())
    await other.page.goto(process.url)
    await expect(other.page.locator("#terms button")).to_be_visible()
    await accept(one)
    await expect(other.box).to_be_visible()
    await one.page.context.close()


@pytest.mark.exhaustive
async def test_a_framed_visitor_without_cookies_accepts_and_is_known_again(ruled, browser):
    process = ruled(CHATBOT_FRAME_ANCESTORS="*")
    context = await browser.new_context(locale="en-US")
    page = await show_in_frame(context, process.url, OTHER_SITE)
    visitor = Visitor(next(each for each in page.frames if each.url.startswith(process.url)))
    await accept(visitor)
    await visitor.ask("hello")
    again = await framed(context, process.url)
    await expect(again.questions).to_have_text(["hello"])
    await context.close()


async def test_the_server_refuses_in_words_whoever_has_not_accepted(ruled, database):
    process = ruled(CHATBOT_TERMS_VERSION="v1")
    async with httpx.AsyncClient(base_url=process.url, timeout=30) as client:
        version = (await client.get("/chat/terms")).json()
        assert version == {"version": "v1", "text": TERMS}
        assert await act(client, "accept", ["v0"], "a page", "ada") == 400
        export = (await client.get("/chat/export/all", headers=headers("a page", "ada"))).status_code
        assert export == 200, "one's own can be taken along all the same"
        async with client.stream("GET", "/chat/updates", headers=headers("a page", "ada")) as reply:
            updates = (json.loads(line[6:]) async for line in reply.aiter_lines() if line.startswith("data: "))
            first = await anext(updates)
            assert "accept v1" in first["components"]["terms"]["value"]
            assert not {"tail", "texts"} & first.keys()
            for action, values in {"send": ["hello"], "example": [0], "temporary": [], "new": [], "retry": []}.items():
                assert await act(client, action, values, "a page", "ada") == 204
                said = await anext(updates)
                assert "terms of this app have to be accepted first" in said["notices"][0]["text"], action
                assert "accepted" not in said
            brought = await client.post("/chat/import", content=b"{}", headers=headers("a page", "ada"))
            assert (brought.status_code, "accepted first" in brought.json()["notice"]) == (409, True)
        assert {name for name, rows in dump(database).items() if rows} == {"alembic_version"}
        assert await act(client, "accept", ["v1"], "a page", "ada") == 204
        assert await act(client, "send", ["hello"], "a page", "ada") == 204
        assert len(dump(database)["turns"]) == 1


async def test_a_program_is_told_how_to_accept_and_does(ruled):
    process = ruled()
    mine = {HEADER: "a secret of this program's own"}
    client = Client(process.url, verbose=False, headers=mine)
    with pytest.raises(AppError, match=r"GET /chat/terms.*POST /chat/accept.*X-Chatbot-Page.*X-Chatbot-Visitor"):
        client.predict("hello", api_name="/chat")
    async with httpx.AsyncClient(base_url=process.url) as plain:
        version = (await plain.get("/chat/terms")).json()["version"]
        reply = await plain.post("/chat/accept", json=[version], headers={**mine, "x-chatbot-page": "any"})
    assert reply.status_code == 204
    assert client.predict("hello", api_name="/chat")
    client.close()
    other = Client(process.url, verbose=False)
    with pytest.raises(AppError):
        other.predict("hello", api_name="/chat")
    other.close()


async def test_without_terms_there_is_nothing_to_accept(demo_app):
    async with httpx.AsyncClient(base_url=demo_app.url) as client:
        assert (await client.get("/chat/terms")).status_code == 404
        assert await act(client, "accept", ["v1"], "a page") == 400


# ----------------------------------------------------------------------------------------------------------- temporary


@pytest.mark.parametrize(("width", "height", "scheme"), FIRST_LOOK)
async def test_a_temporary_chat_says_what_it_is_and_leaves_nothing(
    app, visit, database, tmp_path, width, height, scheme
):
    process = app()
    async with visit(process.url, width=width, height=height, scheme=scheme) as visitor:
        page, strip = visitor.page, visitor.page.locator(".temporary")

        async def begin() -> None:
            if width < 900:
                await page.locator("#sidebar-toggle").click()
            await page.get_by_role("button", name="Temporary chat").click()
            await expect(strip).to_be_in_viewport(ratio=1)

        await visitor.ask("something to keep")
        before = dump(database)
        await begin()
        await expect(strip).to_contain_text("written down nowhere")
        await expect(visitor.questions).to_have_count(0)
        assert "Zebulon" in await visitor.ask("My name is Zebulon")
        assert "Zebulon" in await visitor.ask("what is my name?")
        await visitor.press("Retry")
        await visitor.settled()
        await expect(visitor.versions).to_have_count(1)
        assert await fits(page)
        await page.emulate_media(reduced_motion="reduce", color_scheme=scheme)
        assert await violations(visitor) == []
        await expect(visitor.titles).to_have_text(["something to keep"])
        assert dump(database) == before
        # Another conversation is opened, and later the page is loaded again: it is gone.
        if width < 900:
            await page.locator("#sidebar-toggle").click()
        await visitor.open("something to keep")
        await expect(strip).to_have_count(0)
        await expect(visitor.questions).to_have_text(["something to keep"])
        await begin()
        await visitor.ask("My name is Quinlan")
        await visitor.reload()
        await expect(visitor.questions).to_have_text(["something to keep"])
        await expect(strip).to_have_count(0)
        assert dump(database) == before
    assert holding(database, "Quinlan", "Zebulon") == []
    process.stop()
    everything = bytes_below(tmp_path)
    assert (b"Quinlan" in everything, b"Zebulon" in everything, b"something to keep" in everything) == (
        False,
        False,
        True,
    )


# ---------------------------------------------------------------------------------------------------------- delete all


@pytest.mark.parametrize(("width", "height", "scheme"), FIRST_LOOK)
async def test_all_that_was_said_is_deleted_once_one_is_sure(app, visit, database, width, height, scheme):
    process = app()
    async with visit(process.url, width=width, height=height, scheme=scheme) as visitor:
        page, house = visitor.page, visitor.page.locator("#house")
        await visitor.ask("My name is Ada")
        async with visit(process.url, context=page.context) as other:
            await expect(other.questions).to_have_count(1)
            if width < 900:
                await page.locator("#sidebar-toggle").click()
            delete = house.get_by_role("button", name="Delete everything")
            await expect(delete).to_be_hidden()
            await house.get_by_text("Delete all I said").click()
            await expect(delete).to_be_in_viewport(ratio=1)
            await expect(house).to_contain_text("nobody can bring them back")
            await page.emulate_media(reduced_motion="reduce", color_scheme=scheme)
            assert await violations(visitor) == []
            await delete.click()
            await expect(visitor.toast).to_have_text("All you said is deleted.")
            await expect(delete).to_be_hidden()
            for each in (visitor, other):
                await expect(each.titles).to_have_count(0)
                await expect(each.questions).to_have_count(0)
        assert {name for name, rows in dump(database).items() if rows} == {"alembic_version"}
        if width < 900:
            await page.keyboard.press("Escape")
        assert "Ada" not in await visitor.ask("what is my name?")


async def test_an_answer_that_is_being_written_is_stopped_first(slow_app, slow_endpoint, visit):
    cancelled = slow_endpoint.cancelled_streams
    async with visit(slow_app.url) as visitor:
        file = slow_app.folder / "data" / "conversations.db"
        with closing(sqlite3.connect(file)) as connection:
            [before] = connection.execute("SELECT count(*) FROM turns").fetchone()
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        await visitor.page.locator("#house summary").click()
        await visitor.page.locator("#house button").click()
        await expect(visitor.questions).to_have_count(0)
        await visitor.until(lambda: slow_endpoint.cancelled_streams == cancelled + 1)
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("SELECT count(*) FROM turns").fetchone() == (before,)


# ------------------------------------------------------------------------------------------------------------ ceilings


async def test_who_keeps_as_much_as_one_may_is_told_what_to_do_and_keeps_their_words(app, visit):
    process = app(CHATBOT_MAX_CONVERSATIONS="2")
    async with visit(process.url) as visitor:
        await visitor.ask("one")
        await visitor.new_chat()
        await visitor.ask("two")
        await visitor.new_chat()
        await visitor.say("three")
        await expect(visitor.toast).to_contain_text(
            "You have 2 chats, as many as are kept for one visitor. Delete some"
        )
        await expect(visitor.box).to_have_value("three")
        await visitor.do("one", "Delete")
        await expect(visitor.titles).to_have_text(["two"])
        await visitor.box.press("Enter")
        await expect(visitor.titles).to_have_text(["three", "two"])
        # The way back has no room any more.
        await visitor.page.get_by_role("button", name="Bring back").click()
        await expect(visitor.toast.last).to_contain_text("as many as are kept")
