"""What is typed from right to left, wherever one can type: its words begin at the right edge, and so do titles."""

import io

import pytest
from PIL import Image
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

sizes = pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)], ids=["desktop", "phone"])

ARABIC = "ما اسمي؟"
HEBREW = "מה שמי?"
LONG = "هذه رسالة طويلة جدا لا تتسع لها قائمة المحادثات مهما كانت النافذة واسعة"


CUT_OFF = """() => {
  const title = document.querySelector("#conversations button.open");
  return title !== null && title.scrollWidth > title.clientWidth;
}"""


async def begins(part) -> str:
    """At which side of a field, or of a line, its words stand: what is painted there, and not what styles say."""
    await part.evaluate("(part) => part.blur()")
    picture = await part.screenshot(animations="disabled", caret="hide")
    with Image.open(io.BytesIO(picture)) as image:
        width, height = image.size
        grey = image.convert("L").crop((8, 8, width - 8, height - 8))
    ground = max(range(256), key=grey.histogram().__getitem__)
    painted = grey.point([255 * (abs(level - ground) > 60) for level in range(256)]).getbbox()
    assert painted, "nothing is painted"
    left, right = painted[0], grey.width - painted[2]
    return "right" if right < left else "left"


@sizes
async def test_words_run_the_way_they_are_read_wherever_one_types_and_in_the_list(demo_app, visit, width, height):
    async with visit(demo_app.url, width=width, height=height) as visitor:
        page = visitor.page
        for words, side in ((ARABIC, "right"), (HEBREW, "right"), ("What is my name?", "left")):
            await visitor.box.fill(words)
            assert await begins(visitor.box) == side, words
        await visitor.ask(ARABIC)
        await visitor.press("Edit", nth=0)
        editor = page.locator("#chat textarea")
        await expect(editor).to_have_value(ARABIC)
        assert await begins(editor) == "right"
        await page.keyboard.press("Escape")
        await visitor.press("Cancel")
        if width < 600:
            await page.locator("#sidebar-toggle").click()
        await visitor.search.fill(HEBREW)
        assert await begins(visitor.search) == "right"
        await visitor.search.fill("")
        await expect(visitor.titles).to_have_text([ARABIC])
        assert await begins(visitor.titles.first) == "right"
        await visitor.do(ARABIC, "Rename")
        title = page.locator("#conversations input")
        await title.fill(LONG[:60])
        await title.evaluate("(field) => field.setSelectionRange(0, 0)")
        assert await title.evaluate("(field) => getComputedStyle(field).direction") == "rtl"
        await title.press("Enter")
        await expect(visitor.titles).to_have_text([LONG[:60]])
        # Where a title is cut off it is cut at its end, which is at the left. The list is drawn anew with it.
        await expect(visitor.titles.first).to_have_css("direction", "rtl")
        await page.wait_for_function(CUT_OFF)


async def test_in_the_memory_a_long_question_is_cut_off_at_its_end(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask(LONG)
        await expect(visitor.plan.last).to_contain_text(LONG[:20])
        line = visitor.planned(1).locator("p")
        assert await line.evaluate("(line) => getComputedStyle(line).direction") == "rtl"
        assert await begins(line) == "right"
