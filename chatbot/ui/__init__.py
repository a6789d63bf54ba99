"""The page: a ``gr.ChatInterface`` whose events go to the conversation service. The only room that knows Gradio."""

import os

# Gradio reads these when it is imported: no calls home, and no summary of its own after every event.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from chatbot.ui.look import LOGO, Look
from chatbot.ui.page import build_page
from chatbot.ui.serving import serving

__all__ = ["LOGO", "Look", "build_page", "serving"]
