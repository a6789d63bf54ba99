"""What a surface read from a request body: everything the model is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chatbot.emulator.model.schemas import Schema
from chatbot.emulator.model.tool_use import Toolbox
from chatbot.emulator.model.transcript import Message


@dataclass(frozen=True, slots=True)
class Prompt:
    """One question to the model.

    Attributes:
        messages: The conversation, oldest first.
        limit: The most tokens to write.
        stop: Texts to stop before.
        toolbox: The tools it may call.
        as_json: Answer with a JSON object.
        schema: The schema that the JSON must satisfy.
        thinks: Think before answering, and show it.
    """

    messages: Sequence[Message]
    limit: int | None = None
    stop: tuple[str, ...] = ()
    toolbox: Toolbox = field(default_factory=Toolbox)
    as_json: bool = False
    schema: Schema | None = None
    thinks: bool = False
