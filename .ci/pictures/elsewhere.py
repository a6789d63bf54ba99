"""The bubble on somebody else's website."""

from playwright.async_api import Route, expect

from pictures.studio import Camera, Studio, application
from tests.support.visitor import Visitor

SITE, STRANGER = "https://www.example.com/", "https://www.other.org/"
SHOP = (
    """<!doctype html><html lang=en><meta name="viewport" content="width=device-width"><title>Shop</title>
<style>body { max-width: 50rem; margin: auto; padding: 1rem; font: 1rem serif; color-scheme: light dark; }</style>
<script src="%slauncher.js" async></script><h1>A shop</h1>"""
    + "<p>What there is to be had, at length.</p>" * 40
)


async def take(studio: Studio) -> None:
    """Take the pictures."""
    with application({"CHATBOT_FRAME_ANCESTORS": "self,https://www.example.com"}) as app:
        await studio.walk(app.url, lambda camera: in_a_corner(camera, app.url))


async def in_a_corner(camera: Camera, url: str) -> None:
    """The bubble, the chat in its panel, and the panel on a site that may not show it."""

    async def serve(route: Route) -> None:
        await route.fulfill(content_type="text/html", body=SHOP % url)

    page = camera.page
    bubble, panel = page.locator("chatbot-launcher .bubble"), page.locator("chatbot-launcher dialog")
    for site in (SITE, STRANGER):
        await page.route(site, serve)
    await camera.goto(SITE)
    await expect(bubble).to_be_visible()
    await camera.take("bubble")
    await bubble.click()
    await expect(panel.locator("iframe").content_frame.locator("#memory")).not_to_be_empty()
    await camera.take("bubble-open")
    [frame] = [each for each in page.frames if each.url.startswith(url)]
    await Visitor(frame).ask("My name is Ada.")
    await camera.take("bubble-chat")
    await camera.goto(STRANGER)
    await bubble.click()
    await expect(panel.locator("main a")).to_be_visible()
    await camera.take("bubble-refused")
