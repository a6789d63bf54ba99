"""What the scripts say is in the first of the visitor's languages that the page knows."""

import json

import pytest

from chatbot.ui.i18n import for_scripts
from tests.ui.scripts.conftest import run

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize(
    ("languages", "spoken"), [(["fr-CA"], "fr"), (["de", "ko-KR", "fr"], "ko"), (["de"], "en"), ([], "en")]
)
async def test_the_first_language_that_is_known_is_spoken(page, languages, spoken):
    said = "({ t }, languages) => (Object.defineProperty(navigator, 'languages', { value: languages }), t('back'))"
    assert await run(page, "texts", said, languages) == json.loads(for_scripts())[spoken]["back"]


async def test_routes_of_ours_begin_where_the_page_is(page):
    assert await run(page, "texts", "({ root }) => root") == "/below"


async def test_the_page_says_which_language_it_is_in(page):
    await run(page, "texts", "({ t }) => t('back')")
    assert await page.evaluate("document.documentElement.lang") == "fr"


async def test_it_says_so_once_however_much_is_said(page):
    """Whoever says it again has the browser style all of a page anew."""
    code = """async ({ t }) => {
      const changes = new MutationObserver(() => {});
      changes.observe(document.documentElement, { attributeFilter: ["lang"] });
      document.documentElement.lang = "";
      for (let time = 0; time < 5; time++) t("back");
      return changes.takeRecords().length;
    }"""
    assert await run(page, "texts", code) == 2
