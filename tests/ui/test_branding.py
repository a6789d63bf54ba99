"""Whatever the owner calls and colours it: what can be pressed is on the screen, and what is there can be seen."""

import pytest
from playwright.async_api import expect

from chatbot.ui.colour import contrast
from tests.support.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

DESKTOP, WIDE, TABLET, PHONE, NARROW = SIZES = [(1280, 800), (1920, 1080), (1024, 768), (390, 844), (320, 640)]

NAMES = {
    "title of 53": "Contoso's very helpful assistant for all of its staff",
    "long title": "An assistant that knows everything about everything, " * 40 + "and so on",
    "no spaces": "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3,
    "right to left": "مساعد شركة كونتوسو الذكي لكل ما يخطر ببالك من أسئلة عن منتجاتنا",
}
EXAMPLES = '[[example]]\nicon = "table"\nlabel = "Compare two plans"\nprompt = "hello"\n'
DEPLOYMENT = "a-deployment-with-a-name-of-sixty-characters-in-westeurope-1"

TABLE = """repeat | Number | Name of the service | What it does, in some words | Region | Price | Owner | Since |
|--|--|--|--|--|--|--|
| 1 | conversation-store | Keeps conversations until they are deleted, in a database | swedencentral | 1,234.50 \
| Platform engineering | 2026-01-01 |"""
CODE = "repeat ```python\nprint('" + "a long line " * 20 + "')\n```"

OVERLAPPING = """() => {
  const parts = [...document.querySelectorAll("#header button:not(.badge), #brand h1, #badge .badge")];
  const boxes = parts.map((part) => {
    const text = document.createRange();
    text.selectNodeContents(part);
    const [box, words] = [part.getBoundingClientRect(), text.getBoundingClientRect()];
    const lower = part.matches("button:not(.badge)") ? box : words;
    return { left: box.left, right: box.right, top: lower.top, bottom: lower.bottom };
  });
  return boxes.some((one, at) => boxes.slice(at + 1).some((other) =>
    one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom));
}"""
"""Whether the words of one part of the header, or a button, lie over another; the badge is taller than its words."""
CUT = """(table) =>
  [...table.querySelectorAll("th, td")].filter((cell) => cell.scrollWidth > cell.clientWidth + 1).length"""


async def header_is_usable(visitor: Visitor, width: int) -> None:
    """Each part of the header is on the screen, and both panels open and close."""
    page = visitor.page
    for part in ("#sidebar-toggle", "#brand h1", "#badge .badge", "#panel-toggle"):
        await expect(page.locator(part)).to_be_in_viewport(ratio=1)
    assert not await page.evaluate(OVERLAPPING)
    assert await page.evaluate("document.documentElement.scrollWidth") == width
    for name in ("sidebar", "panel"):
        toggle, panel = page.locator(f"#{name}-toggle"), page.locator(f"#{name}")
        is_open = await panel.is_visible()
        for _ in range(2):
            if is_open and width <= 960:
                await panel.locator(".close").click()
            else:
                await expect(toggle).to_be_in_viewport(ratio=1)
                await toggle.click()
            is_open = not is_open
            await expect(panel).to_be_visible(visible=is_open)
    for part in (visitor.box, visitor.send):
        await expect(part).to_be_in_viewport(ratio=1)


@pytest.mark.parametrize("title", NAMES.values(), ids=NAMES.keys())
async def test_no_name_pushes_the_header_off_the_screen(app, endpoint, visit, title, tmp_path):
    (tmp_path / "deployments.toml").write_text(
        f'[[deployment]]\nname = "{DEPLOYMENT}"\nendpoint_url = "{endpoint.chat_url}"\n'
        'api_key_variable = "KEY_OF_IT"\n',
        encoding="utf-8",
    )
    (tmp_path / "prompts.toml").write_text(EXAMPLES, encoding="utf-8")
    process = app(
        CHATBOT_PROMPTS_FILE="prompts.toml",
        CHATBOT_TITLE=title,
        CHATBOT_TAGLINE=f"{title} ({title[:60]})",
        CHATBOT_DEPLOYMENTS_FILE="deployments.toml",
        KEY_OF_IT=endpoint.key,
    )
    async with visit(process.url) as visitor:
        for width, height in SIZES:
            await visitor.page.set_viewport_size({"width": width, "height": height})
            await visitor.reload()
            await header_is_usable(visitor, width)
        assert await visitor.page.locator("#brand h1").get_attribute("title") == title
        assert await visitor.badge.get_attribute("title") == DEPLOYMENT
        # The last size is the smallest: what the welcome says is all within reach.
        for part in ("#chat .welcome h2", "#chat .example >> nth=-1"):
            await visitor.page.locator(part).scroll_into_view_if_needed()
            await expect(visitor.page.locator(part)).to_be_in_viewport()


