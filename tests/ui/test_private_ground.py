"""What the page takes from Gradio beyond its documentation: whatever a version of it has moved is told by name."""

import json
import threading
from dataclasses import replace

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.app_process import ROOT, AppProcess
from tests.support.completions import piece
from tests.support.selectors import matching, selectors_of
from tests.support.visitor import Visitor
from tests.support.wire import DONE, WireServer, event, stream_reply, text_reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRESENT = "document.querySelector('#layout').classList.toggle('present')"
"""What is in sight is in the presenter's view, too."""

SEAM = "between the pieces of an answer of more than 20,000 characters (test_answer_inputs.py)"

NOT_BROUGHT_ABOUT = {
    '#chat .examples[role="list"]': "changed at once (everyone.js): looked for as it is then",
    "#chat .measured th": "a class of ours, there while a table is measured",
    "#chat .measured td": "a class of ours, there while a table is measured",
    ".measured": "the same, as what a table is not",
    '#panel .block [role="listbox"]': "Gradio's list of choices, there while one chooses",
    "chatbot-launcher": "the bubble, which is on other people's pages",
    "#connection.back": "there once the server is back that was lost (test_connection.py)",
    "#chat .message:has(.md > .footnote + .seam:last-child) + .message .md > .seam + .footnote": SEAM,
    "#chat .message:has(> [data-testid] .md > .seam:first-child)": SEAM,
    ":has(> [data-testid] .md > .seam:first-child)": SEAM,
    ".seam": SEAM,
    "#chat [data-testid][aria-label]": "Gradio's name of a message, which is taken away at once (keyboard.js)",
    ":scope > div.TOKEN": "looked for within a message (languages.js)",
    "body > textarea": "Gradio's field for copying, there while it copies, on a page that is not served securely",
}
"""What matches for a moment only, which no test can look at."""

BROUGHT_ABOUT = {'#chat .examples[role="group"]'}
"""What the scripts make of such."""

DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4//8/w38G"
    "IAXDIBKE0DHxgljNBAAO9TXL0Y4OHwAAAABJRU5ErkJggg=="
)

RICH = """# Heading

## Second

### Third

#### Fourth

##### Fifth

###### Sixth

A paragraph with ![a picture](/favicon.ico) and ![a dot](DOT).

- [ ] to do
- [x] done

1. loose

2. items

<details><summary>more</summary>within</details>

| a | b |
|:--|---|
| 1 | 2 |

| واحد | اثنان |
|---|---|
| ثلاثة | أربعة |

```python
# a comment
class Name:
    def run(self, other: int) -> bool:
        return print("text", 1, True)
```

```html
<p class="big">words</p>
```

```diff
@@ -1 +1 @@
-old
+new
```

A note[^1], `code`, [e.com](https://evil.com), \\(\\frac{1}\\), \\(\\nosuch x\\), <kbd>K</kbd>, <mark>marked</mark>

1. an item
   1. within

- one
  - two
    - three

> quoted

$$
x
$$

\\(\\sqrt{LONG}\\)

***

```mermaid
graph TD; A-->B
click A href "https://example.com"
```

[^1]: The note.
[^2]: Another.
""".replace("DOT", DOT).replace("LONG", "+".join(["x_{100}"] * 200))

