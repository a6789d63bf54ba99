"""A box to type into before Gradio has drawn the page: it is there with the first paint, and hands its words over."""

from __future__ import annotations

import json
from typing import Final

from chatbot.ui.i18n import CODES, Language
from chatbot.ui.theme import EDGE, SANS

# Where the box will be (style.css: #talk, #sidebar, #panel), so that nothing moves when it comes.
_STYLE: Final = """<style>
#early { position: fixed; z-index: 1; bottom: 2.4rem; left: 0.9rem; right: 0.9rem; max-width: 52rem; margin: 0 auto;
  color: #1e293b; }
#early textarea { box-sizing: border-box; display: block; width: 100%; height: 3.4rem; padding: 1.05rem 1.5rem;
  resize: none; border: 1px solid EDGE; border-radius: 12px; background: #fff; color: inherit; font: 14px/1.4 SANS; }
#early textarea:focus { outline: 2px solid ACCENT; outline-offset: -1px; }
#early textarea::placeholder { color: #64748b; opacity: 1; }
#early.dark { color: #f1f5f9; }
#early.dark textarea { border-color: #64748b; background: #1e293b; }
#early.dark textarea::placeholder { color: #94a3b8; }
@media (min-width: 60.01rem) { #early { left: calc(17rem + 0.9rem); } }
@media (min-width: 80rem) { #early.beside-panel { right: calc(21rem + 0.9rem); } }
@media (max-width: 30rem) { #early { bottom: 3.6rem; } #early textarea { font-size: 16px; } }
</style>"""

# Enter sends nothing yet: where to is known once the page is there, a moment later.
_SCRIPT: Final = """<script>
(() => {
  // Keys are for whoever presents.
  if (new URLSearchParams(location.search).has("present")) return;
  const words = WORDS;
  const code = navigator.language.slice(0, 2);
  const [label, placeholder] = words[code] ?? words.en;
  const early = Object.assign(document.createElement("div"), { id: "early", className: "PANEL" });
  const wished = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  early.classList.toggle("dark", (window.chatbotTheme ?? wished) === "dark");
  const box = Object.assign(document.createElement("textarea"), { rows: 1, placeholder, dir: "auto" });
  box.setAttribute("aria-label", label);
  early.append(box);
  document.body.append(early);
  box.focus({ preventScroll: true });
  let isComposing = false;
  box.addEventListener("compositionstart", () => (isComposing = true));
  box.addEventListener("compositionend", () => ((isComposing = false), setTimeout(handOver)));
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) event.preventDefault();
  });
  function handOver() {
    const next = document.querySelector("#box textarea");
    // Words that are being composed belong to the field that they are composed in.
    if (!next || isComposing || !early.isConnected) return;
    seen.disconnect();
    const { value, selectionStart, selectionEnd } = box;
    const isFocused = document.activeElement === box;
    early.remove();
    if (value) {
      next.value = value;
      next.dispatchEvent(new Event("input", { bubbles: true }));
    }
    if (!isFocused) return;
    next.focus({ preventScroll: true });
    next.setSelectionRange(selectionStart, selectionEnd);
  }
  const seen = new MutationObserver(handOver);
  seen.observe(document.body, { childList: true, subtree: true });
})();
</script>"""


def early_box(accent: str, *, has_panel: bool) -> str:
    """Return the HTML that draws the box and gives way to the page's own.

    Args:
        accent: The page's colour.
        has_panel: Whether the page has a panel beside the chat.
    """
    words = {code: [Language(code)(f"label.{name}") for name in ("message", "message_placeholder")] for code in CODES}
    fonts = ", ".join(f'"{each}"' if " " in each else each for each in SANS)
    style = _STYLE.replace("EDGE", EDGE).replace("SANS", fonts).replace("ACCENT", accent)
    script = _SCRIPT.replace("WORDS", json.dumps(words, ensure_ascii=False))
    return style + script.replace("PANEL", "beside-panel" if has_panel else "")
