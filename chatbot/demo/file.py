"""A rehearsed demo as a YAML file: questions, the answers that were recorded, and what is to be shown with them.

A file may come from anywhere: it is bounded, read as plain data, and refused with the line of what is wrong in it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, create_model, model_validator
from pydantic_core import PydanticCustomError

from chatbot.conversation import Options
from chatbot.conversation.import_export.option_models import option_fields
from chatbot.redaction import without_keys

VERSION: Final = 1

MAX_BYTES: Final = 500_000
"""Of a file."""

MAX_TURNS: Final = 100
MAX_QUESTION: Final = 10_000
MAX_ANSWER: Final = 100_000
MAX_SECONDS: Final = 600.0
MAX_WORDS: Final = 20
"""Of the words that an answer is to hold, or not to."""


_WORDS: Final[Mapping[str, str]] = {
    "extra_forbidden": "is no field of a demo",
    "missing": "is not there, and has to be",
    "string_type": "should be text; put it in quotes",
}
"""What pydantic finds, by its name for it, in words for who has written a file."""


def _typed(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "should be some words")
    return _whole(text)


def _whole(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("nul", "should hold no NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("half", "should hold no half of a character") from None
    return text


_Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS)]
_Patience = Annotated[float, Field(gt=0, le=MAX_SECONDS)]
_Words = Annotated[str, Field(max_length=500), AfterValidator(_typed)]


class _Part(BaseModel):
    """What a file may hold is what is named, and of its type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True)


_Options: Final[type[_Part]] = create_model("_Options", __base__=_Part, **option_fields(_whole))


class Expectation(_Part):
    """What an answer of today has to be, to be as good as the one that was recorded.

    Attributes:
        contains: Words that are in it, whatever their case.
        avoids: Words that are not.
        seconds: Within how many it is whole.
    """

    contains: Annotated[list[_Words], Field(max_length=MAX_WORDS)] = Field(default_factory=list)
    avoids: Annotated[list[_Words], Field(max_length=MAX_WORDS)] = Field(default_factory=list)
    seconds: _Patience | None = None


class DemoTurn(_Part):
    """One question of a demo, and its answer.

    Attributes:
        question: What is asked.
        answer: What was answered.
        first_word: Seconds until its first word.
        seconds: Seconds until its last.
        blocked: Whether the content filter refuses the question; there is no answer then.
        options: What is chosen for the conversation before it is asked, and holds from then on.
        offers: Number of an earlier question, from 1, that is no longer remembered and that this one mentions: it is
            typed first, so that the page offers to include that one; the next step accepts, the one after it sends.
        fault: What goes wrong at the demo endpoint with this question, as ``python -m chatbot.emulator --list-faults``
            names it.
        expect: What an answer of today has to be.
    """

    question: Annotated[str, Field(max_length=MAX_QUESTION), AfterValidator(_typed)]
    answer: Annotated[str, Field(max_length=MAX_ANSWER), AfterValidator(_whole)] = ""
    first_word: _Seconds = 0.5
    seconds: _Seconds = 2.0
    blocked: bool = False
    options: _Options = Field(default_factory=_Options)
    offers: Annotated[int, Field(ge=1, le=MAX_TURNS)] | None = None
    fault: Annotated[str, Field(max_length=200)] | None = None
    expect: Expectation = Field(default_factory=Expectation)

    def chosen(self, before: Options) -> Options:
        """Return what is chosen for the conversation when it is asked, given what was chosen before."""
        return _changed(before, self.options)

    @model_validator(mode="after")
    def _is_answered(self) -> Self:
        if self.blocked and self.answer.strip():
            raise PydanticCustomError("both", "is blocked and has an answer; it can be one of them")
        if not self.blocked and not self.answer.strip():
            raise PydanticCustomError("none", "has no answer; one that the content filter refuses is blocked: true")
        if self.first_word > self.seconds:
            raise PydanticCustomError("order", "has its first_word after its last; make seconds the longer time")
        return self


