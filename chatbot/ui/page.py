"""How the page is put together: the conversations, the chat, and what is remembered of it."""

from __future__ import annotations

import base64
import html
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import gradio as gr

from chatbot.conversation import ConversationService
from chatbot.ui.drawing import Easel, Frame
from chatbot.ui.open_pages import OpenPages
from chatbot.ui.remembering import Remembering
from chatbot.ui.shelf import Shelf
from chatbot.ui.talking import Talking

ASSETS: Final = Path(__file__).parents[2] / "assets"
# In one scope, run once, when the relay loads; Gradio gives it `element` and `trigger`.
SCRIPTS: Final = [
    Path(__file__).parent / "scripts" / f"{name}.js" for name in ("actions", "panels", "copying", "connection")
]

LARGEST_K: Final = 20

EXAMPLES: Final = {
    "Tell it your name": "My name is Ada.",
    "Ask what it knows": "What do you remember?",
    "See a table": "Show me a table.",
    "Read something long": "Give me a long answer.",
}

# What a browser does with a file that an event returned: gr.DownloadButton would need one on the server's disk.
SAVE: Final = """(parcel) => {
  const bytes = Uint8Array.from(atob(parcel.base64), (each) => each.charCodeAt(0));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: parcel.type }));
  link.download = parcel.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}"""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Which endpoint answers: what the badge says.

    Attributes:
        name: For instance its host.
        is_demo: Whether it is the built-in demo endpoint.
    """

    name: str
    is_demo: bool


class Beside:
    """What stands beside the chat: the components, without their events."""

    def __init__(self, *, k: int, keeps: bool) -> None:
        with gr.Column(elem_id="shelf", scale=0, min_width=0, render=False) as self.shelf:
            gr.HTML(_drawer_head("Conversations"), apply_default_css=False)
            self.new = gr.Button("New chat", elem_id="new-chat", size="sm", variant="secondary")
            self.search = gr.Textbox(
                elem_id="search", placeholder="Search", show_label=False, label="Search conversations", container=False
            )
            self.conversations = gr.HTML(elem_id="conversations", apply_default_css=False)
            with gr.Accordion("Export and import", elem_id="exchange", open=False):
                self.markdown = gr.Button("This chat as Markdown", size="sm")
                self.json = gr.Button("This chat as JSON", size="sm")
                self.everything = gr.Button("All chats", size="sm")
                self.bring_in = gr.UploadButton("Import…", size="sm", file_types=[".json", ".zip"], type="binary")
            if not keeps:
                gr.HTML('<p class="ephemeral">This app has no disk: conversations are lost when it restarts.</p>')
        with gr.Column(elem_id="panel", scale=0, min_width=0, render=False) as self.panel:
            gr.HTML(_drawer_head("Memory"), apply_default_css=False)
            self.k = gr.Slider(
                0,
                max(LARGEST_K, k),
                value=k,
                step=1,
                elem_id="k",
                label="Remembered turns (k)",
                info="From the next message of this chat on; 0 remembers nothing.",
                buttons=[],
            )
            self.plan = gr.HTML(elem_id="plan", apply_default_css=False)
        self.memory = gr.Markdown(elem_id="memory", render=False)
        self.offer = gr.HTML(elem_id="offer", apply_default_css=False, render=False)
        self.parcel = gr.JSON(visible="hidden", render=False)


class ChatPage(gr.ChatInterface):
    """A ``gr.ChatInterface`` with events of its own.

    Gradio's wiring keeps four copies of the conversation equal through a chain of events, uploads it with every
    turn, and leaves the box disabled when any link of the chain breaks. Here each action of the visitor is one
    event that uploads what he typed and gets the page drawn from the store (docs/decisions.md has the figures).
    """

    def __init__(self, service: ConversationService, beside: Beside, **kwargs: Any) -> None:
        easel = Easel(service)
        self.open_pages = OpenPages(service)
        self._talking = Talking(service, self.open_pages, easel)
        self._remembering = Remembering(service, self.open_pages, easel)
        self._shelf = Shelf(service, self.open_pages, easel, self._talking)
        self._beside = beside
        super().__init__(self._talking.chat, **kwargs)

    def _setup_events(self) -> None:
        talking, remembering, shelf, beside = self._talking, self._remembering, self._shelf, self._beside
        # In the order of Frame.
        outputs = [
            self.chatbot,
            self.textbox,
            beside.memory,
            beside.plan,
            beside.k,
            beside.conversations,
            beside.offer,
        ]
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
        event: dict[str, Any] = {"outputs": outputs, "concurrency_limit": None, **quiet}
        newest: dict[str, Any] = {**event, "trigger_mode": "always_last"}
        self.load(talking.load, **event)
        self.textbox.submit(talking.submit, [self.textbox], **event)
        self.textbox.stop(talking.stop, queue=False, api_visibility="private")
        # Not "input", which Gradio reports for key presses only: not for pasting, deleting, or a phone's keyboard.
        self.textbox.change(remembering.typed, [self.textbox], **{**newest, "outputs": [beside.offer]})
        self.chatbot.retry(talking.retry, **event)
        self.chatbot.edit(talking.edit, **event)
        self.chatbot.undo(talking.undo, **event)
        self.chatbot.example_select(talking.example, **event)
        beside.k.input(remembering.set_k, [beside.k], **newest)
        beside.new.click(shelf.new, **event)
        beside.search.change(shelf.search, [beside.search], **newest)
        beside.bring_in.upload(shelf.bring_in, [beside.bring_in], **event)
        for button, export in (
            (beside.markdown, shelf.markdown),
            (beside.json, shelf.json),
            (beside.everything, shelf.everything),
        ):
            packed = button.click(export, outputs=[beside.parcel], concurrency_limit=None, **quiet)
            packed.success(None, [beside.parcel], js=SAVE)
        # Here, so that it stands with the box and not below it.
        beside.offer.render()
        script = "\n".join(each.read_text(encoding="utf-8") for each in SCRIPTS)
        # Not hidden by Gradio, which would not run the script then; there is nothing in it to see.
        relay = gr.HTML("", elem_id="relay", js_on_load=script)
        relay.click(self._act, trigger_mode="multiple", **event)
        conversation = gr.State(None)
        self.fake_api_btn.click(
            talking.chat,
            [self.textbox, conversation],
            [self.api_response, conversation],
            api_name=self.api_name,
            concurrency_limit=None,
            postprocess=False,
        )

    async def _act(self, request: gr.Request, event: gr.EventData) -> AsyncGenerator[Frame]:
        """Do what a button within the page's HTML asks for."""
        said = event._data or {}
        details = [str(each) for each in said.get("details", ())]
        match said.get("action"), details:
            case "flip", [index, version] if index.isdecimal() and version.isdecimal():
                frames = self._talking.flip(int(index), int(version), request)
            case "earlier", []:
                frames = self._talking.earlier(request)
            case "mark", [index, ("auto" | "pinned" | "excluded") as memory] if index.isdecimal():
                frames = self._remembering.mark(int(index), memory, request)
            case "dismiss", [index] if index.isdecimal():
                frames = self._remembering.dismiss(int(index), request)
            case ("open" | "name" | "delete" | "restore") as action, [id]:
                frames = getattr(self._shelf, action)(id, request)
            case "rename", [id, title]:
                frames = self._shelf.rename(id, title, request)
            case _:
                yield Frame()
                return
        async for frame in frames:
            yield frame


