"""How turns look in the chat: question, thoughts, answer, and quiet lines about them. Pure."""

from __future__ import annotations

import html
import math
from collections.abc import Collection, Mapping, Sequence, Set
from itertools import groupby
from typing import Any, Final

from chatbot.conversation import (
    COMPARED,
    ENDPOINT_REQUEST,
    ComparedAnswer,
    ContextPlan,
    Failure,
    Inclusion,
    Notice,
    Rating,
    Turn,
    TurnStatus,
    View,
    Waiting,
    counting,
)
from chatbot.ui.answer_markdown import GrowingMarkdown, prepare, prepare_pieces
from chatbot.ui.i18n import Language
from chatbot.ui.views.action_buttons import GROWING, TOKEN, as_typed, button, copied, icon, line
from chatbot.ui.views.panels import sent_sections
from chatbot.ui.views.text import facts, how_it_ended, reason, spans

Message = dict[str, Any]
"""A bubble, as Gradio's Chatbot takes it in the browser."""

SEAM: Final = '<div class="seam"></div>'
"""Where an answer goes on in the next message: the style sheet makes one of them."""


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
        hidden: Parts of the page that are not shown.
        names_deployments: Whether an answer says who gave it: where there is more than one who could.
        concealed: Options that visitors do not see.
        others: Whether the visitor may ask another deployment than the chosen one.
    """

    def __init__(
        self,
        t: Language,
        currency: str,
        now: float,
        *,
        hidden: Collection[str] = (),
        names_deployments: bool = False,
        concealed: Set[str] = frozenset(),
        others: bool = False,
    ) -> None:
        self._t = t
        self._currency = currency
        self._now = now
        self._hidden = hidden
        self._names_deployments = names_deployments
        self._concealed = concealed
        self._others = others

    def settled(self, view: View, undone: tuple[int, int] | None = None) -> list[Message]:
        """Return the messages that show a conversation, but for the turn that is growing, or compared.

        Args:
            view: The conversation.
            undone: Index and version of the turn that was taken back and can be brought back.
        """
        drawn: list[Message] = []
        if view.earlier:
            words = self._t("chat.earlier", view.earlier)
            drawn.append(_line("earlier", button(words, words, "earlier")))
        turns = view.turns[:-1] if view.is_open else view.turns
        for inclusion, run in groupby(turns, lambda turn: view.plan.inclusion(turn.index)):
            together = list(run)
            for turn in together:
                is_last = turn is view.turns[-1]
                # Who is asked to go on has to be sent what there is.
                can_go_on = is_last and inclusion is Inclusion.SENT
                versions = view.versions.get(turn.index, ())
                drawn += self._ended(turn, versions, is_last=is_last, can_go_on=can_go_on)
            if inclusion is not Inclusion.SENT:
                drawn.append(_line("forgotten", html.escape(self._forgotten(together, inclusion, view.plan))))
        if undone is not None:
            words = html.escape(self._t("chat.undone"))
            back = self._t("chat.redo")
            drawn.append(_line("undone", f"<span>{words}</span>{button(back, back, 'redo', *undone)}"))
        return drawn

    def growing(self, turn: Turn, growth: Growth) -> list[Message]:
        """Return the messages that show a turn while it is being answered."""
        thoughts = growth.reasoning.prepare(turn.reasoning_text, has_ended=turn.has_answer)
        return [
            *self._before_answer(turn, thoughts, is_thinking=not turn.has_answer),
            *self._growing_answer(turn, growth),
            *([_line("note", html.escape(self._t("chat.unsaved")))] if turn.is_unsaved and turn.has_answer else []),
        ]

    def compared(self, answers: Sequence[ComparedAnswer], growths: Mapping[tuple[int, int], Growth]) -> list[Message]:
        """Return the messages that show one question and several answers, beside each other where there is room.

        Args:
            answers: In order; any of them may be growing.
            growths: What is read of the Markdown of those that are, by index and version.
        """
        shown = [_typed(answers[0].turn.question_text)]
        ended = all(each.turn.status is not TurnStatus.STREAMING for each in answers)
        for number, answer in enumerate(answers, 1):
            growing = answer.turn.status is TurnStatus.STREAMING
            shown += self._card(number, answer, (growths.get(answer.turn.key) or Growth()) if growing else None)
        turns = [each.turn for each in answers]
        if ended and any(turn.has_answer for turn in turns):
            number = 1 + turns.index(counting(turns))
            shown.append(_line("undecided", html.escape(self._t("compare.undecided", number=number))))
        elif ended:
            # There is none to keep, and one to ask for again.
            retry = self._t("failed.retry")
            shown.append(_line("undecided", f'<div class="way-on">{button(retry, retry, "retry")}</div>'))
        return shown

    def _card(self, number: int, answer: ComparedAnswer, growth: Growth | None) -> list[Message]:
        """One of several answers: who gives it and how it was asked, the answer, and what is known of it.

        What belongs to the same answer follows its head, by which the style sheet puts it into a column of its own.
        """
        turn = answer.turn
        shown = [_line(f"card-head card-{number}", self._card_head(number, answer))]
        if growth is not None:
            thoughts = growth.reasoning.prepare(turn.reasoning_text, has_ended=turn.has_answer)
            shown += self._thoughts(turn, thoughts, is_thinking=not turn.has_answer)
            shown += self._growing_answer(turn, growth, in_one=True)
        else:
            shown += self._thoughts(turn, prepare(turn.reasoning_text), is_thinking=False)
            shown += _answer(turn, [prepare(turn.answer_text)])
        shown.append(_line("card-foot", self._card_foot(number, answer)))
        return shown

    def _card_head(self, number: int, answer: ComparedAnswer) -> str:
        name = answer.turn.deployment or answer.effective.deployment.name
        title = self._t("compare.answer", number=number, name=name)
        return f"<strong>{html.escape(title)}</strong><small>{html.escape(self._asked(answer))}</small>"

    def _asked(self, answer: ComparedAnswer) -> str:
        """How it was asked, of what can be compared."""
        effective = answer.effective
        how = [self._t("compare.k", effective.k)]
        if not effective.pins:
            how.append(self._t("compare.without_pins"))
        if effective.options.token_budget is not None:
            how.append(self._t("compare.budget", effective.options.token_budget))
        return " · ".join(how)

    def _card_foot(self, number: int, answer: ComparedAnswer) -> str:
        turn, parts = answer.turn, []
        growing = turn.status is TurnStatus.STREAMING
        if notices := self._told(turn):
            parts.append(f'<div class="note">{html.escape(notices)}</div>')
        if turn.is_unsaved and turn.has_answer:
            parts.append(f'<div class="note">{html.escape(self._t("chat.unsaved"))}</div>')
        if turn.failure is not None:
            parts.append(f'<div class="note failed">{self._failed(turn, turn.failure, is_last=False)}</div>')
        elif not growing and (note := how_it_ended(self._t, turn)):
            parts.append(f'<div class="note">{html.escape(note)}</div>')
        if answer.plan is not None:
            words = self._t("compare.sent", len(answer.plan.remembered), tokens=answer.plan.tokens)
            sent = sent_sections(self._t, answer.plan, turn.index, hidden=self._concealed, hidden_parts=self._hidden)
            parts.append(f'<details class="sent"><summary>{html.escape(words)}</summary>{sent}</details>')
        if not growing and turn.has_answer and turn.timing is not None:
            told = " · ".join(facts(self._t, turn, self._currency, self._hidden))
            parts.append(f'<div class="facts"><span>{html.escape(told)}</span></div>')
        if not growing and turn.has_answer:
            keep = button(self._t("compare.keep"), self._t("compare.keep_hint", number=number), "keep", turn.version)
            parts.append(f'<div class="keep">{keep}</div>')
        return "".join(parts)

    def _growing_answer(self, turn: Turn, growth: Growth, *, in_one: bool = False) -> list[Message]:
        """What there is of an answer; ``in_one`` message where the next would stand beside it, not below."""
        has_ended = turn.is_unsaved and turn.has_answer
        if in_one:
            pieces: Sequence[str] = [growth.answer.prepare(turn.answer_text, has_ended=has_ended)]
        else:
            pieces = growth.answer.prepare_pieces(turn.answer_text, has_ended=has_ended)
        if has_ended:
            return _answer(turn, pieces)
        if turn.has_answer and any(pieces):
            return [_text("assistant", GROWING + each) for each in _with_seams(pieces)]
        return [] if turn.reasoning_text else [self._nothing_yet(turn.waiting)]

    def _nothing_yet(self, waiting: Waiting | None) -> Message:
        """Something that moves, and what is waited for where that is known."""
        typing = _typing(self._t("chat.waiting"))
        left = 0 if waiting is None else math.ceil(waiting.until - self._now)
        if waiting is None or left <= 0:
            return _text("assistant", typing)
        words = self._t("failed.again", left, what=self._t.condition(waiting.kind))
        # The time makes it another line than that of an earlier wait as long: the page's script counts each down once.
        return _line("pause", f"{_wait(left, words, f'at-{waiting.until:.0f}')}{typing}")

    def _ended(self, turn: Turn, versions: Sequence[int], *, is_last: bool, can_go_on: bool) -> list[Message]:
        shown = self._before_answer(turn, prepare(turn.reasoning_text), is_thinking=False)
        shown += _answer(turn, prepare_pieces(turn.answer_text))
        if turn.failure is not None:
            shown.append(_line("note failed", self._failed(turn, turn.failure, is_last=is_last)))
        elif note := how_it_ended(self._t, turn):
            shown.append(_line("note", html.escape(note) + self._going_on(turn, can_go_on=can_go_on)))
        if below := self._below(turn, versions, is_last=is_last):
            shown.append(_line("facts", below))
        return shown

    def _going_on(self, turn: Turn, *, can_go_on: bool) -> str:
        if not can_go_on or turn.finish_reason != "length" or not turn.has_answer:
            return ""
        words = self._t("chat.continue")
        return f'<div class="way-on">{button(words, self._t("chat.continue_question"), "continue")}</div>'

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
        # How long it was thought is not known of all, such as what was brought in: nobody thinks any more there.
        title = self._t("chat.thinking" if is_thinking else "report.thoughts")
        if took is not None:
            title = self._t("chat.thought", seconds=max(round(took), 1))
        metadata = {"title": title, "status": "pending" if is_thinking else "done"}
        return [_text("assistant", _with_source(prepared, turn.reasoning_text)) | {"metadata": metadata}]

    def _flips(self, turn: Turn, versions: Sequence[int]) -> str:
        at = list(versions).index(turn.version)
        back, on = versions[max(at - 1, 0)], versions[min(at + 1, len(versions) - 1)]
        earlier, later = self._t("chat.earlier_version"), self._t("chat.later_version")
        return (
            '<span class="versions">'
            + icon("left", earlier, "flip", turn.index, back, disabled=at == 0)
            + f"<span>{at + 1}/{len(versions)}</span>"
            + icon("right", later, "flip", turn.index, on, disabled=at == len(versions) - 1)
            + "</span>"
        )

    def _below(self, turn: Turn, versions: Sequence[int], *, is_last: bool) -> str:
        """The one row below an answer: its versions, what can be done with it, and what is known of it."""
        flips = self._flips(turn, versions) if len(versions) > 1 else ""
        return flips + self._deeds(turn, is_last=is_last) + self._known(turn)

    def _deeds(self, turn: Turn, *, is_last: bool) -> str:
        deeds = [icon("copy", self._t("chat.copy"), "copy", turn.index)] if turn.has_answer else []
        if is_last and turn.failure is None:
            deeds.append(icon("retry", self._t("failed.retry"), "retry"))
        if is_last and self._others:
            deeds.append(icon("swap", self._t("chat.retry_with"), "retry_with"))
        if is_last:
            deeds.append(icon("undo", self._t("chat.undo"), "undo"))
        if turn.has_answer and turn.timing is not None:
            deeds.append(self._thumbs(turn))
        return f'<span class="deeds">{"".join(deeds)}</span>' if deeds else ""

    def _thumbs(self, turn: Turn) -> str:
        """What the visitor thinks of an answer."""
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
            comment = " ".join(turn.feedback.comment.split())
            add = self._t("chat.comment")
            word = button(f"“{comment}”" if comment else add, add, "comment", turn.index)
        return thumbs + word

    def _known(self, turn: Turn) -> str:
        """Who gave an answer and how long that took, and behind it the rest, which a narrow page shows when asked."""
        if not turn.has_answer or turn.timing is None:
            return ""
        name = html.escape(turn.deployment) if self._names_deployments else ""
        first, *rest = [html.escape(each) for each in facts(self._t, turn, self._currency, self._hidden)] or [""]
        rest += [html.escape(self._t.notice(each)) for each in turn.notices if _is_of_comparison(each)]
        ids = [
            _id(self._t("chat.endpoint_request"), str(each.data.get("id", "")))
            for each in turn.notices
            if each.kind == ENDPOINT_REQUEST and "details" not in self._hidden
        ]
        brief = " · ".join(filter(None, (f'<b dir="auto">{name}</b>' if name else "", first)))
        if not (rest or ids):
            return f'<span class="known">{brief}</span>' if brief else ""
        more = icon("info", self._t("chat.details"), "details")
        return f'<span class="known">{brief}{more}<span class="further"> · {" · ".join([*rest, *ids])}</span></span>'

    def _forgotten(self, turns: Sequence[Turn], inclusion: Inclusion, plan: ContextPlan) -> str:
        numbers = spans([turn.index + 1 for turn in turns])
        return self._t("memory.forgotten", len(turns), turns=numbers, reason=reason(self._t, inclusion, plan.k))

    def _notices(self, turn: Turn) -> list[Message]:
        told = self._told(turn)
        return [_line("note", html.escape(told))] if told else []

    def _told(self, turn: Turn) -> str:
        """What is to be known about how an answer came about, beside how it was compared."""
        told = [each for each in turn.notices if each.kind != ENDPOINT_REQUEST and not _is_of_comparison(each)]
        return " ".join(map(self._t.notice, told))

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
        ids = (("failed.request", "request"), ("chat.endpoint_request", ENDPOINT_REQUEST))
        if known := [_id(self._t(label), str(failure.data[name])) for label, name in ids if failure.data.get(name)]:
            parts.append(f'<p class="ids">{" ".join(known)}</p>')
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


def _is_of_comparison(notice: Notice) -> bool:
    return notice.kind.startswith(COMPARED)


def _id(label: str, value: str) -> str:
    """An id to quote to whoever can look it up; a click selects all of it."""
    return f'<span class="id">{html.escape(label)} <code dir="ltr">{html.escape(value)}</code></span>'


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


def _answer(turn: Turn, pieces: Sequence[str]) -> list[Message]:
    """What a model said, prepared for the page, and with the last piece as it is for copying."""
    if not turn.has_answer:
        return []
    *before, last = _with_seams(pieces)
    return [_text("assistant", each) for each in [*before, _with_source(last, turn.answer_text)]]


def _with_seams(pieces: Sequence[str]) -> list[str]:
    """The pieces of one answer, each with a seam where the one before it ended, and where the next begins."""
    last = len(pieces) - 1
    return ["\n\n".join([SEAM] * (at > 0) + [each] + [SEAM] * (at < last)) for at, each in enumerate(pieces)]


def _with_source(prepared: str, text: str) -> str:
    return f"{prepared}\n\n{copied(text)}"


def _text(role: str, text: str) -> Message:
    # As a content part, not as a string: Gradio dedents and trims strings.
    return {"metadata": None, "options": None, "role": role, "content": [{"type": "text", "text": text}]}