@pytest.mark.parametrize("locale", ["en-US", "es-MX", "fr-FR", "zh-CN", "ko-KR"])
async def test_the_header_fits_in_every_language(demo_app, visit, browser, locale):
    context = await browser.new_context(locale=locale, viewport={"width": 320, "height": 640})
    async with visit(demo_app.url, context=context) as visitor:
        await header_is_usable(visitor, 320)
        assert await visitor.page.locator("#brand h1").evaluate("(each) => each.clientWidth") >= 100
    await context.close()


COLOURS = """([part, side]) => {
  const style = getComputedStyle(part);
  const own = side === "border" ? style.borderTopColor : side === "ink" ? style.color : style.backgroundColor;
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  context.fillStyle = own;
  context.fillRect(0, 0, 1, 1);
  const hex = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  return "#" + hex.map((each) => each.toString(16).padStart(2, "0")).join("");
}"""


async def colour(visitor: Visitor, part: str, side: str = "fill") -> str:
    """The colour of a part's ``fill``, ``ink`` or ``border``."""
    handle = await visitor.page.locator(part).first.element_handle()
    return await visitor.page.evaluate(COLOURS, [handle, side])


@pytest.mark.parametrize(
    "accent",
    ["#2563eb", "#facc15", *(pytest.param(each, marks=pytest.mark.exhaustive) for each in ("#00aa77", "#111827"))],
)
async def test_edges_icons_and_buttons_can_be_seen_in_every_accent(app, endpoint, visit, accent, tmp_path):
    (tmp_path / "prompts.toml").write_text(EXAMPLES, encoding="utf-8")
    process = app(
        CHATBOT_ACCENT=accent,
        CHATBOT_PROMPTS_FILE="prompts.toml",
        AZUREML_ENDPOINT_URL=endpoint.chat_url,
        AZUREML_ENDPOINT_API_KEY=endpoint.key,
    )
    for scheme in ("light", "dark"):
        async with visit(process.url, scheme=scheme) as visitor:
            page = await colour(visitor, "body")
            for part in ("#box", "#search textarea", "#box .submit-button"):
                assert contrast(await colour(visitor, part, "border"), page) >= 3, part
            send = await colour(visitor, "#box .submit-button")
            assert send == accent
            assert contrast(send, await colour(visitor, "#box .submit-button", "ink")) >= 4.5
            for part in ("#chat .example", "#k", "#plan li"):
                assert contrast(await colour(visitor, part, "border"), page) >= 1.3, part
            icon = await visitor.page.locator("#chat .example img").first.get_attribute("src")
            (drawn,) = await visitor.page.evaluate("(url) => atob(url.split(',')[1]).match(/#[0-9a-f]{6}/)", icon)
            assert contrast(drawn, await colour(visitor, "#chat .example")) >= 3
            endpoint.fail("content-filter")
            await visitor.say("hello")
            await expect(visitor.notes).to_be_visible()
            await visitor.settled()
            retry = "#chat .way-on button"
            assert await colour(visitor, retry) == accent
            assert contrast(await colour(visitor, retry), await colour(visitor, retry, "ink")) >= 4.5
            assert contrast(await colour(visitor, "#chat .message-buttons .icon-button", "ink"), page) >= 3


@pytest.mark.exhaustive
async def test_a_wide_table_keeps_its_words_whole_and_shows_that_it_scrolls(wired_app, visit):
    async with visit(wired_app.url) as visitor:
        await visitor.ask(TABLE)
        table = visitor.answers.last.locator("table")
        for width, height in SIZES:
            await visitor.page.set_viewport_size({"width": width, "height": height})
            room, whole = await table.evaluate("(each) => [each.clientWidth, each.scrollWidth]")
            assert whole > room, "it scrolls by itself"
            assert await visitor.page.evaluate("document.documentElement.scrollWidth") == width
            assert await table.evaluate(CUT) == 0
            widths = await table.locator("td").evaluate_all("(cells) => cells.map((each) => each.offsetWidth)")
            assert widths[2] >= 200, "a sentence is no column of single words"
            assert widths[0] < 110, "nor is a number as wide as a sentence"
        await table.focus()
        await visitor.page.keyboard.press("ArrowRight")
        await visitor.page.wait_for_function("(each) => each.scrollLeft > 0", arg=await table.element_handle())
        head, cell = [await table.locator(each).first.evaluate(BACKGROUND) for each in ("th", "td")]
        assert head != cell


