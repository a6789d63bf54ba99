"""Which of Gradio's events leads to which action, and how the page's stream reaches Gradio's components."""

from __future__ import annotations

from typing import Any

import gradio as gr

from chatbot.conversation import ConversationService
from chatbot.ui.handlers.api import ApiHandlers
from chatbot.ui.house_rules import HouseRules, TermsGuard
from chatbot.ui.scripts import needed_of, page_script
from chatbot.ui.sidebars import Sidebars


class ChatPage(gr.ChatInterface):
    """A ``gr.ChatInterface`` with events of its own.

    Gradio's wiring keeps four copies of the conversation equal through a chain of events, uploads it with every
    turn, and leaves the box disabled when any link of the chain breaks. Here an event calls the page's script, which
    sends one request to a route of ours (``ui/actions.py``), and the page is drawn from the store.
    """

    def __init__(self, service: ConversationService, sidebars: Sidebars, rules: HouseRules, **kwargs: Any) -> None:
        self._api = ApiHandlers(service, TermsGuard(service, rules.terms))
        self._sidebars = sidebars
        self._rules = rules
        super().__init__(self._api.chat, **kwargs)

    def _setup_events(self) -> None:
        """Wire everything; replaces Gradio's own wiring."""
        # What a browser keeps of it no later process can read: each visit after a restart began with an error.
        self.saved_conversations.unrender()
        self._wire_actions()
        self._wire_files()
        # Here, so that it stands with the box and not below it.
        self._sidebars.recall_hint.render()
        self._wire_stream()
        self._wire_api()

    def _wire_actions(self) -> None:
        sidebars = self._sidebars
        table: list[tuple[Any, str, list[gr.components.Component]]] = [
            (self.textbox.stop, "stop", []),
            (sidebars.new.click, "new", []),
            (sidebars.new_temporary.click, "temporary", []),
            (sidebars.search.change, "search", [sidebars.search]),
        ]
        if sidebars.panel is not None:
            table += [
                (sidebars.k.input, "set_k", [sidebars.k]),
                (sidebars.preset.input, "set_preset", [sidebars.preset]),
                # Once it is typed, not at every key: half a prompt and half a number are not meant.
                (sidebars.system_prompt.blur, "set_system_prompt", [sidebars.system_prompt]),
                (sidebars.pins.input, "set_pins", [sidebars.pins]),
                (sidebars.reset.click, "reset", []),
            ]
            for name, number in {**sidebars.parameters, "token_budget": sidebars.token_budget}.items():
                table += [(event, f"set_{name}", [number]) for event in (number.blur, number.submit)]
        for event, action, inputs in table:
            _call(event, f"(perform) => perform('{action}', values)", inputs)
        # One question may be asked twice: the script knows.
        _call(self.textbox.submit, "(perform) => perform.send(...values)", [self.textbox])
        # Gradio tells a script neither which question was edited nor its words: the script has seen the editor.
        _call(self.chatbot.edit, "(perform) => perform.edit()")

    def _wire_files(self) -> None:
        """Let the page's script save and read files: Gradio would keep them on the server's disk."""
        sidebars = self._sidebars
        for button, script in (
            (sidebars.markdown, "() => window.chatbotFiles.save('markdown')"),
            (sidebars.report, "() => window.chatbotFiles.save('report')"),
            (sidebars.json, "() => window.chatbotFiles.save('json')"),
            (sidebars.everything, "() => window.chatbotFiles.save('all')"),
            (sidebars.import_file, "() => window.chatbotFiles.importFile()"),
        ):
            button.click(None, None, None, js=script)
        if sidebars.demo_file is not None:
            sidebars.demo_file.click(None, None, None, js="() => window.chatbotFiles.save('demo')")
        if sidebars.sign_out is not None:
            sidebars.sign_out.click(None, None, None, js="() => window.chatbotSignOut()")

    def _wire_stream(self) -> None:
        """Let the page's script set components, and tell of buttons within the page's HTML."""
        outputs = {"chat": self.chatbot, "box": self.textbox, **self._sidebars.outputs}
        # Not hidden by Gradio, which would not run the script then; there is nothing in it to see.
        components = gr.HTML("", elem_id="components", js_on_load="window.chatbotDraw = () => trigger('click');")
        components.click(None, None, list(outputs.values()), js="() => window.chatbotDrawn()", trigger_mode="multiple")
        gr.HTML(
            "",
            elem_id="script",
            js_on_load=page_script(list(outputs), needed_of(self._rules, has_panel=self._sidebars.panel is not None)),
        )

    def _wire_api(self) -> None:
        conversation = gr.State(None)
        asked = gr.Button(visible=False)
        response = gr.JSON(label="Response", visible=False)
        asked.click(
            self._api.chat,
            [self.textbox, conversation],
            [response, conversation],
            api_name=self.api_name,
            concurrency_limit=None,
            postprocess=False,
        )


def _call(event: Any, then: str, inputs: list[gr.components.Component] | None = None) -> None:
    """Let an event call the page's script, which may begin later than a visitor does."""
    script = f"(...values) => window.chatbotActions.then({then}).then(() => [])"
    event(None, inputs, None, js=script, show_progress="hidden", trigger_mode="multiple", api_visibility="private")
