"""The server ends, hangs, or cannot be reached while a page is open: the page says so, and heals by itself."""

import re
import signal

import pytest
from playwright.async_api import Locator, Route, expect

from tests.support.app_process import AppProcess
from tests.support.visitor import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

sizes = pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)], ids=["desktop", "phone"])

AWAY = "cannot be reached"
BACK = "Back again."
LONG = "give me a long answer"


def restart(app, process: AppProcess) -> None:
    """Start the application again where it was: the same port, the same folder."""
    app(CHATBOT_PORT=process.url.rstrip("/").rpartition(":")[2])


async def says(visitor: Visitor, words: str) -> None:
    await expect(visitor.connection).to_contain_text(words)
    await expect(visitor.connection).to_be_in_viewport(ratio=1)


async def is_apart(one: Locator, other: Locator) -> bool:
    """Whether two parts of the page leave each other free, one above the other."""
    first, second = await one.bounding_box(), await other.bounding_box()
    return first["y"] + first["height"] <= second["y"]


@sizes
async def test_the_page_says_that_the_server_is_gone_and_heals_by_itself(app, visit, width, height):
    process = app()
    async with visit(process.url, width=width, height=height) as visitor:
        await visitor.ask("My name is Ada")
        await expect(visitor.connection).to_be_empty()
        process.kill()
        await says(visitor, AWAY)
        assert await is_apart(visitor.connection, visitor.box)
        restart(app, process)
        await says(visitor, BACK)
        await expect(visitor.questions).to_have_text(["My name is Ada"])
        assert "Ada" in await visitor.ask("what is my name?")
        await expect(visitor.connection).to_be_empty()


