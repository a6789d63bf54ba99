"""What an endpoint that answers can do. All of it works without; what is refused is told, and costs nothing."""

from __future__ import annotations

import base64
import json
import struct
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import urlsplit

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from chatbot.azureml import AzureMLError, AzureMLInvalidRequestError
from chatbot.doctor.context import Context
from chatbot.doctor.diagnosis import diagnose
from chatbot.doctor.findings import Finding, cross, tick, warning
from chatbot.doctor.mends import models_of
from chatbot.doctor.probe import origin_of, shown

COUNT: Final = [HumanMessage("Count from 1 to 20, in figures, with blanks between them.")]
COUNT_TOKENS: Final = 64

LEAST_SPREAD: Final = 0.03
"""Seconds over which the pieces of a stream have to be spread; what comes in one moment was held back."""

LEAST_SHARE: Final = 0.05
"""And their share of the whole time."""

MOST_REFUSED: Final = 6
"""How many parameters are found out to be refused."""


_BUFFERS: Final = (
    "If a proxy or gateway stands before it, switch off its buffering (nginx: proxy_buffering off; API Management: "
    "buffer-response=false)."
)


def streaming(context: Context) -> Iterator[Finding]:
    """Stream an answer: does it come in pieces, how soon, how fast, and with its token counts?"""
    target = context.target
    if not target.endpoint().streams:
        yield from _whole_only(context)
        context.works = True
        return
    began = time.monotonic()
    times, words, usage, reasoning = [], [], None, False
    try:
        for chunk in context.probe.stream(target, COUNT, max_tokens=COUNT_TOKENS):
            if chunk.text:
                times.append(time.monotonic())
                words.append(chunk.text)
            elif chunk.additional_kwargs.get("reasoning_content"):
                reasoning = True
            usage = chunk.usage_metadata or usage
    except (AzureMLError, ValueError) as error:
        found = diagnose(error)
        code = "stream-broken" if found.code in ("connection-lost", "silent") else found.code
        cause = f"{found.cause} Answers are shown as they are written, so this one matters."
        yield cross("streaming", code, "A streamed answer fails.", cause, advice=found.advice)
        return
    context.works = True
    total = time.monotonic() - began
    if not times:
        why = "It thinks, and the few tokens that it was given end before its answer." if reasoning else ""
        yield warning("streaming", "empty-stream", "The stream came, without a word in it.", why)
        return
    first, spread = times[0] - began, times[-1] - times[0]
    data = {"pieces": len(times), "first_word_seconds": round(first, 3), "seconds": round(total, 3)}
    if len(times) == 1:
        cause = "The endpoint, or what stands before it, sends the whole answer in one piece."
        title = "The answer came whole, although a stream was asked for."
        yield warning("streaming", "not-streamed", title, cause, advice=_BUFFERS, data=data)
    elif spread < max(LEAST_SPREAD, LEAST_SHARE * total):
        cause = "Something on the way holds the stream back, such as a proxy or gateway that buffers."
        title = f"The stream's {len(times)} pieces came all in one moment."
        yield warning("streaming", "buffered", title, cause, advice=_BUFFERS, data=data)
    else:
        yield tick("streaming", f"It streams: {len(times)} pieces, one after the other.", data=data)
    written = (usage["output_tokens"] if usage else 0) or target.model(timeout=1).get_num_tokens("".join(words))
    speed = f", then {written / spread:.0f} tokens a second" if spread >= LEAST_SPREAD else ""
    yield tick("speed", f"The first word came after {first:.2f} s{speed}.", data={**data, "tokens": written})
    yield from _token_counts(context, usage)