BACKGROUND = "(each) => getComputedStyle(each).backgroundColor"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("asked", [TABLE, CODE], ids=["table", "code"])
async def test_there_is_a_shadow_where_there_is_more(wired_app, visit, asked, scheme):
    """In pixels: with all scrolled to its end, the right edge is as the ground is, and before it is not."""
    async with visit(wired_app.url, width=390, height=844, scheme=scheme) as visitor:
        await visitor.ask(asked)
        part = visitor.answers.last.locator("table, pre")
        await expect(part).to_have_attribute("tabindex", "0")
        # What stands on the ground is not what is looked at.
        await visitor.page.add_style_tag(content="#chat :is(th, td, pre *) { color: transparent !important; }")

        async def edge() -> list[int]:
            box = await part.bounding_box()
            clip = {"x": box["x"] + box["width"] - 3, "y": box["y"] + box["height"] - 30, "width": 1, "height": 1}
            picture = await visitor.page.screenshot(clip=clip)
            return await visitor.page.evaluate(PIXEL, list(picture))

        before = await edge()
        await part.evaluate("(each) => { each.scrollLeft = each.scrollWidth; }")
        after = await edge()
        assert sum(abs(one - other) for one, other in zip(before, after, strict=True)) > 40


PIXEL = """async (bytes) => {
  const picture = await createImageBitmap(new Blob([new Uint8Array(bytes)], { type: "image/png" }));
  const context = new OffscreenCanvas(1, 1).getContext("2d");
  context.drawImage(picture, 0, 0);
  return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
}"""


async def test_a_formula_stands_on_the_page_and_in_no_box(wired_app, visit):
    async with visit(wired_app.url, scheme="dark") as visitor:
        await visitor.ask("repeat $$x^2$$")
        page = await visitor.page.locator("body").evaluate(BACKGROUND)
        await expect(visitor.answers.last.locator(".katex-display")).to_have_css("background-color", page)


async def test_a_small_table_is_as_wide_as_it_needs(wired_app, visit):
    async with visit(wired_app.url) as visitor:
        await visitor.ask("repeat | a | b |\n|--|--|\n| 1 | 2 |")
        assert await visitor.answers.last.locator("table").evaluate("(each) => each.offsetWidth") < 150


@pytest.mark.exhaustive
async def test_icons_of_examples_keep_their_shape_beside_long_labels(app, visit, tmp_path):
    labels = ["Short", "A label that wraps over lines", "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk"]
    (tmp_path / "prompts.toml").write_text(
        "".join(f'[[example]]\nicon = "code"\nlabel = "{each}"\nprompt = "{each}"\n' for each in labels),
        encoding="utf-8",
    )
    process = app(CHATBOT_PROMPTS_FILE="prompts.toml")
    async with visit(process.url) as visitor:
        examples = visitor.page.locator("#chat .example")
        await expect(examples).to_have_count(len(labels))
        for width, height in SIZES:
            await visitor.page.set_viewport_size({"width": width, "height": height})
            sizes = await visitor.page.locator("#chat .example-image-container, #chat .example img").evaluate_all(
                "(parts) => parts.map((each) => [each.clientWidth, each.clientHeight])"
            )
            assert sizes == [[24, 24]] * 2 * len(labels)
            reaching = "(parts) => parts.filter((each) => each.scrollWidth > each.clientWidth).length"
            assert await examples.evaluate_all(reaching) == 0


async def test_there_is_something_to_begin_with_at_whatever_endpoint(demo_app, wired_app, visit):
    offered = []
    for process in (demo_app, wired_app):
        async with visit(process.url) as visitor:
            cards = visitor.page.locator("#chat .example")
            await expect(cards).to_have_count(4)
            offered.append(set(await cards.all_inner_texts()))
    of_the_demo, of_the_model = offered
    assert not of_the_demo & of_the_model
