"""What a fault is: a response instead of the real one, a variant of it, or something that happens on the way."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from starlette.responses import Response

from chatbot.emulator.services.responses import QuirksChange

Value = int | float | str

DONE = b"data: [DONE]\n\n"


class Ending(Enum):
    """How a response may end too early: as if complete, without its end, or with a TCP reset."""

    CLEAN = "clean"
    CUT = "cut"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Event:
    """One piece of a response on its way to the socket.

    Attributes:
        number: Its place, from 1. Number 0 is the head of the response, without content.
        offset: How many bytes of the body were before it.
        content: An event of a stream as it is framed, or the whole body.
    """

    number: int
    offset: int
    content: bytes


Step = bytes | float | Ending
"""What to do next: send these bytes, wait so many seconds, or end."""

Rewrite = Callable[[Event, Value], Iterator[Step]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: How it is asked for.
        about: One line for people.
        value: What `name:value` sets; the default also gives its type. `None` takes no value.
        make_response: Returns a response instead of the real one.
        quirks: Changes how the service writes the real response.
        rewrite: Returns what becomes of each piece of the response.
        headers: Set on the response; "{value}" stands for the value.
        streams_only: The rewriting is of events, and leaves other responses alone.
    """

    name: str
    about: str
    value: Value | None = None
    make_response: Callable[[Value], Response] | None = None
    quirks: QuirksChange | None = None
    rewrite: Rewrite | None = None
    headers: Mapping[str, str] | None = None
    streams_only: bool = False

    def response(self) -> Response | None:
        """Return the response instead of the real one, if there is one."""
        return self.make_response(self._value) if self.make_response else None

    def steps(self, event: Event) -> Iterator[Step]:
        """Yield what becomes of a piece of the response."""
        if self.rewrite:
            yield from self.rewrite(event, self._value)
        else:
            yield event.content

    def header_values(self) -> dict[str, str]:
        """Return the headers to set."""
        return {name: text.replace("{value}", str(self.value)) for name, text in (self.headers or {}).items()}

    @property
    def _value(self) -> Value:
        return "" if self.value is None else self.value