def _whole_only(context: Context) -> Iterator[Finding]:
    """A scoring route has no stream; the same container may have a route that has."""
    target = context.target
    parts = urlsplit(target.url)
    url = f"{origin_of(target.url)}{parts.path.rstrip('/').removesuffix('/score')}/v1/chat/completions"
    better = replace(target, url=url, api_type=None, formatter=None)
    secret = target.identity().secret()
    error = context.probe.empty_post(url, shown(secret, better), secret)
    title = "A scoring route has no stream: answers come whole."
    if error is not None and error.status in (400, 422):
        cause = "The same endpoint also has OpenAI's route, which streams and takes tools."
        lines = better.changes_from(target)
        yield warning("streaming", "scoring-route", title, cause, lines=lines)
    else:
        cause = "The endpoint has no other route that was found."
        yield warning("streaming", "scoring-route", title, cause)
    yield from _token_counts(context, None)


def _token_counts(context: Context, streamed: Any) -> Iterator[Finding]:
    whole = context.answer.usage_metadata if context.answer else None
    if streamed or (whole and not context.target.endpoint().streams):
        yield tick("tokens", "Answers tell how many tokens they cost.")
    elif whole:
        cause = "Whole answers tell them. The application estimates those of streams."
        yield warning("tokens", "no-stream-usage", "Streams do not tell how many tokens they cost.", cause)
    else:
        cause = "The application estimates them; budgets are then estimates too."
        yield warning("tokens", "no-usage", "Answers do not tell how many tokens they cost.", cause)


def parameters(context: Context) -> Iterator[Finding]:
    """Find out whether the system role and the usual parameters are taken."""
    given: dict[str, Any] = {"temperature": 0.5, "top_p": 0.9, "stop": ["\n\n\n"], "seed": 1, "max_tokens": 16}
    messages: Sequence[BaseMessage] = [SystemMessage("Answer in one word."), HumanMessage("Say tick.")]
    refused: list[str] = []
    has_system_role = True
    for _ in range(MOST_REFUSED + 1):
        try:
            # Told to leave nothing out by itself, the model says what was refused.
            context.probe.turn(context.target, messages, model={"extra_parameters": "error"}, **given)
            break
        except AzureMLInvalidRequestError as error:
            names = [name for name in error.refused_parameters if given.get(name) is not None]
            if error.refuses_system_role and has_system_role:
                has_system_role, messages = False, messages[1:]
            elif names:
                refused += names
                for each in names:
                    given[each] = None
                if "max_tokens" in names:
                    given["max_completion_tokens"] = 16
            else:
                yield _not_seen("parameters", "parameters", error)
                return
        except (AzureMLError, ValueError) as error:
            yield _not_seen("parameters", "parameters", error)
            return
    if has_system_role:
        yield tick("system-role", "It takes a system prompt.")
    else:
        cause = "The application puts the system prompt into the first question."
        yield warning("system-role", "no-system-role", "It takes no system role.", cause)
    if refused:
        cause = "The application leaves them out, and tries again; max_tokens goes as max_completion_tokens."
        data = {"refused": refused}
        yield warning("parameters", "refused-parameters", f"It refuses {', '.join(refused)}.", cause, data=data)
    else:
        yield tick("parameters", "It takes temperature, top_p, stop, seed and max_tokens.")


_TOOL: Final = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "The time in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def tools(context: Context) -> Iterator[Finding]:
    """Offer one tool that the question asks for."""
    if not context.target.endpoint().streams:
        yield warning("tools", "scoring-route", "A scoring route has no tools.")
        return
    try:
        asked = [HumanMessage("What time is it in Seoul? Use the tool.")]
        answer = context.probe.turn(context.target, asked, tools=[_TOOL], max_tokens=48)
    except (AzureMLError, ValueError) as error:
        yield _not_seen("tools", "tools", error)
        return
    if answer.tool_calls:
        yield tick("tools", "It calls tools.")
    elif answer.invalid_tool_calls:
        yield warning("tools", "broken-calls", "It calls tools with arguments that are not JSON.")
    else:
        yield warning("tools", "no-tool-call", "It takes tools, and did not call the one that was asked for.")


_SCHEMA: Final = {
    "type": "json_schema",
    "json_schema": {
        "name": "word",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"word": {"type": "string"}},
            "required": ["word"],
            "additionalProperties": False,
        },
    },
}


