"""An answer looked through for keys of our own, as it grows: an endpoint may echo what it was sent."""

from __future__ import annotations

from collections.abc import Sequence

from chatbot.conversation.parts import Part, Reasoning, Text
from chatbot.redaction import holds, longest, withhold


class SecretScreen:
    """Keeps keys out of one answer, and everything else in it.

    What is new is looked at when somebody looks at the answer, not for every token, and so is what it may complete.
    """

    def __init__(self) -> None:
        self._seen = ""
        self._has_found = False

    def screened(self, answer: tuple[Part, ...], new: Sequence[Part]) -> tuple[Part, ...]:
        """Return an answer as it may be shown and kept.

        Args:
            answer: All of it, as it came.
            new: What it has grown by since this was asked last.
        """
        if not self._has_found:
            seen = self._seen + "".join(map(_words, new))
            self._has_found = holds(seen)
            self._seen = seen[max(0, len(seen) - longest()) :]
        shown: tuple[Part, ...] = withhold(answer) if self._has_found else answer
        return shown


def _words(part: Part) -> str:
    return part.text if isinstance(part, Text | Reasoning) else str(part)