def build_page(service: ConversationService, *, title: str, endpoint: Endpoint, keeps: bool = True) -> gr.Blocks:
    """Return the page over ``service``.

    Args:
        service: What it talks to.
        title: The application's name.
        endpoint: What answers.
        keeps: Whether conversations outlive a restart; where they do not, the page says so.
    """
    with gr.Blocks(title=title, fill_height=True, analytics_enabled=False) as page:
        beside = Beside(k=service.memory.k, keeps=keeps)
        with gr.Row(elem_id="layout"):
            beside.shelf.render()
            with gr.Column(elem_id="talk", scale=1, min_width=0):
                gr.HTML(_header(title, endpoint), elem_id="top", apply_default_css=False)
                chat = ChatPage(
                    service,
                    beside,
                    chatbot=_chatbot(title, endpoint),
                    textbox=_box(),
                    examples=list(EXAMPLES.values()),
                    example_labels=list(EXAMPLES),
                    editable=True,
                    api_name="chat",
                    analytics_enabled=False,
                )
                beside.memory.render()
                beside.parcel.render()
            beside.panel.render()
        # Of the page, not of the interface within it: Gradio forgets an inner one's.
        page.unload(chat.open_pages.close)
    return page


def _chatbot(title: str, endpoint: Endpoint) -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="chat",
        show_label=False,
        scale=1,
        height="auto",
        editable="user",
        buttons=["copy"],
        feedback_options=None,
        placeholder=_welcome(title, endpoint),
        latex_delimiters=[
            {"left": "$$", "right": "$$", "display": True},
            {"left": "\\(", "right": "\\)", "display": False},
            {"left": "\\[", "right": "\\]", "display": True},
        ],
    )


def _box() -> gr.Textbox:
    return gr.Textbox(
        elem_id="box",
        label="Message",
        placeholder="Type a message",
        show_label=False,
        submit_btn=True,
        stop_btn=True,
        autofocus=True,
        lines=1,
        max_lines=12,
    )


def _header(title: str, endpoint: Endpoint) -> str:
    kind = "demo" if endpoint.is_demo else "live"
    return (
        '<header id="header">'
        '<button type="button" id="shelf-toggle" aria-label="Conversations"><i class="glyph menu"></i></button>'
        f'<img src="{_logo()}" alt=""><div><h1>{html.escape(title)}</h1>'
        f'<span class="badge {kind}" title="The endpoint that answers">{html.escape(endpoint.name)}</span></div>'
        '<button type="button" id="panel-toggle" aria-label="What the model remembers">Memory</button></header>'
    )


def _drawer_head(title: str) -> str:
    return (
        f'<div class="drawer-head"><h2>{title}</h2>'
        '<button type="button" class="close" aria-label="Close"><i class="glyph cross"></i></button></div>'
    )


def _welcome(title: str, endpoint: Endpoint) -> str:
    about = (
        "A built-in demo model answers here. Tell it something, then ask what it remembers."
        if endpoint.is_demo
        else f"The model at {html.escape(endpoint.name)} answers here."
    )
    return f'<div class="welcome"><img src="{_logo()}" alt=""><h2>{html.escape(title)}</h2><p>{about}</p></div>'


def _logo() -> str:
    return "data:image/svg+xml;base64," + base64.b64encode((ASSETS / "logo.svg").read_bytes()).decode()