def structured_output(context: Context) -> Iterator[Finding]:
    """Ask for an answer that fits a schema."""
    if not context.target.endpoint().streams:
        cause = "with_structured_output puts the schema into the prompt there."
        yield warning("structured-output", "scoring-route", "A scoring route has no response format.", cause)
        return
    try:
        asked = [HumanMessage("Name a fruit, as JSON.")]
        answer = context.probe.turn(context.target, asked, response_format=_SCHEMA, max_tokens=32)
    except (AzureMLError, ValueError) as error:
        yield _not_seen("structured-output", "structured output", error)
        return
    try:
        fits = set(json.loads(answer.text)) == {"word"}
    except (ValueError, TypeError):
        fits = False
    if fits:
        yield tick("structured-output", "Its answers fit a schema.")
    else:
        yield warning("structured-output", "not-to-schema", "It takes a schema, and its answer does not fit it.")


def pictures(context: Context) -> Iterator[Finding]:
    """Show a small red picture."""
    if not context.target.endpoint().streams:
        yield warning("pictures", "scoring-route", "A scoring route is sent no pictures.")
        return
    url = f"data:image/png;base64,{base64.b64encode(_red_square()).decode()}"
    content = [
        {"type": "text", "text": "Which colour is it? One word."},
        {"type": "image_url", "image_url": {"url": url, "detail": "low"}},
    ]
    try:
        context.probe.turn(context.target, [HumanMessage(content)])  # type: ignore[arg-type]
    except (AzureMLError, ValueError) as error:
        found = _not_seen("pictures", "pictures", error)
        yield (
            replace(found, advice="Set vision = false for it in the deployments file.")
            if found.code == "refused"
            else found
        )
        return
    yield tick("pictures", "It takes pictures.")


def context_size(context: Context) -> Iterator[Finding]:
    """Tell the size of its context, where the endpoint does."""
    context.listed = context.listed or models_of(context.probe, context.target)
    name = context.target.deployment or (context.answer.response_metadata.get("model_name") if context.answer else "")
    entry: Mapping[str, Any] = context.listed.get(str(name)) or next(iter(context.listed.values()), {})
    size = next((entry[each] for each in _SIZES if isinstance(entry.get(each), int)), None)
    if size is not None:
        yield tick("context", f"It reads and writes {size:,} tokens together.", data={"context_size": size})
    else:
        yield tick("context", "It does not tell the size of its context; the application learns it from a refusal.")


_SIZES: Final = ("max_model_len", "context_length", "context_window", "max_context_length", "max_input_tokens")


def limits(context: Context) -> Iterator[Finding]:
    """Tell what its headers say of its limits."""
    found: Mapping[str, Any] = (context.answer.response_metadata if context.answer else {}).get("rate_limit") or {}
    if found:
        told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in sorted(found.items()))
        yield tick("limits", f"Its limits: {told}.", data=dict(found))
    else:
        yield tick("limits", "It does not tell its limits in headers.")


def content_filter(context: Context) -> Iterator[Finding]:
    """Tell whether a content filter looked at the answer."""
    metadata = context.answer.response_metadata if context.answer else {}
    results = metadata.get("content_filter_results") or metadata.get("prompt_filter_results")
    if results:
        yield tick("content-filter", "A content filter looks at questions and answers.")
    else:
        yield tick("content-filter", "No content filter shows itself in the answer.")


def _not_seen(check: str, what: str, error: Exception) -> Finding:
    """Tell of an ability that was refused, or could not be looked at."""
    cause = diagnose(error).cause
    if isinstance(error, AzureMLInvalidRequestError) or getattr(error, "status", None) in (400, 415, 422, 501):
        return warning(check, "refused", f"It takes no {what}.", cause)
    return warning(check, "not-seen", f"Whether it takes {what} could not be seen.", cause)


def _red_square() -> bytes:
    """A PNG of 32 by 32 pixels, which some models have for the least."""
    side = 32

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\xff\0\0" * side) * side
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
