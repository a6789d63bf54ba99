"""One answer with its bookkeeping: pieces, the reason why it ended, and token counts. Knows no surface."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from chatbot.emulator import demo_model
from chatbot.emulator.transcript import Message, text_of


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a surface read from a request body: messages, the most tokens to write, texts to stop before."""

    messages: Sequence[Message]
    limit: int | None = None
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished answer."""

    pieces: tuple[str, ...]
    finish_reason: Literal["stop", "length"]
    prompt_tokens: int

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.pieces)

    @property
    def usage(self) -> dict[str, int]:
        """Token counts under the names that the wire uses."""
        written = len(self.pieces)
        return {
            "completion_tokens": written,
            "prompt_tokens": self.prompt_tokens,
            "total_tokens": self.prompt_tokens + written,
        }


def generate(prompt: Prompt) -> Generation:
    """Answer a prompt within its limits."""
    pieces = demo_model.tokens(_before(prompt.stop, demo_model.answer(prompt.messages)))
    # Only what is written before the stop text counts against the limit, as if it came token by token.
    cut = prompt.limit is not None and len(pieces) > prompt.limit
    return Generation(
        pieces=tuple(pieces[: prompt.limit]),
        finish_reason="length" if cut else "stop",
        prompt_tokens=sum(demo_model.count_tokens(text_of(message)) for message in prompt.messages),
    )


def _before(stop: tuple[str, ...], text: str) -> str:
    found = [place for place in (text.find(each) for each in stop) if place >= 0]
    return text[: min(found)] if found else text
