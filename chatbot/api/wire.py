"""What a request may hold: OpenAI's names, each taken, passed on to the model, without effect here, or refused."""

from __future__ import annotations

from typing import Any, Final, Literal, Self

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chatbot.api.errors import ApiError, bad_request
from chatbot.conversation import Options

PASSED_ON: Final = (
    "frequency_penalty",
    "logit_bias",
    "min_p",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "repetition_penalty",
    "response_format",
    "seed",
    "stop",
    "tool_choice",
    "tools",
    "top_k",
    "verbosity",
)
"""Parameters that the model is told as they are; one that its endpoint does not take, it drops or refuses by itself."""

MAX_TOOLS: Final = 128
MAX_STOPS: Final = 4

MAX_DEPTH: Final = 100
"""Lists and objects within each other: schemas of tools have a few."""


class StreamOptions(BaseModel):
    """What else a stream is to hold."""

    include_usage: bool | None = None


class ChatCompletionRequest(BaseModel):
    """The body of a request. What is null counts as not given.

    Attributes:
        messages: As they were sent; ``messages.py`` reads them.
        user: Like those below it without effect here, and taken because many programs send it.
    """

    model_config = ConfigDict(extra="forbid")

    model: str
    messages: list[dict[str, Any]] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    max_tokens: int | None = Field(None, ge=1)
    max_completion_tokens: int | None = Field(None, ge=1)

    frequency_penalty: float | None = Field(None, ge=-2, le=2)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    repetition_penalty: float | None = Field(None, gt=0)
    top_k: int | None = None
    min_p: float | None = Field(None, ge=0, le=1)
    seed: int | None = None
    stop: str | list[str] | None = None
    logit_bias: dict[str, float] | None = None
    response_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    tools: list[dict[str, Any]] | None = Field(None, max_length=MAX_TOOLS)
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None

    # One answer of text, without its probabilities: that is what there is.
    n: Literal[1] | None = None
    logprobs: Literal[False] | None = None
    top_logprobs: Literal[0] | None = None
    modalities: list[Literal["text"]] | None = None

    user: Any = None
    metadata: Any = None
    store: Any = None
    service_tier: Any = None
    prediction: Any = None
    prompt_cache_key: Any = None
    prompt_cache_retention: Any = None
    safety_identifier: Any = None

    @classmethod
    def read(cls, body: bytes) -> Self:
        """Return the request in a body.

        Raises:
            ApiError: It is none, or asks for what is not there; says what and where.
        """
        try:
            # Of numbers and characters it takes what can be written as JSON again, and no others.
            value = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise bad_request(f"The body is not JSON that can be read: {error}.") from None
        if is_deep(value):
            raise bad_request(f"The body is nested more than {MAX_DEPTH} deep.")
        try:
            request = cls.model_validate(value)
        except ValidationError as error:
            raise _explained(error) from None
        if isinstance(request.stop, list) and len(request.stop) > MAX_STOPS:
            raise bad_request(f"stop may hold {MAX_STOPS} texts at most.", "stop")
        return request

    @property
    def wants_usage(self) -> bool:
        """Whether a stream is to end with what was used."""
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def options(self) -> Options:
        """How the deployment is asked; what is beyond its limits counts as the nearest that is not."""
        most = self.max_completion_tokens or self.max_tokens
        return Options(temperature=self.temperature, top_p=self.top_p, max_tokens=most)

    @property
    def further(self) -> dict[str, Any]:
        """What else the model is told."""
        given = {name: value for name in PASSED_ON if (value := getattr(self, name)) is not None}
        if isinstance(given.get("stop"), str):
            given["stop"] = [given["stop"]]
        if not given.get("tools"):
            # Endpoints refuse an empty list, and what is said of tools where there are none.
            for name in ("tools", "tool_choice", "parallel_tool_calls"):
                given.pop(name, None)
        return given


_ONLY: Final = {
    "n": "n may only be 1: one answer is written for each request.",
    "modalities": "modalities may only hold text.",
    "logprobs": "The probabilities of tokens are not told here: leave logprobs out.",
    "top_logprobs": "The probabilities of tokens are not told here: leave top_logprobs out.",
}


def is_deep(value: Any) -> bool:
    """Return whether a value is nested too deep to be sent on."""
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        nested = [each.values() if isinstance(each, dict) else each for each in level if isinstance(each, dict | list)]
        level, depth = [inner for each in nested for inner in each], depth + 1
    return bool(level)


def _explained(error: ValidationError) -> ApiError:
    """What is wrong first: the others mostly follow from it."""
    first = error.errors(include_url=False, include_input=False)[0]
    param = _path(first["loc"])
    if first["type"] == "extra_forbidden":
        return bad_request(f"Unrecognized request argument supplied: {param}.", param, "unknown_parameter")
    if first["type"] == "missing":
        return bad_request(f"{param} is missing.", param, "missing_required_parameter")
    if first["type"] == "literal_error":
        field = str(first["loc"][0])
        return bad_request(_ONLY[field], field)
    message = first["msg"][0].lower() + first["msg"][1:]
    return bad_request(f"{param or 'The body'}: {message}.", param, "invalid_type")


def _path(loc: tuple[int | str, ...]) -> str | None:
    """Where in the body: the name of the parameter, and the number of a message; unions' own names are left out."""
    if not loc:
        return None
    number = f"[{loc[1]}]" if len(loc) > 1 and isinstance(loc[1], int) else ""
    return f"{loc[0]}{number}"
