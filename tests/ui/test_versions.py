"""Retry, edit and undo lose nothing: the old answer stays until there is a new one, and can be flipped back to."""

import pytest
from playwright.async_api import expect

from tests.support.app_process import AppProcess
from tests.support.wire import DONE, WireServer, event, sample_reply, stream_reply

pytestmark = pytest.mark.asyncio(loop_scope="session")


def says(text: str, **kwargs):
    return stream_reply(event(text), event(finish_reason="stop"), DONE, **kwargs)


@pytest.fixture(scope="module")
def wire():
    with WireServer(says("unscripted")) as server:
        yield server


@pytest.fixture(scope="module")
def app(wire, tmp_path_factory):
    settings = {"AZUREML_ENDPOINT_URL": f"{wire.url}/v1/chat/completions", "AZUREML_ENDPOINT_API_KEY": "key"}
    with AppProcess(tmp_path_factory.mktemp("versions"), settings) as process:
        yield process


async def test_a_retry_keeps_the_old_answer_to_flip_back_to(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(says("first answer"), says("second answer"), says("third answer"))
        await visitor.ask("question")
        await expect(visitor.versions).to_have_count(0)
        for shown, text in (("2/2", "second answer"), ("3/3", "third answer")):
            await visitor.press("Retry")
            await expect(visitor.answers).to_have_text([text])
            await expect(visitor.versions).to_contain_text(shown)
        await visitor.flip("Earlier")
        await expect(visitor.answers).to_have_text(["second answer"])
        await expect(visitor.versions).to_contain_text("2/3")
        await visitor.flip("Earlier")
        await expect(visitor.answers).to_have_text(["first answer"])
        await expect(visitor.versions.get_by_role("button", name="Earlier")).to_be_disabled()
        await visitor.reload()
        await expect(visitor.answers).to_have_text(["first answer"])
        await expect(visitor.versions).to_contain_text("1/3")
        # What is shown is what is sent.
        await visitor.ask("next")
        assert [each["content"] for each in wire.requests[-1].json["messages"]][1:] == [
            "question",
            "first answer",
            "next",
        ]


async def test_flipping_an_edited_question_back_brings_back_what_followed_it(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(says("Hello Ada"), says("the tail"), says("Hello Grace"))
        await visitor.ask("I am Ada")
        await visitor.ask("and a tail")
        await visitor.edit_question(1, "I am Grace")
        await expect(visitor.answers).to_have_text(["Hello Grace"])
        await expect(visitor.questions).to_have_text(["I am Grace"])
        await visitor.settled()
        await visitor.flip("Earlier")
        await expect(visitor.questions).to_have_text(["I am Ada", "and a tail"])
        await expect(visitor.answers).to_have_text(["Hello Ada", "the tail"])
        await visitor.flip("Later")
        await expect(visitor.questions).to_have_text(["I am Grace"])


async def test_a_retry_that_fails_keeps_the_old_answer(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(says("worth keeping"), sample_reply("maas_401_bad_key"))
        await visitor.ask("question")
        await visitor.press("Retry")
        await expect(visitor.toast).to_contain_text("The earlier answer is kept")
        await expect(visitor.answers).to_have_text(["worth keeping"])
        await expect(visitor.notes).to_have_count(0)
        await expect(visitor.versions).to_have_count(0)
        await expect(visitor.planned(1)).to_have_class("in")


async def test_a_retry_that_is_stopped_before_its_first_word_keeps_the_old_answer(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(says("worth keeping"), stream_reply(end="hang"))
        await visitor.ask("question")
        await visitor.press("Retry")
        await visitor.stop.click()
        await expect(visitor.toast).to_contain_text("The earlier answer is kept")
        await expect(visitor.answers).to_have_text(["worth keeping"])


async def test_a_retry_of_an_answer_cut_short_shows_the_old_words_no_more(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(stream_reply(event("Half of"), end="reset"), says("All of it"))
        await visitor.ask("question")
        await expect(visitor.answers.first).to_have_text("Half of")
        await visitor.press("Retry")
        await expect(visitor.answers).to_have_text(["All of it"])
        await expect(visitor.notes).to_have_count(0)
        await visitor.flip("Earlier")
        await expect(visitor.answers).to_have_text(["Half of"])
        await expect(visitor.notes).to_contain_text("broke")


async def test_what_is_copied_of_an_answer_is_the_models_words(app, wire, visit):
    async with visit(app.url) as visitor:
        await visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        wire.script(says("first answer"), says("**second** answer"))
        await visitor.ask("question")
        await visitor.press("Retry")
        await expect(visitor.versions).to_contain_text("2/2")
        await visitor.settled()
        await visitor.press("Copy")
        await expect(visitor.facts.last.get_by_role("button", name="Copied")).to_be_visible()
        assert await visitor.page.evaluate("navigator.clipboard.readText()") == "**second** answer"
