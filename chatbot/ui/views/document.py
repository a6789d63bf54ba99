"""What an exported document says beside the conversation. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from chatbot.conversation import Turn, TurnStatus
from chatbot.conversation.parts import File, Image, NonStandard, Part, ToolCall, ToolResult
from chatbot.ui.i18n import Language
from chatbot.ui.views.text import how_it_ended

_MOST: Final = 1_000
"""Characters of what a tool was given or returned."""


class DocumentTexts:
    """The words of a document, in one language: :class:`~chatbot.conversation.DocumentWords`."""

    def __init__(self, t: Language) -> None:
        self._t = t

    @property
    def untitled(self) -> str:
        """Name of a conversation without a title."""
        return self._t("list.untitled")

    @property
    def answer(self) -> str:
        """What stands above an answer that is quoted."""
        return self._t("document.answer")

    @property
    def source(self) -> str:
        """Name of a source that has none."""
        return self._t("document.source")

    def part(self, part: Part) -> str:
        """Return what a part is that is no text."""
        match part:
            case Image(blob, description):
                return self._t("document.picture", name=description or blob.mime_type)
            case File(blob, name):
                return self._t("document.file", name=name or blob.mime_type)
            case ToolCall(_, name, arguments):
                return self._t(
                    "document.tool_call", name=name, arguments=_short(json.dumps(arguments, ensure_ascii=False))
                )
            case ToolResult(_, text, is_error):
                return self._t("document.tool_error" if is_error else "document.tool_result", text=_short(text))
            case NonStandard(block):
                return self._t("document.not_shown", type=str(block.get("type")))
            case _:
                return ""

    def turn(self, number: int) -> str:
        """Return the heading of a turn."""
        return self._t("document.turn", number=number)

    def remarks(self, turn: Turn) -> Sequence[str]:
        """Return how the answer came about, and how it ended if not just well."""
        if turn.failure is not None:
            ended = self._t.failure(turn.failure)
        elif turn.status is TurnStatus.STREAMING:
            ended = self._t("document.unfinished")
        else:
            ended = how_it_ended(self._t, turn)
        return [*map(self._t.notice, turn.notices), *([ended] if ended else [])]


def _short(text: str) -> str:
    return text[:_MOST]
