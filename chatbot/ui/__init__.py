"""The page: a ``gr.ChatInterface`` whose events go to the conversation service. The only room that knows Gradio."""

import chatbot.ui.gradio_import  # noqa: F401 - before anything else imports it
from chatbot.ui.branding import LOGO, Branding, ExamplePrompt
from chatbot.ui.demo import DemoOffer
from chatbot.ui.doctor_page import DOCTOR, Doctor, DoctorPage
from chatbot.ui.gate import Gate
from chatbot.ui.house_rules import HouseRules, read_terms
from chatbot.ui.identity import HandOver, VisitorCookie
from chatbot.ui.launcher import Launcher
from chatbot.ui.layout import build_page
from chatbot.ui.lengths import LENGTHS, Lengths
from chatbot.ui.mount import mount
from chatbot.ui.owner_page import POLICY as OWNER_POLICY
from chatbot.ui.owner_page import OwnerPage
from chatbot.ui.routes import PageRoutes
from chatbot.ui.security import SecurityHeaders, policy
from chatbot.ui.sessions import PageSessions
from chatbot.ui.shared_page import BEGIN as SHARED
from chatbot.ui.shared_page import POLICY as SHARED_POLICY
from chatbot.ui.shared_page import SharedPages
from chatbot.ui.sign_in import SignInPage
from chatbot.ui.usage_page import USAGE, UsagePage
from chatbot.ui.zero_gpu import declare as declare_zero_gpu

__all__ = [
    "DOCTOR",
    "LENGTHS",
    "LOGO",
    "OWNER_POLICY",
    "SHARED",
    "SHARED_POLICY",
    "USAGE",
    "Branding",
    "DemoOffer",
    "Doctor",
    "DoctorPage",
    "ExamplePrompt",
    "Gate",
    "HandOver",
    "HouseRules",
    "Launcher",
    "Lengths",
    "OwnerPage",
    "PageRoutes",
    "PageSessions",
    "SecurityHeaders",
    "SharedPages",
    "SignInPage",
    "UsagePage",
    "VisitorCookie",
    "build_page",
    "declare_zero_gpu",
    "mount",
    "policy",
    "read_terms",
]
