"""A visitor chooses who answers and how; that is in the next request, in the memory panel, and after a reload."""

import asyncio
import itertools
import json
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.async_api import expect

from chatbot.emulator import Emulator
from tests.support.app_process import ROOT, AppProcess

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZES = [(1280, 800), (390, 844)]

FILE = """
[[deployment]]
name = "Small & quick"
endpoint_url = "{one.chat_url}"
api_key_variable = "ONE_KEY"
system_prompt = "Be small."
temperature = 0.25
input_price = 1.5
output_price = 2

[[deployment]]
name = "Large"
endpoint_url = "{two.chat_url}"
api_key_variable = "TWO_KEY"
system_prompt = "Be large."

[[deployment]]
name = "Made by LangChain"
model = "openai:gpt-any"
api_key_variable = "TWO_KEY"
max_tokens = 55
[deployment.model_arguments]
base_url = "{two.openai_url}"
"""


@pytest.fixture(scope="module")
def endpoints():
    with Emulator(token_delay=0) as one, Emulator(token_delay=0) as two:
        yield one, two


def started(folder: Path, endpoints, **settings: str) -> AppProcess:
    one, two = endpoints
    (folder / "deployments.toml").write_text(FILE.format(one=one, two=two), encoding="utf-8")
    keys = {"ONE_KEY": one.key, "TWO_KEY": two.key, "CHATBOT_DEPLOYMENTS_FILE": "deployments.toml"}
    return AppProcess(folder, keys | settings)


@pytest.fixture(scope="module")
def app(endpoints, tmp_path_factory):
    with started(tmp_path_factory.mktemp("choosing"), endpoints) as process:
        yield process


async def show_panel(visitor) -> None:
    if await visitor.page.locator("#panel-toggle").get_attribute("aria-expanded") == "false":
        await visitor.page.locator("#panel-toggle").click()


async def show_settings(visitor) -> None:
    await show_panel(visitor)
    await visitor.page.locator("#settings .label-wrap").click()
    await expect(visitor.page.locator("#system-prompt textarea")).to_be_visible()


async def hide_panel(visitor) -> None:
    if visitor.page.viewport_size["width"] < 900:
        await visitor.page.keyboard.press("Escape")


async def choose(visitor, control: str, option: str) -> None:
    if control == "deployment":
        await visitor.choose_deployment(option)
        return
    await visitor.page.locator(f"#{control} input").click()
    await visitor.page.get_by_role("listbox").get_by_role("option", name=option, exact=True).click()


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_another_deployment_answers_and_the_badge_says_so(app, endpoints, visit, width, height):
    async with visit(app.url, width=width, height=height) as visitor:
        await expect(visitor.badge).to_have_text("Small & quick")
        await choose(visitor, "deployment", "Large")
        await show_panel(visitor)
        await expect(visitor.plan.first).to_contain_text("Be large.")
        await hide_panel(visitor)
        asked = len(endpoints[1].requests)
        await visitor.ask("hello")
        assert len(endpoints[1].requests) == asked + 1
        assert endpoints[1].requests[-1].body["messages"][0]["content"] == "Be large."
        await visitor.reload()
        await expect(visitor.badge).to_have_text("Large")


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_what_is_chosen_is_in_the_next_request_and_in_the_memory_view(app, endpoints, visit, width, height):
    async with visit(app.url, width=width, height=height) as visitor:
        page = visitor.page
        await show_settings(visitor)
        await page.locator("#system-prompt textarea").fill("Talk like a pirate.")
        await page.locator("#system-prompt textarea").blur()
        await expect(visitor.plan.first).to_contain_text("Talk like a pirate.")
        await page.locator("#temperature input").fill("1.5")
        await page.locator("#top-p input").fill("0.5")
        await page.locator("#max-tokens input").fill("77")
        await page.locator("#max-tokens input").press("Enter")
        await expect(visitor.total).to_contain_text("of 5,923 tokens")
        await hide_panel(visitor)
        await visitor.ask("hello")
        body = endpoints[0].requests[-1].body
        assert body["messages"][0]["content"] == "Talk like a pirate."
        assert (body["temperature"], body["top_p"], body["max_tokens"]) == (1.5, 0.5, 77)
        await visitor.reload()
        await show_settings(visitor)
        await expect(page.locator("#temperature input")).to_have_value("1.5")
        await page.locator("#reset").click()
        await expect(visitor.plan.first).to_contain_text("Be small.")
        await expect(page.locator("#temperature input")).to_have_value("")
        await hide_panel(visitor)
        await visitor.ask("hello again")
        body = endpoints[0].requests[-1].body
        assert (body["temperature"], body["max_tokens"], "top_p" in body) == (0.25, 1024, False)


