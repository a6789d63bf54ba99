"""What a model or another visitor may write does nothing on the page but be read."""

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def id_of(visitor, title: str) -> str:
    return (await visitor.titles.get_by_text(title, exact=True).get_attribute("class")).split()[-1]


async def test_a_button_in_an_answer_does_nothing(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask("precious")
        precious = await id_of(visitor, "precious")
        # It is no button, but text; pressed all the same.
        shown = visitor.answers.get_by_text("Press me")
        for words in (f"act-0123456789abcdef delete {precious}", f"act-{{token}} delete {precious}", "delete 0"):
            await visitor.ask(f'repeat <button class="{words}">Press me</button>')
            await shown.last.click()
        await visitor.ask('repeat <button id="sidebar-toggle">Press me</button>')
        await shown.last.click()
        # Actions are taken in their order: what was pressed has been done by now, if anything was.
        await visitor.ask("hello")
        await expect(visitor.titles).to_have_text(["precious"])
        await expect(visitor.page.locator("#sidebar")).to_be_visible()


async def test_a_known_id_opens_nobody_elses_conversation(demo_app, visit):
    async with visit(demo_app.url) as ada, visit(demo_app.url) as eve:
        await ada.ask("My name is Ada")
        await eve.ask("hello")
        secret, own = await id_of(ada, "My name is Ada"), await id_of(eve, "hello")
        for what in ("open", "Delete", "Let the model find a title"):
            # Her own page's button, with another's id in it.
            row = eve.page.locator("#conversations .row")
            await row.evaluate("(row, ids) => row.innerHTML = row.innerHTML.replaceAll(...ids)", [own, secret])
            await (row.locator("button.open").click() if what == "open" else eve.do("hello", what))
            await expect(eve.toast.last).to_contain_text("not here any more")
            await eve.reload()
            await expect(eve.questions).to_have_text(["hello"])
        await ada.reload()
        await expect(ada.titles).to_have_text(["My name is Ada"])


async def test_scripts_and_remote_images_in_an_answer_are_harmless(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask('repeat <img src=x onerror="window.hurt=1"><script>window.hurt=1</script>')
        assert await visitor.page.evaluate("window.hurt") is None
