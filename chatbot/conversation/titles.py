"""What a conversation is called: its first question, until a person or the model finds something better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from chatbot.conversation.deployments import Deployment
from chatbot.conversation.errors import TitleError
from chatbot.conversation.turn import Turn, TurnMemory, Usage, is_blank
from chatbot.redaction import withhold

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


def most_usage(deployment: Deployment) -> Usage:
    """Return the most that finding a title may take, about a token for each character that is read."""
    return Usage(_MAX_READ + len(_INSTRUCTIONS), _most_tokens(deployment))


def dialogue(turns: Sequence[Turn]) -> str:
    """Return what a model reads to find a title: nothing that was excluded from what models are sent.

    Raises:
        TitleError: There is nothing to name.
    """
    read = [turn for turn in turns if turn.has_answer and turn.memory is not TurnMemory.EXCLUDED]
    if not read:
        raise TitleError("nothing_to_name")
    return "\n\n".join(f"User: {turn.question_text}\nAssistant: {turn.answer_text}" for turn in read)[:_MAX_READ]


async def ask(deployment: Deployment, said: str) -> Found:
    """Let a deployment's model find a title.

    Args:
        deployment: Who is asked.
        said: What is to be named, as :func:`dialogue` has it.

    Raises:
        ModelError: The model failed.
    """
    messages: list[BaseMessage] = [SystemMessage(_INSTRUCTIONS), HumanMessage(said)]
    parameters = {**deployment.parameters, "max_tokens": _most_tokens(deployment)}
    answer = await deployment.model.ainvoke(messages, **parameters)
    lines = [line.strip(_QUOTES) for line in withhold(answer.text).splitlines()]
    title = next((shortened(line) for line in lines if not is_blank(line)), "")
    used = answer.usage_metadata
    return Found(title, Usage(used["input_tokens"], used["output_tokens"]) if used else None)


def _most_tokens(deployment: Deployment) -> int:
    return min(deployment.parameters.get("max_tokens") or MAX_TOKENS, MAX_TOKENS)
