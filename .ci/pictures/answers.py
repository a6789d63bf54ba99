"""Answers and the rows below them, what can go wrong with them, and what the header opens."""

from playwright.async_api import expect

from chatbot.emulator import Emulator
from pictures.studio import Camera, Studio, application, several_deployments

DEPLOYMENTS = """
[[deployment]]
name = "Small & quick"
endpoint_url = "{0.chat_url}"
api_key_variable = "KEY"
[[deployment]]
name = "Large"
endpoint_url = "{0.chat_url}"
api_key_variable = "KEY"
max_tokens = 60
"""
FORMULA = r"repeat The area of a circle is $\pi r^2$, and $$\int_0^1 x^2\,dx = \frac{1}{3}$$"
STANDING_IN = """
[[deployment]]
name = "Small & quick"
endpoint_url = "http://127.0.0.1:9/v1/chat/completions"
api_key_variable = "KEY"
fallback = ["Large"]
[[deployment]]
name = "Large"
endpoint_url = "{0.chat_url}"
api_key_variable = "KEY"
"""


async def take(studio: Studio) -> None:
    """Take the pictures."""
    with several_deployments(DEPLOYMENTS) as (url, endpoint):
        for walk in (menus, rows_below_answers, forgetting, paper):
            await studio.walk(url, walk)
        await studio.walk(url, lambda camera: failures(camera, endpoint))
    with several_deployments(STANDING_IN) as (url, _):
        await studio.walk(url, standing_in)
    with application({"CHATBOT_DEMO_TOKEN_DELAY": "0.05"}) as app:
        await studio.walk(app.url, growing)


async def menus(camera: Camera) -> None:
    """What the header opens."""
    visitor, page = camera.visitor, camera.page
    await visitor.ask("My name is Ada.")
    await visitor.badge.click()
    await camera.take("picker")
    await page.keyboard.press("Escape")
    await page.locator("#page-menu").click()
    await camera.take("page-menu")
    await page.get_by_role("menuitem", name="Keyboard shortcuts").click()
    await camera.take("shortcuts")
    await page.keyboard.press("Escape")
    await camera.open_panel()
    await page.locator("#settings .label-wrap").click()
    await camera.take("settings")


async def rows_below_answers(camera: Camera) -> None:
    """An answer that reached its limit, one of another deployment, versions, a thumb, a turn that was taken back."""
    visitor, page = camera.visitor, camera.page
    await visitor.choose_deployment("Large")
    await visitor.ask("Give me a long answer.")
    await camera.take("length-limit")
    await visitor.notes.get_by_role("button", name="Continue").click()
    await visitor.settled()
    await visitor.press("Retry with another model")
    await camera.take("retry-with")
    await page.get_by_role("menuitem", name="Small & quick").click()
    await visitor.settled()
    await visitor.facts.last.get_by_role("button", name="Good answer").click()
    await visitor.facts.last.locator(".chosen").wait_for()
    await camera.take("versions")
    await visitor.press("Edit")
    await camera.take("editing")
    await page.keyboard.press("Escape")
    await visitor.press("Undo")
    await camera.take("undone")


async def forgetting(camera: Camera) -> None:
    """What is not remembered any more, beside the chat and in it, and the offer of a turn that is mentioned."""
    visitor, page = camera.visitor, camera.page
    for question in ("My launch date is 3 March.", "Show me code.", FORMULA):
        await visitor.ask(question)
    await camera.take("code-and-formula")
    await camera.open_panel()
    await visitor.k.fill("1")
    await expect(visitor.forgotten).to_have_count(1)
    await camera.take("forgotten")
    if camera.is_phone:
        await page.keyboard.press("Escape")
    await visitor.box.press_sequentially("And when is my launch date?")
    await expect(visitor.recall_hint).to_be_visible()
    await camera.take("offer")


async def failures(camera: Camera, endpoint: Emulator) -> None:
    """An endpoint that does not answer, one that is busy, one that dies in the middle, and a question it refuses."""
    visitor, page = camera.visitor, camera.page
    await visitor.ask("My name is Ada.")
    for name in ("content-filter", "unauthorized-managed", "cut-after-events:12"):
        endpoint.fail(name)
        await visitor.say("What is my name?")
        await expect(page.locator("#chat .note.failed").last).to_be_visible()
        await visitor.settled()
        await camera.take(f"failed-{name.partition(':')[0]}")
    endpoint.fail("rate-limit:20")
    await visitor.say("And now?")
    await expect(page.locator("#chat .pause")).to_be_visible()
    await camera.take("busy")
    await visitor.stop.click()
    await visitor.settled()
    endpoint.heal()


async def standing_in(camera: Camera) -> None:
    """An answer of one that stands in for another."""
    await camera.visitor.ask("My name is Ada.")
    await expect(camera.visitor.notes).to_contain_text("Answered by Large")
    await camera.take("stood-in")


async def growing(camera: Camera) -> None:
    """An answer before its first word, its thoughts, and while it is written; and one that was stopped."""
    visitor, page = camera.visitor, camera.page
    await visitor.choose_deployment("Demo endpoint, thinking aloud")
    await visitor.say("Give me a long answer.")
    await visitor.thoughts.first.wait_for()
    await camera.take("thinking", still=False)
    await expect(visitor.answers.last).to_contain_text("memory window")
    await camera.take("growing", still=False)
    await page.keyboard.press("Escape")
    await visitor.settled()
    await camera.take("stopped")


async def paper(camera: Camera) -> None:
    """What is printed."""
    visitor, page = camera.visitor, camera.page
    await visitor.ask("Show me a table.")
    await visitor.ask("Show me code.")
    await page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    await page.emulate_media(media="print")
    await camera.take("printed")
