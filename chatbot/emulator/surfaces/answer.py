"""One answer on its way to the wire: what all its chunks and choices have in common."""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from chatbot.emulator.model.generation import Generation
from chatbot.emulator.surfaces.chat_body import Wish
from chatbot.emulator.surfaces.habits import Habits

MODEL = "built-in-demo"

_CATEGORIES = ("hate", "self_harm", "sexual", "violence")
SAFE = {category: {"filtered": False, "severity": "safe"} for category in _CATEGORIES}
BLOCKED = {**SAFE, "violence": {"filtered": True, "severity": "medium"}}
PROMPT_FILTER = [
    {"prompt_index": 0, "content_filter_results": {**SAFE, "jailbreak": {"filtered": False, "detected": False}}}
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, to which wish, and in whose habits."""

    generation: Generation
    wish: Wish
    habits: Habits
    model: str
    created: int = field(default_factory=lambda: int(time.time()))
    name: str = field(default_factory=lambda: uuid.uuid4().hex)

    def envelope(self, kind: str) -> dict[str, Any]:
        """Return what every body of this answer says about itself."""
        shared = {"created": self.created, "id": self.name, "model": self.model, "object": kind}
        if self.habits.filters:
            return {**shared, "id": f"chatcmpl-{self.name}", "system_fingerprint": "fp_emulator"}
        return shared

    @property
    def pieces(self) -> tuple[str, ...]:
        """The content, with the thoughts in front where that is the habit."""
        generation = self.generation
        if not self._thinks_in_tags:
            return generation.pieces
        return ("<think>", "\n", *generation.thoughts, "\n", "</think>", "\n\n", *generation.pieces)

    @property
    def thoughts(self) -> tuple[str, ...]:
        """What is thought beside the content."""
        return () if self._thinks_in_tags else self.generation.thoughts

    @property
    def _thinks_in_tags(self) -> bool:
        return bool(self.generation.thoughts) and self.habits.thoughts == "unasked tags"

    @property
    def finish_reason(self) -> str:
        """Why the answer ended, as this service would say it."""
        if self.habits.finish_reason is not None:
            return self.habits.finish_reason
        if self.habits.blocked:
            return "content_filter"
        if self.wish.forced and self.habits.forced_call_stops:
            return "stop"
        return self.generation.finish_reason

    @property
    def tool_calls(self) -> list[dict[str, Any]]:
        """The calls of tools, whole."""
        return [
            {
                "function": {"arguments": self._arguments(call.arguments), "name": call.name},
                "id": name,
                "type": "function",
            }
            for call, name in zip(self.generation.tool_calls, self._call_names(), strict=True)
        ]

    def usage(self) -> dict[str, Any]:
        """Return the token counts."""
        generation, choices = self.generation, self.wish.choices
        written = generation.written * choices
        prompt = generation.prompt
        spoken = len(generation.pieces) * choices if self.wish.speech else 0
        read = {"audio_tokens": prompt.audio, "cached_tokens": prompt.cached}
        if prompt.newly_cached:
            read["cache_write_tokens"] = prompt.newly_cached
        wrote = {
            "accepted_prediction_tokens": 0,
            "audio_tokens": spoken,
            "reasoning_tokens": len(generation.thoughts) * choices,
            "rejected_prediction_tokens": 0,
        }
        usage = {
            "completion_tokens": written,
            "prompt_tokens": prompt.tokens,
            "total_tokens": prompt.tokens + written,
        }
        details = {"completion_tokens_details": wrote, "prompt_tokens_details": read}
        told = {name: counts for name, counts in details.items() if self.habits.usage_details or any(counts.values())}
        return {**usage, **told}

    def logprobs(self, pieces: tuple[str, ...]) -> dict[str, Any] | None:
        """Return the probabilities of pieces of content, where they are wanted: this model never hesitates."""
        if not self.wish.logprobs:
            return None
        sure = [{"bytes": list(piece.encode(errors="replace")), "logprob": 0.0, "token": piece} for piece in pieces]
        return {"content": [{**each, "top_logprobs": [each]} for each in sure], "refusal": None}

    def _arguments(self, arguments: str) -> str:
        return arguments[:-1] if self.habits.broken_arguments else arguments

    def _call_names(self) -> list[str]:
        # Mistral's servers give nine characters, OpenAI's a prefix; both are unique within a conversation.
        numbers = range(len(self.generation.tool_calls))
        if self.habits.whole_tool_calls:
            return [f"{self.name[:7]}{number:02}" for number in numbers]
        return [f"call_{self.name[:20]}{number:04}" for number in numbers]
