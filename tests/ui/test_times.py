"""Each time that an answer has is a setting, and the page says which was exceeded, and what became of the answer."""

import threading

import pytest
from playwright.async_api import expect

from tests.support.app_process import AppProcess
from tests.support.wire import DONE, WireServer, event, stream_reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOOD = stream_reply(event("All is well."), event(finish_reason="stop"), DONE)
NEVER = threading.Event()
PINGS = [piece for _ in range(1000) for piece in (b": ping\n\n", 0.2)]
DRIPS = [piece for _ in range(1000) for piece in (event("word "), 0.2)]


@pytest.fixture(scope="module")
def wire():
    with WireServer(GOOD) as server:
        yield server


@pytest.fixture(scope="module")
def app(wire, tmp_path_factory):
    settings = {
        "AZUREML_ENDPOINT_URL": f"{wire.url}/v1/chat/completions",
        "AZUREML_ENDPOINT_API_KEY": "key",
        "AZUREML_TIMEOUT": "1.5",
        "CHATBOT_SILENCE_TIMEOUT": "2.5",
        "CHATBOT_ANSWER_TIMEOUT": "4.5",
    }
    with AppProcess(tmp_path_factory.mktemp("times"), settings) as process:
        yield process
        assert "Traceback" not in process.log


@pytest.mark.parametrize(
    ("pieces", "headline", "words", "kept"),
    [
        ([NEVER], "No word came in time", "within 1.5 seconds", ""),
        (PINGS, "No word came in time", "within 1.5 seconds", ""),
        ([event("so far"), NEVER], "The answer broke off", "Nothing more came for 2.5 seconds", "so far"),
        (DRIPS, "The answer took too long", "ended after 4.5 seconds", "word word"),
    ],
    ids=["no byte", "no word", "silence", "endless"],
)
async def test_the_page_names_the_time_that_was_exceeded(app, wire, visit, pieces, headline, words, kept):
    async with visit(app.url) as visitor:
        wire.default = stream_reply(*pieces)
        await visitor.say("hello")
        await expect(visitor.notes).to_contain_text(headline)
        await expect(visitor.notes).to_contain_text(words)
        if kept:
            await expect(visitor.answers.first).to_contain_text(kept)
        await visitor.settled()
        wire.default = GOOD
        await visitor.press("Retry")
        await expect(visitor.answers.last).to_have_text("All is well.")
