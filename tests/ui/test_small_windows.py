"""Low and narrow windows: one can write, edit and read in each of them."""

import pytest
from playwright.async_api import Browser, expect

from tests.support.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOW = [(844, 390), (640, 400), (390, 450), (320, 256)]
SIZES = [(1280, 800), (1920, 1080), (1024, 768), (390, 844), *LOW[:3]]
TWO_PARAGRAPHS = "\n\n".join(["A paragraph that says a good deal about what is asked, and why it is asked. " * 3] * 2)


async def box_of(visitor: Visitor, selector: str) -> dict[str, float]:
    found = await visitor.page.locator(selector).bounding_box()
    assert found is not None
    return found


@pytest.mark.parametrize(("width", "height"), LOW)
async def test_the_box_stays_on_the_screen_however_much_is_typed(demo_app, visit, width, height):
    async with visit(demo_app.url, width=width, height=height) as visitor:
        await visitor.ask("hello")
        for lines in (1, 9, 11, 40):
            await visitor.box.fill("\n".join(f"line {number}" for number in range(lines)))
            for part in (visitor.box, visitor.send):
                await expect(part).to_be_in_viewport(ratio=1)
            chat = await box_of(visitor, "#chat")
            box = await box_of(visitor, "#box")
            assert chat["height"] >= 0.2 * height
            assert chat["y"] + chat["height"] <= box["y"]
            assert box["width"] > 0.8 * min(width, 800), "the box has left the column"


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_a_question_is_edited_as_wide_as_the_chat_and_seen_as_a_whole(demo_app, visit, width, height):
    async with visit(demo_app.url, width=width, height=height) as visitor:
        await visitor.ask(TWO_PARAGRAPHS)
        await visitor.ask("give me a long answer")
        for nth in (0, 1):
            await visitor.press("Edit", nth=nth)
            editor = visitor.page.locator("#chat textarea")
            await expect(editor).to_be_focused()
            await expect(editor).to_be_in_viewport(ratio=1)
            chat = await box_of(visitor, "#chat")
            for name in ("Submit", "Cancel"):
                button = await box_of(visitor, f"#chat button[aria-label='{name}']")
                assert chat["y"] <= button["y"]
                assert button["y"] + button["height"] <= chat["y"] + chat["height"] + 1
            short = await box_of(visitor, "#chat textarea")
            assert short["width"] > chat["width"] - 60
            assert short["y"] >= chat["y"]
            await editor.fill("\n".join(f"line {number}" for number in range(60)))
            tall = await box_of(visitor, "#chat textarea")
            assert tall["height"] >= short["height"]
            assert tall["height"] <= chat["height"]
            await visitor.press("Cancel")
            await expect(editor).to_have_count(0)


async def test_nothing_that_is_typed_into_makes_a_phone_zoom_in(demo_app, visit, browser: Browser):
    phone = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
    context = await browser.new_context(locale="en-US", **phone)
    async with visit(demo_app.url, context=context) as visitor:
        page = visitor.page
        await visitor.ask("hello")
        await visitor.facts.last.get_by_role("button", name="Good answer").click()
        await visitor.facts.last.get_by_role("button", name="Add a word").click()
        await expect(visitor.facts.locator("input")).to_be_visible()
        sizes = """() => [...document.querySelectorAll("input, textarea, select")]
          .filter((each) => each.type !== "range" && each.type !== "file")
          .map((each) => [each.closest("[id]:not([id^=html-])")?.id, parseFloat(getComputedStyle(each).fontSize)])"""
        fields = dict(await page.evaluate(sizes))
        await page.keyboard.press("Escape")
        await visitor.press("Edit")
        fields |= dict(await page.evaluate(sizes))
        await page.keyboard.press("Escape")
        await page.locator("#sidebar-toggle").click()
        await visitor.do("hello", "Rename")
        fields |= dict(await page.evaluate(sizes))
        await page.keyboard.press("Escape")
        await page.locator("#sidebar .close").click()
        await page.locator("#panel-toggle").click()
        await page.locator("#settings .label-wrap").click()
        await expect(page.locator("#system-prompt textarea")).to_be_visible()
        fields |= dict(await page.evaluate(sizes))
        assert {"box", "chat", "search", "conversations", "k", "system-prompt", "temperature"} <= set(fields)
        assert {name: size for name, size in fields.items() if size < 16} == {}
    await context.close()
