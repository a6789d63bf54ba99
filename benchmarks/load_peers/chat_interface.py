"""Plain ``gr.ChatInterface``, with its limits out of the way: by default it would serve one visitor at a time."""

import os
from collections.abc import AsyncIterator

import gradio as gr
from endpoint import tokens


async def answer(message: str, history: list[object]) -> AsyncIterator[str]:
    text = ""
    async for token in tokens(message):
        text += token
        yield text


page = gr.ChatInterface(answer, concurrency_limit=None, analytics_enabled=False)
page.queue(default_concurrency_limit=None)
page.launch(server_port=int(os.environ["PORT"]), max_threads=1000, ssr_mode=False, quiet=True)
