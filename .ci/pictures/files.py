"""What leaves the page and comes in: files, a report, a link, and other tools' exports."""

import json
import tempfile
from pathlib import Path

from playwright.async_api import expect

from pictures.studio import Camera, Studio, application
from tests.support import other_tools
from tests.ui.test_export_and_import import import_file, saved


async def take(studio: Studio) -> None:
    """Take the pictures."""
    with application({"CHATBOT_SHARE_DAYS": "30"}) as app, tempfile.TemporaryDirectory() as home:
        await studio.walk(app.url, lambda camera: handed_out(camera, Path(home)))
        await studio.walk(app.url, lambda camera: brought_in(camera, Path(home)))


async def handed_out(camera: Camera, home: Path) -> None:
    """A chat as a link, which ends, and as a report."""
    visitor, page = camera.visitor, camera.page
    for question in ("My name is Ada.", "Show me a table.", "Show me code.", "What do you remember?"):
        await visitor.ask(question)
    await camera.open_sidebar()
    report = await saved(visitor, "This chat as a report")
    file = home / f"{camera.look}.html"
    await report.save_as(file)
    await camera.take("export")
    await page.get_by_text("Export and import").click()
    await page.locator("#sharing").get_by_text("Share", exact=True).click()
    await camera.take("share")
    await page.get_by_role("button", name="For 7 days").click()
    address = page.locator("#shares a[href]")
    await expect(address).to_be_visible()
    await camera.take("shared")
    link = await address.inner_text()
    reader = Camera(await page.context.new_page(), visitor, camera.folder, camera.look)
    await reader.goto(link)
    await reader.take("shared-page", whole=True)
    await page.get_by_role("button", name="End the link").click()
    await expect(page.locator("#shares li")).to_have_count(0)
    await reader.goto(link)
    await reader.take("shared-page-gone")
    await reader.goto(file.as_uri())
    await reader.take("report", whole=True)
    await reader.page.emulate_media(media="print")
    await reader.take("report-printed", whole=True)


async def brought_in(camera: Camera, home: Path) -> None:
    """Other tools' exports, with what could not be taken of them; and a file that is none."""
    visitor = camera.visitor
    await camera.open_sidebar()
    for name, content, told in (
        ("chatgpt.zip", other_tools.CHATGPT_ZIP, "from ChatGPT"),
        ("librechat.json", json.dumps(other_tools.LIBRECHAT_TREE).encode(), "from LibreChat"),
        ("claude.json", b'[{"uuid": "1", "name": "x", "chat_messages": []}]', "Claude"),
    ):
        file = home / name
        file.write_bytes(content)
        await import_file(visitor, file)
        await expect(visitor.toast.last).to_contain_text(told)
        await camera.take(f"imported-{file.stem}")
    if camera.is_phone:
        await camera.page.keyboard.press("Escape")
    await camera.page.locator("#notices .notice button").evaluate_all("(all) => all.forEach((each) => each.click())")
    await camera.take("imported-incomplete")
