"""How the parts of a question or an answer are checked when they come from a file."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from chatbot.conversation.store import MAX_BLOB_BYTES

_DEPTH: Final = 60
"""How deep the arguments of a tool may go."""


def whole(text: str) -> str:
    """Return the text; half of a surrogate pair, which JSON can hold and no database or endpoint takes, is an error."""
    text.encode()
    return text


def _json(value: Any, depth: int = _DEPTH) -> Any:
    """A value that every JSON can hold."""
    if not depth or (isinstance(value, float) and not math.isfinite(value)):
        raise PydanticCustomError("no_json", "nested too deep, or no number")
    if isinstance(value, str):
        whole(value)
    elif isinstance(value, dict):
        for name, each in value.items():
            _json(name, depth - 1)
            _json(each, depth - 1)
    elif isinstance(value, list):
        for each in value:
            _json(each, depth - 1)
    return value


def _like(pattern: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise PydanticCustomError("no_match", "not of this form")
        return text

    return check


WholeText = Annotated[str, AfterValidator(whole)]
_Name = Annotated[str, StringConstraints(max_length=1_000), AfterValidator(whole)]
_Object = Annotated[dict[str, Any], AfterValidator(_json)]


class Strict(BaseModel):
    """What a file may hold is what is named, and of its type."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)


class _Blob(Strict):
    sha256: Annotated[str, AfterValidator(_like(r"[0-9a-f]{64}"))]
    mime_type: Annotated[str, AfterValidator(_like(r"[\w.+-]{1,100}/[\w.+-]{1,100}"))]
    size: Annotated[int, Field(ge=0, le=MAX_BLOB_BYTES)]


class _Text(Strict):
    type: Literal["text"]
    text: WholeText


class _Reasoning(Strict):
    type: Literal["reasoning"]
    text: WholeText


class _Image(Strict):
    type: Literal["image"]
    blob: _Blob
    description: WholeText = ""


class _File(Strict):
    type: Literal["file"]
    blob: _Blob
    name: WholeText = ""


class _ToolCall(Strict):
    type: Literal["tool_call"]
    id: _Name
    name: _Name
    arguments: _Object


class _ToolResult(Strict):
    type: Literal["tool_result"]
    call_id: _Name
    text: WholeText
    is_error: bool = False


class _Citation(Strict):
    type: Literal["citation"]
    title: WholeText = ""
    url: WholeText = ""
    quote: WholeText = ""


class _NonStandard(Strict):
    type: Literal["non_standard"]
    block: _Object


PartModel = Annotated[
    _Text | _Reasoning | _Image | _File | _ToolCall | _ToolResult | _Citation | _NonStandard,
    Field(discriminator="type"),
]
