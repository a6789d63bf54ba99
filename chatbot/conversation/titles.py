"""What a conversation is called: its first question, until a person or the model finds something better."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, NamedTuple

from langchain_core.exceptions import ModelError
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from chatbot.conversation.deployments import Deployment
from chatbot.conversation.errors import TitleError
from chatbot.conversation.failures import detail_of, kind_of
from chatbot.conversation.turn import Turn, Usage, is_blank

logger = logging.getLogger(__name__)

MAX_LENGTH: Final = 60
"""Characters of a title: one line of a list."""

TURNS_READ: Final = 3
"""How many of the newest turns the model reads to find a title."""

_MAX_READ: Final = 2000
"""Characters of them: a title does not get better by reading more."""

MAX_SECONDS: Final = 60.0
"""How long a model may take to find a title; whoever waits for one types it sooner."""

MAX_TOKENS: Final = 2_000
"""The longest reply to ask for. A title needs twenty; a model that thinks first needs room to come to it."""

_INSTRUCTIONS: Final = (
    "Write a title for the conversation that the user shows you: at most six words, in its own language, "
    "without quotation marks. Answer with the title and nothing else."
)
_QUOTES: Final = "\"'`“”‘’«»「」*# \t"


def shortened(text: str) -> str:
    """Return a text as one line that fits a title."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_LENGTH else line[: MAX_LENGTH - 1].rstrip() + "…"


class Found(NamedTuple):
    """What a model said when asked for a title; empty where that was none.

    Attributes:
        usage: What it took, where the endpoint tells.
    """

    title: str
    usage: Usage | None


async def ask(deployment: Deployment, turns: Sequence[Turn], *, max_seconds: float = MAX_SECONDS) -> Found:
    """Let a deployment's model find a title for a conversation with these turns.

    Raises:
        TitleError: There is nothing to name, or the model failed or took too long.
    """
    answered = [turn for turn in turns if turn.has_answer]
    if not answered:
        raise TitleError("nothing_to_name")
    messages: list[BaseMessage] = [SystemMessage(_INSTRUCTIONS), HumanMessage(_dialogue(answered)[:_MAX_READ])]
    parameters = {
        **deployment.parameters,
        "max_tokens": min(deployment.parameters.get("max_tokens") or MAX_TOKENS, MAX_TOKENS),
    }
    try:
        async with asyncio.timeout(max_seconds) as limit:
            answer = await deployment.model.ainvoke(messages, **parameters)
    except ModelError as error:
        raise TitleError("model_failed", cause=kind_of(error), detail=detail_of(error)) from None
    except Exception as error:
        if isinstance(error, TimeoutError) and limit.expired():
            raise TitleError("too_slow", seconds=max_seconds) from None
        logger.exception("The model raised what is no ModelError")
        raise TitleError("unexpected") from None
    lines = [line.strip(_QUOTES) for line in answer.text.splitlines()]
    title = next((shortened(line) for line in lines if not is_blank(line)), "")
    used = answer.usage_metadata
    return Found(title, Usage(used["input_tokens"], used["output_tokens"]) if used else None)


def _dialogue(turns: Sequence[Turn]) -> str:
    return "\n\n".join(f"User: {turn.question_text}\nAssistant: {turn.answer_text}" for turn in turns)
