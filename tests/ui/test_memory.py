"""What the model remembers, in view: what the panel and the chat say is what the endpoint is sent."""

from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")


@asynccontextmanager
async def asked_about(visitor, text):
    """Wait until the page has been told what all of a text mentions."""
    async with visitor.page.expect_response(
        lambda reply: reply.url.endswith("/chat/mention") and reply.request.post_data == text
    ) as told:
        yield
    await (await told.value).finished()


def sent(endpoint) -> list[str]:
    """The questions of the newest request, the one it asks at the end."""
    return [each["content"] for each in endpoint.requests[-1].body["messages"] if each["role"] == "user"]


async def test_the_panel_lists_what_the_next_request_holds(wired_app, endpoint, visit):
    async with visit(wired_app.url) as visitor:
        for number in range(1, 8):
            await visitor.ask(f"repeat number {number}")
        await expect(visitor.plan.first).to_contain_text("System prompt")
        await expect(visitor.plan.first).to_contain_text("You are a helpful assistant.")
        for number in (1, 2):
            await expect(visitor.planned(number)).to_have_class("out")
            await expect(visitor.planned(number)).to_contain_text("older than the last 5 turns")
        for number in range(3, 8):
            await expect(visitor.planned(number)).to_have_class("in")
            await expect(visitor.planned(number)).to_contain_text("remembered")
            await expect(visitor.planned(number)).to_contain_text("token")
        await expect(visitor.total).to_contain_text("of 4,976 tokens")
        await expect(visitor.forgotten).to_have_text(["Turns 1–2 are not remembered: older than the last 5 turns"])
        await visitor.ask("and now?")
        assert sent(endpoint) == [*(f"repeat number {number}" for number in range(3, 8)), "and now?"]


async def test_the_panel_and_the_chat_follow_the_slider(wired_app, endpoint, visit):
    async with visit(wired_app.url) as visitor:
        for number in range(1, 4):
            await visitor.ask(f"repeat number {number}")
        total = await visitor.total.inner_text()
        await visitor.k.fill("1")
        await expect(visitor.planned(2)).to_have_class("out")
        await expect(visitor.planned(3)).to_have_class("in")
        await expect(visitor.total).not_to_have_text(total)
        await expect(visitor.forgotten).to_have_text(["Turns 1–2 are not remembered: older than the last 1 turn"])
        await expect(visitor.memory).to_have_text("Remembering turn 3 of 3")
        await visitor.ask("with one")
        assert sent(endpoint) == ["repeat number 3", "with one"]
        await visitor.k.fill("0")
        await expect(visitor.memory).to_have_text("Memory is off: every question stands alone")
        await visitor.ask("with none")
        assert sent(endpoint) == ["with none"]


@pytest.mark.exhaustive
async def test_k_belongs_to_its_conversation(wired_app, endpoint, visit):
    async with visit(wired_app.url) as visitor:
        await visitor.ask("repeat one")
        await visitor.k.fill("0")
        await expect(visitor.memory).to_contain_text("Memory is off")
        await visitor.new_chat()
        await expect(visitor.k).to_have_value("5")
        await visitor.k.fill("2")
        await expect(visitor.memory).to_contain_text("up to 2 turns")
        await visitor.ask("repeat two")
        await expect(visitor.k).to_have_value("2")
        await visitor.open("repeat one")
        await expect(visitor.k).to_have_value("0")
        await visitor.reload()
        await visitor.open("repeat one")
        await expect(visitor.k).to_have_value("0")
        await visitor.ask("still none?")
        assert sent(endpoint) == ["still none?"]


@pytest.mark.exhaustive
async def test_k_changed_while_an_answer_is_written_holds_from_the_next_message(slow_app, slow_endpoint, visit):
    async with visit(slow_app.url) as visitor:
        await visitor.ask("hello")
        await visitor.say("give me a long answer")
        await expect(visitor.answers.last).to_contain_text("conversation", ignore_case=True)
        assert sent(slow_endpoint) == ["hello", "give me a long answer"]
        await visitor.k.fill("0")
        await visitor.stop.click()
        await visitor.settled()
        await expect(visitor.k).to_have_value("0")
        await visitor.ask("hi")
        assert sent(slow_endpoint) == ["hi"]


