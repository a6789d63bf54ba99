"""What differs from one service to the next in how the same answer is written."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from starlette.requests import Request

Usage = Literal["with finish", "when asked", "own chunk", "twice", "every chunk", "never"]


@dataclass(frozen=True, slots=True)
class Habits:
    """The habits of one service.

    Attributes:
        usage: Where a stream carries the token counts: with the finish reason, in a chunk of its own when asked for,
            and so on.
        usage_details: Always count cached, audio and reasoning tokens, also where there are none.
        whole_tool_calls: A stream carries tool calls in one piece and without an index, together with their end.
        filters: Say what the content filter found, and write the fields that came with it.
        forced_call_stops: A call of a function that had to be called ends with "stop".
        call_content: The content beside tool calls.
        thoughts: Beside the answer or in front of it in `<think>` tags; "unasked" tags need no `reasoning_effort`.
        streams: Stream when asked to, instead of answering as a whole.
        blocked: The content filter stops the answer half-way.
        finish_reason: Instead of the real one.
        broken_arguments: Cut the arguments of tool calls, so that they are not JSON.
        reasoning: Refuse the parameters that a reasoning model of Azure OpenAI refuses, one at a time.
    """

    usage: Usage
    usage_details: bool = False
    whole_tool_calls: bool = False
    filters: bool = False
    forced_call_stops: bool = False
    call_content: Literal[""] | None = None
    thoughts: Literal["beside", "unasked tags"] = "beside"
    streams: bool = True
    blocked: bool = False
    finish_reason: str | None = None
    broken_arguments: bool = False
    reasoning: bool = False


SERVERLESS = Habits(usage="with finish", whole_tool_calls=True, call_content="")
VLLM = Habits(usage="when asked")
AZURE_OPENAI = Habits(usage="when asked", usage_details=True, filters=True, forced_call_stops=True)

Change = Callable[[Habits], Habits]


def change_for(request: Request, change: Change) -> None:
    """Have one request answered with other habits."""
    request.state.change_habits = change


def habits_for(request: Request, usual: Habits) -> Habits:
    """Return the habits for a request: the usual ones, unless they were changed."""
    change: Change | None = getattr(request.state, "change_habits", None)
    return change(usual) if change else usual
