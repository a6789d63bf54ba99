"""The page: a ``gr.ChatInterface`` whose events go to the conversation service. The only room that knows Gradio."""

import os

# Gradio reads these when it is imported: no calls home, and no summary of its own after every event.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("GRADIO_ANALYTICS_CACHE_FREQUENCY", "1000")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

from chatbot.ui.branding import LOGO, Branding
from chatbot.ui.gate import Gate
from chatbot.ui.identity import VisitorCookie
from chatbot.ui.layout import build_page
from chatbot.ui.mount import mount
from chatbot.ui.routes import PageRoutes
from chatbot.ui.security import SecurityHeaders, policy
from chatbot.ui.sessions import PageSessions
from chatbot.ui.zero_gpu import declare as declare_zero_gpu

__all__ = [
    "LOGO",
    "Branding",
    "Gate",
    "PageRoutes",
    "PageSessions",
    "SecurityHeaders",
    "VisitorCookie",
    "build_page",
    "declare_zero_gpu",
    "mount",
    "policy",
]
