"""Turns as a model reads them: the one place where the parts of a question and of an answer become messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from chatbot.conversation.parts import Part, text_of
from chatbot.conversation.turn import Turn, is_blank

NO_ANSWER: Final = "(No answer.)"
"""Said for the model where a pinned turn has none: two questions in a row break several models' chat templates."""


def turn_messages(turn: Turn) -> tuple[HumanMessage, AIMessage]:
    """Return the messages of a turn: its question and its answer."""
    return question_message(turn.question), AIMessage(_answer(turn))


def turn_tokens(turn: Turn, count: Callable[[str], int]) -> int:
    """Return how many tokens the messages of a turn have, without making them."""
    return count(turn.question_text) + count(_answer(turn))


def question_message(question: Iterable[Part]) -> HumanMessage:
    """Return the message of a question, byte for byte as it was typed."""
    return HumanMessage(text_of(question))


def pictures(message: BaseMessage) -> int:
    """Return how many pictures a message holds."""
    blocks = () if isinstance(message.content, str) else message.content
    return sum(isinstance(block, dict) and str(block.get("type")).startswith("image") for block in blocks)


def _answer(turn: Turn) -> str:
    # Of a picture or a call of a tool alone there are no words, and endpoints refuse an empty message.
    return NO_ANSWER if is_blank(turn.answer_text) else turn.answer_text
