"""What the checks of one examination hand on to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage

from chatbot.doctor.findings import Finding
from chatbot.doctor.probe import Probe
from chatbot.doctor.target import Target


@dataclass(slots=True)
class Context:
    """What is known so far.

    Attributes:
        target: The endpoint, with all that was mended.
        probe: What asks it.
        spare_keys: Further keys that were given with it.
        asks_for_key: A request without one was refused for that. Where not, that may be for something else.
        answer: Its first answer.
        listed: What it tells of its models, by their names.
        works: Whether it answered, whole and as a stream.
    """

    target: Target
    probe: Probe
    spare_keys: tuple[str, ...] = field(default=(), repr=False)
    asks_for_key: bool = False
    answer: AIMessage | None = None
    listed: Mapping[str, Any] = field(default_factory=dict)
    works: bool = False


Check = Callable[[Context], Iterator[Finding]]
"""Looks at one thing, and yields what it found."""
