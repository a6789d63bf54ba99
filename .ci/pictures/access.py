"""The page on which one signs in."""

import itertools

from playwright.async_api import expect

from chatbot.access.passwords import hash_password
from pictures.studio import Camera, Studio, application

PASSWORD = "correct horse battery"  # noqa: S105 - of a test


ADDRESSES = itertools.count(1)
"""Whoever guessed has to wait, and with them all at their address."""


async def take(studio: Studio) -> None:
    """Take the pictures."""
    behind_a_door = {"CHATBOT_DOOR": "password", "CHATBOT_PASSWORD_HASH": hash_password(PASSWORD)}
    with application(behind_a_door | {"CHATBOT_TITLE": "Ask Contoso"}) as app:
        await studio.walk(app.url, signing_in, is_chat=False)
        await studio.walk(app.url, guessing, is_chat=False)


async def signing_in(camera: Camera) -> None:
    """The page, and the chat behind it, which can be left again."""
    await camera.take("sign-in")
    await camera.page.locator("#password").fill(PASSWORD)
    await camera.page.get_by_role("button", name="Sign in").click()
    await expect(camera.visitor.memory).not_to_be_empty()
    await camera.open_sidebar()
    await camera.take("signed-in")


async def guessing(camera: Camera) -> None:
    """A wrong password, and too many of them."""
    await camera.page.set_extra_http_headers({"X-Forwarded-For": f"192.0.2.{next(ADDRESSES)}"})
    told = camera.page.locator("[role=alert]")
    await _guess(camera)
    await expect(told).to_be_visible()
    await camera.take("sign-in-wrong", still=False)
    while "Too many" not in await told.inner_text():
        await _guess(camera)
    await camera.take("sign-in-wait", still=False)


async def _guess(camera: Camera) -> None:
    await camera.page.locator("#password").fill("open sesame")
    await camera.page.get_by_role("button", name="Sign in").click()
    await camera.page.wait_for_load_state()
