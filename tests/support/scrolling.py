"""Where the reader of a chat is: what the page has scrolled to, in every frame that the browser draws."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Locator, Page, expect

from tests.support.visitor import Visitor

_RECORD = """(element) => {
  const log = document.querySelector('#chat [role="log"]');
  const place = () => Math.round(element().getBoundingClientRect().top - log.getBoundingClientRect().top);
  window.seenAt = [place()];
  window.seeing = true;
  const look = () => {
    window.seenAt.push(place());
    if (window.seeing) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


class Scrolling:
    """The log of a chat, as something that is scrolled; lengths are in pixels."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor
        self.page: Page = visitor.page
        self.log: Locator = visitor.page.get_by_role("log")
        self.to_end = visitor.page.locator("#to-end button")

    async def top(self) -> float:
        return await self.log.evaluate("(log) => log.scrollTop")

    async def gap(self) -> float:
        """How far the end is."""
        return await self.log.evaluate("(log) => log.scrollHeight - log.clientHeight - log.scrollTop")

    async def height(self) -> float:
        return await self.log.evaluate("(log) => log.scrollHeight")

    async def grows(self, by: float = 300) -> None:
        """Wait until what is in the log has become so much longer."""
        before = await self.height()
        await self.page.wait_for_function(
            "(height) => document.querySelector('#chat [role=log]').scrollHeight >= height", arg=before + by
        )

    async def wheel(self, by: float) -> None:
        """Turn the wheel over the log, and wait until the log is where that leads and stays there."""
        await self.log.hover()
        await self.page.mouse.wheel(0, by)
        await self.rests()

    async def rests(self) -> None:
        """Wait until nothing scrolls any more: for ten frames in a row."""
        await self.page.evaluate(
            """() => new Promise((done) => {
              const log = document.querySelector('#chat [role="log"]');
              let [at, times] = [log.scrollTop, 0];
              const look = () => {
                times = log.scrollTop === at ? times + 1 : 0;
                at = log.scrollTop;
                times < 10 ? requestAnimationFrame(look) : done();
              };
              look();
            })"""
        )

    async def is_at_end(self) -> None:
        await expect(self.to_end).to_be_hidden()
        assert await self.gap() <= 1

    async def follows(self) -> None:
        """Whatever comes, the end is in sight."""
        await self.grows(100)
        await self.is_at_end()

    @asynccontextmanager
    async def stays(self, text: str) -> AsyncIterator[None]:
        """In no frame does a text within the log move from where it is seen."""
        element = (
            "[...document.querySelectorAll('#chat [role=log] :is(p, li, pre.typed)')]"
            f".find((each) => each.innerText.includes({text!r}))"
        )
        await self.page.evaluate(f"({_RECORD})(() => {element})")
        yield
        seen = await self.page.evaluate("() => (window.seeing = false, window.seenAt)")
        assert len(seen) > 5, "hardly a frame was drawn"
        assert max(seen) - min(seen) <= 1, f"what was read moved: {sorted(set(seen))}"
