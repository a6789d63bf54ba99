"""Print what visitors think of the answers, as JSON Lines: ``python -m chatbot.feedback > feedback.jsonl``.

A line is one rated answer: the question, the answer, the rating, the word about it, who answered and how long it took.
Whose it is stands in none of them.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any, TextIO

from chatbot.conversation import ConversationStore, Turn
from chatbot.redaction import guard_output
from chatbot.settings import environment, settings_of_command


async def export(store: ConversationStore, out: TextIO) -> int:
    """Write a line for each rated answer; return how many there are."""
    rated = await store.rated()
    for conversation_id, turn in rated:
        out.write(json.dumps(line(conversation_id, turn), ensure_ascii=False) + "\n")
    return len(rated)


def line(conversation_id: str, turn: Turn) -> dict[str, Any]:
    """Return what a line says about a rated answer."""
    if turn.feedback is None:
        raise ValueError("the answer is not rated")
    return {
        "conversation": conversation_id,
        "turn": turn.index + 1,
        "version": turn.version,
        "question": turn.question_text,
        "answer": turn.answer_text,
        "rating": turn.feedback.rating.value,
        "comment": turn.feedback.comment,
        "deployment": turn.deployment,
        "finish_reason": turn.finish_reason,
        "usage": None if turn.usage is None else asdict(turn.usage),
        "timing": None if turn.timing is None else asdict(turn.timing),
    }


async def _export_all(url: str) -> None:
    store = ConversationStore(url)
    try:
        count = await export(store, sys.stdout)
    finally:
        await store.aclose()
    print(f"{count} rated answers", file=sys.stderr)


def main() -> int:
    """Print the feedback in the configured store; return the exit code of the process."""
    guard_output(environment())
    if (settings := settings_of_command()) is None:
        return 2
    asyncio.run(_export_all(settings.store_url.get_secret_value()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