async def test_what_is_chosen_while_the_page_is_only_drawn_or_drawn_anew_is_kept(app, endpoints, visit):
    async with visit(app.url) as visitor:
        page, held = visitor.page, asyncio.Event()

        async def hold(route):
            await held.wait()
            await route.continue_()

        await show_settings(visitor)
        await page.route("**/chat/updates*", hold)
        # The stream ends, and the next one, which draws all anew, waits.
        await page.evaluate("window.dispatchEvent(new Event('offline'))")
        await expect(page.locator("#connection")).not_to_be_empty()
        await page.locator("#system-prompt textarea").fill("Talk like a pirate.")
        await page.locator("#top-p input").fill("0.5")
        held.set()
        await page.locator("#top-p input").blur()
        await expect(visitor.plan.first).to_contain_text("Talk like a pirate.")
        await expect(page.locator("#system-prompt textarea")).to_have_value("Talk like a pirate.")
        await expect(page.locator("#top-p input")).to_have_value("0.5")
        await visitor.ask("hello")
        body = endpoints[0].requests[-1].body
        assert body["messages"][0]["content"] == "Talk like a pirate."
        assert body["top_p"] == 0.5


async def test_a_model_of_langchains_answers_with_the_same_controls(app, endpoints, visit):
    async with visit(app.url) as visitor:
        await choose(visitor, "deployment", "Made by LangChain")
        assert "demo model" in await visitor.ask("hello")
        body = endpoints[1].requests[-1].body
        assert body["model"] == "gpt-any"
        assert 55 in (body.get("max_tokens"), body.get("max_completion_tokens"))
        await expect(visitor.facts).to_contain_text("tokens in")


@pytest.mark.exhaustive
async def test_a_role_fills_the_system_prompt(app, endpoints, visit):
    async with visit(app.url) as visitor:
        await show_settings(visitor)
        await choose(visitor, "preset", "Teacher")
        await expect(visitor.plan.first).to_contain_text("You are a patient teacher")
        await expect(visitor.page.locator("#system-prompt textarea")).not_to_have_value("")
        await visitor.ask("hello")
        assert endpoints[0].requests[-1].body["messages"][0]["content"].startswith("You are a patient teacher")
        await choose(visitor, "preset", "As set up")
        await expect(visitor.plan.first).to_contain_text("Be small.")


async def test_a_value_that_cannot_be_is_told_and_not_used(app, endpoints, visit):
    async with visit(app.url) as visitor:
        await show_settings(visitor)
        await visitor.page.locator("#temperature input").fill("9")
        await visitor.page.locator("#temperature input").press("Enter")
        await expect(visitor.toast).to_contain_text("Temperature: 0 to 2")
        await expect(visitor.page.locator("#temperature input")).to_have_value("")
        await visitor.ask("hello")
        assert endpoints[0].requests[-1].body["temperature"] == 0.25


@pytest.mark.exhaustive
async def test_a_new_chat_keeps_who_answers_and_nothing_else(app, visit):
    async with visit(app.url) as visitor:
        await choose(visitor, "deployment", "Large")
        await visitor.k.fill("1")
        await visitor.ask("hello")
        await visitor.new_chat()
        await expect(visitor.badge).to_have_text("Large")
        await expect(visitor.k).to_have_value("5")


async def test_prices_are_told_below_the_answer_and_for_the_conversation(app, visit):
    async with visit(app.url) as visitor:
        await visitor.ask("hello")
        await expect(visitor.facts.last).to_contain_text("tokens in")
        await expect(visitor.facts.last).to_contain_text("$0.00")
        await expect(visitor.total).to_contain_text("This chat so far")
        await expect(visitor.total).to_contain_text("$0.00")


