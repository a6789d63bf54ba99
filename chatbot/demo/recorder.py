"""A conversation as it became a demo: what was asked and answered, how fast, and what went wrong. Pure.

Of ids, keys and tokens nothing is taken: a demo is a file that is handed on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from chatbot.conversation import Conversation, Turn, TurnStatus
from chatbot.demo.file import MAX_ANSWER, MAX_QUESTION, MAX_SECONDS, MAX_TURNS, VERSION, Demo
from chatbot.redaction import redact

CONTENT_FILTER: Final = "content-filter"

_FAULTS: Final[Mapping[str, str]] = {
    "out_of_capacity": "rate-limit:30",
    "failing": "server-error",
    "too_slow": "gateway-timeout",
    "unreachable": "hang-up",
}
"""What makes the demo endpoint fail so that another stands in for it, by the notice that told it."""

_LONGEST_TITLE: Final = 100


def record(conversation: Conversation, turns: Sequence[Turn]) -> Demo:
    """Return a conversation as a demo: the turns that were answered, and those that the content filter refused.

    Args:
        conversation: Where its title and options are from.
        turns: As they are shown.

    Raises:
        ValueError: There is no such turn, or there are too many, or one is too long.
    """
    recorded = [_turn(each) for each in turns if _is_worth_it(each)]
    if not recorded:
        raise ValueError("there is nothing to record yet: no question was answered")
    if len(recorded) > MAX_TURNS:
        raise ValueError(f"a demo has {MAX_TURNS} questions at most, and this has {len(recorded)}")
    for part, limit in (("question", MAX_QUESTION), ("answer", MAX_ANSWER)):
        longest = max(len(each.get(part, "")) for each in recorded)
        if longest > limit:
            raise ValueError(f"the {part} of a demo has {limit:,} characters at most, and one here has {longest:,}")
    options = {name: value for name, value in asdict(conversation.options).items() if value is not None}
    if isinstance(prompt := options.get("system_prompt"), str):
        options["system_prompt"] = redact(prompt)
    told = {"demo": VERSION, "title": _title(conversation, turns), "options": options, "turns": recorded}
    return Demo.model_validate(told)


def _is_worth_it(turn: Turn) -> bool:
    if turn.status is TurnStatus.COMPLETE:
        return bool(turn.answer_text.strip())
    return turn.failure is not None and turn.failure.blocked


def _turn(turn: Turn) -> dict[str, Any]:
    told: dict[str, Any] = {"question": redact(turn.question_text)}
    if turn.failure is not None:
        told |= {"blocked": True, "fault": CONTENT_FILTER}
    else:
        told["answer"] = redact(turn.answer_text)
        if fault := next(filter(None, (_FAULTS.get(each.kind) for each in turn.notices)), None):
            told["fault"] = fault
    if turn.timing is not None:
        seconds = min(round(turn.timing.total, 1), MAX_SECONDS)
        first_word = seconds if turn.timing.first_word is None else round(turn.timing.first_word, 1)
        told |= {"first_word": min(first_word, seconds), "seconds": seconds}
    return told


def _title(conversation: Conversation, turns: Sequence[Turn]) -> str:
    title = " ".join(redact(conversation.title or turns[0].question_text).split())
    return title[:_LONGEST_TITLE] or "Demo"