async def test_a_pinned_turn_stays_and_an_excluded_one_goes(wired_app, endpoint, visit):
    async with visit(wired_app.url) as visitor:
        for number in range(1, 5):
            await visitor.ask(f"repeat number {number}")
        await visitor.k.fill("2")
        await expect(visitor.planned(2)).to_have_class("out")
        await visitor.mark(1, "Pin")
        await expect(visitor.planned(1)).to_have_class("in")
        await expect(visitor.planned(1)).to_contain_text("pinned")
        await visitor.mark(4, "Exclude")
        await expect(visitor.planned(4)).to_contain_text("excluded by you")
        await expect(visitor.forgotten).to_have_text(["Turn 4 is not remembered: excluded by you"])
        await visitor.ask("and now?")
        assert sent(endpoint) == ["repeat number 1", "repeat number 2", "repeat number 3", "and now?"]
        await visitor.mark(1, "Unpin")
        await expect(visitor.planned(1)).to_have_class("out")
        await visitor.mark(4, "Include")
        await expect(visitor.planned(4)).to_have_class("in")
        await visitor.ask("and then?")
        assert sent(endpoint) == ["repeat number 4", "and now?", "and then?"]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("fault", "why"), [("content-filter", "blocked by the content filter"), ("unauthorized-serverless", "failed")]
)
async def test_a_turn_that_went_wrong_is_left_out_and_can_be_put_back(wired_app, endpoint, visit, fault, why):
    async with visit(wired_app.url) as visitor:
        endpoint.fail(fault)
        await visitor.say("repeat something dangerous")
        await expect(visitor.planned(1)).to_contain_text(why)
        await visitor.settled()
        await expect(visitor.forgotten).to_have_text([f"Turn 1 is not remembered: {why}"])
        await visitor.ask("hello")
        assert sent(endpoint) == ["hello"]
        await visitor.mark(1, "Send anyway")
        await expect(visitor.planned(1)).to_have_class("in")
        await visitor.ask("hello again")
        assert sent(endpoint) == ["repeat something dangerous", "hello", "hello again"]


async def test_a_conversation_that_is_too_long_is_shortened_and_it_is_said(app, endpoint, visit):
    process = app(AZUREML_ENDPOINT_URL=endpoint.chat_url, AZUREML_ENDPOINT_API_KEY=endpoint.key)
    async with visit(process.url) as visitor:
        for number in range(1, 4):
            await visitor.ask(f"repeat {number} {'long ' * 60}")
        endpoint.fail("context-length-code")
        await visitor.ask("hello")
        await expect(visitor.notes).to_contain_text("too long for the model")
        assert sent(endpoint)[-1] == "hello"
        assert len(sent(endpoint)) < 4
        assert "demo model" in await visitor.answers.last.inner_text()


async def test_titles_and_questions_are_text_in_the_panel(demo_app, visit):
    async with visit(demo_app.url) as visitor:
        await visitor.ask('<img src=x onerror="window.hurt=1">')
        await expect(visitor.planned(1)).to_contain_text("<img src=x")
        assert await visitor.page.locator("#plan img, #conversations img").count() == 0
        assert await visitor.page.evaluate("window.hurt") is None


@pytest_asyncio.fixture(loop_scope="session")
async def forgetful(wired_app, visit):
    """A visitor whose first turn, about the Contoso budget, is no longer remembered."""
    async with visit(wired_app.url) as visitor:
        await visitor.ask("I work on the Contoso budget")
        await visitor.k.fill("1")
        await expect(visitor.memory).to_have_text("Remembering turn 1 of 1")
        await visitor.ask("repeat bananas")
        await expect(visitor.planned(1)).to_have_class("out")
        yield visitor


async def test_a_forgotten_turn_that_is_mentioned_can_be_included(forgetful, endpoint):
    visitor = forgetful
    await visitor.box.press_sequentially("How big is the Contoso budget?")
    await expect(visitor.recall_hint).to_contain_text("You mention Contoso budget; turn 1 is no longer remembered.")
    await visitor.recall_hint.get_by_role("button", name="Include it").click()
    await expect(visitor.recall_hint).to_have_count(0)
    await expect(visitor.planned(1)).to_contain_text("pinned")
    await expect(visitor.box).to_have_value("How big is the Contoso budget?")
    await visitor.box.press("Enter")
    await expect(visitor.questions).to_have_count(3)
    await visitor.settled()
    assert sent(endpoint) == ["I work on the Contoso budget", "repeat bananas", "How big is the Contoso budget?"]


@pytest.mark.exhaustive
async def test_an_offer_that_is_dismissed_does_not_come_back_with_the_next_letter(forgetful, endpoint):
    visitor = forgetful
    await visitor.box.press_sequentially("The Contoso budget")
    await visitor.recall_hint.get_by_role("button", name="Leave it out").click()
    await expect(visitor.recall_hint).to_have_count(0)
    async with asked_about(visitor, "The Contoso budget, how big is it?"):
        await visitor.box.press_sequentially(", how big is it?")
    await expect(visitor.recall_hint).to_have_count(0)
    await visitor.box.press("Enter")
    await expect(visitor.questions).to_have_count(3)
    await visitor.settled()
    assert sent(endpoint) == ["repeat bananas", "The Contoso budget, how big is it?"]


@pytest.mark.exhaustive
async def test_small_talk_gets_no_offer_and_what_was_sent_leaves_none(forgetful):
    visitor = forgetful
    async with asked_about(visitor, "How are you today? Thanks for all that."):
        await visitor.box.press_sequentially("How are you today? Thanks for all that.")
    await expect(visitor.recall_hint).to_have_count(0)
    await visitor.box.fill("")
    await visitor.box.press_sequentially("What about Contoso budgets?")
    await visitor.box.press("Enter")
    await expect(visitor.questions).to_have_count(3)
    await visitor.settled()
    await expect(visitor.recall_hint).to_have_count(0)
