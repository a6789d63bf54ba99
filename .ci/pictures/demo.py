"""The demo that ships, played to its end at a projector's sizes: as it is, and with an endpoint that dies."""

from playwright.async_api import expect

from chatbot.demo import read_demo
from chatbot.emulator import Emulator
from pictures.studio import PROJECTORS, Camera, Studio, application, behind
from tests.support.app_process import ROOT

FILE = ROOT / "assets" / "demo.yaml"
DEMO = read_demo(FILE)


async def take(studio: Studio) -> None:
    """Take the pictures."""
    with application({"CHATBOT_DEMO_FILE": str(FILE)}) as app:
        await studio.walk(f"{app.url}?present", played, screens=PROJECTORS)
    with Emulator() as endpoint:
        endpoint.stop()
    with application(behind(endpoint) | {"CHATBOT_DEMO_FILE": str(FILE)}) as app:
        await studio.walk(f"{app.url}?present", saved_by_the_recording, screens=PROJECTORS)


async def played(camera: Camera) -> None:
    """Every question, with Page Down alone."""
    visitor, page = camera.visitor, camera.page
    await camera.take("demo")
    for number, turn in enumerate(DEMO.turns, start=1):
        if turn.offers is not None:
            await page.keyboard.press("PageDown")
            await expect(visitor.recall_hint).to_be_visible()
            await camera.take(f"demo-{number}-offer")
            await page.keyboard.press("PageDown")
            await expect(visitor.recall_hint).to_have_count(0)
        await _ask(camera, number)
        await camera.take(f"demo-{number}")
    await camera.open_panel()
    await camera.take("demo-memory")
    await page.keyboard.press("b")
    await camera.take("demo-blank")


async def saved_by_the_recording(camera: Camera) -> None:
    """The first questions to an endpoint that is not there."""
    await _ask(camera, 1)
    await camera.take("demo-saved")
    await camera.open_panel()
    await camera.take("demo-saved-memory")
    await camera.page.keyboard.press("l")
    await expect(camera.page.locator("#demo .recorded")).to_be_visible()
    await _ask(camera, 2)
    await camera.take("demo-recorded")


async def _ask(camera: Camera, number: int) -> None:
    await camera.page.keyboard.press("PageDown")
    await expect(camera.visitor.questions).to_have_count(number)
    await expect(camera.visitor.box).to_have_value("")
    await camera.visitor.settled()
