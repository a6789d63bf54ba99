"""What the parts of an answer are given that Gradio's parser leaves out."""

import pytest

from tests.ui.scripts.conftest import run

pytestmark = pytest.mark.asyncio(loop_scope="session")

DRAW = """(_, html) => {
  document.querySelector("#chat [role=log]").innerHTML = html;
  return new Promise(requestAnimationFrame);
}"""

CODE = """<div class="bot"><div class="md">
<div class="code_wrap"><button class="copy_code_button"></button><pre><code class="language-c">x</code></pre></div>
<div class="code_wrap"><button class="copy_code_button"></button><pre><code>  y
    z
</code></pre></div></div></div>"""


async def test_code_is_named_and_its_button_speaks_the_readers_language(page):
    await run(page, "answers", DRAW, CODE)
    frames = page.locator(".code_wrap")
    assert await frames.evaluate_all("all => all.map((each) => each.dataset.language)") == ["c", ""]
    labels = "all => all.map((each) => [each.title, each.getAttribute('aria-label')])"
    assert await page.locator("button.copy_code_button").evaluate_all(labels) == [["Copier le code"] * 2] * 2


async def test_code_is_copied_with_the_indent_of_its_first_line(page):
    await page.evaluate(
        """() => {
          const value = { writeText: async (text) => void (window.copied = text) };
          Object.defineProperty(navigator, "clipboard", { value });
          document.addEventListener("click", ({ target }) => {
            if (target.matches("button")) navigator.clipboard.writeText(target.parentElement.innerText.trim());
          });
        }"""
    )
    await run(page, "source_text", "() => 0")
    await run(page, "answers", DRAW, CODE)
    await page.locator(".copy_code_button").last.dispatch_event("click")
    assert await page.evaluate("window.copied") == "  y\n    z"


DIAGRAM = """<div class="bot"><div class="mermaid"><svg>
<a href="https://e.com/x"><text>one</text></a><a xlink:href="https://f.com:81/y"><text>two</text></a>
<a href="about:blank"><text>three</text></a></svg></div></div>"""


async def test_a_diagrams_links_open_beside_the_page_and_say_where_they_lead(page):
    await run(page, "answers", DRAW, DIAGRAM)
    links = "all => all.map((each) => [each.getAttribute('target'), each.getAttribute('rel'), each.textContent])"
    assert await page.locator(".mermaid a").evaluate_all(links) == [
        ["_blank", "noopener noreferrer", "e.comone"],
        ["_blank", "noopener noreferrer", "f.com:81two"],
        [None, "noopener noreferrer", "three"],
    ]
    assert await page.locator(".mermaid a:not([href], [*|href])").text_content() == "three"
