"""What a conversation is called: its first question, until a person or the model finds something better."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from langchain_core.exceptions import ModelError
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from chatbot.conversation.deployments import Deployment
from chatbot.conversation.errors import TitleError
from chatbot.conversation.turn import Turn

logger = logging.getLogger(__name__)

MAX_LENGTH: Final = 60
"""Characters of a title: one line of a list."""

TURNS_READ: Final = 3
"""How many of the newest turns the model reads to find a title."""

_MAX_READ: Final = 2000
"""Characters of them: a title does not get better by reading more."""

_INSTRUCTIONS: Final = (
    "Write a title for the conversation that the user shows you: at most six words, in its own language, "
    "without quotation marks. Answer with the title and nothing else."
)
_QUOTES: Final = "\"'`“”‘’«»「」*# \t"


def shortened(text: str) -> str:
    """Return a text as one line that fits a title."""
    line = " ".join(text.split())
    return line if len(line) <= MAX_LENGTH else line[: MAX_LENGTH - 1].rstrip() + "…"


async def ask(deployment: Deployment, turns: Sequence[Turn]) -> str:
    """Let a deployment's model find a title for a conversation with these turns.

    Raises:
        TitleError: There is nothing to name, the model failed, or what it said is no title.
    """
    told = "\n\n".join(f"User: {turn.user}\nAssistant: {turn.assistant}" for turn in turns if turn.has_answer)
    if not told:
        raise TitleError("There is nothing to name yet: ask something first.")
    messages: list[BaseMessage] = [SystemMessage(_INSTRUCTIONS), HumanMessage(told[:_MAX_READ])]
    try:
        answer = await deployment.model.ainvoke(messages, **deployment.parameters)
    except ModelError as error:
        raise TitleError(f"The model found no title. {error}") from None
    except Exception:
        logger.exception("The model raised what is no ModelError")
        raise TitleError("The model found no title: something went wrong; the application's log says what.") from None
    lines = [line.strip(_QUOTES) for line in answer.text.splitlines()]
    if not (title := next((shortened(line) for line in lines if line), "")):
        raise TitleError("The model sent no title. Type one.")
    return title
