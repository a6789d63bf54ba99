"""One answer with its bookkeeping: pieces, the reason why it ended, and token counts. Knows no surface."""

from dataclasses import dataclass
from typing import Literal

from chatbot.emulator.model import demo_model, structured, tool_use
from chatbot.emulator.model.attachments import attachments_of
from chatbot.emulator.model.markdown import counted, shorten
from chatbot.emulator.model.prompt import Prompt
from chatbot.emulator.model.tool_use import ToolCall
from chatbot.emulator.model.transcript import Transcript, text_of

# Prompts are cached from this size on, in blocks, as on Azure.
_CACHED_FROM = 1024
_CACHE_BLOCK = 128


@dataclass(frozen=True, slots=True)
class PromptSize:
    """How many tokens a prompt has, and which of them came as audio or would be found in a cache."""

    tokens: int
    audio: int = 0
    cached: int = 0
    newly_cached: int = 0


@dataclass(frozen=True, slots=True)
class Generation:
    """A finished answer."""

    pieces: tuple[str, ...]
    finish_reason: Literal["stop", "length", "tool_calls"]
    prompt: PromptSize
    tool_calls: tuple[ToolCall, ...] = ()
    thoughts: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The whole answer."""
        return "".join(self.pieces)

    @property
    def written(self) -> int:
        """How many tokens were written: thoughts, text and calls."""
        called = sum(demo_model.count_tokens(f"{call.name}{call.arguments}") for call in self.tool_calls)
        return len(self.thoughts) + len(self.pieces) + called


def generate(prompt: Prompt) -> Generation:
    """Answer a prompt within its limits."""
    sent = Transcript(prompt.messages)
    thoughts = tuple(demo_model.tokens(_thoughts(sent))) if prompt.thinks else ()
    size = _size(prompt)
    if calls := tool_use.calls(sent, prompt.toolbox):
        return Generation((), "tool_calls", size, calls, thoughts)
    pieces = demo_model.tokens(_before(prompt.stop, _text(prompt, sent)))
    # Only what is written before the stop text counts against the limit, as if it came token by token.
    cut = prompt.limit is not None and len(pieces) > prompt.limit
    return Generation(tuple(pieces[: prompt.limit]), "length" if cut else "stop", size, thoughts=thoughts)


def _text(prompt: Prompt, sent: Transcript) -> str:
    # What tools have found answers the question better than the question itself.
    asked = "\n".join(text for _, text in sent.tool_results) or sent.prompt
    if prompt.schema is not None:
        return structured.in_json(asked, prompt.schema)
    # A surface without a field for it leaves the schema to the system prompt; a model obeys it there as well.
    if schema := structured.schema_asked_for(sent.instructions):
        return structured.in_json(asked, schema)
    answer = demo_model.answer(prompt.messages)
    if prompt.as_json:
        return structured.in_some_json(asked, [text for _, text in sent.entries], answer)
    return answer


def _thoughts(sent: Transcript) -> str:
    return f"The user says: “{shorten(sent.prompt, 80)}” I look for an answer in {counted(len(sent), 'message')}."


def _before(stop: tuple[str, ...], text: str) -> str:
    found = [place for place in (text.find(each) for each in stop) if place >= 0]
    return text[: min(found)] if found else text


def _size(prompt: Prompt) -> PromptSize:
    texts = [demo_model.count_tokens(text_of(message)) for message in prompt.messages]
    attachments = [attachments_of(message) for message in prompt.messages]
    tokens = sum(texts) + sum(each.tokens for found in attachments for each in found)
    audio = sum(each.tokens for found in attachments for each in found if each.kind == "input_audio")
    if tokens < _CACHED_FROM:
        return PromptSize(tokens, audio)
    # All but the newest message were part of the prompt before, so they would be found; the rest is for next time.
    cached = sum(texts[:-1]) // _CACHE_BLOCK * _CACHE_BLOCK
    newly = sum(texts) // _CACHE_BLOCK * _CACHE_BLOCK - cached
    return PromptSize(tokens, audio, cached, newly)
