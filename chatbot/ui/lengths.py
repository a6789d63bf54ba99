"""How long what is sent may be: each route takes what its action could need, and a longer body is not read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chatbot.conversation import MAX_QUESTION, OPTIONS
from chatbot.conversation.import_export import MAX_UPLOAD_BYTES
from chatbot.conversation.titles import MAX_LENGTH
from chatbot.ui.handlers.conversations import MAX_SEARCH
from chatbot.ui.handlers.feedback import MAX_COMMENT

PER_CHARACTER: Final = 10
"""Bytes of a character in a body: of most scripts it is less, even where JSON writes it as an escape."""

SMALL: Final = 4_000
"""Bytes of a body that holds no words of a visitor, or few: names, numbers, ids."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """The lengths that can be set.

    Attributes:
        message: Characters of a message.
        upload: Bytes of a file that is imported.
    """

    message: int = MAX_QUESTION
    upload: int = MAX_UPLOAD_BYTES

    def of_body(self, path: str) -> int:
        """Return how many bytes the body of a request may have."""
        if path == "/chat/import":
            return self.upload
        characters = {
            "/chat/send": self.message,
            "/chat/edit": self.message,
            "/chat/compare": self.message,
            "/chat/mention": self.message,
            "/chat/set_system_prompt": OPTIONS["system_prompt"].most,
            "/chat/search": MAX_SEARCH,
            "/chat/comment": MAX_COMMENT,
            "/chat/rename": MAX_LENGTH,
        }.get(path, self.message if _is_api_message(path) else 0)
        return max(PER_CHARACTER * characters, SMALL)


def _is_api_message(path: str) -> bool:
    return path.startswith(("/gradio_api/queue/join", "/gradio_api/call/"))


LENGTHS: Final = Lengths()
"""As they are where nothing is set."""
