"""What one typed turn costs between browser and server: our page beside Gradio's own ChatInterface, in one run.

    python benchmarks/page_requests.py

Needs Chromium and tests/requirements.txt. Both pages answer at once with the same words. Counted are the
requests from the first key to the end of the turn and the bytes they upload, at the first turn and with a longer
conversation behind it, part of which is forgotten.
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from playwright.sync_api import Page, Request, expect, sync_playwright

from chatbot.conversation import ConversationService, ConversationStore, Deployment, Deployments, WindowMemory
from chatbot.server import create_page_app
from chatbot.shutdown import Step
from chatbot.ui import Branding
from tests.support.serving import serving

# Behind the page's own environment settings, so that both are measured under the same.
import gradio as gr  # isort: skip

TURNS = (1, 10, 20)
QUESTION = "What else is there to know about the weather in town, for the {}. time?"
KEY_MS = 100
ANSWER = "The same forty words again, so that both pages have as much to carry. " * 3


@contextmanager
def ours(folder: Path) -> Iterator[str]:
    model = GenericFakeChatModel(messages=iter(lambda: AIMessage(ANSWER), None))
    store = ConversationStore(f"sqlite:///{folder}/chat.db")
    service = ConversationService(Deployments(Deployment("benchmark", model, WindowMemory())), store)
    closing = Step("close the database", store.aclose, 5)
    with serving(create_page_app(service, Branding("Ours"), [closing])) as url:
        yield url


@contextmanager
def gradios() -> Iterator[str]:
    page = gr.ChatInterface(lambda message, history: (yield ANSWER), analytics_enabled=False)
    _, url, _ = page.launch(quiet=True, prevent_thread_lock=True, ssr_mode=False)
    yield url
    page.close(verbose=False)


def measure(page: Page, url: str) -> dict[int, tuple[int, int]]:
    """Return requests and uploaded bytes of the turns in ``TURNS``."""
    page.goto(url)
    box = page.locator("#talk textarea, .gradio-container:not(:has(#talk)) textarea").first
    expect(box).to_be_visible()
    page.wait_for_timeout(1500)
    seen: list[Request] = []
    page.on("request", lambda request: seen.append(request))
    costs = {}
    for turn in range(1, max(TURNS) + 1):
        seen.clear()
        if turn in TURNS:
            box.press_sequentially(QUESTION.format(turn), delay=KEY_MS)
        else:
            box.fill(QUESTION.format(turn))
        box.press("Enter")
        expect(page.locator(".user.message")).to_have_count(turn, timeout=30_000)
        expect(page.locator(".bot.message").get_by_text(ANSWER.strip())).to_have_count(turn, timeout=30_000)
        page.wait_for_timeout(700)
        costs[turn] = (len(seen), sum(len(request.post_data_buffer or b"") for request in seen))
    return {turn: costs[turn] for turn in TURNS}


def main() -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {
            "this application": stack.enter_context(ours(folder)),
            "gr.ChatInterface": stack.enter_context(gradios()),
        }
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        print("| page | " + " | ".join(f"turn {turn}" for turn in TURNS) + " |")
        print("|---|" + "---|" * len(TURNS))
        for name, url in urls.items():
            costs = measure(browser.new_page(), url)
            cells = [f"{requests} requests, {size:,} bytes up" for requests, size in costs.values()]
            print(f"| {name} | " + " | ".join(cells) + " |")
        browser.close()


if __name__ == "__main__":
    main()
