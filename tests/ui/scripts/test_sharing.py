"""A new link's address is that of the page it is read on, whatever the server is called there, and can be copied."""

import pytest
from playwright.async_api import expect

from tests.ui.scripts.conftest import SITE, run

pytestmark = pytest.mark.asyncio(loop_scope="session")

DRAW = """(_, path) => {
  document.querySelector("#sidebar").innerHTML = `<div id="shares"><div class="address">
    <a data-path="${path}"></a><button type="button" class="copy-link">Copier</button></div></div>`;
}"""
CLIPBOARD = """(_, refuses) => Object.defineProperty(navigator, "clipboard", {
  value: { writeText: async (text) => { if (refuses) throw new Error(); window.copied = text; } }, configurable: true,
})"""


@pytest.mark.parametrize("refuses", [False, True])
async def test_an_address_is_whole_and_is_copied_or_selected(page, refuses):
    await run(page, "sharing", DRAW, "/share/abc")
    link = page.locator("#shares a")
    await expect(link).to_have_text(f"{SITE}share/abc")
    await expect(link).to_have_attribute("href", f"{SITE}share/abc")
    await run(page, "sharing", CLIPBOARD, refuses)
    await page.locator(".copy-link").click()
    if refuses:
        await page.wait_for_function("getSelection().toString()")
        assert await page.evaluate("getSelection().toString()") == f"{SITE}share/abc"
    else:
        await expect(page.locator(".copy-link")).to_have_text("Copié")
        assert await page.evaluate("window.copied") == f"{SITE}share/abc"
