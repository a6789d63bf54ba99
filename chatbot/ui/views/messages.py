"""How turns look in the chat: question, thoughts, answer, and quiet lines about them. Pure."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from itertools import groupby
from typing import Any

from chatbot.conversation import ContextPlan, Failure, Inclusion, Rating, Turn, View, Waiting
from chatbot.ui.answer_markdown import GrowingMarkdown, prepare
from chatbot.ui.i18n import Language
from chatbot.ui.views.action_buttons import GROWING, TOKEN, as_typed, button, copied, icon, line
from chatbot.ui.views.text import facts, how_it_ended, reason, spans

Message = dict[str, Any]
"""A bubble, as Gradio's Chatbot takes it in the browser."""


class Growth:
    """What is read of a growing turn's Markdown, from one drawing to the next."""

    def __init__(self) -> None:
        self.answer = GrowingMarkdown()
        self.reasoning = GrowingMarkdown()

    def unread(self, turn: Turn) -> int:
        """Return how many characters the next drawing is to read: about 1 ms for 1,000."""
        return self.answer.unsettled(turn.answer_text) + self.reasoning.unsettled(turn.reasoning_text)


class MessageRenderer:
    """Draws turns as messages.

    Args:
        t: In which language.
        currency: What costs are told in.
        now: Seconds since 1970, to tell how long is left to wait.
    """

    def __init__(self, t: Language, currency: str, now: float) -> None:
        self._t = t
        self._currency = currency
        self._now = now

    def settled(self, view: View) -> list[Message]:
        """Return the messages that show a conversation, but for the turn that is growing."""
        drawn: list[Message] = []
        if view.earlier:
            words = self._t("chat.earlier", view.earlier)
            drawn.append(_line("earlier", button(words, words, "earlier")))
        turns = view.turns[:-1] if view.growing else view.turns
        for inclusion, run in groupby(turns, lambda turn: view.plan.inclusion(turn.index)):
            together = list(run)
            for turn in together:
                drawn += self._ended(turn, view.versions.get(turn.index, ()), is_last=turn is view.turns[-1])
            if inclusion is not Inclusion.SENT:
                drawn.append(_line("forgotten", html.escape(self._forgotten(together, inclusion, view.plan))))
        return drawn

    def growing(self, turn: Turn, growth: Growth) -> list[Message]:
        """Return the messages that show a turn while it is being answered."""
        thoughts = growth.reasoning.prepare(turn.reasoning_text)
        shown = self._before_answer(turn, thoughts, is_thinking=not turn.has_answer)
        if turn.is_unsaved and turn.has_answer:
            shown.append(_said(turn.answer_text, growth.answer.prepare(turn.answer_text)))
            shown.append(_line("note", html.escape(self._t("chat.unsaved"))))
        elif turn.has_answer:
            shown.append(_text("assistant", GROWING + growth.answer.prepare(turn.answer_text)))
        elif not turn.reasoning_text:
            shown.append(self._nothing_yet(turn.waiting))
        return shown

    def _nothing_yet(self, waiting: Waiting | None) -> Message:
        """Something that moves, and what is waited for where that is known."""
        typing = _typing(self._t("chat.waiting"))
        left = 0 if waiting is None else math.ceil(waiting.until - self._now)
        if waiting is None or left <= 0:
            return _text("assistant", typing)
        words = self._t("failed.again", left, what=self._t.condition(waiting.kind))
        # The time makes it another line than that of an earlier wait as long: the page's script counts each down once.
        return _line("pause", f"{_wait(left, words, f'at-{waiting.until:.0f}')}{typing}")

    def _ended(self, turn: Turn, versions: Sequence[int], *, is_last: bool) -> list[Message]:
        shown = self._before_answer(turn, prepare(turn.reasoning_text), is_thinking=False)
        if turn.has_answer:
            shown.append(_said(turn.answer_text, prepare(turn.answer_text)))
        if turn.failure is not None:
            shown.append(_line("note failed", self._failed(turn, turn.failure, is_last=is_last)))
        elif note := how_it_ended(self._t, turn):
            shown.append(_line("note", html.escape(note)))
        if len(versions) > 1:
            shown.append(_line("versions", self._flips(turn, versions)))
        if turn.has_answer and turn.timing is not None:
            shown.append(_line("facts", self._facts(turn)))
        return shown

    def _before_answer(self, turn: Turn, thoughts: str, *, is_thinking: bool) -> list[Message]:
        return [
            _typed(turn.question_text),
            *self._notices(turn),
            *self._thoughts(turn, thoughts, is_thinking=is_thinking),
        ]

    def _thoughts(self, turn: Turn, prepared: str, *, is_thinking: bool) -> list[Message]:
        """Folded away once the answer begins; Gradio shows a message with a title so."""
        if not turn.reasoning_text:
            return []
        took = turn.timing.thinking if turn.timing else None
        title = self._t("chat.thinking")
        if took is not None:
            title = self._t("chat.thought", seconds=max(round(took), 1))
        metadata = {"title": title, "status": "pending" if is_thinking else "done"}
        return [_said(turn.reasoning_text, prepared) | {"metadata": metadata}]

    def _flips(self, turn: Turn, versions: Sequence[int]) -> str:
        at = list(versions).index(turn.version)
        back, on = versions[max(at - 1, 0)], versions[min(at + 1, len(versions) - 1)]
        earlier, later = self._t("chat.earlier_version"), self._t("chat.later_version")
        return (
            icon("left", earlier, "flip", turn.index, back, disabled=at == 0)
            + f"<span>{at + 1}/{len(versions)}</span>"
            + icon("right", later, "flip", turn.index, on, disabled=at == len(versions) - 1)
        )

    def _facts(self, turn: Turn) -> str:
        """What is known of an answer, and what the visitor thinks of it."""
        rating = None if turn.feedback is None else turn.feedback.rating
        thumbs = "".join(
            icon(
                f"thumb-{each.value}{' chosen' if each is rating else ''}",
                self._t(f"chat.{each.value}"),
                "rate",
                turn.index,
                "none" if each is rating else each.value,
            )
            for each in Rating
        )
        word = ""
        if turn.feedback is not None:
            said = " ".join(turn.feedback.comment.split())
            add = self._t("chat.comment")
            word = button(f"“{said}”" if said else add, add, "comment", turn.index)
        known = html.escape(facts(self._t, turn, self._currency))
        return f'<span>{known}</span><span class="thumbs">{thumbs}{word}</span>'

    def _forgotten(self, turns: Sequence[Turn], inclusion: Inclusion, plan: ContextPlan) -> str:
        numbers = spans([turn.index + 1 for turn in turns])
        return self._t("memory.forgotten", len(turns), turns=numbers, reason=reason(self._t, inclusion, plan.k))

    def _notices(self, turn: Turn) -> list[Message]:
        said = " ".join(map(self._t.notice, turn.notices))
        return [_line("note", html.escape(said))] if said else []

    def _failed(self, turn: Turn, failure: Failure, *, is_last: bool) -> str:
        """What happened and what to do, the model's own words, whether to wait, and the way on."""
        parts = [
            f"<strong>{html.escape(self._t.headline(failure))}</strong>",
            f"<p>{html.escape(self._t.explanation(failure))}</p>",
        ]
        if failure.blocked:
            parts.append(f"<p>{html.escape(self._t('failed.blocked_memory'))}</p>")
        if detail := self._t.detail(failure):
            parts.append(f'<p class="detail" dir="auto">{html.escape(detail)}</p>')
        if is_last:
            parts.append(self._way_on(turn, failure))
        return "".join(parts)

    def _way_on(self, turn: Turn, failure: Failure) -> str:
        retry = self._t("failed.retry")
        again = button(retry, retry, "retry")
        if failure.retry_after is None or turn.timing is None:
            return f'<div class="way-on">{again}</div>'
        left = math.ceil(turn.timing.ended_at + failure.retry_after - self._now)
        ready = f'<span class="ready">{html.escape(self._t("failed.ready"))}</span>'
        wait = _wait(left, self._t("failed.wait", left)) if left > 0 else ""
        return f'<div class="way-on">{again}{wait}{ready}</div>'


def _wait(left: int, words: str, *classes: str) -> str:
    """Seconds that the page's script counts down; their number is in the class, since nothing else survives Gradio."""
    return f'<span class="{" ".join(["wait", f"left-{left}", *classes])}">{html.escape(words)}</span>'


def _typing(label: str) -> str:
    return f'<span class="typing" role="status" aria-label="{html.escape(label)}"><i></i><i></i><i></i></span>'


def _line(kind: str, inner: str) -> Message:
    return _text("assistant", line(kind, inner))


def _typed(text: str) -> Message:
    """A question as it was typed: no Markdown, no HTML, no formulas.

    HTML drops the first line break within ``pre``. The page's script undoes all this for copying and editing.
    """
    return _text("user", f'<pre class="{TOKEN} typed">\n{as_typed(text)}</pre>')


def _said(text: str, prepared: str) -> Message:
    """What a model said, prepared for the page, and as it is for copying."""
    return _text("assistant", f"{prepared}\n\n{copied(text)}")


def _text(role: str, text: str) -> Message:
    # As a content part, not as a string: Gradio dedents and trims strings.
    return {"metadata": None, "options": None, "role": role, "content": [{"type": "text", "text": text}]}
