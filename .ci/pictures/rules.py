"""What an owner tells and asks of everybody, and what they may spend."""

from playwright.async_api import expect

from chatbot.emulator import Emulator
from pictures.studio import Camera, Studio, application, behind

TERMS = """# House rules

Be kind, and keep **secrets** to yourself: what you type is read by a model, and kept for 30 days.

- Do not ask for anything against the law.
- Check what it says before you rely on it.

[The whole of it](https://www.example.com/terms)
"""


async def take(studio: Studio) -> None:
    """Take the pictures."""
    told = {
        "CHATBOT_BANNER": "On Sunday from 8 to 10 the app is down.\nPlease save what you need before.",
        "CHATBOT_AI_NOTICE": "A machine answers here, and no person. Check what it says.",
        "CHATBOT_RETENTION_DAYS": "30",
        "CHATBOT_TERMS_FILE": "terms.md",
    }
    with application(told, terms=TERMS) as app:
        await studio.walk(app.url, accepting, is_chat=False)
    with application({"CHATBOT_VISITOR_MESSAGES": "2/hour", "CHATBOT_DAILY_TOKENS": "20000"}) as app:
        await studio.walk(app.url, over_a_limit)
    with application({"CHATBOT_DAILY_TOKENS": "1"}) as app:
        await studio.walk(app.url, over_the_budget)
    with Emulator(token_delay=0) as endpoint:
        spends = behind(endpoint) | {"CHATBOT_DAILY_TOKENS": "1", "CHATBOT_OVER_BUDGET": "demo"}
        with application(spends) as app:
            await studio.walk(app.url, handed_to_the_demo)
    with application({"CHATBOT_LOCKED_CONTROLS": "all"}) as app:
        await studio.walk(app.url, locked)
    with application({"CHATBOT_HIDDEN_PARTS": "all", "CHATBOT_HIDDEN_CONTROLS": "all"}) as app:
        await studio.walk(app.url, hidden)
    with application() as app:
        await studio.walk(app.url, lambda camera: away(camera, app))


async def accepting(camera: Camera) -> None:
    """The terms, and the chat behind them with all that is told."""
    accept = camera.page.locator("#terms").get_by_role("button", name="Accept")
    await expect(accept).to_be_visible()
    await camera.take("terms")
    await accept.click()
    await expect(camera.visitor.box).to_be_focused()
    await camera.take("rules-welcome")
    await camera.visitor.ask("My name is Ada.")
    await camera.open_sidebar()
    await camera.take("rules")


async def over_a_limit(camera: Camera) -> None:
    """What is left of a limit, and what whoever is over it is told."""
    await camera.visitor.ask("My name is Ada.")
    await camera.take("limit-left")
    await camera.visitor.ask("What is my name?")
    await camera.visitor.say("And what do you remember?")
    await expect(camera.visitor.toast).to_be_visible()
    await camera.take("limit-over")


async def over_the_budget(camera: Camera) -> None:
    """A day's budget that is used up, by the first who came."""
    if "used up" not in await camera.visitor.memory.inner_text():
        await camera.visitor.ask("My name is Ada.")
    await camera.visitor.say("What is my name?")
    await expect(camera.visitor.toast).to_be_visible()
    await camera.take("budget-over")


async def handed_to_the_demo(camera: Camera) -> None:
    """A day's budget that is used up, where the demo endpoint answers then."""
    await camera.visitor.ask("My name is Ada.")
    await camera.visitor.ask("What is my name?")
    await expect(camera.visitor.notes.last).to_contain_text("Demo endpoint")
    await camera.take("budget-demo")


async def locked(camera: Camera) -> None:
    """Settings that are seen and cannot be chosen."""
    await camera.visitor.ask("My name is Ada.")
    await camera.open_panel()
    await camera.page.locator("#settings .label-wrap").click()
    await camera.take("locked")


async def hidden(camera: Camera) -> None:
    """A page without anything that can be left out."""
    await camera.take("hidden-welcome")
    await camera.visitor.ask("My name is Ada.")
    await camera.take("hidden")


async def away(camera: Camera, app: object) -> None:
    """An application that is gone for a while."""
    await camera.visitor.ask("My name is Ada.")
    await camera.page.context.set_offline(True)
    await camera.page.evaluate("dispatchEvent(new Event('offline'))")
    await camera.visitor.say("What is my name?")
    await expect(camera.visitor.connection).not_to_be_empty()
    await camera.take("away")
    await camera.page.context.set_offline(False)
    await expect(camera.visitor.connection).to_contain_text("Back again")
    await camera.take("back", still=False)
