"""The owner's pages: what was used, and what is wrong with an endpoint."""

from playwright.async_api import expect

from chatbot.emulator import Emulator
from pictures.studio import Camera, Studio, several_deployments

TOKEN = "correct horse battery"  # noqa: S105 - of a test
DEPLOYMENTS = """
[[deployment]]
name = "Small & quick"
endpoint_url = "{0.chat_url}"
api_key_variable = "KEY"
input_price = 0.30
output_price = 0.61
[[deployment]]
name = "Nobody's"
endpoint_url = "http://127.0.0.1:9/v1/chat/completions"
api_key_variable = "KEY"
input_price = 0.30
output_price = 0.61
"""


async def take(studio: Studio) -> None:
    """Take the pictures."""
    with several_deployments(DEPLOYMENTS, token_delay=0.002, CHATBOT_OWNER_TOKEN=TOKEN) as (url, endpoint):
        await studio.walk(url, lambda camera: owning(camera, url, endpoint))


async def owning(camera: Camera, url: str, endpoint: Emulator) -> None:
    """The way in, both pages, and an examination while it runs and at its end."""
    visitor, page = camera.visitor, camera.page
    await visitor.ask("My name is Ada.")
    endpoint.fail("unauthorized-serverless")
    await visitor.say("What is my name?")
    await visitor.settled()
    await camera.goto(f"{url}owner/usage")
    await camera.take("owner-sign-in")
    await page.get_by_label("The owner's token").fill(TOKEN)
    await page.get_by_role("button", name="Open").click()
    await expect(page.get_by_role("heading", name="By visitor")).to_be_visible()
    await camera.take("usage", whole=True)
    await camera.goto(f"{url}owner/doctor")
    await camera.take("doctor")
    await page.locator("button[name=run]").click()
    await expect(page.locator("main")).to_contain_text("Examining")
    await camera.take("doctor-examining", still=False)
    await expect(page.locator("main")).not_to_contain_text("Examining", timeout=120_000)
    await camera.take("doctor-done", whole=True)
