"""A conversation as one page for people to keep, print and hand on: nothing of it is loaded, and nothing runs. Pure.

The same page is what a shared link shows, without what could be brought in again.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Final

from chatbot.conversation import OPTIONS, ContextPlan, Inclusion, Report, ReportedTurn, Turn, Usage
from chatbot.conversation.import_export import embedded
from chatbot.conversation.parts import (
    Blob,
    Citation,
    Image,
    NonStandard,
    Part,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    text_of,
)
from chatbot.ui.branding import Branding
from chatbot.ui.i18n import Language
from chatbot.ui.security import style_source
from chatbot.ui.views.answer_html import DIAGRAM_MARK, FORMULA_MARK, answer_html
from chatbot.ui.views.document import DocumentTexts
from chatbot.ui.views.owner import colours
from chatbot.ui.views.text import memory_line, reason, spent, utc

_STYLE: Final = (Path(__file__).parents[1] / "report.css").read_text(encoding="utf-8")
_SHOWN_PICTURES: Final = ("image/png", "image/jpeg", "image/gif", "image/webp")
_QUOTED: Final = 1_000
"""Characters of what a source is cited for."""


def report_page(
    t: Language,
    branding: Branding,
    report: Report,
    *,
    json: str | None = None,
    until: float | None = None,
    now: float | None = None,
) -> str:
    """Return the page.

    Args:
        t: In which language.
        branding: How it looks, and what of the settings is hidden.
        report: What it tells.
        json: What can be brought in again; None leaves that out.
        until: Seconds since 1970 until when it is shared; None of one that is kept.
        now: Seconds since 1970 when it is made.
    """
    return "".join(_Page(t, branding, report, json, until, time.time() if now is None else now).parts())


def policy(branding: Branding) -> str:
    """Return the Content-Security-Policy of such a page, as it stands in the page: only its own style counts."""
    style = style_source(css(branding.accent))
    return f"default-src 'none'; style-src {style}; img-src data:; base-uri 'none'; form-action 'none'"


@cache
def css(accent: str) -> str:
    """Return the style of such a page."""
    return f":root {{ {colours(accent)} }}\n{_STYLE}"


class _Page:
    def __init__(
        self, t: Language, branding: Branding, report: Report, json: str | None, until: float | None, now: float
    ) -> None:
        self._t = t
        self._branding = branding
        self._hidden = branding.hidden_parts
        self._report = report
        self._json = json
        self._until = until
        self._now = now
        self._words = DocumentTexts(t)
        self._marks: set[str] = set()

    def parts(self) -> Iterator[str]:
        """Yield the page, a turn at a time, so that others get the interpreter in between."""
        title = self._report.conversation.title or self._t("list.untitled")
        yield (
            f'<!doctype html>\n<html lang="{self._t.code}"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{escape(policy(self._branding))}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex, nofollow">'
            f"<title>{escape(title)}</title><style>{css(self._branding.accent)}</style></head>"
            f'<body><header><p class="of" dir="auto"><img class="logo" src="{escape(self._branding.logo_url)}" alt="">'
            f"{escape(self._branding.title)}</p>"
            f'<h1 dir="auto">{escape(title)}</h1>{self._about()}</header><main>'
        )
        for reported in self._report.turns:
            yield self._turn(reported)
            time.sleep(0)
        yield f"</main><footer>{''.join(f'<p>{escape(each)}</p>' for each in self._remarks())}</footer>"
        if self._json is not None:
            yield embedded(self._json)
        yield "</body></html>\n"

    def _about(self) -> str:
        rows = {} if "panel" in self._hidden else dict(self._settings())
        if total := self._spent(self._report.conversation.usage):
            rows[self._t("report.total")] = " · ".join(total)
        rows[self._t("report.made")] = utc(self._now)
        if self._until is not None:
            rows[self._t("report.shared_until")] = utc(self._until)
        told = "".join(
            f'<div><dt>{escape(name)}</dt><dd dir="auto">{escape(value)}</dd></div>' for name, value in rows.items()
        )
        return f"<dl>{told}</dl>"

    def _spent(self, usage: Usage) -> list[str]:
        """Say what something took, if it took anything, as far as the owner shows that."""
        if not usage.input_tokens + usage.output_tokens:
            return []
        return spent(self._t, usage, self._branding.currency, self._hidden)

    def _facts(self, turn: Turn) -> Iterator[str]:
        """Yield who answered, when, and what it took."""
        if turn.deployment:
            yield turn.deployment
        if "details" in self._hidden:
            return
        if (timing := turn.timing) is not None:
            yield utc(timing.ended_at)
            if timing.first_word is not None:
                yield self._t("chat.first_word", seconds=self._t.number(timing.first_word, 1))
            yield self._t("chat.seconds", seconds=self._t.number(timing.total, 1))
        if turn.usage is not None:
            yield from self._spent(turn.usage)

    def _settings(self) -> Iterator[tuple[str, str]]:
        """Yield what visitors see of how the conversation is asked."""
        effective, hidden = self._report.effective, self._branding.hidden
        known = {
            "deployment": effective.deployment.name,
            "k": effective.k,
            "token_budget": effective.options.token_budget or effective.deployment.memory.max_tokens,
            "pins": None if effective.pins else self._t("report.off"),
            "system_prompt": effective.system_prompt,
            **effective.parameters,
        }
        for name in OPTIONS:
            value = known.get(name)
            if name not in hidden and value is not None and value != "":
                yield self._t(f"label.{name}"), f"{value:g}" if isinstance(value, float) else str(value)

    def _turn(self, reported: ReportedTurn) -> str:
        turn = reported.turn
        said = [
            f"<section><h2>{escape(self._words.turn(turn.index + 1))}</h2>",
            '<div class="question">',
            f'<p class="typed" dir="auto">{escape(turn.question_text)}</p>' if turn.question_text else "",
            *(self._part(part) for part in turn.question if not isinstance(part, Text)),
            "</div>",
            *(f'<p class="remark">{escape(each)}</p>' for each in self._words.notices(turn)),
            self._answer(turn.answer),
        ]
        if ended := self._words.ended(turn):
            said.append(f'<p class="remark ended">{escape(ended)}</p>')
        if known := " · ".join(self._facts(turn)):
            said.append(f'<p class="facts">{escape(known)}</p>')
        if "panel" not in self._hidden:
            said.append(f'<div class="memory">{self._memory(reported)}</div>')
        return "".join([*said, "</section>"])

    def _answer(self, answer: Iterable[Part]) -> str:
        shown = []
        sources = []
        for kind, run in groupby(answer, type):
            together = list(run)
            if kind is Text:
                shown.append(f'<div class="answer">{self._html(text_of(together))}</div>')
            elif kind is Reasoning:
                words = "".join(part.text for part in together if isinstance(part, Reasoning))
                title = escape(self._t("report.thoughts"))
                shown.append(f'<details class="thoughts"><summary>{title}</summary>{self._html(words)}</details>')
            elif kind is Citation:
                sources += [part for part in together if isinstance(part, Citation)]
            else:
                shown += map(self._part, together)
        if sources:
            listed = "".join(map(self._source, dict.fromkeys(sources)))
            shown.append(f'<ul class="sources" aria-label="{escape(self._t("document.source"))}">{listed}</ul>')
        return "".join(shown)

    def _html(self, text: str) -> str:
        shown = answer_html(text)
        self._marks |= {mark for mark in (FORMULA_MARK, DIAGRAM_MARK) if mark in shown}
        return shown

    def _part(self, part: Part) -> str:
        if isinstance(part, Image) and part.blob.mime_type in _SHOWN_PICTURES and part.blob in self._report.data:
            return f'<img src="{_data_url(part.blob, self._report.data)}" alt="{escape(part.description)}">'
        kind = "tool" if isinstance(part, ToolCall | ToolResult | NonStandard) else "remark"
        return f'<p class="{kind}" dir="auto">{escape(self._words.part(part))}</p>'

    def _source(self, source: Citation) -> str:
        title = escape(source.title or source.url or self._words.source)
        if source.url.lower().startswith(("http://", "https://")):
            title = f'<a href="{escape(source.url)}" rel="noopener noreferrer" target="_blank">{title}</a>'
        quote = f"<q>{escape(source.quote[:_QUOTED])}</q>" if source.quote else ""
        return f'<li dir="auto">{title} {quote}</li>'

    def _memory(self, reported: ReportedTurn) -> str:
        """What the model was sent beside the question: which turns, and why not the others."""
        plan, index = reported.plan, reported.turn.index
        said = [memory_line(self._t, plan, index) if index else self._t("report.alone")]
        if "tokens" not in self._hidden:
            said.append(self._t("plan.total", plan.tokens))
        lines = []
        for inclusion, runs in _left_out(plan, index).items():
            numbers = ", ".join(f"{first}–{last}" if first < last else str(first) for first, last in runs)
            count = sum(last - first + 1 for first, last in runs)
            why = reason(self._t, inclusion, plan.k)
            lines.append(self._t("memory.forgotten", count, turns=numbers, reason=why))
        first = f"<p><b>{escape(self._t('report.memory'))}</b> {escape(' · '.join(said))}</p>"
        return first + "".join(f"<p>{escape(each)}</p>" for each in lines)

    def _remarks(self) -> Iterator[str]:
        if self._report.turns and "panel" not in self._hidden:
            yield self._t("report.recomputed")
        if FORMULA_MARK in self._marks:
            yield self._t("report.formulas")
        if DIAGRAM_MARK in self._marks:
            yield self._t("report.diagrams")
        if self._json is not None:
            yield self._t("report.embedded")
            if others := sum(not each.shown for each in self._report.stored):
                yield self._t("report.versions", others)


def _left_out(plan: ContextPlan, count: int) -> dict[Inclusion, list[tuple[int, int]]]:
    """Return which of ``count`` turns were not remembered: by reason, the numbers of each run's first and last.

    Of a long conversation only those that were looked at are gone through: all between them are too old.
    """
    runs: dict[Inclusion, list[tuple[int, int]]] = {}
    if not plan.k:
        return runs

    def add(inclusion: Inclusion, first: int, last: int) -> None:
        several = runs.setdefault(inclusion, [])
        if several and several[-1][1] == first - 1:
            first = several.pop()[0]
        several.append((first, last))

    following = 1
    for entry in plan.window.entries:
        number = entry.turn.index + 1
        if following < number:
            add(Inclusion.BEFORE_WINDOW, following, number - 1)
        if not entry.sent:
            add(entry.inclusion, number, number)
        following = number + 1
    if following <= count:
        add(Inclusion.BEFORE_WINDOW, following, count)
    return runs


def _data_url(blob: Blob, data: Mapping[Blob, bytes]) -> str:
    return f"data:{blob.mime_type};base64,{base64.b64encode(data[blob]).decode()}"