async def test_what_is_locked_is_seen_and_cannot_be_changed(endpoints, visit, tmp_path):
    settings = {"CHATBOT_LOCKED_CONTROLS": "all", "CHATBOT_HIDDEN_CONTROLS": "top_p,deployment"}
    with started(tmp_path, endpoints, **settings) as process:
        async with visit(process.url) as visitor:
            await expect(visitor.k).to_be_disabled()
            await expect(visitor.plan.first).to_contain_text("Be small.")
            await visitor.page.locator("#settings .label-wrap").click()
            await expect(visitor.page.locator("#temperature input")).to_be_disabled()
            await expect(visitor.page.locator("#system-prompt textarea")).to_be_disabled()
            # It looks so, and whose choice it is is said.
            await expect(visitor.page.locator("#panel .locked")).to_have_text(
                "What is pale here is set by whoever runs this app."
            )
            colour = "(each) => getComputedStyle(each).color"
            pale = await visitor.page.locator("#panel .locked").evaluate(colour)
            await expect(visitor.page.locator("#token-budget input")).to_have_css("color", pale)
            ticked = "(each) => getComputedStyle(each).backgroundImage"
            assert await visitor.page.locator("#pins input").evaluate(ticked) != "none"
            for hidden in ("#top-p", "#badge button", "#reset"):
                await expect(visitor.page.locator(hidden)).to_have_count(0)
            await visitor.ask("hello")
            assert endpoints[0].requests[-1].body["temperature"] == 0.25


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_the_settings_can_be_read_to_their_last_digit_and_so_can_the_memory_below_them(
    demo_app, visit, width, height
):
    async with visit(demo_app.url, width=width, height=height) as visitor:
        page = visitor.page
        await visitor.ask("My name is Ada.")
        if width < 900:
            await page.locator("#panel-toggle").click()
        await expect(page.locator("#panel .locked")).to_have_count(0)
        await page.locator("#settings .label-wrap").click()
        field = page.locator("#max-tokens input")
        await field.fill("32768")
        assert await field.evaluate("(field) => field.scrollWidth <= field.clientWidth"), "a digit is cut"
        # What is below is neither cut at its beginning nor covered at its end.
        await visitor.total.scroll_into_view_if_needed()
        parts = [await each.bounding_box() for each in await page.locator("#plan :is(h2, li, .total)").all()]
        for above, below in itertools.pairwise(parts):
            assert above["y"] + above["height"] <= below["y"] + 0.5


async def test_a_hidden_system_prompt_is_sent_to_the_model_and_not_to_the_browser(endpoints, visit, tmp_path):
    with started(tmp_path, endpoints, CHATBOT_HIDDEN_CONTROLS="system_prompt") as process:
        async with visit(process.url) as visitor:
            await visitor.ask("hello")
            assert endpoints[0].requests[-1].body["messages"][0]["content"] == "Be small."
            await expect(visitor.plan.first).to_contain_text("always sent")
            config = await (await visitor.page.request.get(f"{process.url}config")).text()
            assert "Be small." not in await visitor.page.content() + config


@pytest.mark.exhaustive
async def test_thoughts_are_folded_away_and_can_be_read(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await choose(visitor, "deployment", "Demo endpoint, thinking aloud")
        await visitor.ask("hello")
        await expect(visitor.thoughts).to_contain_text("Thought for 1 s")
        await expect(visitor.thoughts.locator(".content")).to_be_hidden()
        await visitor.thoughts.get_by_role("button").first.click()
        await expect(visitor.thoughts.locator(".content")).to_be_visible()


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_a_thumb_and_a_word_are_kept_and_exported(app, visit, width, height):
    async with visit(app.url, width=width, height=height) as visitor:
        await visitor.ask("please rate this")
        await visitor.facts.get_by_role("button", name="Bad answer").click()
        await expect(visitor.facts.locator(".thumb-down.chosen")).to_be_visible()
        await visitor.facts.get_by_role("button", name="Add a word").click()
        word = f"<b>too short</b> at {width}"
        await visitor.page.keyboard.type(word)
        await visitor.page.keyboard.press("Enter")
        await expect(visitor.facts).to_contain_text(f"“{word}”")
        await visitor.reload()
        await expect(visitor.facts).to_contain_text(f"“{word}”")
        printed = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "chatbot.feedback"],
            cwd=app.folder,
            env={"PATH": "", "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        lines = [json.loads(line) for line in printed.stdout.splitlines()]
        (mine,) = [line for line in lines if line["comment"] == word]
        assert (mine["question"], mine["rating"], mine["deployment"]) == ("please rate this", "down", "Small & quick")
        await visitor.facts.get_by_role("button", name="Bad answer").click()
        await expect(visitor.facts.locator(".chosen")).to_have_count(0)
