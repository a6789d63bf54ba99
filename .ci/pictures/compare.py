"""Two answers to one question."""

from playwright.async_api import expect

from chatbot.emulator import Emulator
from pictures.studio import Camera, Studio, several_deployments

DEPLOYMENTS = """
[[deployment]]
name = "Small & quick"
endpoint_url = "{0.chat_url}"
api_key_variable = "KEY"
input_price = 0.30
output_price = 0.61
[[deployment]]
name = "Large, with a name that goes on"
endpoint_url = "{0.chat_url}"
api_key_variable = "KEY"
input_price = 3.0
output_price = 9.0
"""


async def take(studio: Studio) -> None:
    """Take the pictures."""
    with several_deployments(DEPLOYMENTS, token_delay=0.03) as (url, endpoint):
        await studio.walk(url, lambda camera: comparing(camera, endpoint))


async def comparing(camera: Camera, endpoint: Emulator) -> None:
    """How it is asked for, both growing, both there, one that failed, and one that is kept."""
    visitor, page = camera.visitor, camera.page
    await visitor.ask("My name is Ada.")
    await page.locator("#compare summary").click()
    await camera.take("compare-form")
    await visitor.say("Give me a long answer.")
    await expect(page.locator("#chat")).to_contain_text("You asked for something long")
    await camera.take("compare-growing", still=False)
    await page.keyboard.press("Escape")
    await visitor.settled()
    await camera.take("compare-stopped")
    await page.locator("#compare [name=k]").fill("0")
    await visitor.ask("What is my name?")
    await camera.take("compare")
    await page.locator("#chat .sent summary").last.click()
    await camera.take("compare-sent")
    endpoint.fail("unauthorized-serverless")
    await visitor.say("Show me a table.")
    await expect(page.locator("#chat .note.failed")).to_be_visible()
    await visitor.settled()
    await camera.take("compare-failed")
    await page.get_by_role("button", name="Keep this one").last.click()
    await expect(page.locator("#chat .card-head")).to_have_count(0)
    await page.locator("#compare summary").click()
    await camera.take("compare-kept")
