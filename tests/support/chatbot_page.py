"""A page with the application's ``gr.Chatbot`` alone, which draws the texts it is given as answers.

``python -m tests.support.chatbot_page`` serves it, in a process of its own: Gradio leaves its event loops open.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def answers(texts: str) -> list[dict[str, Any]]:
    """Return a conversation whose answers are the texts, given as JSON."""
    from chatbot.ui.answer_markdown import prepare

    question = {"role": "user", "content": [{"type": "text", "text": "?"}]}
    prepared = [
        {"role": "assistant", "content": [{"type": "text", "text": prepare(each)}]} for each in json.loads(texts)
    ]
    return [each for answer in prepared for each in (question, answer)]


def main() -> None:
    import gradio as gr

    from chatbot.ui.branding import Branding
    from chatbot.ui.layout import _chatbot
    from chatbot.ui.theme import style_sheet

    with gr.Blocks(analytics_enabled=False) as demo:
        chatbot = _chatbot(Branding())
        texts = gr.Textbox(elem_id="texts")
        gr.Button("Draw", elem_id="draw").click(answers, [texts], [chatbot])
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, footer_links=[], css=style_sheet())
    print(url, flush=True)
    while True:
        time.sleep(60)


@contextmanager
def chatbot_page() -> Iterator[str]:
    """Serve the page; yield its URL."""
    command = [sys.executable, "-m", "tests.support.chatbot_page"]
    environment = {**os.environ, "GRADIO_ANALYTICS_ENABLED": "False"}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
