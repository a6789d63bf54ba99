"""A visitor of the page, as a test sees one: what he sees, types and presses."""

from collections.abc import Callable

from playwright.async_api import Page, expect


class Visitor:
    """One person at one browser tab."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.box = page.locator("#box textarea")
        self.send = page.locator("#box .submit-button")
        self.stop = page.locator("#box .stop-button")
        self.questions = page.locator("#chat .user.message")
        self.answers = page.locator("#chat .bot.message")
        self.notes = page.locator("#chat .note")
        self.memory = page.locator("#memory")
        self.toast = page.locator(".toast-body")

    async def say(self, text: str) -> None:
        """Type a message and send it."""
        await self.box.fill(text)
        await self.box.press("Enter")

    async def ask(self, text: str) -> str:
        """Send a message; return the whole answer."""
        before = await self.questions.count()
        await self.say(text)
        await expect(self.questions).to_have_count(before + 1)
        await self.settled()
        return await self.answers.last.inner_text()

    async def settled(self) -> None:
        """Wait until nothing is being answered: the box offers Send, and nothing moves any more."""
        seen, text = None, ""
        while seen != text:
            await expect(self.send).to_be_visible()
            # Gradio draws the parts of a page one after the other: Send may not have turned into Stop yet.
            await self.page.wait_for_timeout(200)
            seen, text = text, await self.page.locator("#chat").inner_text()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds behind the page."""
        for _ in range(200):
            if holds():
                return
            await self.page.wait_for_timeout(50)
        raise AssertionError("what the test waits for did not happen")

    async def press(self, label: str, *, nth: int = -1) -> None:
        """Press one of the buttons under the messages; the last of its kind unless told."""
        await self.page.locator(f"#chat button[aria-label='{label}']").nth(nth).click()

    async def edit_question(self, number: int, text: str) -> None:
        """Change the question with this number (from 1) and send it."""
        await self.press("Edit", nth=number - 1)
        await self.page.locator("#chat textarea").fill(text)
        await self.press("Submit")

    async def reload(self) -> None:
        await self.page.reload()
        await expect(self.memory).not_to_be_empty()
