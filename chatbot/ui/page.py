"""How the page is put together: the conversations, the chat, and what is remembered of it."""

from __future__ import annotations

import html
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Final

import gradio as gr

from chatbot.conversation import ConversationService
from chatbot.ui.answer_markdown import LATEX_DELIMITERS
from chatbot.ui.beside import Beside
from chatbot.ui.choosing import Choosing
from chatbot.ui.drawing import Easel, Frame
from chatbot.ui.icons import data_url
from chatbot.ui.language import for_scripts, label
from chatbot.ui.look import Look
from chatbot.ui.open_pages import OpenPages
from chatbot.ui.remembering import Remembering
from chatbot.ui.shelf import Shelf
from chatbot.ui.talking import Talking
from chatbot.ui.theme import palette

SCRIPTS: Final = [
    Path(__file__).parent / "scripts" / f"{name}.js"
    for name in ("texts", "actions", "panels", "typed", "waiting", "everyone", "connection")
]

# What a browser does with a file that an event returned: gr.DownloadButton would need one on the server's disk.
SAVE: Final = """(parcel) => {
  const bytes = Uint8Array.from(atob(parcel.base64), (each) => each.charCodeAt(0));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type: parcel.type }));
  link.download = parcel.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}"""


class ChatPage(gr.ChatInterface):
    """A ``gr.ChatInterface`` with events of its own.

    Gradio's wiring keeps four copies of the conversation equal through a chain of events, uploads it with every
    turn, and leaves the box disabled when any link of the chain breaks. Here each action of the visitor is one
    event that uploads what he typed and gets the page drawn from the store (docs/decisions.md has the figures).
    """

    def __init__(self, service: ConversationService, look: Look, beside: Beside, **kwargs: Any) -> None:
        easel = Easel(service, look)
        self.open_pages = OpenPages(service)
        self._talking = Talking(service, self.open_pages, easel)
        self._remembering = Remembering(service, self.open_pages, easel)
        self._choosing = Choosing(service, self.open_pages, easel, look)
        self._shelf = Shelf(service, self.open_pages, easel, self._talking)
        self._beside = beside
        super().__init__(self._talking.chat, **kwargs)

    def _setup_events(self) -> None:
        talking, remembering, choosing = self._talking, self._remembering, self._choosing
        shelf, beside = self._shelf, self._beside
        # In the order of Frame.
        outputs = [
            self.chatbot,
            self.textbox,
            beside.memory,
            beside.plan,
            beside.conversations,
            beside.offer,
            beside.taken,
            beside.badge,
            beside.deployment,
            beside.k,
            beside.preset,
            beside.system_prompt,
            beside.temperature,
            beside.top_p,
            beside.max_tokens,
        ]
        # Whatever shows progress is written to by Gradio, hidden or not, with the value it had a moment before. The
        # memory line loses nothing by it.
        quiet: dict[str, Any] = {
            "show_progress": "hidden",
            "show_progress_on": [beside.memory],
            "api_visibility": "private",
        }
        event: dict[str, Any] = {"outputs": outputs, "concurrency_limit": None, **quiet}
        newest: dict[str, Any] = {**event, "trigger_mode": "always_last"}
        self.load(talking.load, **event)
        self.textbox.submit(talking.submit, [self.textbox], **event)
        self.textbox.stop(talking.stop, queue=False, **quiet)
        # Not "input", which Gradio reports for key presses only: not for pasting, deleting, or a phone's keyboard.
        typed = {**event, "outputs": [beside.offer], "trigger_mode": "multiple"}
        self.textbox.change(remembering.typed, [self.textbox], **typed)
        self.chatbot.retry(talking.retry, **event)
        self.chatbot.edit(talking.edit, **event)
        self.chatbot.undo(talking.undo, **event)
        self.chatbot.example_select(talking.example, **event)
        beside.k.input(choosing.set_k, [beside.k], **newest)
        beside.deployment.input(choosing.set_deployment, [beside.deployment], **newest)
        beside.preset.input(choosing.set_preset, [beside.preset], **newest)
        # Once it is typed, not at every key: half a prompt and half a number are not meant.
        beside.system_prompt.blur(choosing.set_system_prompt, [beside.system_prompt], **newest)
        for number, change in (
            (beside.temperature, choosing.set_temperature),
            (beside.top_p, choosing.set_top_p),
            (beside.max_tokens, choosing.set_max_tokens),
        ):
            number.blur(change, [number], **newest)
            number.submit(change, [number], **newest)
        beside.reset.click(choosing.reset, **event)
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
        # Not hidden by Gradio, which would not run the script then; there is nothing in it to see.
        relay = gr.HTML("", elem_id="relay", js_on_load=_script())
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
            case "retry", []:
                frames = self._talking.retry(request)
            case "rate", [index, ("up" | "down" | "none") as rating] if index.isdecimal():
                frames = self._choosing.rate(int(index), rating, request)
            case "comment", [index, words] if index.isdecimal():
                frames = self._choosing.comment(int(index), words, request)
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


