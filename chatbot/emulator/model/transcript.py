"""The messages of one request, as the demo model reads them: who said what, as plain text."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from chatbot.emulator.model.attachments import Attachment, attachments_of

Message = Mapping[str, Any]


def text_of(message: Message) -> str:
    """Return the text of a message whose content is a string, a list of parts, or missing."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    texts = (part if isinstance(part, str) else part.get("text") for part in content)
    return "\n".join(text for text in texts if isinstance(text, str))


class Transcript:
    """What was sent in one request, and therefore all that the model can know."""

    def __init__(self, messages: Sequence[Message]) -> None:
        self.entries = [(str(message.get("role", "")), text_of(message)) for message in messages]
        self._messages = messages

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def user_texts(self) -> list[str]:
        """Everything the user said, oldest first; the last one is the prompt."""
        return [text for role, text in self.entries if role == "user"]

    @property
    def prompt(self) -> str:
        """The user's newest message, or nothing."""
        return self.user_texts[-1] if self.user_texts else ""

    @property
    def earlier(self) -> list[str]:
        """What the user said before the prompt."""
        return self.user_texts[:-1]

    @property
    def last_answer(self) -> str:
        """The assistant's newest message, or nothing."""
        return next((text for role, text in reversed(self.entries) if role == "assistant"), "")

    @cached_property
    def attachments(self) -> list[Attachment]:
        """What else came with the newest message."""
        return attachments_of(self._messages[-1]) if self._messages else []

    @cached_property
    def tool_results(self) -> list[tuple[str, str]]:
        """What tools returned since the user's newest message, each with the tool's name."""
        results = []
        for message in reversed(self._messages):
            if message.get("role") != "tool":
                break
            name = self._called.get(message.get("tool_call_id"), "") or message.get("name") or ""
            results.append((str(name), text_of(message)))
        return results[::-1]

    @cached_property
    def _called(self) -> Mapping[Any, str]:
        calls = (call for message in self._messages for call in message.get("tool_calls") or ())
        return {call.get("id"): str(call.get("function", {}).get("name", "")) for call in calls}

    @property
    def instructions(self) -> list[str]:
        """What the model is told besides the conversation, oldest first."""
        return [text for role, text in self.entries if role in {"system", "developer"}]
