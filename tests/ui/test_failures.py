"""Whatever the endpoint does, the page says it in words, keeps the visitor's words, and can be used again."""

import re
import threading
from dataclasses import replace

import pytest
from playwright.async_api import expect

from tests.support.app_process import AppProcess
from tests.support.wire import DONE, WireServer, event, sample_reply, stream_reply, text_reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "key-nobody-may-ever-see"
GOOD = stream_reply(event("All is "), event("well."), event(finish_reason="stop"), DONE)


@pytest.fixture(scope="module")
def wire():
    with WireServer(GOOD) as server:
        yield server


@pytest.fixture(scope="module")
def app(wire, tmp_path_factory):
    settings = {"AZUREML_ENDPOINT_URL": f"{wire.url}/v1/chat/completions", "AZUREML_ENDPOINT_API_KEY": KEY}
    with AppProcess(tmp_path_factory.mktemp("failing"), settings) as process:
        yield process
        assert KEY not in process.log
        assert "Traceback" not in process.log


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        # The headline and what to do by kind, and the endpoint's own words.
        (sample_reply("maas_401_bad_key"), ["The endpoint refused the key", "Whoever runs this application has to"]),
        (sample_reply("maas_401_bad_key"), ["did not accept the key", "AZUREML_ENDPOINT_API_KEY"]),
        (sample_reply("score_404_no_traffic"), ["Specified traffic group could not be found"]),
        (sample_reply("score_424_bad_input"), ["POST body should be a JSON dictionary"]),
        (sample_reply("content_filter_prompt_400_maas"), ["content filter", "Rephrase"]),
        (sample_reply("vllm_context_length_400"), ["longer than the model can read", "maximum context length is 4096"]),
        (sample_reply("aoai_429_tokens"), ["busy", "Please retry after 43 seconds"]),
        (sample_reply("sse_no_done_clean_close"), ["broke off"]),
        (sample_reply("sse_cut_mid_json"), ["broke"]),
        (
            text_reply("<html><title>Bad gateway</title><body><script>alert(1)</script></body></html>", 502),
            ["Bad gateway"],
        ),
        (text_reply(f"your key {KEY} is wrong", 401), ["your key *** is wrong"]),
    ],
    ids=lambda value: None if isinstance(value, list) else str(value.status),
)
async def test_an_error_is_told_and_one_can_go_on(app, wire, visit, reply, words):
    async with visit(app.url) as visitor:
        wire.default = reply
        await visitor.say("my precious words")
        for word in words:
            await expect(visitor.notes).to_contain_text(word)
        await visitor.settled()
        await expect(visitor.questions).to_have_text("my precious words")
        wire.default = GOOD
        await visitor.box.fill("next")
        await visitor.box.press("Enter")
        await expect(visitor.answers.last).to_have_text("All is well.")
        await visitor.reload()
        await expect(visitor.notes).to_contain_text(words[0])
        assert KEY not in await visitor.page.content()


async def test_a_card_names_the_request_as_the_log_does(app, wire, visit):
    refused = sample_reply("maas_401_bad_key")
    async with visit(app.url) as visitor:
        wire.default = replace(refused, headers={**refused.headers, "x-request-id": "the-endpoints-own"})
        await visitor.say("hello")
        ids = visitor.notes.last.locator(".ids code")
        await expect(ids).to_have_count(2)
        request, endpoint = await ids.all_inner_texts()
        assert endpoint == "the-endpoints-own"
        assert "endpoint_request=the-endpoints-own, " in app.log
        assert f"request={request}]" in app.log
        # One click selects all of it, to be copied.
        await ids.first.click()
        assert await visitor.page.evaluate("getSelection().toString()") == request
        wire.default = GOOD


async def test_a_failure_is_told_in_the_visitors_language_and_by_the_endpoint_in_its_own(french, wire):
    wire.default = sample_reply("score_424_bad_input")
    await french.say("bonjour")
    await expect(french.notes.locator("strong")).to_have_text("Le point de terminaison a refusé la requête")
    await expect(french.notes).to_contain_text("La même requête serait refusée à nouveau")
    await expect(french.notes.locator(".detail")).to_contain_text("« The endpoint refused the request")
    await expect(french.notes.locator(".detail")).to_contain_text("POST body should be a JSON dictionary")
    wire.default = GOOD
    await french.notes.get_by_role("button", name="Réessayer").click()
    await expect(french.answers.last).to_have_text("All is well.")
    await expect(french.notes).to_have_count(0)


async def test_a_notice_is_told_in_the_visitors_language(french, wire):
    wire.default = GOOD
    for word in ("un", "deux", "trois"):
        await french.ask(word)
    wire.script(sample_reply("vllm_context_length_400"))
    await french.ask("quatre")
    said = "À côté de la conversation, le modèle n'a pas la place pour une réponse de 1 024 jetons ; celle-ci peut en"
    await expect(french.notes).to_contain_text(said)
    await french.reload()
    await expect(french.notes).to_contain_text(said)


