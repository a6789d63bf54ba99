"""What stands beside the chat: the conversations, the controls, and what is remembered."""

from __future__ import annotations

from typing import Any

import gradio as gr

from chatbot.conversation import OPTIONS, PARAMETERS, Deployments
from chatbot.ui.branding import Branding
from chatbot.ui.i18n import label


class Sidebars:
    """What stands beside the chat: the components, without their events.

    Args:
        deployments: Who can answer.
        branding: How the page looks, and what it offers.
        has_shares: Whether a conversation can be shared.
    """

    def __init__(self, deployments: Deployments, branding: Branding, *, has_shares: bool = False) -> None:
        with gr.Column(elem_id="sidebar", scale=0, min_width=0, render=False) as self.sidebar:
            gr.HTML(_drawer_head("conversations"), apply_default_css=False)
            with gr.Row(elem_id="new-chats"):
                self.new = gr.Button(label("new_chat"), elem_id="new-chat", size="sm", variant="secondary")
                self.new_temporary = gr.Button(label("temporary_chat"), elem_id="temporary-chat", size="sm")
            self.search = gr.Textbox(
                elem_id="search",
                placeholder=label("search"),
                show_label=False,
                label=label("search_label"),
                container=False,
            )
            self.conversations = gr.HTML(elem_id="conversations", apply_default_css=False)
            with gr.Accordion(label("exchange"), elem_id="exchange", open=False):
                self.markdown = gr.Button(label("export_markdown"), size="sm")
                self.report = gr.Button(label("export_report"), size="sm")
                self.json = gr.Button(label("export_json"), size="sm")
                self.everything = gr.Button(label("export_all"), size="sm")
                self.demo_file = (
                    None if branding.demo is None else gr.Button(label("export_demo"), elem_id="record-demo", size="sm")
                )
                self.import_file = gr.Button(label("import"), size="sm")
            self._has_shares = has_shares
            if has_shares:
                with gr.Accordion(label("share"), elem_id="sharing", open=False):
                    self.shares = gr.HTML(elem_id="shares", apply_default_css=False)
            self.sign_out = (
                gr.Button(label("sign_out"), elem_id="sign-out", size="sm", variant="secondary")
                if branding.can_sign_out
                else None
            )
            self.house = gr.HTML(elem_id="house", apply_default_css=False)
            if not branding.keeps:
                gr.HTML('<p class="ephemeral" data-i18n="ephemeral"></p>', apply_default_css=False)
        self.panel: gr.Column | None = None
        self.parameters: dict[str, gr.Number] = {}
        if "panel" not in branding.hidden_parts:
            with gr.Column(elem_id="panel", scale=0, min_width=0, render=False) as self.panel:
                gr.HTML(_drawer_head("panel"), apply_default_css=False)
                self._make_controls(deployments, branding)
                self.plan = gr.HTML(elem_id="plan", apply_default_css=False)
        self.badge = gr.HTML(elem_id="badge", apply_default_css=False, render=False)
        self.memory = gr.Markdown(elem_id="memory", render=False)
        self.recall_hint = gr.HTML(elem_id="recall-hint", apply_default_css=False, render=False)
        self.compare = gr.HTML(elem_id="compare", apply_default_css=False, render=False)
        self.temporary = gr.HTML(elem_id="temporary", apply_default_css=False, render=False)
        self.demo = gr.HTML(elem_id="demo", apply_default_css=False, render=False)
        self.terms = gr.HTML(elem_id="terms-answer", apply_default_css=False, render=False)
        self._has_terms = branding.rules.terms is not None
        self._has_demo = branding.demo is not None

    @property
    def outputs(self) -> dict[str, gr.components.Component]:
        """What the page's stream sets, by the names that are used for it when the page is drawn."""
        names = ["memory", "conversations", "recall_hint", "badge", "house", "temporary", "compare"]
        if self.panel is not None:
            names += ["plan", "preset", *(name for name in OPTIONS if name != "deployment")]
        if self._has_terms:
            names.append("terms")
        if self._has_demo:
            names.append("demo")
        if self._has_shares:
            names.append("shares")
        named = {**vars(self), **self.parameters}
        return {name: named[name] for name in names}

    def _make_controls(self, deployments: Deployments, branding: Branding) -> None:
        """What a visitor may choose; what they may only see cannot be used, what is hidden is not there."""

        def state(name: str) -> dict[str, Any]:
            return {
                "label": label(name),
                "elem_id": name.replace("_", "-"),
                "interactive": name not in deployments.locked,
                "visible": name not in branding.hidden,
            }

        if (deployments.locked - branding.hidden) & (OPTIONS.keys() - {"deployment"}):
            gr.HTML('<p class="locked" data-i18n="locked"></p>', apply_default_css=False)
        k = deployments.first.memory.k
        # Gradio refuses what is beyond the largest it was made with; each page is told that of its deployment.
        most = max(each.limits["k"].high for each in deployments.values())
        self.k = gr.Slider(0, most, value=k, step=1, info=label("k_info"), buttons=[], **state("k"))
        # Who answers is chosen in the header.
        rest = {"system_prompt", *PARAMETERS, "token_budget", "pins"}
        with gr.Accordion(label("settings"), elem_id="settings", open=False, visible=not rest <= branding.hidden):
            choices = [(label("preset_none"), ""), *((name, name) for name in branding.presets)]
            prompt = state("system_prompt")
            preset = {
                "label": label("preset"),
                "elem_id": "preset",
                "visible": prompt["visible"] and bool(branding.presets),
            }
            self.preset = gr.Dropdown(choices, value="", filterable=False, **{**prompt, **preset})
            self.system_prompt = gr.Textbox(lines=2, max_lines=6, **prompt)
            with gr.Row(elem_id="parameters"):
                self.parameters = {
                    name: gr.Number(
                        step=OPTIONS[name].step,
                        precision=0 if OPTIONS[name].type is int else None,
                        min_width=70,
                        **state(name),
                    )
                    for name in PARAMETERS
                }
            self.token_budget = gr.Number(step=OPTIONS["token_budget"].step, precision=0, **state("token_budget"))
            self.pins = gr.Checkbox(value=True, **state("pins"))
            self.reset = gr.Button(label("reset"), size="sm", elem_id="reset", visible=not rest <= deployments.locked)


def _drawer_head(name: str) -> str:
    return (
        f'<div class="drawer-head"><h2 data-i18n="{name}"></h2>'
        '<button type="button" class="close" data-i18n-label="close"><i class="glyph cross"></i></button></div>'
    )
