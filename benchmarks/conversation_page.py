"""What one turn costs a visitor with a long conversation behind them: our page beside Gradio's own ChatInterface."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from conversation_service import QUESTION, EchoModel, ended_turns
from playwright.sync_api import Browser, Request, expect

from chatbot.conversation import (
    Conversation,
    ConversationService,
    ConversationStore,
    Deployment,
    Deployments,
    WindowMemory,
)
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding
from chatbot.ui.identity import COOKIE
from tests.support.serving import serving

# Behind the page's own environment settings, so that both are measured under the same.
import gradio as gr  # isort: skip

CHUNKS: Final = (*(f"Word {number} of the answer that is streamed. " for number in range(20)), "The end.")
ANSWER: Final = "".join(CHUNKS)

# From Enter to the moment the last words are on the page.
CLOCK: Final = """(question) => {
  window.took = null;
  addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const started = performance.now();
    const look = () => {
      const asked = [...document.querySelectorAll(".user.message")].at(-1)?.innerText.trim();
      const answer = [...document.querySelectorAll(".bot.message")].at(-1)?.innerText.trim();
      if (asked === question && answer?.endsWith("The end.")) window.took = (performance.now() - started) / 1000;
      else requestAnimationFrame(look);
    };
    look();
  }, { once: true, capture: true });
}"""


@dataclass(frozen=True, slots=True)
class Visit:
    """What a turn costs: seconds from Enter to the end of the answer, and bytes uploaded; medians."""

    seconds: float
    uploaded: float


@contextmanager
def ours(folder: Path, lengths: list[int]) -> Iterator[tuple[str, dict[int, str]]]:
    """Serve the page; yields its address and, by length, the cookie of a visitor with that many turns behind them."""
    url = f"sqlite:///{folder}/page.db"
    visitors = {length: secrets.token_urlsafe(32) for length in lengths}

    async def fill() -> None:
        store = ConversationStore(url)
        for length, cookie in visitors.items():
            conversation = Conversation(f"long-{length}", hashlib.sha256(cookie.encode()).hexdigest(), title="Long")
            await store.add(conversation, ended_turns(length, ANSWER))
        await store.aclose()

    asyncio.run(fill())
    store = ConversationStore(url)
    service = ConversationService(Deployments(Deployment("benchmark", EchoModel(chunks=CHUNKS), WindowMemory())), store)
    closing = Step("close the database", store.aclose, 5)
    with serving(create_page_app(service, Branding("Ours"), [closing])) as address:
        yield address, visitors


@contextmanager
def gradios(length: int) -> Iterator[str]:
    """Serve Gradio's own page with as many turns behind its visitor; yields its address."""
    pair = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}]

    def answer(message: str, history: object) -> Iterator[str]:
        for number in range(len(CHUNKS)):
            yield "".join(CHUNKS[: number + 1])

    page = gr.ChatInterface(answer, chatbot=gr.Chatbot(value=pair * length), analytics_enabled=False)
    _, address, _ = page.launch(quiet=True, prevent_thread_lock=True, ssr_mode=False)
    try:
        yield address
    finally:
        page.close(verbose=False)


def measure(browser: Browser, url: str, turns: int, cookie: str = "") -> Visit:
    """Return what a turn costs a visitor of the page, over some turns; a first one is not counted."""
    context = browser.new_context()
    if cookie:
        context.add_cookies([{"name": COOKIE, "value": cookie, "url": url}])
    page = context.new_page()
    page.goto(url)
    box = page.locator("#box textarea" if cookie else "textarea").first
    expect(page.locator(".bot.message").first).to_be_visible(timeout=60_000)
    page.wait_for_timeout(1500)
    uploads: list[int] = []

    def weigh(request: Request) -> None:
        uploads.append(len(request.post_data_buffer or b""))

    page.on("request", weigh)
    seconds, uploaded = [], []
    for number in range(turns + 1):
        question = f"question {number} of the benchmark"
        box.fill(question)
        # What the page does about what is typed is over, and no part of the turn.
        page.wait_for_timeout(1000)
        uploads.clear()
        page.evaluate(CLOCK, question)
        box.press("Enter")
        page.wait_for_function("window.took !== null", timeout=60_000)
        seconds.append(page.evaluate("window.took"))
        page.wait_for_timeout(1000)
        uploaded.append(sum(uploads))
    context.close()
    return Visit(median(seconds[1:]), median(uploaded[1:]))