async def test_what_had_arrived_before_a_cut_is_kept(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(stream_reply(event("The first half"), end="reset"))
        await visitor.say("hello")
        await expect(visitor.notes).to_contain_text("broke")
        await expect(visitor.answers.first).to_contain_text("The first half")


async def test_retry_after_an_error_replaces_it(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(sample_reply("maas_401_bad_key"))
        await visitor.say("hello")
        await expect(visitor.notes).to_have_count(1)
        await visitor.settled()
        await visitor.press("Retry")
        await expect(visitor.answers.last).to_have_text("All is well.")
        await expect(visitor.notes).to_have_count(0)
        await expect(visitor.questions).to_have_text(["hello"])


@pytest.mark.exhaustive
async def test_an_edit_that_fails_keeps_the_old_answer_and_the_new_words(app, wire, visit):
    async with visit(app.url) as visitor:
        await visitor.ask("old words")
        wire.script(sample_reply("maas_401_bad_key"))
        await visitor.edit_question(1, "new words")
        await expect(visitor.toast).to_contain_text("The earlier answer is kept")
        await expect(visitor.questions).to_have_text(["old words"])
        await expect(visitor.answers).to_have_text(["All is well."])
        await expect(visitor.box).to_have_value("new words")


async def test_a_silent_endpoint_can_be_stopped_and_is_told(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(stream_reply(event("Wait"), end="hang"))
        await visitor.say("hello")
        await expect(visitor.answers.last).to_contain_text("Wait")
        request = wire.requests[-1]
        await visitor.stop.click()
        await visitor.settled()
        assert request.left.wait(10)
        await visitor.ask("next")


async def test_before_the_first_word_something_moves_and_stop_works(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(stream_reply(end="hang"))
        await visitor.say("hello")
        await expect(visitor.page.locator("#chat .typing")).to_be_visible()
        # There is no word to copy yet.
        await expect(visitor.page.locator("#chat .bot-row + .message-buttons")).to_be_hidden()
        await visitor.stop.click()
        await expect(visitor.notes).to_have_text("Stopped before the first word.")


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
async def test_a_busy_endpoint_is_told_at_once_and_when_it_is_asked_again(wired_app, endpoint, visit, width, height):
    async with visit(wired_app.url, width=width, height=height) as visitor:
        endpoint.fail("rate-limit:25")
        await visitor.say("hello")
        wait = visitor.page.locator("#chat .pause .wait")
        await expect(wait).to_have_text(re.compile(r"The endpoint is busy\. Trying again in 2[0-5] s\."))
        await expect(visitor.page.locator("#chat .typing")).to_be_hidden()
        await expect(wait).to_have_text(re.compile(r"Trying again in (1\d|2[0-3]) s\."))
        await visitor.stop.click()
        await expect(visitor.notes).to_have_text("Stopped before the first word.")
        await expect(wait).to_have_count(0)


async def test_after_the_wait_something_moves_again_and_the_answer_comes(app, wire, visit):
    async with visit(app.url) as visitor:
        go = threading.Event()
        wire.script(text_reply("", 429, retry_after="2"), replace(GOOD, hold=go))
        await visitor.say("hello")
        await expect(visitor.page.locator("#chat .pause .wait")).to_contain_text("Trying again in")
        await expect(visitor.page.locator("#chat .typing")).to_be_visible()
        await expect(visitor.page.locator("#chat .pause .wait")).to_be_hidden()
        go.set()
        await expect(visitor.answers.last).to_have_text("All is well.")
        await expect(visitor.page.locator("#chat .pause")).to_have_count(0)


@pytest.mark.exhaustive
async def test_a_second_wait_as_long_is_counted_down_again(app, wire, visit):
    async with visit(app.url) as visitor:
        go = threading.Event()
        busy = text_reply("", 429, retry_after="3")
        wire.script(busy, replace(busy, hold=go), GOOD)
        await visitor.say("hello")
        wait = visitor.page.locator("#chat .pause .wait")
        await expect(wait).to_be_visible()
        await expect(wait).to_be_hidden()
        go.set()
        await expect(wait).to_be_visible()
        await expect(wait).to_contain_text("The endpoint is busy. Trying again in")
        await expect(visitor.answers.last).to_have_text("All is well.")


@pytest.mark.exhaustive
async def test_a_page_opened_during_a_wait_shows_what_is_left_of_it(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(text_reply("", 429, retry_after="25"))
        await visitor.say("hello")
        wait = visitor.page.locator("#chat .pause .wait")
        await expect(wait).to_have_text(re.compile(r"Trying again in (1\d|2[0-2]) s\."))
        await visitor.reload()
        await expect(wait).to_have_text(re.compile(r"Trying again in (1\d|2[0-2]) s\."))
        await visitor.stop.click()
        await expect(visitor.notes).to_have_text("Stopped before the first word.")


async def test_typed_text_reaches_the_model_byte_for_byte(app, wire, visit):
    typed = '  indented\n\tand "quoted" \\n <b>é</b> 漢字 😀  \n\n'
    async with visit(app.url) as visitor:
        await visitor.ask(typed)
        assert wire.requests[-1].json["messages"][-1] == {"role": "user", "content": typed}
        asked = len(wire.requests)
        await visitor.press("Retry")
        await visitor.until(lambda: len(wire.requests) > asked)
        await visitor.settled()
        assert wire.requests[-1].json["messages"][-1] == {"role": "user", "content": typed}


async def test_an_indented_answer_is_shown_as_it_came(app, wire, visit):
    async with visit(app.url) as visitor:
        wire.script(
            stream_reply(event("    if deep:\n"), event("        deeper()\n"), event(finish_reason="stop"), DONE)
        )
        await visitor.ask("code only, please")
        assert await visitor.answers.last.locator("code").text_content() == "if deep:\n    deeper()\n"
