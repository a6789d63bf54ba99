"""Two processes behind a real nginx: a visitor stays with one, and goes on with the other when it is killed."""

import asyncio
import urllib.request

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG = "give me a long answer"

# Every state of the newest answer that a visitor could have seen.
WATCH = """() => {
  window.seen = [];
  const look = () => {
    const text = [...document.querySelectorAll("#chat .bot.message")].at(-1)?.innerText ?? "";
    if (text && text !== window.seen.at(-1)) window.seen.push(text);
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true, characterData: true });
}"""


def new_browsers(url, number):
    for _ in range(number):
        with urllib.request.urlopen(urllib.request.Request(url, headers={"user-agent": "newcomer"})) as response:
            response.read()


async def words(visitor, at_least):
    """Wait until the newest answer has so many words; return it."""
    for _ in range(400):
        text = await visitor.answers.last.inner_text() if await visitor.answers.count() else ""
        if len(text.split()) >= at_least:
            return text
        await visitor.page.wait_for_timeout(50)
    raise AssertionError(f"the answer did not grow to {at_least} words")


async def test_new_visitors_are_spread_over_the_processes(replicas):
    await asyncio.to_thread(new_browsers, replicas.url, 40)
    assert len({replica for _, replica in replicas.nginx.served("newcomer")}) == 2


@pytest.mark.parametrize("attempt", range(2))
async def test_a_visitor_stays_where_their_first_page_came_from(replicas, visit, browser, attempt):
    name = f"visitor {attempt}"
    context = await browser.new_context(user_agent=name)
    async with visit(replicas.url, context=context) as visitor:
        await visitor.ask("hello")
        await visitor.reload()
    await context.close()
    served = replicas.nginx.served(name)
    assert {"/", "/chat/send"} <= {path for path, _ in served}
    assert len({replica for _, replica in served}) == 1


async def test_a_conversation_goes_on_where_the_other_process_was_killed(replicas, visit, endpoint):
    async with visit(replicas.url) as visitor:
        await visitor.ask("My name is Ada")
        await visitor.ask("I live in Paris")
        first = replicas.serving()
        replicas.kill(first)
        await visitor.reload()
        await expect(visitor.questions).to_have_text(["My name is Ada", "I live in Paris"])
        answered = await visitor.ask("what is my name?")
        assert "Ada" in answered
        assert replicas.serving() is not first
    sent = endpoint.requests[-1].body["messages"]
    assert [message["role"] for message in sent] == ["system"] + ["user", "assistant"] * 2 + ["user"]
    asked = [message["content"] for message in sent if message["role"] == "user"]
    assert asked == ["My name is Ada", "I live in Paris", "what is my name?"]


@pytest.mark.exhaustive
async def test_a_page_that_was_not_reloaded_goes_on_too(replicas, visit):
    async with visit(replicas.url) as visitor:
        await visitor.ask("My name is Ada")
        replicas.kill(replicas.serving())
        await expect(visitor.connection).to_have_text("Back again.")
        assert "Ada" in await visitor.ask("what is my name?")


async def test_what_a_killed_process_was_answering_is_shown_by_the_other_with_a_retry(replicas, visit, endpoint):
    async with visit(replicas.url) as visitor:
        await visitor.say(LONG)
        arrived = await words(visitor, 150)
        replicas.kill(replicas.serving())
        await visitor.reload()
        await expect(visitor.questions).to_have_text([LONG])
        await expect(visitor.notes).to_contain_text("The application ended while it was writing this answer")
        kept = await visitor.answers.first.inner_text()
        # It is kept about once a second, which is 50 words here.
        assert len(kept.split()) > 75
        assert kept.split()[:75] == arrived.split()[:75]
        before = len(endpoint.requests)
        await visitor.press("Retry")
        await expect(visitor.notes).to_have_count(0)
        again = await words(visitor, 75)
        assert again.split()[:50] == kept.split()[:50]
        assert len(endpoint.requests) == before + 1
        await visitor.stop.click()
        await visitor.settled()


async def test_an_answer_passes_nginx_in_many_small_pieces(replicas, visit):
    async with visit(replicas.url) as visitor:
        await visitor.page.evaluate(WATCH)
        await visitor.say(LONG)
        await words(visitor, 150)
        seen = await visitor.page.evaluate("window.seen")
        await visitor.stop.click()
        await visitor.settled()
    assert len({len(text.split()) for text in seen}) >= 15


@pytest.mark.exhaustive
async def test_of_two_who_write_to_one_conversation_at_once_one_is_answered(replicas, visit, browser, endpoint):
    context = await browser.new_context()
    one, other = (process.url for process in replicas.processes)
    # A cookie knows no port: both processes meet the same visitor.
    async with visit(one, context=context) as left:
        await left.ask("My name is Ada")
        async with visit(other, context=context) as right:
            await expect(right.questions).to_have_text(["My name is Ada"])
            before = len(endpoint.requests)
            await left.box.fill("from the left")
            await right.box.fill("from the right")
            await asyncio.gather(left.box.press("Enter"), right.box.press("Enter"))
            tabs = {"from the left": left, "from the right": right}
            await left.until(lambda: len(endpoint.requests) > before)
            [asked] = [request.body["messages"][-1]["content"] for request in endpoint.requests[before:]]
            winner = tabs.pop(asked)
            [(refused, loser)] = tabs.items()
            await expect(loser.toast).to_contain_text("conversation")
            await expect(loser.box).to_have_value(refused)
            await winner.settled()
            for tab in (winner, loser):
                await tab.reload()
                await expect(tab.questions).to_have_text(["My name is Ada", asked])
                await expect(tab.answers).to_have_count(2)
            assert len(endpoint.requests) == before + 1
            # What was refused can be sent again, from where it was.
            await loser.ask(refused)
            await winner.reload()
            await expect(winner.questions).to_have_text(["My name is Ada", asked, refused])
    await context.close()
