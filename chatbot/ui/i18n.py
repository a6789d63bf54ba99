"""What the page says, in the languages it knows: one table for labels, for scripts, and for what is drawn."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import gradio as gr

from chatbot.conversation import ConversationError, Failure, Notice, Value
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

    def __call__(self, key: str, /, count: object = None, **values: object) -> str:
        """Return the text of a key, with its values put in.

        Args:
            key: ``section.name``, deeper where a section has sections.
            count: Chooses between the forms for one and for other numbers, and is put in as ``{count}``.
            values: What else is put in; numbers are written as the language does.
        """
        text: Any = self._texts
        for name in key.split("."):
            text = text[name]
        if isinstance(text, dict):
            # French has one form for 0 and 1, Chinese and Korean have one form for everything.
            text = text.get("one", text["other"]) if count == 1 or (self.code == "fr" and count == 0) else text["other"]
        given = values if count is None else {"count": count, **values}
        return text.format(**{each: self._written(value) for each, value in given.items()})

    def _written(self, value: object) -> object:
        if isinstance(value, float):
            return f"{value:g}".replace(".", self._texts["decimal"])
        return self.number(value) if isinstance(value, int) else value

    def number(self, value: float, digits: int = 0) -> str:
        """Write a number with its thousands apart."""
        english = f"{value:,.{digits}f}"
        marks = {",": self._texts["thousands"], ".": self._texts["decimal"]}
        return "".join(marks.get(each, each) for each in english)

    def condition(self, kind: str) -> str:
        """Name what went wrong by the kind of a failure; of one that is not known, that something did."""
        return self(f"failure.{kind if kind in self._texts['failure'] else 'ModelError'}")

    def headline(self, failure: Failure) -> str:
        """Name why a turn failed."""
        return self.condition("blocked" if failure.blocked else failure.kind)

    def explanation(self, failure: Failure) -> str:
        """Say what happened and what to do; of a failure from before there were kinds what was said then."""
        if "text" in failure.data:
            return str(failure.data["text"])
        kind = "blocked" if failure.blocked else failure.kind
        return self._known("advice", kind, failure.data) or self("advice.ModelError")

    def detail(self, failure: Failure) -> str:
        """Return what the model said of its failure, in quotes as its own words; empty where it said nothing."""
        return self("failed.quoted", words=failure.data["detail"]) if failure.data.get("detail") else ""

    def failure(self, failure: Failure) -> str:
        """Say all there is to say of a failure, as one text."""
        headline = self("failed.sentence", what=self.headline(failure))
        return " ".join(filter(None, (headline, self.explanation(failure), self.detail(failure))))

    def notice(self, notice: Notice) -> str:
        """Say what is to be known about how an answer came about."""
        data = dict(notice.data)
        if "cause" in data:
            data["cause"] = self.condition(str(data["cause"]))
        return self._known("notice", notice.kind, data) or self("notice.unknown", kind=notice.kind)

    def problem(self, error: ConversationError) -> str:
        """Say what the service refused."""
        data = dict(error.data)
        if "cause" in data:
            data["cause"] = self.condition(str(data["cause"]))
        if "period" in data:
            data["period"] = self(f"period.{data['period']}")
        sentence = self(f"problem.{error.kind}", **data)
        return self("problem.within", file=data["file"], said=sentence) if "file" in data else sentence

    def until(self, error: ConversationError) -> str:
        """Say when what was refused is not any more, to a program: by UTC, for it has no clock that is known.

        Empty where that is not known; otherwise to be put behind another sentence.
        """
        if "until" not in error.data:
            return ""
        time = datetime.fromtimestamp(float(error.data["until"]), UTC)
        return " " + self("limit.until", time=time.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00"))

    def _known(self, section: str, kind: str, data: Mapping[str, Value]) -> str | None:
        """The text of a kind; None where there is none, or it lacks data: an imported file may hold anything."""
        if kind not in self._texts[section]:
            return None
        try:
            return self(f"{section}.{kind}", **data)
        except (KeyError, ValueError):
            return None


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


def for_scripts(section: str = "browser") -> str:
    """Return what scripts say, the page's own unless told, as a JavaScript object by language and name."""
    return json.dumps({code: _table(code)[section] for code in CODES}, ensure_ascii=False)


@cache
def _table(code: str) -> Mapping[str, Any]:
    return tomllib.loads((TABLES / f"{code}.toml").read_text(encoding="utf-8"))
