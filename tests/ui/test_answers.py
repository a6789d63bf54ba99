"""What people meet in answers: every word of the model's is there, looks as it was meant, and can be copied."""

import re

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

SECOND = "This second paragraph must be readable."
# What a model wrote, and what can be read; drawn from public reports of other applications.
WRITTEN = [
    (
        f"React has <Suspense>, <Link>, <Form> and <Button>; Vue has <template> and <slot>.\n\n{SECOND}",
        f"React has <Suspense>, <Link>, <Form> and <Button>; Vue has <template> and <slot>.\n\n{SECOND}",
    ),
    (f"Map<String, List<Object>> is a type.\n\n{SECOND}", f"Map<String, List<Object>> is a type.\n\n{SECOND}"),
    (
        f"Put it into the <title> tag and load it with the <script> tag.\n\n{SECOND}",
        f"Put it into the <title> tag and load it with the <script> tag.\n\n{SECOND}",
    ),
    ("The <textarea> element holds text.", "The <textarea> element holds text."),
    ("If a<b and c>d, swap them.", "If a<b and c>d, swap them."),
    ("보통 1~2시간, 길면 3~4시간 걸립니다.", "보통 1~2시간, 길면 3~4시간 걸립니다."),
    ("一般需要3~5天，最多7~8天。", "一般需要3~5天，最多7~8天。"),
    ("It is $5 and $10; AT&T &lt;b&gt;.", "It is $5 and $10; AT&T <b>."),
    ("H<sub>2</sub>O, press <kbd>Esc</kbd>.", "H2O, press Esc."),
]


async def test_every_word_of_an_answer_can_be_read(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        for written, readable in WRITTEN:
            assert re.sub(r"\n+", "\n\n", (await visitor.ask(f"repeat {written}")).strip()) == readable
        await expect(visitor.answers.locator("form, input, button, del, s")).to_have_count(0)
        await visitor.reload()
        for number, (_, readable) in enumerate(WRITTEN):
            shown = await visitor.answers.nth(number).inner_text()
            assert re.sub(r"\n+", "\n\n", shown.strip()) == readable


async def test_a_list_stands_where_its_words_begin(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("repeat مرحبا، هذه قائمة:\n\n- أول\n- ثان\n\n1. `a<b`\n2. ثان\n")
        paragraph = await visitor.answers.locator("p").bounding_box()
        for item in (visitor.answers.locator("li").nth(0), visitor.answers.locator("li").nth(2)):
            words = await item.evaluate(
                "item => { const range = document.createRange(); range.selectNodeContents(item);"
                " const box = range.getBoundingClientRect(); return box.right; }"
            )
            edge = paragraph["x"] + paragraph["width"]
            assert edge - 60 < words < edge - 10, "the bullet stands between the words and the right edge"
            assert await item.evaluate("item => getComputedStyle(item).direction") == "rtl"
        assert await visitor.answers.locator("code").evaluate("code => getComputedStyle(code).direction") == "ltr"


@pytest.mark.parametrize("is_secure", [True, False], ids=["clipboard", "no clipboard"])
async def test_what_is_copied_of_an_answer_is_the_models_own_text(demo_app, visit, is_secure):
    text = 'Use <Form> & **bold** &lt;\n\n- a--> `x`\n\n\n```mermaid\n\tgraph\n```\n<!-- $$x$$ \\(y\\) "q" --> '
    text += "**“词”**后 1~2 %%%LATEX_BLOCK_0%%%"
    async with visit(demo_app.url) as visitor:
        await visitor.ask(f"repeat {text}")
        await visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        if not is_secure:
            await visitor.page.add_init_script("delete Navigator.prototype.clipboard")
            await visitor.reload()
            await expect(visitor.answers.last).to_contain_text("Use <Form>")
        await visitor.press("Copy")
        if not is_secure:
            await visitor.box.focus()
            await visitor.page.keyboard.press("Control+V")
            await expect(visitor.box).to_have_value(text)
            return
        assert await visitor.page.evaluate("navigator.clipboard.readText()") == text


async def test_while_it_is_written_an_answer_is_shown_as_far_as_it_is_written(slow_app, visit):
    """A tag that is not closed yet is text, a diagram that is not complete is code; nothing is lost on the way."""
    async with visit(slow_app.url) as visitor:
        await visitor.say(
            "repeat first <Form> words\n\n```mermaid\ngraph TD\n  A --> B\n  B --> C\n```\n\n"
            + "more and more words " * 10
        )
        await expect(visitor.answers.last).to_contain_text("first <Form> words")
        await expect(visitor.answers.last.locator("pre code")).to_contain_text("graph TD")
        await expect(visitor.page.locator("#chat .mermaid > svg")).to_be_visible()
        await expect(visitor.answers.last.locator("pre code")).to_be_hidden()
        await visitor.settled()
        await expect(visitor.page.locator('#chat [aria-roledescription="error"]')).to_have_count(0)
