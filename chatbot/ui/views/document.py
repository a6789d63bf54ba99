"""What an exported document says beside the conversation. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

from chatbot.conversation import ENDPOINT_REQUEST, Turn, TurnStatus
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
        ended = self.ended(turn)
        return [*self.notices(turn), *([ended] if ended else [])]

    def notices(self, turn: Turn) -> Sequence[str]:
        """Return how the answer came about."""
        return [self._t.notice(each) for each in turn.notices if each.kind != ENDPOINT_REQUEST]

    def ended(self, turn: Turn) -> str:
        """Return how the answer ended; empty where it ended well."""
        if turn.failure is not None:
            return self._t.failure(turn.failure)
        if turn.status is TurnStatus.STREAMING:
            return self._t("document.unfinished")
        return how_it_ended(self._t, turn)


def _short(text: str) -> str:
    return text[:_MOST]
