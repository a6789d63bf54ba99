"""How what is chosen for a conversation is checked when it comes from a file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from chatbot.conversation.options import OPTIONS, Option


def option_fields(check: Callable[[str], str]) -> dict[str, Any]:
    """Return what a file says of the options, as fields of a pydantic model: each of its type and within its bounds.

    Args:
        check: What every text is put through; raises where one cannot be taken.
    """

    def field_of(option: Option) -> Any:
        bounded: Any = Annotated[option.type, Field(**option.bounds)]
        return (Annotated[bounded, AfterValidator(check)] if option.type is str else bounded) | None, None

    return {name: field_of(option) for name, option in OPTIONS.items()}
