"""What a visitor can choose for a conversation: the one description that limits, files, settings and controls follow.

A further option is a further field of :class:`Options`, a label of its name in the page's tables, and whatever it is to
change. This module knows nothing else of ours, so that everybody may know it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Option:
    """One of the things that can be chosen.

    Attributes:
        type: ``str``, ``int``, ``float`` or ``bool``.
        most: Of a number the largest that a file or a setting may hold; of a text its characters.
        low: Of a number the smallest.
        high: Of a number the largest that a visitor may choose, unless their deployment is set up with more or less.
        step: Of a number how much one press of an arrow changes it.
        is_parameter: Whether every request tells the model.
    """

    type: type[str] | type[int] | type[float] | type[bool]
    most: int
    low: float = 0
    high: float = 0
    step: float = 1
    is_parameter: bool = False

    @property
    def is_number(self) -> bool:
        """Whether it has limits to stay within."""
        return self.type in (int, float)

    @property
    def bounds(self) -> dict[str, Any]:
        """What it may be in a file or a setting, as arguments of pydantic's ``Field``."""
        if self.is_number:
            return {"ge": self.low, "le": self.most}
        return {"max_length": self.most} if self.type is str else {}


def _option(*args: Any, **kwargs: Any) -> Any:
    return field(default=None, metadata={"option": Option(*args, **kwargs)})


@dataclass(frozen=True, slots=True)
class Options:
    """What the visitor chose for a conversation; None is the deployment's own.

    Attributes:
        deployment: Name of the one that answers.
        system_prompt: Sent first; empty sends none.
        temperature: Randomness.
        top_p: Nucleus sampling.
        max_tokens: The longest answer.
        k: How many earlier turns a request carries.
        token_budget: Tokens that a request and its answer may have together.
        pins: Whether turns that are pinned go before the others.
    """

    deployment: str | None = _option(str, 1_000)
    system_prompt: str | None = _option(str, 20_000)
    temperature: float | None = _option(float, 2, high=2, step=0.1, is_parameter=True)
    top_p: float | None = _option(float, 1, low=0.01, high=1, step=0.05, is_parameter=True)
    max_tokens: int | None = _option(int, 2**31 - 1, low=1, high=1_000_000, is_parameter=True)
    k: int | None = _option(int, 1_000, high=20)
    token_budget: int | None = _option(int, 2**31 - 1, low=100, high=1_000_000, step=100)
    pins: bool | None = _option(bool, 1)


OPTIONS: Final[Mapping[str, Option]] = MappingProxyType(
    {each.name: each.metadata["option"] for each in fields(Options)}
)
"""Everything a visitor can choose, by name."""

COMPARE: Final = "compare"
"""What stands for comparing among the names of what can be hidden and locked: no option, and chosen for a question."""

PARAMETERS: Final = tuple(name for name, option in OPTIONS.items() if option.is_parameter)
"""Of which what every request tells the model."""
