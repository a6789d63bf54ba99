"""A turn as plain values, and back: what rows, exports and imports are made of, so that no other list names its fields.

The texts stand for themselves, for people and for searching; the parts only where the texts do not say it all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, is_dataclass
from enum import Enum
from typing import Any, Final

from chatbot.conversation.parts import answer_data, answer_of, question_data, question_of
from chatbot.conversation.turn import Failure, Feedback, Notice, Rating, Timing, Turn, TurnMemory, TurnStatus, Usage

_WRITTEN_OTHERWISE: Final = ("question", "answer")
_NEVER_WRITTEN: Final = ("waiting",)

_PLAIN: Final = tuple(each.name for each in fields(Turn) if each.name not in (*_WRITTEN_OTHERWISE, *_NEVER_WRITTEN))

_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "status": TurnStatus,
    "memory": TurnMemory,
    "usage": lambda read: Usage(**read),
    "failure": lambda read: Failure(**read),
    "notices": lambda read: tuple(Notice(**each) for each in read),
    "timing": lambda read: Timing(**read),
    "feedback": lambda read: Feedback(Rating(read["rating"]), read["comment"]),
}
"""Of the fields that are more than a plain value."""


def turn_data(turn: Turn) -> dict[str, Any]:
    """Return a turn as values for JSON, by name; what is absent is None, and of notices an empty list."""
    return {
        "user": turn.question_text,
        "assistant": turn.answer_text,
        "reasoning": turn.reasoning_text,
        "question_parts": question_data(turn.question),
        "answer_parts": answer_data(turn.answer),
        **{name: _plain(getattr(turn, name)) for name in _PLAIN},
    }


def turn_from(data: Mapping[Any, Any]) -> Turn:
    """Return the turn of :func:`turn_data`; whatever else there is by other names is passed over."""
    read = {name: data[name] for name in _PLAIN if data[name] is not None}
    for name, reader in _READERS.items():
        if name in read:
            read[name] = reader(read[name])
    return Turn(
        question=question_of(data["user"], data["question_parts"]),
        answer=answer_of(data["assistant"], data["reasoning"], data["answer_parts"]),
        **read,
    )


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value.value if isinstance(value, Enum) else value
