"""A request that somebody else made: its messages go as they are, all of them, and nothing else does. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from langchain_core.messages import AIMessage, BaseMessage

from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.context.messages import pictures
from chatbot.conversation.context.section import PlannedItem
from chatbot.conversation.context.window import WindowSection

PICTURE_TOKENS: Final = 1_000
"""What a picture is taken for before it is counted: a large one in full detail is about as much for most models."""


@dataclass(frozen=True, slots=True)
class GivenSection:
    """Messages as they were given.

    Attributes:
        messages: They, in order.
        tokens: How many they have, with the tools that go with them, estimated.
    """

    kind: ClassVar[str] = "given"
    always_sent: ClassVar[bool] = True
    entries: ClassVar[tuple[PlannedItem, ...]] = ()

    messages: tuple[BaseMessage, ...]
    tokens: int


def given_plan(
    messages: Sequence[BaseMessage], parameters: Mapping[str, Any], count: Callable[[str], int]
) -> ContextPlan:
    """Return the plan of a request of these messages: nothing is remembered beside them, and nothing left out.

    Args:
        messages: In order.
        parameters: What goes with them; of these, tools and schemas are read by the model, too.
        count: Counts the tokens of a text.
    """
    read = [value for name in ("tools", "response_format") if (value := parameters.get(name))]
    tokens = sum(_tokens(message, count) for message in messages) + sum(count(json.dumps(each)) for each in read)
    return ContextPlan((WindowSection((), 0, 0), GivenSection(tuple(messages), tokens)), None)


def _tokens(message: BaseMessage, count: Callable[[str], int]) -> int:
    calls = message.tool_calls if isinstance(message, AIMessage) else ()
    words = count(str(message.text)) + sum(count(json.dumps(call)) for call in calls)
    return words + pictures(message) * PICTURE_TOKENS
