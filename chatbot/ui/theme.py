"""How the page looks: Gradio's own components, system fonts, one accent, a little CSS with a reason for each rule."""

from __future__ import annotations

import gradio as gr

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def theme() -> gr.themes.Base:
    """Return the theme; its fonts are the visitor's own, so that the page fetches nothing from elsewhere."""
    return gr.themes.Soft(
        primary_hue="blue", secondary_hue="blue", neutral_hue="slate", radius_size="lg", font=SANS, font_mono=MONO
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
    )


CSS = """
/* The window is the page: header, conversation and box share it, and only the conversation scrolls. */
html, body { height: 100dvh; overflow: hidden; }
gradio-app, .gradio-container, .gradio-container .main, .gradio-container .wrap:has(> main), .gradio-container main,
.gradio-container main > .column, .gradio-container main > .column > .column { min-height: 0 !important; }
.gradio-container { width: 100% !important; max-width: 54rem !important; margin: 0 auto !important;
  padding: 0 !important; }
.gradio-container .main { width: 100%; padding: 0.6rem 0.9rem 0.5rem !important; }
.gradio-container main > .column, .gradio-container main > .column > .column { gap: 0.5rem; }
.gradio-container main > .column > .block { flex: none; }
footer { display: none !important; }

#top { flex: none; flex-wrap: nowrap; align-items: center; gap: 0.6rem; }
#top > .block { flex: 1 1 0; min-width: 0 !important; }
#new-chat { flex: none; min-width: 0; white-space: nowrap; }
#header { display: flex; align-items: center; gap: 0.6rem; }
#header img { width: 1.9rem; height: 1.9rem; margin: 0; flex: none; }
#header h1 { margin: 0; flex: 0 1 auto; font-size: 1.15rem; font-weight: 650; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
#header .badge { flex: 0 4 auto; min-width: 4.5rem; padding: 0.15rem 0.7rem; border-radius: 999px;
  font-size: 0.8rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
  border: 1px solid var(--border-color-primary); background: var(--block-background-fill); }
#header .badge::before { content: ""; display: inline-block; width: 0.5rem; height: 0.5rem; margin-right: 0.4rem;
  border-radius: 50%; background: #16a34a; }
#header .badge.demo::before { background: #d97706; }

@media (max-width: 30rem) {
  #header { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 0.1rem 0.6rem; }
  #header img { grid-row: span 2; }
  #header h1 { font-size: 1rem; }
  #header .badge { justify-self: start; max-width: 100%; padding: 0 0.5rem; font-size: 0.72rem; }
}

#chat { flex: 1 1 0 !important; height: auto !important; min-height: 8rem; border: none !important;
  background: transparent; box-shadow: none; }
#chat .bot.message { border: none; background: transparent; box-shadow: none; padding-inline: 0; }
#chat .user.message { border: none; box-shadow: none;
  background: color-mix(in srgb, var(--primary-500) 14%, transparent); }
.dark #chat .user.message { background: color-mix(in srgb, var(--primary-500) 32%, transparent); }
#chat .user.message:has(.edit-textarea) { width: min(100%, 36rem); }
#chat .edit-textarea { width: 100%; min-height: 4.5rem; field-sizing: content; }
#chat .message { overflow-wrap: break-word; }
/* Emptying only what is shown would lie about the store: "New chat" is the honest way. */
#chat .top-panel { display: none; }
#chat .examples { grid-template-columns: 1fr 1fr; max-width: 34rem; margin-inline: auto; }
#chat .message table { display: block; width: fit-content; max-width: 100%; overflow-x: auto;
  border: none; padding: 0; }
#chat th, #chat td { overflow-wrap: normal; word-break: normal; }

.welcome { text-align: center; }
.welcome img { width: 4rem; height: 4rem; margin: 0 auto 0.75rem; }
.welcome h2 { margin: 0 0 0.25rem; }

#memory { text-align: center; }
#memory * { font-size: 0.8rem; }
#memory { opacity: 0.8; }

/* Three dots until the first word. */
.typing { display: inline-flex; gap: 0.25rem; padding: 0.5rem 0; }
.typing i { width: 0.45rem; height: 0.45rem; border-radius: 50%; background: var(--body-text-color-subdued);
  animation: typing 1.2s infinite ease-in-out; }
.typing i:nth-child(2) { animation-delay: 0.15s; }
.typing i:nth-child(3) { animation-delay: 0.3s; }
@keyframes typing { 0%, 60%, 100% { opacity: 0.25; } 30% { opacity: 1; } }
@media (prefers-reduced-motion: reduce) { .typing i { animation: none; } }

/* A note under an answer is about the answer, not part of it. */
.note { font-size: 0.88rem; padding: 0.45rem 0.7rem; border-left: 3px solid #d97706; border-radius: 4px;
  background: color-mix(in srgb, #d97706 9%, transparent); overflow-wrap: anywhere; }
"""
