"""How turns look in the chat: question, answer, and quiet lines about them. Pure."""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple

from chatbot.conversation import Place, Plan, Turn, TurnStatus, View
from chatbot.ui.present.actions import button, icon, line
from chatbot.ui.present.words import counted, reason, spans

Bubble = dict[str, Any]

_ENDINGS: Final = {
    "length": "The answer reached its length limit.",
    "content_filter": "The endpoint's content filter cut the answer off.",
}
_TYPING: Final = '<span class="typing" role="status" aria-label="Waiting for the answer"><i></i><i></i><i></i></span>'


class Drawn(NamedTuple):
    """A bubble, and the turn it belongs to; None for what belongs to no turn."""

    bubble: Bubble
    turn: int | None


def chat(view: View) -> list[Drawn]:
    """Return the messages that show a conversation."""
    return [*settled(view), *(growing(view.turns[-1]) if view.growing else ())]


def settled(view: View) -> list[Drawn]:
    """Return the messages that show a conversation, but for the turn that is growing."""
    drawn: list[Drawn] = []
    if view.earlier:
        words = f"Show earlier ({counted(view.earlier, 'turn')} above)"
        drawn.append(Drawn(_line("earlier", button(words, words, "earlier")), None))
    turns = view.turns[:-1] if view.growing else view.turns
    for place, run in groupby(turns, lambda turn: view.plan.place(turn.index)):
        together = list(run)
        for turn in together:
            drawn += _ended(turn, view.versions.get(turn.index, ()))
        if place is not Place.SENT:
            drawn.append(Drawn(_line("forgotten", html.escape(_forgotten(together, place, view.plan))), None))
    return drawn


def growing(turn: Turn) -> list[Drawn]:
    """Return the messages that show a turn while it is being answered."""
    answer = _text("assistant", turn.assistant or _TYPING)
    return [Drawn(each, turn.index) for each in (_text("user", turn.user), *_notice(turn), answer)]


def _ended(turn: Turn, versions: Sequence[int]) -> list[Drawn]:
    shown = [_text("user", turn.user), *_notice(turn)]
    if turn.assistant:
        shown.append(_text("assistant", turn.assistant))
    if note := _note(turn):
        shown.append(_line("note", html.escape(note)))
    if len(versions) > 1:
        shown.append(_line("versions", _flips(turn, versions)))
    return [Drawn(each, turn.index) for each in shown]


def _flips(turn: Turn, versions: Sequence[int]) -> str:
    at = list(versions).index(turn.version)
    back, on = versions[max(at - 1, 0)], versions[min(at + 1, len(versions) - 1)]
    return (
        icon("left", "Earlier version", "flip", turn.index, back, disabled=at == 0)
        + f"<span>{at + 1}/{len(versions)}</span>"
        + icon("right", "Later version", "flip", turn.index, on, disabled=at == len(versions) - 1)
    )


def _forgotten(turns: Sequence[Turn], place: Place, plan: Plan) -> str:
    numbers = spans([turn.index + 1 for turn in turns])
    what = f"Turn {numbers} is" if len(turns) == 1 else f"Turns {numbers} are"
    return f"{what} not remembered: {reason(place, plan.k)}"


def _note(turn: Turn) -> str:
    if turn.failure is not None:
        return turn.failure.message
    if turn.status is TurnStatus.STOPPED:
        return "Stopped." if turn.assistant else "Stopped before the first word."
    empty = "" if turn.assistant else "The endpoint sent an empty answer."
    return _ENDINGS.get(turn.finish_reason or "", empty)


def _notice(turn: Turn) -> list[Bubble]:
    return [_line("note", html.escape(turn.notice))] if turn.notice else []


def _line(kind: str, inner: str) -> Bubble:
    return _text("assistant", line(kind, inner))


def _text(role: str, text: str) -> Bubble:
    # As a content part, not as a string: Gradio dedents and trims strings.
    return {"role": role, "content": [{"type": "text", "text": text}]}
