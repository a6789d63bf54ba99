"""Turns whose question and answer are text."""

from typing import Any

from chatbot.conversation import Turn
from chatbot.conversation.parts import answer_parts, text_parts


def text_turn(index: int, question: str, answer: str = "", *values: Any, reasoning: str = "", **more: Any) -> Turn:
    return Turn(index, text_parts(question), answer_parts(answer, reasoning), *values, **more)