async def test_a_server_that_ends_in_order_is_announced_and_comes_back_alike(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        process.stop()
        await says(visitor, AWAY)
        restart(app, process)
        await says(visitor, BACK)
        await visitor.ask("hello")


async def test_words_in_the_box_outlive_the_server(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        await visitor.box.fill("Half a thought, *marked* <b>and</b>")
        process.kill()
        await says(visitor, AWAY)
        await visitor.box.press_sequentially(" and its end")
        restart(app, process)
        await says(visitor, BACK)
        await expect(visitor.box).to_have_value("Half a thought, *marked* <b>and</b> and its end")
        await expect(visitor.questions).to_have_count(0)
        await visitor.box.press("Enter")
        await expect(visitor.questions).to_have_count(1)
        await expect(visitor.box).to_have_value("")


async def test_a_message_sent_while_the_server_is_away_comes_back_to_the_box_and_is_sent_once(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        await visitor.ask("My name is Ada")
        process.kill()
        await says(visitor, AWAY)
        await visitor.say("what is my name?")
        await visitor.box.press("Enter")
        await expect(visitor.box).to_have_value("what is my name?")
        await expect(visitor.toast).not_to_be_visible()
        restart(app, process)
        await says(visitor, BACK)
        await expect(visitor.box).to_have_value("what is my name?")
        await visitor.box.press("Enter")
        await visitor.settled()
        await expect(visitor.questions).to_have_text(["My name is Ada", "what is my name?"])
        await expect(visitor.box).to_have_value("")


@pytest.mark.exhaustive
async def test_a_message_that_the_page_sends_before_it_knows_is_not_lost(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        # The heartbeat of this page tells nothing: a request that fails is the first sign.
        await visitor.page.route("**/chat/send", lambda route: route.abort("connectionrefused"))
        await visitor.say("my precious words")
        await says(visitor, AWAY)
        await visitor.page.unroute("**/chat/send")
        await says(visitor, BACK)
        await expect(visitor.box).to_have_value("my precious words")
        await expect(visitor.questions).to_have_count(0)
        await visitor.box.press("Enter")
        await expect(visitor.questions).to_have_text(["my precious words"])


@pytest.mark.exhaustive
async def test_a_message_that_was_taken_before_the_page_heard_of_it_is_not_offered_again(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        await visitor.ask("hello")

        async def take_in_silence(route: Route) -> None:
            await route.fetch()
            await route.abort("connectionreset")

        await visitor.page.route("**/chat/send", take_in_silence)
        await visitor.say("tell me *more*")
        await says(visitor, AWAY)
        await visitor.page.unroute("**/chat/send")
        await says(visitor, BACK)
        await expect(visitor.questions).to_have_text(["hello", "tell me *more*"])
        await expect(visitor.box).to_have_value("")


@pytest.mark.exhaustive
async def test_the_page_comes_back_to_the_conversation_that_was_open(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        await visitor.ask("hello")
        await visitor.new_chat()
        await visitor.ask("second")
        await visitor.open("hello")
        await expect(visitor.questions).to_have_text(["hello"])
        await visitor.box.fill("third")
        process.kill()
        await says(visitor, AWAY)
        restart(app, process)
        await says(visitor, BACK)
        await expect(visitor.questions).to_have_text(["hello"])
        await expect(visitor.box).to_have_value("third")
        await visitor.box.press("Enter")
        await expect(visitor.questions).to_have_text(["hello", "third"])


@pytest.mark.exhaustive
async def test_words_for_a_new_conversation_are_not_taken_for_the_ones_of_the_latest(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        await visitor.ask("hello")
        await visitor.new_chat()
        await visitor.box.fill("hello")
        process.kill()
        await says(visitor, AWAY)
        restart(app, process)
        await says(visitor, BACK)
        await expect(visitor.questions).to_have_count(0)
        await expect(visitor.box).to_have_value("hello")


@pytest.mark.exhaustive
async def test_words_of_a_question_that_is_being_changed_come_back_in_the_box(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        await visitor.ask("My name is Ada")
        await visitor.press("Edit")
        await visitor.page.locator("#chat textarea").fill("My name is Grace")
        process.kill()
        await says(visitor, AWAY)
        await visitor.press("Submit")
        restart(app, process)
        await says(visitor, BACK)
        await expect(visitor.questions).to_have_text(["My name is Ada"])
        await expect(visitor.box).to_have_value("My name is Grace")


async def test_an_answer_that_grew_when_the_server_was_killed_is_shown_as_it_was_kept(app, visit, slow_endpoint):
    settings = {"AZUREML_ENDPOINT_URL": slow_endpoint.chat_url, "AZUREML_ENDPOINT_API_KEY": slow_endpoint.key}
    process = app(**settings)
    async with visit(process.url, width=390, height=844) as visitor:
        await visitor.say(LONG)
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        await visitor.box.fill("the next question")
        process.kill()
        await says(visitor, AWAY)
        app(**settings, CHATBOT_PORT=process.url.rstrip("/").rpartition(":")[2])
        await says(visitor, BACK)
        await expect(visitor.questions).to_have_text([LONG])
        await expect(visitor.notes).to_have_count(1)
        await expect(visitor.send).to_be_visible()
        await expect(visitor.box).to_have_value("the next question")


async def test_an_answer_goes_on_over_a_loss_of_the_network(slow_app, visit):
    async with visit(slow_app.url) as visitor:
        await visitor.say(LONG)
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        await visitor.page.context.set_offline(True)
        await says(visitor, AWAY)
        await visitor.say("not now")
        await visitor.page.context.set_offline(False)
        await says(visitor, BACK)
        await expect(visitor.box).to_have_value("not now")
        await visitor.settled()
        await expect(visitor.questions).to_have_text([LONG])
        await expect(visitor.notes).to_have_count(0)


async def test_a_server_that_hangs_is_announced_and_takes_the_message_when_it_goes_on(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        await visitor.ask("My name is Ada")
        process.signal(signal.SIGSTOP)
        await visitor.say("what is my name?")
        await says(visitor, AWAY)
        await expect(visitor.box).to_have_value("what is my name?")
        process.signal(signal.SIGCONT)
        await expect(visitor.questions).to_have_text(["My name is Ada", "what is my name?"])
        await expect(visitor.answers.last).to_contain_text("Ada")
        await expect(visitor.box).to_have_value("")
        await expect(visitor.connection).to_be_empty()


@pytest.mark.exhaustive
async def test_a_server_that_ends_again_while_the_page_heals_costs_no_words(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        await visitor.box.fill("patience")
        process.kill()
        await says(visitor, AWAY)
        # It is back for a page that is loaded, and gone before that one could be drawn.
        again = app(CHATBOT_PORT=process.url.rstrip("/").rpartition(":")[2])
        async with visitor.page.expect_event("load"):
            pass
        again.kill()
        restart(app, process)
        await says(visitor, BACK)
        await expect(visitor.box).to_have_value("patience")


@pytest.mark.exhaustive
async def test_words_are_kept_where_the_browser_refuses_storage(app, visit):
    process = app()
    async with visit(process.url) as visitor:
        await visitor.page.add_init_script(
            "Object.defineProperty(window, 'sessionStorage', { get() { throw new Error('refused'); } });"
        )
        await visitor.reload()
        await visitor.box.fill("my precious words")
        process.kill()
        await says(visitor, AWAY)
        restart(app, process)
        await says(visitor, BACK)
        await expect(visitor.box).to_have_value("my precious words")


async def test_loading_the_page_again_is_no_loss(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.page.add_init_script("window.kept = sessionStorage.getItem('chatbot_kept_words')")
        # A browser that is busy ends the page's requests before it hides the page.
        for what in ("beforeunload", "offline"):
            await visitor.page.evaluate("(name) => void window.dispatchEvent(new Event(name))", what)
        await visitor.reload()
        assert await visitor.page.evaluate("window.kept") is None
        await visitor.ask("hello")
        await expect(visitor.connection).to_have_text(re.compile("^$"))
