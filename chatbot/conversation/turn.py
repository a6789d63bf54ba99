"""What a conversation is made of: frozen values, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TurnStatus(StrEnum):
    """How far a turn has come."""

    STREAMING = "streaming"
    COMPLETE = "complete"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request, as the endpoint counted them."""

    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a turn failed.

    Attributes:
        kind: Name of LangChain's class for the condition, for instance ``ModelRateLimitError``.
        message: What happened and what to do, in words for the person who asked.
        retry_after: Seconds the endpoint asked to wait, if it said so.
    """

    kind: str
    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """One exchange: what the person typed and what the model answered, both byte for byte.

    Attributes:
        index: Position in its conversation, from 0.
        assistant: The answer, or as much of it as there is.
        finish_reason: The endpoint's own word for why the answer ended.
        failure: Set when, and only when, the turn failed.
    """

    index: int
    user: str
    assistant: str = ""
    status: TurnStatus = TurnStatus.STREAMING
    finish_reason: str | None = None
    usage: Usage | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation as its owner last saw it.

    Attributes:
        id: Unguessable.
        owner: Who may read and write it.
        revision: Grows with every change; 0 is a conversation that has not begun.
    """

    id: str
    owner: str
    revision: int = 0
    title: str = ""
