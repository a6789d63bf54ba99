"""A report as people open it: from a folder, without a network, light, dark and on paper; and others' imports."""

import json

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support import other_tools as samples
from tests.ui.test_export_and_import import import_file, saved

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
ANSWER = "show me a table"


async def opened(browser: Browser, file, scheme: str, width: int, height: int) -> Page:
    """Open a file from the disk in a browser that has no network and says so of whatever asks for one."""
    context = await browser.new_context(offline=True, color_scheme=scheme, viewport={"width": width, "height": height})
    page = await context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    await page.goto(file.as_uri())
    assert asked == [file.as_uri()], "it loads something"
    assert complaints == [], "the browser refused something of it"
    return page


async def widest(page: Page) -> int:
    return await page.evaluate("document.documentElement.scrollWidth")


async def background(page: Page) -> str:
    return await page.evaluate("getComputedStyle(document.body).backgroundColor")


@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_a_report_is_read_offline_printed_and_imported_again(browser, app, visit, tmp_path, size):
    width, height = SIZES[size]
    url = app(CHATBOT_SHARE_DAYS="30").url
    async with visit(url, width=width, height=height) as ada:
        await ada.ask("My name is <b>Ada</b>")
        await ada.ask(ANSWER)
        if size == "phone":
            await ada.page.locator("#sidebar-toggle").click()
        report = await saved(ada, "This chat as a report")
        assert report.suggested_filename == "My name is b Ada b.html"
        file = tmp_path / "report.html"
        await report.save_as(file)
        exported = await saved(ada, "This chat as JSON")
        await exported.save_as(tmp_path / "ada.json")
        shared = await share(ada.page)
    seen = set()
    for scheme in ("light", "dark"):
        page = await opened(browser, file, scheme, width, height)
        await expect(page.locator("h1")).to_have_text("My name is <b>Ada</b>")
        await expect(page.locator(".typed").first).to_have_text("My name is <b>Ada</b>")
        await expect(page.locator("table")).to_be_visible()
        await expect(page.locator(".memory").last).to_contain_text("Remembering turn 1 of 1")
        assert await widest(page) <= width
        seen.add(await background(page))
        if scheme == "dark":
            await page.emulate_media(media="print")
            assert await background(page) == "rgb(255, 255, 255)"
            paper = await page.pdf(format="A4")
            assert paper.startswith(b"%PDF")
        await page.context.close()
    assert len(seen) == 2, "light and dark look the same"
    async with visit(url, width=width, height=height) as grace:
        if size == "phone":
            await grace.page.locator("#sidebar-toggle").click()
        await import_file(grace, file)
        await expect(grace.titles).to_have_text(["My name is <b>Ada</b>"])
        await expect(grace.questions).to_have_text(["My name is <b>Ada</b>", ANSWER])
        again = await saved(grace, "This chat as JSON")
        await again.save_as(tmp_path / "again.json")
        assert (tmp_path / "again.json").read_text() == (tmp_path / "ada.json").read_text()
        # What was shared is read by anybody who has the address, and runs nothing there either.
        link = await grace.page.context.new_page()
        complaints: list[str] = []
        link.on("console", lambda message: complaints.append(message.text))
        await link.goto(shared)
        await expect(link.locator(".typed")).to_have_text(["My name is <b>Ada</b>", ANSWER])
        await expect(link.locator("dl")).to_contain_text("Shared until")
        assert await link.locator("script").count() == 0
        assert complaints == []
        await link.close()


async def share(page: Page) -> str:
    """Share the chat for a week; return the address, once it has been seen to be listed."""
    await page.locator("#sharing").get_by_text("Share", exact=True).click()
    await page.get_by_role("button", name="For 7 days").click()
    address = page.locator("#shares a[href]")
    await expect(address).to_be_visible()
    await expect(page.locator("#shares li b")).to_have_text(["My name is <b>Ada</b>"])
    return await address.inner_text()


FILES = {
    "chatgpt.zip": (samples.CHATGPT_ZIP, "Imported 2 chats from ChatGPT.", ["Trip", "Pictures"]),
    "open-webui.json": (
        json.dumps(samples.OPEN_WEBUI),
        "Imported 3 chats from Open WebUI.",
        ["Sums", "Newer", "Failed"],
    ),
    "librechat.json": (json.dumps(samples.LIBRECHAT_TREE), "Imported 1 chat from LibreChat.", ["Help"]),
    "gradio.json": (json.dumps(samples.GRADIO_MESSAGES), "Imported 1 chat from Gradio.", ["Hello"]),
}


@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_what_other_tools_export_is_imported_through_the_page(demo_app, visit, tmp_path, size):
    width, height = SIZES[size]
    async with visit(demo_app.url, width=width, height=height) as visitor:
        if size == "phone":
            await visitor.page.locator("#sidebar-toggle").click()
        listed: list[str] = []
        for name, (content, told, titles) in FILES.items():
            (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
            await import_file(visitor, tmp_path / name)
            await expect(visitor.toast.last).to_contain_text(told)
            # Also where the list lies over the chat, of which nothing is read or heard then.
            await expect(visitor.toast.last).to_be_in_viewport(ratio=1)
            assert await visitor.toast.last.evaluate("(each) => each.closest('[inert]') === null")
            listed = [*titles, *listed]
            await expect(visitor.titles).to_have_text(listed)
        await expect(visitor.questions).to_have_text(["Hello", "A cat?"])
        await expect(visitor.notes).to_contain_text("1 picture could not be imported")
        await visitor.open("Trip")
        await expect(visitor.questions).to_have_text(["Where to?", "How?"])
        # The other answer, and the other wording, are versions.
        await expect(visitor.versions.first).to_contain_text("2/3")
        await visitor.flip("Earlier")
        await expect(visitor.answers.first).to_contain_text("To the hills.")
        await visitor.ask("and what is this?")
