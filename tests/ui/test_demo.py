"""The demo that ships, played in a browser as a presenter does: with the keys of a remote, at a projector's sizes."""

import pytest
from playwright.async_api import expect

from chatbot.demo import read_demo
from chatbot.emulator import Emulator
from tests.support.app_process import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZES = pytest.mark.parametrize("size", [(1024, 768), (1920, 1080)], ids=["1024x768", "1920x1080"])
FILE = ROOT / "assets" / "demo.yaml"
DEMO = read_demo(FILE)
FROM_RECORDING = "from the recording"


class Presenter:
    """Whoever holds the remote."""

    def __init__(self, visitor):
        self.visitor, self.page = visitor, visitor.page
        self.place = self.page.locator("#demo .demo > span")
        self.curtain = self.page.locator("#curtain")

    async def press(self, key="PageDown"):
        await self.page.keyboard.press(key)

    async def play(self, number):
        """Play a question, with all its steps; return its answer and the lines above it."""
        turn = DEMO.turns[number - 1]
        if turn.offers is not None:
            await self.press()
            await expect(self.visitor.box).to_have_value(turn.question)
            await expect(self.visitor.recall_hint).to_contain_text(f"turn {turn.offers} is no longer remembered")
            await self.press()
            await expect(self.visitor.recall_hint).to_have_count(0)
        await self.press()
        await expect(self.visitor.questions).to_have_count(number)
        await expect(self.visitor.questions.last).to_have_text(turn.question)
        await expect(self.visitor.box).to_have_value("")
        await self.visitor.settled()
        rows = await self.page.locator("#chat [data-testid=bot], #chat .user.message").all_inner_texts()
        return "\n".join(rows[max(at for at, row in enumerate(rows) if row.strip() == turn.question) + 1 :])


def check(turn, said):
    """What the file expects of an answer."""
    assert all(words.casefold() in said.casefold() for words in turn.expect.contains if words != "|")
    assert not any(words.casefold() in said.casefold() for words in turn.expect.avoids)


async def fits(page):
    """Nothing is wider than the window, and the box is in it."""
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    table = "(tables) => tables.every((table) => table.scrollWidth <= table.clientWidth)"
    assert await page.locator("#chat table").evaluate_all(table), "nobody scrolls a table on a stage"
    box = await page.locator("#box").bounding_box()
    assert box["y"] + box["height"] <= page.viewport_size["height"]


async def middles(page, *selectors):
    """How far down the window the middle of each part is, at one moment: the page may be moving."""
    return await page.evaluate(
        """(selectors) => selectors.map((selector) => {
          const { y, height } = document.querySelector(selector).getBoundingClientRect();
          return y + height / 2;
        })""",
        selectors,
    )


@SIZES
async def test_on_the_demo_endpoint_it_plays_to_its_end_with_page_down_alone(app, visit, size):
    process = app(CHATBOT_DEMO_FILE=str(FILE))
    assert "?present" in process._process.stdout.readline()
    width, height = size
    async with visit(f"{process.url}?present", width=width, height=height) as visitor:
        presenter = Presenter(visitor)
        await expect(presenter.place).to_have_text(f"0 of {len(DEMO.turns)}")
        await expect(visitor.box).not_to_be_focused()
        box, button = await middles(visitor.page, "#box", "#box .submit-button")
        assert abs(box - button) <= 2, "what one sends with is not in the middle of its line"
        for number, turn in enumerate(DEMO.turns, start=1):
            said = await presenter.play(number)
            assert FROM_RECORDING not in said
            if turn.blocked:
                assert "Blocked by the content filter" in said
            check(turn, said)
            await fits(visitor.page)
        await expect(presenter.place).to_have_text("The end")
        notes = " ".join(await visitor.notes.all_inner_texts())
        assert "Answered by Demo endpoint, standby. Demo endpoint is out of capacity" in notes
        await expect(visitor.forgotten.last).to_be_attached()
        # The screen goes black and comes back, and what is pressed meanwhile is lost on nobody.
        await presenter.press("b")
        await expect(presenter.curtain).to_be_visible()
        await presenter.press("PageUp")
        await expect(presenter.curtain).to_be_hidden()
        await expect(presenter.place).to_have_text("The end")
        await presenter.press("PageUp")
        await expect(visitor.questions).to_have_count(len(DEMO.turns) - 1)
        # In the page as everybody knows it, the keys are the browser's, and there is nothing of the demo.
        await presenter.press("Alt+p")
        await expect(presenter.place).to_be_hidden()
        await visitor.box.fill("b")
        await presenter.press("PageDown")
        await expect(visitor.questions).to_have_count(len(DEMO.turns) - 1)
        assert "present" not in visitor.page.url
        assert "Traceback" not in process.log


@pytest.mark.timeout(900)
@SIZES
async def test_with_the_endpoint_dying_in_the_middle_it_plays_to_its_end(app, visit, size, tmp_path):
    width, height = size
    # Nobody waits here to see whether it comes back.
    hasty = FILE.read_text(encoding="utf-8").replace("first_word: 6\nsilence: 6", "first_word: 4\nsilence: 2")
    (tmp_path / "demo.yaml").write_text(hasty, encoding="utf-8")
    with Emulator(token_delay=0) as endpoint:
        process = app(
            CHATBOT_DEMO_FILE="demo.yaml",
            AZUREML_ENDPOINT_URL=endpoint.chat_url,
            AZUREML_ENDPOINT_API_KEY=endpoint.key,
        )
        async with visit(f"{process.url}?present", width=width, height=height) as visitor:
            presenter = Presenter(visitor)
            for number, turn in enumerate(DEMO.turns, start=1):
                if number == 4:
                    # In the middle of an answer, and for good.
                    endpoint.fail("stall-after-events:3")
                    await presenter.press()
                    await expect(visitor.answers.last).to_contain_text("This")
                    endpoint.stop()
                    await expect(visitor.questions).to_have_count(4)
                    await visitor.settled()
                    await expect(visitor.answers.last).to_contain_text("8 messages")
                    await expect(visitor.notes.last).to_contain_text("The model began this answer; the rest is from")
                    continue
                said = await presenter.play(number)
                assert (FROM_RECORDING in said) == (number > 4)
                if turn.blocked:
                    assert "Blocked by the content filter" in said
                check(turn, said)
                await fits(visitor.page)
            await expect(presenter.place).to_have_text("The end")
            await expect(visitor.notes.filter(has_text=FROM_RECORDING)).to_have_count(len(DEMO.turns) - 3)
