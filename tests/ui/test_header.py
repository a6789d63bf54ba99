"""The header and what belongs to it: who answers, light and dark, language, keys, paper; the row below an answer."""

import json

import pytest
from playwright.async_api import expect

from tests.support.app_process import AppProcess
from tests.support.completions import piece
from tests.support.wire import DONE, WireServer, event, sample_reply, stream_reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
DEPLOYMENTS = """
[[deployment]]
name = "Small"
endpoint_url = "{url}"
api_key_variable = "KEY"
[[deployment]]
name = "Large"
endpoint_url = "{url}"
api_key_variable = "KEY"
model_arguments = {{ seed = 7 }}
"""
USAGE = piece({}, "stop", usage={"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18})


def says(text: str, reason: str = "stop"):
    return stream_reply(event(text), event(finish_reason=reason), DONE)


@pytest.fixture(scope="module")
def wire():
    with WireServer(says("unscripted")) as server:
        yield server


@pytest.fixture(scope="module")
def app(wire, tmp_path_factory):
    folder = tmp_path_factory.mktemp("header")
    url = f"{wire.url}/v1/chat/completions"
    (folder / "deployments.toml").write_text(DEPLOYMENTS.format(url=url), encoding="utf-8")
    with AppProcess(folder, {"KEY": "key", "CHATBOT_DEPLOYMENTS_FILE": "deployments.toml"}) as process:
        yield process


def asked(wire: WireServer) -> tuple[object, list[str]]:
    """Whom the last request was for, and what it said."""
    body = wire.requests[-1].json
    return body.get("seed"), [each["content"] for each in body["messages"] if each["role"] != "system"]


@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_a_turn_from_the_picker_to_its_last_version_and_back(app, wire, visit, size):
    width, height = SIZES[size]
    async with visit(app.url, width=width, height=height) as visitor:
        page = visitor.page
        await expect(visitor.badge).to_be_in_viewport(ratio=1)
        # Escape closes the list of deployments, and nothing else.
        await visitor.badge.click()
        await expect(page.get_by_role("menu")).to_be_in_viewport(ratio=1)
        await page.keyboard.press("Escape")
        await expect(visitor.badge).to_be_focused()
        await visitor.choose_deployment("Large")
        wire.script(says("The beginning,", "length"))
        await visitor.ask("question")
        assert asked(wire) == (7, ["question"])
        await expect(visitor.facts.last).to_contain_text("Large")
        # Going on is a question as any other: what is asked is what is shown, and the request has what there is.
        wire.script(says(" and the end."))
        await visitor.notes.get_by_role("button", name="Continue").click()
        await expect(visitor.answers).to_have_text(["The beginning,", "and the end."])
        await visitor.settled()
        assert asked(wire) == (7, ["question", "The beginning,", "Continue exactly where you stopped."])
        await expect(visitor.page.get_by_role("button", name="Continue", exact=True)).to_have_count(0)
        # Another deployment answers this once: the old answer stays as a version, and who answers next is as it was.
        wire.script(says("From the small one."))
        await visitor.press("Retry with another model")
        await page.get_by_role("menuitem", name="Small").click()
        await expect(visitor.answers.last).to_have_text("From the small one.")
        await visitor.settled()
        assert asked(wire) == (None, ["question", "The beginning,", "Continue exactly where you stopped."])
        await expect(visitor.facts.last).to_contain_text("Small")
        await expect(visitor.badge).to_contain_text("Large")
        await visitor.flip("Earlier")
        await expect(visitor.answers.last).to_have_text("and the end.")
        await expect(visitor.facts.last).to_contain_text("Large")
        # Undo says that it can be undone, and how.
        await visitor.press("Undo")
        await expect(visitor.box).to_have_value("Continue exactly where you stopped.")
        await expect(visitor.questions).to_have_count(1)
        await visitor.press("Bring it back")
        await expect(visitor.questions).to_have_count(2)
        await expect(visitor.answers.last).to_have_text("and the end.")
        await expect(visitor.box).to_have_value("")
        await expect(page.locator("#chat .undone")).to_have_count(0)
        # A dead endpoint has no green light; one that answers has.
        wire.script(sample_reply("maas_401_bad_key"))
        await visitor.say("are you there?")
        await visitor.settled()
        await expect(page.locator("#header .badge.silent")).to_have_count(1)
        await expect(visitor.badge).to_have_accessible_name("Large Large did not answer when it was last asked")
        wire.script(says("Yes."))
        await visitor.press("Retry")
        await expect(visitor.answers.last).to_have_text("Yes.")
        await visitor.settled()
        await expect(page.locator("#header .badge.live")).to_have_count(1)


@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_the_page_looks_and_speaks_as_was_chosen_and_keeps_what_is_typed(app, wire, visit, size):
    width, height = SIZES[size]
    async with visit(app.url, width=width, height=height) as visitor:
        page = visitor.page
        dark = "() => document.body.classList.contains('dark') && getComputedStyle(document.body).backgroundColor"

        async def choose(name: str) -> None:
            await page.locator("#page-menu").click()
            await page.get_by_role("menuitemradio", name=name, exact=True).click()

        await choose("Dark")
        assert await page.evaluate(dark)
        await visitor.box.fill("half a thou")
        await choose("Español")
        await expect(visitor.box).to_have_attribute("placeholder", "Escribe un mensaje")
        await expect(visitor.box).to_have_value("half a thou")
        assert await page.evaluate("document.documentElement.lang") == "es"
        assert await page.evaluate(dark), "it is forgotten"
        # So does all that the server says.
        await expect(visitor.memory).to_contain_text("Aún no hay nada que recordar")
        await expect(visitor.connection).to_be_empty()
        await page.locator("#page-menu").click()
        await page.get_by_role("menuitem", name="Atajos de teclado").click()
        await expect(page.get_by_role("dialog")).to_be_in_viewport(ratio=1)
        await page.get_by_role("button", name="Cerrar").click()
        await visitor.box.blur()
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_contain_text("Nuevo chat")
        await page.keyboard.press("Escape")
        await page.keyboard.press("/")
        await expect(visitor.box).to_be_focused()


async def test_on_paper_is_the_whole_conversation_and_nothing_to_press(app, wire, visit):
    async with visit(app.url, scheme="dark") as visitor:
        page = visitor.page
        turns = [
            {"index": n, "version": 0, "parent": 0 if n else None, "shown": True, "user": f"question {n}"}
            | {"assistant": f"answer {n} " + "word " * 60, "status": "complete"}
            for n in range(22)
        ]
        export = json.dumps({"format": "chatbot-conversation", "version": 1, "title": "Long", "turns": turns})
        await page.evaluate("(body) => fetch('chat/import', { method: 'POST', body })", export)
        await expect(visitor.questions).to_have_count(20)
        await expect(page.locator("#chat .earlier button")).to_be_visible()
        await visitor.settled()
        await page.evaluate(
            "window.print = () => (window.printed = document.querySelectorAll('#chat .user-row').length)"
        )
        # What has only just been opened is still being drawn when the first key comes.
        for _ in range(5):
            await page.evaluate("window.printed = 0")
            await page.keyboard.press("Control+P")
            await page.wait_for_function("window.printed")
            if await page.evaluate("window.printed") == 22:
                break
        assert await page.evaluate("window.printed") == 22
        await page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        await page.emulate_media(media="print")
        seen = "(parts) => parts.map((each) => each.getBoundingClientRect()).filter((box) => box.height > 0).length"
        for part in ("#box", "#sidebar", "#panel", "#chat button", "#page-menu", "#panel-toggle"):
            assert await page.locator(part).evaluate_all(seen) == 0, part
        assert await page.locator("#chat .user-row, #chat .bot-row").evaluate_all(seen) == 44
        hidden = "(log) => log.scrollHeight - log.clientHeight"
        assert await page.locator("#chat [role=log]").evaluate(hidden) <= 1, "the end is cut off"
        assert await page.evaluate("document.documentElement.scrollHeight") > 2000
        colours = await page.locator("#chat .bot.message p").first.evaluate("(each) => getComputedStyle(each).color")
        assert sum(map(int, colours.removeprefix("rgb(").rstrip(")").split(", "))) < 300, "pale on white"
        await page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        assert await page.evaluate("document.body.classList.contains('dark')")


async def test_what_is_wider_than_the_paper_breaks(app, wire, visit):
    columns = [f"a column {number} with words" for number in range(9)]
    wide = (
        "```python\n" + "a_long_line = 'of code' " * 9 + "\n```",
        "$$" + "+".join(f"x_{{{number}}}^2" for number in range(40)) + "$$",
        f"| {' | '.join(columns)} |\n{'|--' * 9}|\n| {' | '.join(columns)} |",
    )
    # As wide as A4 is between its margins.
    async with visit(app.url, width=718, height=1000) as visitor:
        page = visitor.page
        wire.script(says("\n\n".join(wide)))
        await visitor.ask("Wide, please.")
        parts = page.locator("#chat .bot :is(pre, table, .katex-display)")
        await expect(parts).to_have_count(3)
        await page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        await page.emulate_media(media="print")
        cut = "(parts) => parts.filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => each.tagName)"
        assert await parts.evaluate_all(cut) == []
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_an_owner_leaves_out_the_panel_and_all_figures(wire, visit, tmp_path):
    settings = {
        "AZUREML_ENDPOINT_URL": f"{wire.url}/v1/chat/completions",
        "AZUREML_ENDPOINT_API_KEY": "key",
        "CHATBOT_HIDDEN_PARTS": "all",
        "CHATBOT_SYSTEM_PROMPT": "Be a helpdesk.",
    }
    with AppProcess(tmp_path, settings) as process:
        async with visit(process.url) as visitor:
            page = visitor.page
            await expect(page.locator("#chat .example")).to_have_count(4)
            wire.script(stream_reply(event("Hello."), USAGE, DONE))
            await visitor.ask("hello")
            for gone in ("#panel", "#panel-toggle", "#plan"):
                await expect(page.locator(gone)).to_have_count(0)
            words = await page.locator("#layout").inner_text()
            for gone in ("token", " s ", "System prompt", "Pin"):
                assert gone not in words, gone
            assert "helpdesk" not in await page.content()
            await page.keyboard.press("Control+Shift+S")
            await expect(page.locator("#sidebar")).to_be_hidden()


async def test_where_there_is_no_room_for_both_panels_one_is_open(app, visit):
    async with visit(app.url, width=1024, height=768) as visitor:
        page = visitor.page
        await expect(page.locator("#sidebar")).to_be_visible()
        await page.locator("#panel-toggle").click()
        await expect(page.locator("#panel")).to_be_visible()
        await expect(page.locator("#sidebar")).to_be_hidden()
        assert (await page.locator("#talk").bounding_box())["width"] > 600
        await page.keyboard.press("Control+.")
        await expect(page.locator("#sidebar")).to_be_visible()
        await expect(page.locator("#panel")).to_be_hidden()
        # The keyboard passes all that stands before the box at once.
        skip = page.get_by_role("button", name="Skip to the message box")
        assert await skip.evaluate("(skip) => document.querySelector('button, a, input, textarea') === skip")
        await skip.focus()
        await expect(skip).to_be_in_viewport(ratio=1)
        await page.keyboard.press("Enter")
        await expect(visitor.box).to_be_focused()
