"""How long a request was, and how long it may be, from the many messages that endpoints have for it. Pure.

The phrases are those of OpenAI and Azure OpenAI, vLLM of all ages, Hugging Face TGI, SGLang, llama.cpp, TensorRT-LLM,
Mistral, Cohere, xAI, Anthropic, Google and Fireworks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

MAX_MESSAGE: Final = 4000
"""Characters of a message that are searched."""


@dataclass(frozen=True, slots=True)
class Overflow:
    """The lengths of a request that was too long, in tokens; None where not known.

    Attributes:
        context_size: The model's window; the longest prompt, where only that is known.
        requested_tokens: The prompt and the room that was asked for the answer, together.
        prompt_tokens: The messages.
        answer_alone: The room for the answer is as large as the window by itself: no shorter prompt would help.
    """

    context_size: int | None = None
    requested_tokens: int | None = None
    prompt_tokens: int | None = None
    answer_alone: bool = False


_CODES: Final = ("context_length_exceeded", "tokens_limit_reached", "exceed_context_size_error")


def read_overflow(message: str, code: str | None, kind: str | None, fields: Mapping[str, Any]) -> Overflow | None:
    """Return the lengths that an error names; None where the request was not too long.

    Args:
        message: The endpoint's own words.
        code: Its code.
        kind: Its name for the kind of error.
        fields: What stands beside the message.
    """
    message = " ".join(message[:MAX_MESSAGE].split())
    if not (code in _CODES or kind in _CODES or _TOO_LONG.search(message)) or limits_answer(message):
        return None
    size = _first(_SIZES, message) or _count(fields.get("n_ctx"))
    prompt = _first(_PROMPTS, message) or _count(fields.get("n_prompt_tokens"))
    answer = _first(_ANSWERS, message)
    total = _first(_TOTALS, message)
    if total is None and prompt is not None and answer is not None:
        total = prompt + answer
    return Overflow(size, total, prompt, answer_alone=size is not None and answer is not None and answer >= size)


_N: Final = r"(\d[\d,]{0,14})"
_TOKENS: Final = rf"{_N}(?:\.0)? (?:input |prompt |output )?tokens"

_TOO_LONG: Final = re.compile(
    r"(maximum|max|available|model'?s?) context (length|size|window)|context limit"
    r"|longer than the (maximum )?(model|context)|(prompt|input|message|request)s?\b.{0,60}\b(is )?too (long|large) "
    r"(for|to fit|and exceeds)|prompt is too long"
    r"|inputs` tokens \+ `max_new_tokens` must be|`inputs` must have less than"
    r"|input (tokens?|length|token count)\b.{0,40}\bexceeds?|maximum (prompt|input|model) length|input token count"
    r"|too many tokens|must be at least 1, got -\d|prompt length .{0,80}should not exceed|exceeds? (the )?max_seq_len"
    r"|request body too large for .{0,80} max size|input is too long for requested model",
    re.I,
)


def limits_answer(message: str) -> bool:
    """Whether the error is that the model gives no answers as long as was asked for, whatever the question."""
    return bool(_ANSWER_LIMIT.search(message[:MAX_MESSAGE]))


_ANSWER_LIMIT: Final = re.compile(
    r"at most [\d,]+ (completion|output) tokens|maximum allowed number of output tokens"
    r"|(?<!\+ `)\bmax_(new_)?tokens`? must be <=|maximum tokens you requested exceeds the model limit",
    re.I,
)


def _patterns(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.I) for pattern in patterns)


_SIZES: Final = _patterns(
    rf"exceed context limit: [\d,]+ \+ [\d,]+ > {_N}",
    rf"(?:context|maximum (?:model|prompt|input)) (?:length|size|window|limit)(?: of| is|:)?(?: only)? \(?{_N}\b",
    rf"with {_N} maximum context length",
    rf"(?:available )?context size \({_TOKENS}\)",
    rf"must be <= {_N}",
    rf"must have less than {_N} tokens",
    rf"> {_N} maximum",
    rf"exceeds? (?:the )?(?:configured )?limit of {_N}",
    rf"tokens allowed \({_N}\)",
    rf"only supports up to {_N}",
    rf"cannot exceed {_N}",
    rf"limit for this model is {_N} tokens",
    rf"max size: {_N} tokens",
    rf"(?:max_seq_len|max_num_tokens)\b[^\d]{{0,12}}{_N}",
)
_PROMPTS: Final = _patterns(
    rf"{_N} (?:tokens )?(?:in|from) (?:the|your) (?:input )?(?:messages|prompt)",
    rf"messages resulted in {_TOKENS}",
    rf"(?:has|contains(?: at least)?) {_TOKENS}",
    rf"(?:input|prompt|request) \({_TOKENS}\)",
    rf"(?:prompt|input) \((?:total )?length {_N}\)",
    rf"(?:prompt|input) length \(?{_N}",
    rf"{_N} `inputs` tokens",
    rf"`inputs` must have .{{1,40}} Given: {_N}",
    rf"prompt is too long: {_N}",
    rf"exceed context limit: {_N} \+",
    rf"input token count \({_N}\)",
    rf"input token count is {_N}",
    rf"received {_N}\b",
    rf"splited_prompt_len \({_N}\)",
)
_ANSWERS: Final = _patterns(
    rf"{_N} (?:tokens )?(?:in|for) the completion",
    rf"{_N} output tokens",
    rf"is too large: {_N}\. ",
    rf"{_N} `max_new_tokens`",
    rf"exceed context limit: [\d,]+ \+ {_N} >",
    rf"and max_tokens \({_N}",
)
_TOTALS: Final = _patterns(
    rf"you requested (?:a total of )?{_N} tokens\b",
    rf"a total of (?:at least )?{_N} tokens",
)


def _first(patterns: tuple[re.Pattern[str], ...], message: str) -> int | None:
    return next(_numbers(patterns, message), None)


def _numbers(patterns: tuple[re.Pattern[str], ...], message: str) -> Iterator[int]:
    for pattern in patterns:
        if match := pattern.search(message):
            yield int(match[1].replace(",", ""))


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
