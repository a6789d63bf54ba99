"""What the page says, in the languages it knows: one table for labels, for scripts, and for what is drawn."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import gradio as gr

from chatbot.conversation import ConversationError, TextTooLongError
from chatbot.ui.identity import Connection

TABLES: Final = Path(__file__).parent / "locales"
CODES: Final = ("en", "zh", "fr", "ko", "es")
"""The first is what everybody is told who reads none of them."""


_PREFIX: Final = "chatbot_"
"""Gradio has names of its own."""


class Language:
    """Texts in one language.

    Args:
        code: One of :data:`CODES`.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        self._texts = _table(code)

    def __call__(self, key: str, count: float | None = None, **values: object) -> str:
        """Return the text of a key, with its values put in.

        Args:
            key: ``section.name``.
            count: Chooses between the forms for one and for other numbers, and is put in as ``{count}``.
            values: What else is put in; whole numbers are written as the language does.
        """
        section, _, name = key.partition(".")
        text = self._texts[section][name]
        if isinstance(text, dict):
            # French has one form for 0 and 1, Chinese and Korean have one form for everything.
            text = text.get("one", text["other"]) if count == 1 or (self.code == "fr" and count == 0) else text["other"]
        given = values if count is None else {"count": count, **values}
        written = {each: self.number(value) if isinstance(value, int) else value for each, value in given.items()}
        return text.format(**written)

    def number(self, value: float, digits: int = 0) -> str:
        """Write a number with its thousands apart."""
        english = f"{value:,.{digits}f}"
        marks = {",": self._texts["thousands"], ".": self._texts["decimal"]}
        return "".join(marks.get(each, each) for each in english)

    def failure(self, kind: str) -> str:
        """Name what went wrong; of a condition without a name of its own, that something did."""
        names = self._texts["failure"]
        return str(names.get(kind, names["ModelError"]))

    def problem(self, error: ConversationError) -> str:
        """Say what the service refused; what has no words of its own here says it itself."""
        if isinstance(error, TextTooLongError):
            return self(f"problem.{error.part}_too_long", length=error.length, most=error.most)
        return self._texts["problem"].get(type(error).__name__) or str(error)


def language_of(request: Connection) -> Language:
    """Return the language that the browser asks for, the first of its wishes that is known."""
    wishes = (wish.partition(";")[0].strip().lower() for wish in request.headers.get("accept-language", "").split(","))
    known = (wish.partition("-")[0] for wish in wishes)
    return Language(next((code for code in known if code in CODES), CODES[0]))


def label(name: str) -> Any:
    """Return a component's label, to be shown in the browser's language by :func:`labels`."""
    return labels()(_PREFIX + name)


@cache
def labels() -> gr.I18n:
    """Return what Gradio shows labels from."""
    return gr.I18n(**{code: {_PREFIX + name: text for name, text in _table(code)["label"].items()} for code in CODES})


def for_scripts() -> str:
    """Return what the page's scripts say, as a JavaScript object by language and name."""
    return json.dumps({code: _table(code)["browser"] for code in CODES}, ensure_ascii=False)


@cache
def _table(code: str) -> Mapping[str, Any]:
    return tomllib.loads((TABLES / f"{code}.toml").read_text(encoding="utf-8"))