FINISH = piece({}, "stop", usage={"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18})
DEPLOYMENTS = """
[[deployment]]
name = "one"
endpoint_url = "{url}"
api_key_variable = "KEY"
[[deployment]]
name = "two"
endpoint_url = "{url}"
api_key_variable = "KEY"
"""

PROMPTS = """
[[example]]
label = "Begin"
prompt = "Hello."
[[preset]]
name = "Pirate"
system_prompt = "Arr."
"""


def said(*words: str | threading.Event) -> object:
    return stream_reply(*(event(each) if isinstance(each, str) else each for each in words), FINISH, DONE)


@pytest.fixture
def wire():
    with WireServer(said("An answer.")) as server:
        yield server


@pytest.fixture
def private_app(wire, tmp_path):
    """The application with all that it can show: two deployments, a preset, and nothing that outlives a restart."""
    url = f"{wire.url}/v1/chat/completions"
    (tmp_path / "deployments.toml").write_text(DEPLOYMENTS.format(url=url), encoding="utf-8")
    (tmp_path / "prompts.toml").write_text(PROMPTS, encoding="utf-8")
    settings = {
        "KEY": "a-key",
        "CHATBOT_DEPLOYMENTS_FILE": "deployments.toml",
        "CHATBOT_PROMPTS_FILE": "prompts.toml",
        "SPACE_ID": "somebody/chatbot",
        "CHATBOT_HOST": "127.0.0.1",
        "CHATBOT_SHARE_DAYS": "7",
        "CHATBOT_STORE_URL": "sqlite:///chat.db",
    }
    with AppProcess(tmp_path, settings) as process:
        yield process


@pytest.fixture
def ruled_app(tmp_path_factory):
    """The application with all that everybody may be told and asked."""
    folder = tmp_path_factory.mktemp("ruled")
    (folder / "terms.md").write_text("Be kind:\n\n- always", encoding="utf-8")
    settings = {
        "CHATBOT_TERMS_FILE": "terms.md",
        "CHATBOT_BANNER": "Welcome.",
        "CHATBOT_LOCKED_CONTROLS": "temperature,system_prompt",
    }
    with AppProcess(folder, settings) as process:
        yield process


class Walk:
    """What has matched so far."""

    def __init__(self, sought: set[str]) -> None:
        self.missing = sought

    async def look(self, page: Page) -> None:
        self.missing -= await matching(page, sorted(self.missing))
        await page.evaluate(PRESENT)
        self.missing -= await matching(page, sorted(self.missing))
        await page.evaluate(PRESENT)


async def long_and_quiet(visitor: Visitor, walk: Walk) -> None:
    """More turns than are shown."""
    turns = [
        {"index": n, "version": 0, "parent": 0 if n else None, "shown": True, "user": f"q {n}", "assistant": "a"}
        for n in range(30)
    ]
    turns = [turn | {"status": "complete"} for turn in turns]
    export = json.dumps({"format": "chatbot-conversation", "version": 1, "title": "Long", "turns": turns})
    import_file = "(body) => fetch('chat/import', { method: 'POST', body }).then((reply) => reply.status)"
    assert await visitor.page.evaluate(import_file, export) == 204
    await expect(visitor.page.locator("#chat .earlier button")).to_be_visible()
    await visitor.page.locator("#chat [role=log]").evaluate("(log) => (log.scrollTop = 0)")
    await expect(visitor.page.locator("#to-end button")).to_be_visible()
    await walk.look(visitor.page)


async def rich_answer(visitor: Visitor, wire: WireServer, walk: Walk) -> None:
    """Everything that Markdown can be, with thoughts above it; while it grows and when it is whole."""
    page, thinks, goes_on = visitor.page, threading.Event(), threading.Event()
    thought = piece({"reasoning_content": "Hm."})
    wire.script(replace(stream_reply(thought, event(RICH), goes_on, FINISH, DONE), hold=thinks))
    await visitor.say("something rich")
    await expect(page.locator("#chat .typing")).to_be_visible()
    await walk.look(page)
    thinks.set()
    await expect(page.locator("#chat table").last).to_be_visible()
    await walk.look(page)
    goes_on.set()
    await visitor.settled()
    await expect(page.locator("#chat .mermaid svg")).to_be_visible()
    await walk.look(page)


async def versions_and_ratings(visitor: Visitor, walk: Walk) -> None:
    """An answer with an earlier version, thumbs and a comment, and a question that is edited."""
    await visitor.press("Retry")
    await expect(visitor.versions).to_be_visible()
    await visitor.facts.last.get_by_role("button", name="Good answer").click()
    await visitor.facts.last.get_by_role("button", name="Add a word").click()
    await expect(visitor.facts.locator("input")).to_be_visible()
    await walk.look(visitor.page)
    await visitor.page.keyboard.press("Escape")
    await visitor.facts.last.get_by_role("button", name="Bad answer").click()
    await expect(visitor.page.locator("#chat .thumb-down.chosen")).to_be_visible()
    await visitor.press("Edit")
    await expect(visitor.page.locator("#chat .edit-textarea")).to_be_visible()
    await walk.look(visitor.page)
    await visitor.press("Cancel")
    await visitor.press("Copy")
    await expect(visitor.page.locator("#chat .glyph.check")).to_be_visible()
    await visitor.page.set_viewport_size({"width": 390, "height": 844})
    await visitor.press("Details")
    await walk.look(visitor.page)
    await visitor.page.set_viewport_size({"width": 1280, "height": 800})
    await visitor.press("Undo")
    await expect(visitor.page.locator("#chat .undone")).to_be_visible()
    await walk.look(visitor.page)
    await visitor.press("Bring it back")


async def opened_by_the_header(visitor: Visitor, wire: WireServer, walk: Walk) -> None:
    """Who answers, one of whom does not; the page's menu; the keys."""
    page = visitor.page
    wire.script(text_reply("", 401))
    await visitor.say("are you there?")
    await expect(page.locator("#header .badge.silent")).to_be_visible()
    await visitor.badge.click()
    await walk.look(page)
    await page.keyboard.press("Escape")
    await page.locator("#page-menu").click()
    await walk.look(page)
    await page.get_by_role("menuitem", name="Keyboard shortcuts").click()
    await walk.look(page)
    await page.keyboard.press("Escape")


async def forgetting(visitor: Visitor, walk: Walk) -> None:
    """A turn that is no longer remembered, and a question that mentions it."""
    await visitor.new_chat()
    await visitor.ask("I work on the Contoso budget")
    await visitor.k.fill("1")
    await visitor.ask("something else")
    await expect(visitor.forgotten).to_be_visible()
    await visitor.box.press_sequentially("How big is the Contoso budget?")
    await expect(visitor.recall_hint).to_be_visible()
    await walk.look(visitor.page)
    await visitor.box.fill("")


async def failing(visitor: Visitor, wire: WireServer, walk: Walk) -> None:
    """An endpoint that is busy for a while, and then for good."""
    wire.script(text_reply("", 429, retry_after="20"))
    await visitor.say("are you there?")
    await expect(visitor.page.locator("#chat .pause .wait")).to_be_visible()
    await walk.look(visitor.page)
    await visitor.stop.click()
    await visitor.settled()
    wire.script(text_reply("", 429, retry_after="3600"))
    await visitor.say("and now?")
    await expect(visitor.page.locator("#chat .way-on .wait")).to_be_visible()
    await walk.look(visitor.page)


async def the_list(visitor: Visitor, walk: Walk) -> None:
    """A menu, a title that is typed, a search that finds nothing, and a conversation that can be had back."""
    page = visitor.page
    await visitor.open_menu("Long")
    await expect(page.get_by_role("menu")).to_be_visible()
    await walk.look(page)
    await page.keyboard.press("Escape")
    await visitor.do("Long", "Rename")
    await expect(page.locator("#conversations .row input")).to_be_visible()
    await walk.look(page)
    await page.keyboard.press("Escape")
    await visitor.search.fill("nothing like that")
    await expect(page.locator("#conversations .empty")).to_be_visible()
    await walk.look(page)
    await visitor.search.fill("q 29")
    await expect(page.locator(".list .excerpt mark").first).to_be_visible()
    await walk.look(page)
    await visitor.search.fill("")
    for what in ("Pin", "Archive"):
        await visitor.do("Long", what)
    await expect(page.locator("#conversations .undelete")).to_be_visible()
    await walk.look(page)
    await visitor.search.fill("long")
    await expect(page.locator("#conversations mark")).to_be_visible()
    await walk.look(page)
    await visitor.search.fill("")


async def two_answers(visitor: Visitor, wire: WireServer, walk: Walk) -> None:
    """A question that is asked twice, with thoughts above each answer, before one is kept."""
    page = visitor.page
    await visitor.new_chat()
    await page.locator("#compare summary").click()
    await page.locator("#compare select").focus()
    await walk.look(page)
    thoughtful = stream_reply(piece({"reasoning_content": "Hm."}), event("An answer."), FINISH, DONE)
    wire.script(thoughtful, thoughtful)
    await visitor.say("twice")
    await expect(page.locator("#chat .undecided")).to_be_visible()
    await page.locator("#chat .sent summary").first.click()
    await walk.look(page)
    await page.locator("#chat .keep button").last.click()
    await expect(visitor.versions).to_be_visible()
    await page.locator("#compare summary").click()


async def sharing(visitor: Visitor, walk: Walk) -> None:
    """A link to the chat that is shown, which is told once."""
    page = visitor.page
    await page.locator("#sharing .label-wrap").click()
    await page.locator("#shares .periods button").first.click()
    await expect(page.locator("#shares .copy-link")).to_be_visible()
    await walk.look(page)
    await page.locator("#sharing .label-wrap").click()


async def everything_opened(visitor: Visitor, walk: Walk) -> None:
    """All that can be unfolded, a notice about what cannot be set, and a panel over the chat of a phone."""
    page = visitor.page
    for name in ("#settings", "#exchange"):
        await page.locator(f"{name} .label-wrap").click()
    await page.locator("#temperature input").fill("9")
    await page.locator("#temperature input").press("Enter")
    await expect(visitor.toast).to_be_visible()
    await walk.look(page)
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.locator("#sidebar-toggle").click()
    await expect(page.locator("#talk[inert]")).to_be_attached()
    await walk.look(page)
    await page.locator("#sidebar .close").click()
    await page.locator("#panel-toggle").click()
    await walk.look(page)
    await page.locator("#panel .close").click()


async def not_there(visitor: Visitor, app: AppProcess, walk: Walk) -> None:
    """The address of a chat that is not there, of which is told until one goes on."""
    await visitor.page.goto(f"{app.url}?chat=nobodys")
    await expect(visitor.toast).to_be_visible()
    await walk.look(visitor.page)


async def over_a_limit(visitor: Visitor, walk: Walk) -> None:
    """A card that counts down."""
    await visitor.ask("one")
    await visitor.say("two")
    await expect(visitor.toast.locator("time")).not_to_be_empty()
    await walk.look(visitor.page)


async def house_rules(browser: Browser, app: AppProcess, walk: Walk) -> None:
    """A banner that is shown and closed, terms that are asked and accepted, and a chat that leaves no trace."""
    page = await (await browser.new_context(locale="en-US")).new_page()
    await page.goto(app.url)
    await expect(page.locator("#terms button")).to_be_visible()
    await walk.look(page)
    await page.locator(".banner button").click()
    await page.locator("#terms button").click()
    await expect(page.locator("#box textarea")).to_be_visible()
    await page.locator("#settings .label-wrap").click()
    await expect(page.locator("#temperature input")).to_be_disabled()
    await walk.look(page)
    await page.locator("#temporary-chat").click()
    await expect(page.locator(".temporary")).to_be_visible()
    await walk.look(page)
    await page.context.close()


async def offline(visitor: Visitor, app: AppProcess, walk: Walk) -> None:
    """A server that cannot be reached."""
    app.stop()
    await expect(visitor.connection).not_to_be_empty()
    await walk.look(visitor.page)


async def test_every_selector_of_the_style_sheet_and_the_scripts_finds_something(
    private_app, demo_app, app, ruled_app, browser, wire, visit
):
    async with visit(demo_app.url) as visitor:
        sought = await selectors_of(visitor.page)
        assert set(NOT_BROUGHT_ABOUT) <= sought, "this list names what nobody looks for any more"
        walk = Walk(sought - set(NOT_BROUGHT_ABOUT) | BROUGHT_ABOUT)
        await walk.look(visitor.page)
    demo = str(ROOT / "assets" / "demo.yaml")
    async with visit(app(CHATBOT_VISITOR_MESSAGES="1/day", CHATBOT_DEMO_FILE=demo).url) as visitor:
        await visitor.page.locator("#exchange .label-wrap").click()
        await expect(visitor.page.locator("#record-demo")).to_be_visible()
        await walk.look(visitor.page)
        await over_a_limit(visitor, walk)
    await house_rules(browser, ruled_app, walk)
    async with visit(private_app.url, scheme="dark") as visitor:
        await walk.look(visitor.page)
        await rich_answer(visitor, wire, walk)
        await sharing(visitor, walk)
        await versions_and_ratings(visitor, walk)
        await opened_by_the_header(visitor, wire, walk)
        await two_answers(visitor, wire, walk)
        await failing(visitor, wire, walk)
        await forgetting(visitor, walk)
        await long_and_quiet(visitor, walk)
        await the_list(visitor, walk)
        await everything_opened(visitor, walk)
        await not_there(visitor, private_app, walk)
        await offline(visitor, private_app, walk)
        missing = "\n".join(sorted(walk.missing))
        assert not missing, f"these find nothing on the page any more:\n{missing}"


async def test_a_page_at_rest_draws_nothing(demo_app, browser, visit):
    context = await browser.new_context(locale="en-US")
    await context.add_init_script(
        "window.asked = 0; const draw = requestAnimationFrame;"
        "window.requestAnimationFrame = (callback) => (asked++, draw(callback));"
    )
    async with visit(demo_app.url, context=context) as visitor:
        await visitor.ask("hello")
        seen = -1
        for _ in range(40):
            await visitor.page.wait_for_timeout(500)
            if seen == (seen := await visitor.page.evaluate("asked")):
                break
        else:
            pytest.fail(f"{seen} frames, and no end of them")
    await context.close()
