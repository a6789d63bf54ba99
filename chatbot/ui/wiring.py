"""Which action of a visitor leads to which handler, and how the page's stream reaches Gradio's components."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import gradio as gr

from chatbot.conversation import ConversationService
from chatbot.ui.branding import Branding
from chatbot.ui.handlers.chat import ChatHandlers
from chatbot.ui.handlers.conversations import ConversationHandlers
from chatbot.ui.handlers.feedback import FeedbackHandlers
from chatbot.ui.handlers.memory import MemoryHandlers
from chatbot.ui.handlers.options import OptionHandlers
from chatbot.ui.scripts import page_script
from chatbot.ui.sessions import PageSessions
from chatbot.ui.sidebars import Sidebars

# An action is one request beside Gradio's queue, which draws nothing: what it changed comes with the page's stream.
ACTION: Final[dict[str, Any]] = {
    "queue": False,
    "show_progress": "hidden",
    "trigger_mode": "multiple",
    "api_visibility": "private",
}


class ChatPage(gr.ChatInterface):
    """A ``gr.ChatInterface`` with events of its own.

    Gradio's wiring keeps four copies of the conversation equal through a chain of events, uploads it with every
    turn, and leaves the box disabled when any link of the chain breaks. Here each action of the visitor is one
    request that uploads what they typed, and the page is drawn from the store (docs/decisions.md has the figures).
    """

    def __init__(
        self, service: ConversationService, sessions: PageSessions, branding: Branding, beside: Sidebars, **kwargs: Any
    ) -> None:
        self._chat = ChatHandlers(service, sessions)
        self._memory = MemoryHandlers(service, sessions)
        self._options = OptionHandlers(service, sessions, branding)
        self._feedback = FeedbackHandlers(service, sessions)
        self._conversations = ConversationHandlers(service, sessions)
        self._sidebars = beside
        super().__init__(self._chat.chat, **kwargs)

    def _setup_events(self) -> None:
        """Wire everything; replaces Gradio's own wiring."""
        self._wire_actions()
        self._wire_files()
        # Here, so that it stands with the box and not below it.
        self._sidebars.recall_hint.render()
        self._wire_stream()
        self._wire_api()

    def _wire_actions(self) -> None:
        chat, options, conversations, sidebars = self._chat, self._options, self._conversations, self._sidebars
        table: list[tuple[Any, Callable[..., Awaitable[Any]], list[gr.components.Component]]] = [
            (self.textbox.submit, chat.submit, [self.textbox]),
            (self.textbox.stop, chat.stop, []),
            (self.chatbot.retry, chat.retry, []),
            (self.chatbot.edit, chat.edit, []),
            (self.chatbot.undo, chat.undo, []),
            (self.chatbot.example_select, chat.example, []),
            (sidebars.k.input, options.set_k, [sidebars.k]),
            (sidebars.deployment.input, options.set_deployment, [sidebars.deployment]),
            (sidebars.preset.input, options.set_preset, [sidebars.preset]),
            # Once it is typed, not at every key: half a prompt and half a number are not meant.
            (sidebars.system_prompt.blur, options.set_system_prompt, [sidebars.system_prompt]),
            (sidebars.temperature.blur, options.set_temperature, [sidebars.temperature]),
            (sidebars.temperature.submit, options.set_temperature, [sidebars.temperature]),
            (sidebars.top_p.blur, options.set_top_p, [sidebars.top_p]),
            (sidebars.top_p.submit, options.set_top_p, [sidebars.top_p]),
            (sidebars.max_tokens.blur, options.set_max_tokens, [sidebars.max_tokens]),
            (sidebars.max_tokens.submit, options.set_max_tokens, [sidebars.max_tokens]),
            (sidebars.reset.click, options.reset, []),
            (sidebars.new.click, conversations.new, []),
            (sidebars.search.change, conversations.search, [sidebars.search]),
        ]
        for event, handler, inputs in table:
            event(handler, inputs, None, **ACTION)

    def _wire_files(self) -> None:
        """Let the page's script save and read files: Gradio would keep them on the server's disk."""
        sidebars = self._sidebars
        for button, script in (
            (sidebars.markdown, "() => window.chatbotFiles.save('markdown')"),
            (sidebars.json, "() => window.chatbotFiles.save('json')"),
            (sidebars.everything, "() => window.chatbotFiles.save('all')"),
            (sidebars.import_file, "() => window.chatbotFiles.importFile()"),
        ):
            button.click(None, None, None, js=script)

    def _wire_stream(self) -> None:
        """Let the page's script set components, and tell of buttons within the page's HTML."""
        outputs = {"chat": self.chatbot, "box": self.textbox, **self._sidebars.outputs}
        # Not hidden by Gradio, which would not run the script then; there is nothing in it to see.
        components = gr.HTML("", elem_id="components", js_on_load="window.chatbotDraw = () => trigger('click');")
        components.click(None, None, list(outputs.values()), js="() => window.chatbotDrawn()", trigger_mode="multiple")
        actions = gr.HTML("", elem_id="actions", js_on_load=page_script(list(outputs)))
        actions.click(self._act, None, None, **ACTION)

    def _wire_api(self) -> None:
        conversation = gr.State(None)
        asked = gr.Button(visible=False)
        response = gr.JSON(label="Response", visible=False)
        asked.click(
            self._chat.chat,
            [self.textbox, conversation],
            [response, conversation],
            api_name=self.api_name,
            concurrency_limit=None,
            postprocess=False,
        )

    async def _act(self, request: gr.Request, event: gr.EventData) -> None:
        """Do what a button within the page's HTML asks for."""
        match _asked_for(event):
            case "flip", [index, version] if index.isdecimal() and version.isdecimal():
                await self._chat.flip(int(index), int(version), request)
            case "earlier", []:
                await self._chat.earlier(request)
            case "retry", []:
                await self._chat.retry(request)
            case "mark", [index, ("auto" | "pinned" | "excluded") as memory] if index.isdecimal():
                await self._memory.mark(int(index), memory, request)
            case "dismiss", [index] if index.isdecimal():
                await self._memory.dismiss(int(index), request)
            case "rate", [index, ("up" | "down" | "none") as rating] if index.isdecimal():
                await self._feedback.rate(int(index), rating, request)
            case "comment", [index, words] if index.isdecimal():
                await self._feedback.comment(int(index), words, request)
            case ("open" | "name" | "delete" | "restore") as action, [id]:
                await getattr(self._conversations, action)(id, request)
            case "rename", [id, title]:
                await self._conversations.rename(id, title, request)


def _asked_for(event: gr.EventData) -> tuple[str, list[str]]:
    """Return the action and the details of a button; of what no button of ours sent, nothing."""
    try:
        return str(event.action), [str(each) for each in event.details]
    except (AttributeError, TypeError):
        return "", []
