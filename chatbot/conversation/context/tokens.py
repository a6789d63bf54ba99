"""How many tokens a text is, without a tokenizer to download: an estimate that the endpoint's own counts correct."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from chatbot.conversation.turn import Usage

MESSAGE_OVERHEAD: Final = 4
"""Tokens a chat template spends around one message, roughly."""

BYTES_PER_TOKEN: Final = 4.0
"""UTF-8 bytes: close for English; for scripts whose characters are tokens of their own much closer than characters."""

_ADOPTED: Final = 0.3
"""How much of a newly reported ratio is believed: one odd request does not turn the estimate over."""

_LEAST, _MOST = 0.25, 4.0


class TokenCounter:
    """Estimates tokens and learns from what the endpoint reports.

    Attributes:
        factor: Tokens the endpoint counts for each one that is estimated from the bytes.
    """

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def __call__(self, text: str) -> int:
        """Return the tokens of one message with this text."""
        return round(self._estimate(text) * self.factor)

    def learn(self, texts: Iterable[str], usage: Usage) -> None:
        """Take in what the endpoint counted for a request of these messages."""
        estimated = sum(self._estimate(text) for text in texts)
        if estimated > 0 and usage.input_tokens > 0:
            ratio = min(max(usage.input_tokens / estimated, _LEAST), _MOST)
            self.factor += _ADOPTED * (ratio - self.factor)

    @staticmethod
    def _estimate(text: str) -> float:
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        return size / BYTES_PER_TOKEN + MESSAGE_OVERHEAD
