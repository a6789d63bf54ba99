"""A visitor of the page, as a test sees one: what they see, type and press."""

from collections.abc import Callable

from playwright.async_api import Locator, Page, expect

COUNT_DRAWINGS = """(() => {
  let draw, drawn;
  window.isToBeDrawn = false;
  Object.defineProperty(window, "chatbotDraw", {
    get: () => draw,
    set: (plain) => (draw = () => ((window.isToBeDrawn = true), plain())),
  });
  Object.defineProperty(window, "chatbotDrawn", {
    get: () => drawn,
    set: (plain) => (drawn = () => ((window.isToBeDrawn = false), plain())),
  });
})()"""
"""Runs before a page's scripts, and knows from then on whether Gradio has been given all that the stream brought."""

STANDS_STILL = """() => new Promise((done) => {
  const chat = document.querySelector("#chat");
  let [calm, text] = [0, null];
  const look = () => {
    const now = chat.innerText;
    calm = !window.isToBeDrawn && now === text ? calm + 1 : 0;
    text = now;
    calm < 5 ? requestAnimationFrame(look) : done();
  };
  look();
})"""
"""Gradio draws the parts of a page one after the other, within a few frames of the browser."""

LINES = ".note, .versions, .forgotten, .earlier, .facts"
"""What the page itself says between the messages."""


class Visitor:
    """One person at one browser tab."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.box = page.locator("#box textarea")
        self.send = page.locator("#box .submit-button")
        self.stop = page.locator("#box .stop-button")
        self.questions = page.locator("#chat .user.message")
        self.answers = page.locator(f"#chat [data-testid=bot]:not(:has({LINES}, .thought-group))")
        self.notes = page.locator("#chat .note")
        self.facts = page.locator("#chat .facts")
        self.thoughts = page.locator("#chat .thought-group")
        self.badge = page.locator("#badge .badge")
        self.forgotten = page.locator("#chat .forgotten")
        self.versions = page.locator("#chat .versions")
        self.memory = page.locator("#memory")
        self.titles = page.locator("#conversations .row button.open")
        self.search = page.locator("#search textarea, #search input")
        self.k = page.locator("#k input[type=range]")
        self.plan = page.locator("#plan li")
        self.total = page.locator("#plan .total")
        self.recall_hint = page.locator("#recall-hint .recall-hint")
        self.toast = page.locator("#notices .notice")
        self.connection = page.locator("#connection")

    async def say(self, text: str) -> None:
        """Type a message and send it."""
        await self.box.fill(text)
        await self.box.press("Enter")

    async def ask(self, text: str) -> str:
        """Send a message; return the whole answer."""
        await expect(self.send).to_be_visible()  # while an answer grows, Enter leaves the words where they are
        before = await self.questions.count()
        await self.say(text)
        await expect(self.questions).to_have_count(before + 1)
        await self.settled()
        await expect(self.box).to_have_value("")
        return await self.answers.last.inner_text()

    async def settled(self) -> None:
        """Wait until nothing is being answered: the box offers Send, and nothing moves any more."""
        while True:
            await expect(self.send).to_be_visible(timeout=60_000)
            # Send may be about to turn into Stop.
            await self.page.evaluate(STANDS_STILL)
            if await self.send.is_visible():
                return

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds behind the page."""
        for _ in range(1200):
            if holds():
                return
            await self.page.wait_for_timeout(50)
        raise AssertionError("what the test waits for did not happen")

    async def new_chat(self) -> None:
        """Begin another conversation."""
        await self.page.locator("#new-chat").click()
        await expect(self.questions).to_have_count(0)

    async def open(self, title: str) -> None:
        """Turn to another conversation of the list."""
        await self.titles.get_by_text(title, exact=True).click()

    async def do(self, title: str, what: str) -> None:
        """Choose something in the menu of a conversation in the list."""
        await self.open_menu(title)
        await self.page.get_by_role("menuitem", name=what, exact=True).click()

    async def open_menu(self, title: str) -> None:
        """Open the menu of a conversation in the list."""
        row = self.page.locator("#conversations .row").filter(has_text=title)
        await row.hover()
        await row.locator("button.options").click()

    def planned(self, number: int) -> Locator:
        """What the memory panel says about the turn with this number (from 1)."""
        return self.plan.filter(has=self.page.locator("b").get_by_text(str(number), exact=True))

    async def mark(self, number: int, what: str) -> None:
        """Press one of the buttons beside a turn in the memory panel."""
        await self.planned(number).get_by_role("button", name=what, exact=True).click()

    async def flip(self, which: str) -> None:
        """Press ‹ or › (``Earlier`` or ``Later``) below the last answer that has versions."""
        await self.versions.last.get_by_role("button", name=f"{which} version").click()

    async def show_earlier(self, label: str) -> None:
        await self.page.locator("#chat .earlier").get_by_role("button", name=label).click()

    async def press(self, label: str, *, nth: int = -1) -> None:
        """Press one of the buttons under the messages; the last of its kind unless told."""
        await self.page.locator("#chat").get_by_role("button", name=label, exact=True).nth(nth).click()

    async def choose_deployment(self, name: str) -> None:
        """Choose who answers, in the header."""
        await self.badge.click()
        await self.page.get_by_role("menuitemradio", name=name, exact=True).click()
        await expect(self.badge).to_contain_text(name)

    async def edit_question(self, number: int, text: str) -> None:
        """Change the question with this number (from 1) and send it."""
        await self.press("Edit", nth=number - 1)
        await self.page.locator("#chat textarea").fill(text)
        await self.press("Submit")

    async def reload(self) -> None:
        await self.page.reload()
        await expect(self.memory).not_to_be_empty()
