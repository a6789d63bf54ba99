"""How turns look: turns to bubbles, failures to words, the memory to one line. Pure."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from chatbot.conversation import Turn, TurnStatus

Bubble = dict[str, Any]

_ENDINGS = {
    "length": "The answer reached its length limit.",
    "content_filter": "The endpoint's content filter cut the answer off.",
}


_TYPING = '<span class="typing" role="status" aria-label="Waiting for the answer"><i></i><i></i><i></i></span>'


def bubbles(turns: Iterable[Turn]) -> list[Bubble]:
    """Return the messages that show ``turns``: question, answer, and a note where a turn did not just end well."""
    return [bubble for turn in turns for bubble in _bubbles(turn)]


def turn_of_bubble(turns: Iterable[Turn], position: int) -> int:
    """Return which turn the bubble at ``position`` of :func:`bubbles` belongs to.

    Raises:
        IndexError: There is no such bubble.
    """
    owners = [turn.index for turn in turns for _ in _bubbles(turn)]
    return owners[position]


def memory_line(turns: Sequence[Turn], remembered: Sequence[Turn], k: int) -> str:
    """Return the line that says what the model is sent of ``turns``, for instance "remembering turns 4–8 of 8"."""
    if k == 0:
        return "Memory is off: every question stands alone"
    if not turns:
        return f"Nothing to remember yet: up to {_turns(k)} will be"
    if not remembered:
        return f"Remembering none of {_turns(len(turns))}"
    spans = _spans([turn.index + 1 for turn in remembered])
    noun = "turn" if len(remembered) == 1 else "turns"
    return f"Remembering {noun} {spans} of {len(turns)}"


def _turns(count: int) -> str:
    return "1 turn" if count == 1 else f"{count} turns"


def _spans(numbers: Sequence[int]) -> str:
    """Write ``[1, 2, 3, 5]`` as ``1–3, 5``."""
    breaks = [place for place, (a, b) in enumerate(pairwise(numbers), start=1) if b != a + 1]
    runs = [numbers[start:end] for start, end in pairwise([0, *breaks, len(numbers)])]
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)


def _bubbles(turn: Turn) -> list[Bubble]:
    shown = [_text("user", turn.user)]
    if turn.status is TurnStatus.STREAMING and not turn.assistant:
        shown.append(_text("assistant", _TYPING))
    if turn.assistant:
        shown.append(_text("assistant", turn.assistant))
    if note := _note(turn):
        shown.append(_text("assistant", f'<div class="note" role="status">{html.escape(note)}</div>'))
    return shown


def _note(turn: Turn) -> str:
    if turn.failure is not None:
        return turn.failure.message
    if turn.status is TurnStatus.STOPPED:
        return "Stopped." if turn.assistant else "Stopped before the first word."
    if turn.status is TurnStatus.COMPLETE:
        empty = "" if turn.assistant else "The endpoint sent an empty answer."
        return _ENDINGS.get(turn.finish_reason or "", empty)
    return ""


def _text(role: str, text: str) -> Bubble:
    # As a content part, not as a string: Gradio dedents and trims strings.
    return {"role": role, "content": [{"type": "text", "text": text}]}
