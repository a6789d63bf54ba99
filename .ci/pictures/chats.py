"""The list of conversations: pinned and archived ones, searched, renamed, deleted; and a chat that is kept nowhere."""

from playwright.async_api import expect

from pictures.studio import Camera, Studio, application


async def take(studio: Studio) -> None:
    """Take the pictures."""
    with application() as app:
        await studio.walk(app.url, listed)
        await studio.walk(app.url, temporary)
        await studio.walk(app.url, deleting_all)


async def listed(camera: Camera) -> None:
    """A list with one of each, and what can be done with one."""
    visitor, page = camera.visitor, camera.page
    for number, question in enumerate(
        ("Plans for the launch", "My name is Ada.", "A title that is far too long for it")
    ):
        if number:
            await page.keyboard.press("Control+Shift+O")
            await expect(visitor.questions).to_have_count(0)
        await visitor.ask(question)
    await camera.open_sidebar()
    await visitor.do("Plans for", "Pin")
    await expect(page.locator("#conversations .pinned")).to_have_count(1)
    await visitor.do("My name", "Archive")
    await expect(page.locator("#conversations")).to_contain_text("Archived “My name is Ada.”")
    await camera.take("list")
    await visitor.open_menu("A title")
    await camera.take("list-menu")
    await page.get_by_role("menuitem", name="Rename").click()
    await camera.take("list-renaming")
    await page.get_by_role("textbox", name="Title").press("Escape")
    await page.get_by_role("button", name="Archived chats").click()
    await expect(visitor.titles).to_have_text(["My name is Ada."])
    await camera.take("list-archived")
    await page.get_by_role("button", name="Back to all chats").click()
    await expect(visitor.titles).to_have_count(2)
    await visitor.search.fill("plans")
    await expect(visitor.titles).to_have_count(1)
    await camera.take("list-found")
    await visitor.search.fill("nowhere to be found")
    await expect(page.locator("#conversations .empty")).to_be_visible()
    await camera.take("list-not-found")
    await visitor.search.fill("")
    await expect(visitor.titles).to_have_count(2)
    await visitor.do("A title", "Delete")
    await expect(visitor.titles).to_have_count(1)
    await camera.take("list-deleted")


async def temporary(camera: Camera) -> None:
    """A chat that is written down nowhere."""
    await camera.open_sidebar()
    await camera.page.get_by_role("button", name="Temporary chat").click()
    await expect(camera.page.locator("#temporary p")).to_be_visible()
    await camera.take("temporary-welcome")
    await camera.visitor.ask("My name is Ada.")
    await camera.take("temporary")


async def deleting_all(camera: Camera) -> None:
    """All that was said, about to be deleted, and gone."""
    await camera.visitor.ask("My name is Ada.")
    await camera.open_sidebar()
    await camera.page.locator("#house summary").click()
    await camera.take("delete-all")
    await camera.page.get_by_role("button", name="Delete everything").click()
    await expect(camera.visitor.toast).to_be_visible()
    await camera.take("deleted-all")
