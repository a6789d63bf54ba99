"""What questions and answers are made of: frozen values, one to one with LangChain's content blocks.

A text is one part however it arrived; the parts of an answer stand in the order in which the model sent them. Bytes are
never in a part: a picture or a file names its :class:`Blob`, which its owner finds in the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Text:
    """What was typed, or answered, byte for byte."""

    text: str


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a model thought before it answered, where it sends that."""

    text: str


@dataclass(frozen=True, slots=True)
class Blob:
    """A reference to bytes in the store, which only their owner can read.

    Attributes:
        sha256: Their digest, in hexadecimal.
        mime_type: What they are, for instance ``image/png``.
        size: How many there are.
    """

    sha256: str
    mime_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, with words for those who do not see it."""

    blob: Blob
    description: str = ""


@dataclass(frozen=True, slots=True)
class File:
    """A file under the name that it had where it came from."""

    blob: Blob
    name: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants to be run, with its arguments."""

    id: str
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a tool call."""

    call_id: str
    text: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Citation:
    """Where the text before it has something from.

    Attributes:
        title: Of the source.
        url: Where it is; empty where it has no address.
        quote: The words that it is cited for.
    """

    title: str = ""
    url: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True)
class NonStandard:
    """A content block that is none of the others, kept whole: nothing that a model sent is dropped for being unknown.

    Attributes:
        block: Of LangChain, or as the model's package made it; values that JSON can hold.
    """

    block: Mapping[str, Any]


Part = Text | Reasoning | Image | File | ToolCall | ToolResult | Citation | NonStandard

_WITH_BYTES: Final = (Image, File)

_KINDS: Final[Mapping[str, type[Part]]] = {
    "text": Text,
    "reasoning": Reasoning,
    "image": Image,
    "file": File,
    "tool_call": ToolCall,
    "tool_result": ToolResult,
    "citation": Citation,
    "non_standard": NonStandard,
}
"""The parts by their names in the store and in exports."""

_NAMES: Final = {kind: name for name, kind in _KINDS.items()}


def text_parts(text: str) -> tuple[Part, ...]:
    """Return the parts of a text: one, or none of an empty text."""
    return (Text(text),) if text else ()


def answer_parts(text: str, reasoning: str = "") -> tuple[Part, ...]:
    """Return the parts of an answer with thoughts before its text; of either there may be none."""
    return (Reasoning(reasoning), *text_parts(text)) if reasoning else text_parts(text)


def text_of(parts: Iterable[Part]) -> str:
    """Return the text of the parts that are text."""
    return _joined(parts, Text)


def reasoning_of(parts: Iterable[Part]) -> str:
    """Return the text of the parts that are thoughts."""
    return _joined(parts, Reasoning)


def extended(parts: Sequence[Part], more: Sequence[Part]) -> tuple[Part, ...]:
    """Return parts and what follows them; text next to text is one part, and so are thoughts next to thoughts."""
    end: list[Part] = []
    for kind, run in groupby((*parts[-1:], *more), type):
        if kind is Text or kind is Reasoning:
            end.append(kind(_joined(run, kind)))
        else:
            end += run
    return (*parts[:-1], *end)


def blobs_of(parts: Iterable[Part]) -> list[Blob]:
    """Return the bytes that parts refer to, each once."""
    return list(dict.fromkeys(part.blob for part in parts if isinstance(part, _WITH_BYTES)))


def question_data(question: Sequence[Part]) -> list[dict[str, Any]] | None:
    """Return a question's parts as values for JSON; None where its text alone says it."""
    return None if question == text_parts(text_of(question)) else _data(question)


def answer_data(answer: Sequence[Part]) -> list[dict[str, Any]] | None:
    """Return an answer's parts as values for JSON; None where its thoughts and text alone say it."""
    return None if answer == answer_parts(text_of(answer), reasoning_of(answer)) else _data(answer)


def question_of(text: str, data: Iterable[Mapping[str, Any]] | None) -> tuple[Part, ...]:
    """Return the parts of a question from its text and its :func:`question_data`."""
    return text_parts(text) if data is None else tuple(_part(**each) for each in data)


def answer_of(text: str, reasoning: str, data: Iterable[Mapping[str, Any]] | None) -> tuple[Part, ...]:
    """Return the parts of an answer from its text, its thoughts and its :func:`answer_data`."""
    return answer_parts(text, reasoning) if data is None else tuple(_part(**each) for each in data)


def _data(parts: Iterable[Part]) -> list[dict[str, Any]]:
    return [{"type": _NAMES[type(part)], **asdict(part)} for part in parts]


def _part(type: str, blob: Mapping[str, Any] | None = None, **values: Any) -> Part:  # noqa: A002 - the field's name
    if blob is not None:
        values["blob"] = Blob(**blob)
    return _KINDS[type](**values)


def _joined(parts: Iterable[Part], kind: type[Text | Reasoning]) -> str:
    texts = [part.text for part in parts if isinstance(part, kind)]
    # The usual case without a copy: a text is long, and is asked for with every drawing.
    return texts[0] if len(texts) == 1 else "".join(texts)