def build_page(service: ConversationService, look: Look) -> gr.Blocks:
    """Return the page over ``service``, as it is to look."""
    with gr.Blocks(title=look.title, fill_height=True, analytics_enabled=False) as page:
        beside = Beside(service.deployments, look)
        with gr.Row(elem_id="layout"):
            beside.shelf.render()
            with gr.Column(elem_id="talk", scale=1, min_width=0):
                with gr.Row(elem_id="header"):
                    gr.HTML(_brand(look), elem_id="brand", apply_default_css=False)
                    beside.badge.render()
                    gr.HTML(_PANEL_TOGGLE, elem_id="panel-side", apply_default_css=False)
                chat = ChatPage(
                    service,
                    look,
                    beside,
                    chatbot=_chatbot(look),
                    textbox=_box(),
                    examples=[prompt for _, prompt, _ in look.examples],
                    example_labels=[each for each, _, _ in look.examples],
                    example_icons=[_icon(icon, look) for _, _, icon in look.examples],
                    editable=True,
                    api_name="chat",
                    analytics_enabled=False,
                )
                beside.memory.render()
                beside.taken.render()
                beside.parcel.render()
            beside.panel.render()
        # Of the page, not of the interface within it: Gradio forgets an inner one's.
        page.unload(chat.open_pages.close)
    return page


def _script() -> str:
    """Return the page's script: all files in one scope, run once. Gradio gives it `element` and `trigger`.

    Gradio draws the parts of a page in no order that could be relied on, so the script waits for those it needs.
    """
    needed = ["#layout", "#talk", "#shelf-toggle", "#panel-toggle", "#shelf .close", "#panel .close", "#taken"]
    files = "\n".join(each.read_text(encoding="utf-8") for each in SCRIPTS)
    return f"""const TEXTS = {for_scripts()};
function begin() {{
if ({json.dumps(needed)}.some((part) => !document.querySelector(part))) return setTimeout(begin, 20);
{files}
}}
begin();"""


def _chatbot(look: Look) -> gr.Chatbot:
    return gr.Chatbot(
        elem_id="chat",
        show_label=False,
        scale=1,
        height="auto",
        editable="user",
        buttons=["copy"],
        feedback_options=None,
        placeholder=_welcome(look),
        latex_delimiters=LATEX_DELIMITERS,
    )


def _box() -> gr.Textbox:
    return gr.Textbox(
        elem_id="box",
        label=label("message"),
        placeholder=label("message_placeholder"),
        show_label=False,
        submit_btn=True,
        stop_btn=True,
        autofocus=True,
        lines=1,
        max_lines=12,
    )


# What `data-say` names is filled in by the page's script, in the browser's language.
_PANEL_TOGGLE: Final = (
    '<button type="button" id="panel-toggle" data-say="memory" data-say-label="memory_hint">Memory</button>'
)


def _brand(look: Look) -> str:
    title = html.escape(look.title)
    return (
        '<button type="button" id="shelf-toggle" data-say-label="conversations" aria-label="Conversations">'
        '<i class="glyph menu"></i></button>'
        f'<img src="{look.logo_url}" alt=""><h1 dir="auto" title="{title}">{title}</h1>'
    )


def _welcome(look: Look) -> str:
    about = html.escape(look.tagline) or str(label("welcome_demo" if look.is_demo else "welcome"))
    return (
        f'<div class="welcome"><img src="{look.logo_url}" alt="">'
        f'<h2 dir="auto">{html.escape(look.title)}</h2><p dir="auto">{about}</p></div>'
    )


def _icon(name: str, look: Look) -> dict[str, Any]:
    url = data_url(name, palette(look.accent).c500)
    return {"url": url, "mime_type": "image/svg+xml"}
