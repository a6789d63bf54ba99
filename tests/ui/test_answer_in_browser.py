"""What Chromium shows of an answer, drawn by Gradio's own Chatbot, is what a parser calls text."""

import html
import json
import re

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings

from chatbot.ui.markdown.parser import make_parser
from tests.support.chatbot_page import chatbot_page
from tests.ui.test_answer_markdown import AS_COMMONMARK, TEXTS

pytestmark = pytest.mark.asyncio(loop_scope="session")

AT_ONCE = 120
"""Answers in one drawing."""

# What can be read: of a formula its source, of a picture its words, of a diagram that is not drawn its code; without
# what the page says of a link itself.
READ = """all => all.map(function read(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.nodeValue;
  if (node.nodeType !== Node.ELEMENT_NODE) return "";
  if (node.matches(".katex, .katex-error")) return `⟦${(node.querySelector("annotation") ?? node).textContent}⟧`;
  if (node.matches(".copy_code_button, .mermaid, .leads")) return "";
  if (node.matches("img")) return node.alt;
  return [...node.childNodes].map(read).join("");
})"""


PARSER = make_parser()


def spoken(text: str) -> str:
    """What the parser says is text; formulas in brackets."""
    found = []
    for token in PARSER.parse(text):
        for each in token.children or [token]:
            if each.type.startswith("formula"):
                found.append(f"⟦{each.content}⟧")
            elif each.type == "image":
                found.append("".join(child.content for child in each.children) or each.attrs["src"])
            elif each.type in ("text", "code_inline", "fence", "code_block"):
                found.append(each.content)
    return squeezed("".join(found))


def squeezed(text: str) -> str:
    return "".join(text.replace("\u200b", "").split())


class Drawings:
    """A page with the application's chatbot and nothing else."""

    def __init__(self, page):
        self.page = page
        self.answers = page.locator("#chat .bot .md")

    async def show(self, texts: list[str]) -> None:
        await self.page.locator("#texts textarea").fill(json.dumps(texts))
        await self.page.locator("#draw").click()

    async def read(self, texts: list[str]) -> list[tuple[str, str, str]]:
        """Draw texts; return those of which something else can be read than the parser says, and both."""
        texts = [each for each in texts if spoken(each)]
        await self.show(texts)
        expected = [spoken(each) for each in texts]
        for _ in range(300):
            read = [squeezed(each) for each in await self.answers.evaluate_all(READ)]
            if read == expected:
                return []
            await self.page.wait_for_timeout(100)
        assert len(read) == len(texts)
        different = zip(texts, read, expected, strict=True)
        return sorted((each for each in different if each[1] != each[2]), key=lambda each: len(each[0]))


@pytest.fixture(scope="module")
def chatbot_url():
    with chatbot_page() as url:
        yield url


@pytest_asyncio.fixture(loop_scope="session")
async def drawings(chatbot_url, browser):
    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    await page.goto(chatbot_url)
    yield Drawings(page)
    await page.close()


async def test_what_can_be_read_is_what_the_parser_calls_text(drawings):
    examples = list(AS_COMMONMARK)

    @settings(
        max_examples=300, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(TEXTS)
    def collect(text):
        examples.append(text)

    collect()
    for start in range(0, len(examples), AT_ONCE):
        assert await drawings.read(examples[start : start + AT_ONCE]) == []


LONG = """React has <Suspense> and <Form>; 1~2, 3~4 of $5.

- a<b `c>d`
  ```py
  \tif x<y: $$
  ```
- H<sub>2</sub>O &lt; \\(x<y\\) **“词”**后

$$
a_1 < b
$$

<details>
<summary>s</summary>

x</details>

|a|b|
|-|-|
|x<br>y|`|`|

end <title>"""


async def test_what_is_cut_anywhere_can_be_read(drawings):
    cuts = [LONG[:end] for end in range(1, len(LONG) + 1)]
    for start in range(0, len(cuts), AT_ONCE):
        assert await drawings.read(cuts[start : start + AT_ONCE]) == []


async def test_code_is_shown_with_its_white_space(drawings):
    code = "all:\n\tgo build  \n\n\t\techo '%%%LATEX_BLOCK_0%%%' $$a$$ \\(b\\)\n  \t x\n"
    await drawings.show([f"```go\n{code}```", "- x\n\n" + "".join(f"      {line}\n" for line in code.splitlines())])
    shown = drawings.page.locator("#chat pre code")
    await drawings.page.wait_for_function("document.querySelectorAll('#chat pre code').length === 2")
    assert await shown.nth(0).evaluate("code => code.textContent") == code
    assert await shown.nth(0).locator(".token").count() > 0
    assert "\tgo build" in await shown.nth(1).evaluate("code => code.textContent")


async def test_nothing_of_an_answers_own_is_live(drawings):
    tags = [
        "<form action=x><input><button id=sidebar-toggle>go</button></form>",
        '<div class="note" style="position:fixed" id=x>',
    ]
    await drawings.show([f"{tag}\n\n- {tag}\n\n|a|\n|-|\n|{tag}|\n\nthe end" for tag in tags])
    await drawings.answers.last.get_by_text("the end").wait_for()
    live = "form, input, textarea, button:not(.copy_code_button), [style], [id], .note"
    assert await drawings.answers.locator(live).count() == 0


async def test_a_diagram_is_drawn_and_one_that_cannot_be_shows_its_code(drawings):
    await drawings.show(
        ["```mermaid\ngraph TD\n  A[one <form>] --> B[two]\n```", "```mermaid\ngraph TD\n  A[[[-->\n```"]
    )
    await drawings.page.locator("#chat .mermaid > svg").wait_for(state="attached")
    assert squeezed(html.unescape(await drawings.answers.first.locator(".mermaid").inner_text())) == "one<form>two"
    assert await drawings.answers.last.locator("pre code").inner_text() == "graph TD\n  A[[[-->\n"


async def test_deep_and_odd_answers_do_not_freeze_the_page(drawings):
    odd = [mark * 20_000 for mark in (">", "[", "*", "<", "- ", "`a")]
    await drawings.show([f"{each}\n\nthe end" for each in odd])
    await drawings.answers.last.get_by_text("the end").wait_for()
    assert re.sub(r"\s", "", await drawings.answers.first.inner_text()).count(">") > 19_000