class Demo(_Part):
    """A rehearsed demo.

    Attributes:
        demo: Version of the format.
        title: What it is called.
        live: Whether the model is asked at first; without, the recording is told. Whoever plays it can change that.
        first_word: Seconds that the model has for the first word of an answer; then the recording answers.
        silence: Seconds that it may be silent within one.
        options: What is chosen for the conversation at its beginning.
        turns: The questions, in order.
    """

    demo: Literal[1]
    title: Annotated[str, Field(max_length=100), AfterValidator(_typed)]
    live: bool = True
    first_word: _Patience = 6.0
    silence: _Patience = 6.0
    options: _Options = Field(default_factory=_Options)
    turns: Annotated[list[DemoTurn], Field(min_length=1, max_length=MAX_TURNS)]

    @property
    def faults(self) -> Sequence[str]:
        """The faults that it names, each once."""
        return list(dict.fromkeys(each.fault for each in self.turns if each.fault is not None))

    def begins(self, before: Options) -> Options:
        """Return what is chosen for a conversation that it begins in, given what was chosen before."""
        return _changed(before, self.options)


def _changed(before: Options, changes: BaseModel) -> Options:
    return replace(before, **{name: getattr(changes, name) for name in changes.model_fields_set})


def read_demo(path: Path) -> Demo:
    """Return the demo in a file.

    Raises:
        ValueError: The file cannot be used; says why and where.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise ValueError(f"{path} has more than {MAX_BYTES:,} bytes")
    try:
        return demo_from(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text in UTF-8") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def demo_from(text: str) -> Demo:
    """Return the demo that a file's text holds; raises as :func:`read_demo` does."""
    node, content = _parsed(text)
    if not isinstance(content, dict):
        raise ValueError("line 1: this is no demo; one begins with a line “demo: 1”")  # noqa: TRY004 - of a file
    try:
        demo = Demo.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        fault = _WORDS.get(first["type"]) or first["msg"][0].lower() + first["msg"][1:]
        raise ValueError(f"{_place(node, first['loc'])}: {without_keys(fault)}") from None
    _check_offers(demo, node)
    return demo


def to_yaml(demo: Demo) -> str:
    """Return the text of a file that holds a demo; what is as it would be without it is left out."""
    told = demo.model_dump(exclude_defaults=True, exclude_none=True)
    text: str = yaml.dump({"demo": VERSION, **told}, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)
    return text


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Writes a text of several lines as such."""


def _as_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _as_text)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    """Plain data, in which no name stands twice and nothing refers to something else, which could be without end."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Read one value."""
        if self.check_event(yaml.AliasEvent):
            raise ValueError(
                f"line {_line(self.peek_event().start_mark)}: a demo has no references (*); write it again"
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Return a mapping's values by their names."""
        names = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(f"line {_line(key.start_mark)}: this is no name")  # noqa: TRY004 - of a file
            if key.value in names:
                raise ValueError(f"line {_line(key.start_mark)}: {without_keys(key.value)} is there twice")
            names.add(key.value)
        constructed: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return constructed


def _parsed(text: str) -> tuple[yaml.Node, Any]:
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f"line {_line(mark)}: "
        raise ValueError(f"{where}this is no YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        # A character that no text has.
        raise ValueError(f"this is no YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise ValueError("this is nested too deep for a demo") from None
    finally:
        if loader is not None:
            loader.dispose()


def _check_offers(demo: Demo, node: yaml.Node) -> None:
    for at, turn in enumerate(demo.turns):
        if turn.offers is not None and turn.offers > at:
            place = _place(node, ("turns", at, "offers"))
            raise ValueError(f"{place}: should be the number of an earlier question")


def _place(node: yaml.Node, path: Sequence[int | str]) -> str:
    """Say where in the file a value is, by its line and its name."""
    name = ""
    for part in path:
        inner = next(_inner(node, part), None)
        if inner is None and isinstance(part, str):
            # It is missing, or of a type that pydantic has a name for.
            name += f" {part}"
            continue
        node = inner or node
        name += f" {part + 1}" if isinstance(part, int) else f" {part}"
    return f"line {_line(node.start_mark)}:{name}" if name else f"line {_line(node.start_mark)}"


def _inner(node: yaml.Node, part: int | str) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                # Where nothing but a list or mapping begins, its name is what people look for.
                yield value if isinstance(value, yaml.ScalarNode) else _at(value, key.start_mark)
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        yield from node.value[part : part + 1]


def _at(node: yaml.Node, mark: yaml.Mark) -> yaml.Node:
    node.start_mark = mark
    return node


def _line(mark: yaml.Mark) -> int:
    return int(mark.line) + 1
