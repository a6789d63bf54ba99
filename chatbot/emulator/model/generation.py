"""One answer of the model with its bookkeeping: tokens, the reason why it ended, and usage. Knows no service."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from chatbot.emulator.model import demo_model, json_schema
from chatbot.emulator.model.json_schema import Schema
from chatbot.emulator.model.markdown import counted, shorten
from chatbot.emulator.model.messages import Message, Transcript, attachments_in, text_of
from chatbot.emulator.model.tools import Toolbox, ToolCall, tool_calls

# Prompts are cached from this size on, in blocks, as on Azure.
_CACHED_FROM = 1024
_CACHE_BLOCK = 128


@dataclass(frozen=True, slots=True)
class Prompt:
    """What the model is asked, whatever the service.

    Attributes:
        messages: The conversation, oldest first.
        max_tokens: The most tokens to write.
        stop: Texts to stop before.
        toolbox: The tools it may call.
        json_object: Answer with a JSON object.
        schema: The schema that the JSON must satisfy.
        reasoning: Reason before answering, and show it.
    """

    messages: Sequence[Message]
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    toolbox: Toolbox = field(default_factory=Toolbox)
    json_object: bool = False
    schema: Schema | None = None
    reasoning: bool = False


@dataclass(frozen=True, slots=True)
class PromptUsage:
    """The tokens of a prompt: all, those of audio, those found in a cache, and those written to it."""

    tokens: int
    audio: int = 0
    cached: int = 0
    cache_write: int = 0


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished answer."""

    tokens: tuple[str, ...]
    finish_reason: Literal["stop", "length", "tool_calls"]
    prompt: PromptUsage
    tool_calls: tuple[ToolCall, ...] = ()
    reasoning: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.tokens)

    @property
    def completion_tokens(self) -> int:
        """The number of tokens of reasoning, text and tool calls together."""
        called = sum(demo_model.count_tokens(f"{call.name}{call.arguments}") for call in self.tool_calls)
        return len(self.reasoning) + len(self.tokens) + called


def generate(prompt: Prompt) -> Generation:
    """Answer a prompt within its limits."""
    transcript = Transcript(prompt.messages)
    reasoning = tuple(demo_model.tokens(_reasoning(transcript))) if prompt.reasoning else ()
    usage = _prompt_usage(prompt)
    if calls := tool_calls(transcript, prompt.toolbox):
        return Generation((), "tool_calls", usage, calls, reasoning)
    tokens = demo_model.tokens(_before(prompt.stop, _text(prompt, transcript)))
    # Only what is written before the stop text counts against the limit, as if it came token by token.
    cut = prompt.max_tokens is not None and len(tokens) > prompt.max_tokens
    return Generation(tuple(tokens[: prompt.max_tokens]), "length" if cut else "stop", usage, reasoning=reasoning)


def _text(prompt: Prompt, transcript: Transcript) -> str:
    # What tools have found answers the question better than the question itself.
    source = "\n".join(text for _, text in transcript.tool_results) or transcript.prompt
    if prompt.schema is not None:
        return json_schema.json_answer(source, prompt.schema)
    # A service without a field for it leaves the schema to the system prompt; a model obeys it there as well.
    if schema := json_schema.requested_schema(transcript.instructions):
        return json_schema.json_answer(source, schema)
    answer = demo_model.answer(prompt.messages)
    if prompt.json_object:
        return json_schema.json_object_answer(source, [text for _, text in transcript.entries], answer)
    return answer


def _reasoning(transcript: Transcript) -> str:
    count = counted(len(transcript), "message")
    return f"The user says: “{shorten(transcript.prompt, 80)}” I look for an answer in {count}."


def _before(stop: tuple[str, ...], text: str) -> str:
    found = [place for place in (text.find(each) for each in stop) if place >= 0]
    return text[: min(found)] if found else text


def _prompt_usage(prompt: Prompt) -> PromptUsage:
    texts = [demo_model.count_tokens(text_of(message)) for message in prompt.messages]
    attachments = [attachments_in(message) for message in prompt.messages]
    tokens = sum(texts) + sum(each.tokens for found in attachments for each in found)
    audio = sum(each.tokens for found in attachments for each in found if each.kind == "input_audio")
    if tokens < _CACHED_FROM:
        return PromptUsage(tokens, audio)
    # All but the newest message were part of the prompt before, so they would be found; the rest is for next time.
    cached = sum(texts[:-1]) // _CACHE_BLOCK * _CACHE_BLOCK
    cache_write = sum(texts) // _CACHE_BLOCK * _CACHE_BLOCK - cached
    return PromptUsage(tokens, audio, cached, cache_write)
