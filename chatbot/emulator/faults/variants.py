"""Other responses than the usual one: errors as they were on the wire, and answers that are complete yet unusual."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

from starlette.responses import Response

from chatbot.emulator.faults.fault import Fault, Value
from chatbot.emulator.services.responses import Usage

_FILE = Path(__file__).with_name("responses.json")


def error_faults() -> Iterator[Fault]:
    """Yield a fault for each response in `responses.json`, nearly all of them errors."""
    for name, preset in json.loads(_FILE.read_text(encoding="utf-8")).items():
        value = preset.get("value")
        yield Fault(
            name,
            preset["about"],
            float(value) if isinstance(value, int) else value,
            make_response=partial(_response, preset),
        )


def _response(preset: Mapping[str, Any], value: Value) -> Response:
    headers = _filled(preset.get("headers", {}), value)
    if "text" in preset:
        return Response(_filled(preset["text"], value), preset["status"], headers)
    body = json.dumps(_filled(preset["json"], value), ensure_ascii=False, separators=(",", ":"))
    return Response(body, preset["status"], {"Content-Type": "application/json", **headers})


def _filled(template: Any, value: Value) -> Any:
    match template:
        case str():
            return _with_value(template, value)
        case list():
            return [_filled(part, value) for part in template]
        case dict():
            return {name: _filled(part, value) for name, part in template.items()}
        case _:
            return template


def _with_value(template: str, value: Value) -> str:
    if "{" not in template:
        return template
    if isinstance(value, str):
        return template.replace("{value}", value)
    later = datetime.now(UTC) + timedelta(seconds=value)
    texts = {
        "{value}": f"{value:.10g}",
        "{milliseconds}": f"{value * 1000:.10g}",
        "{date}": format_datetime(later, usegmt=True),
    }
    for name, text in texts.items():
        template = template.replace(name, text)
    return template


def variant_faults() -> Iterator[Fault]:
    """Yield the faults that change how the real answer is written: usage, reasoning, content filter, tool calls."""
    usages: dict[Usage, str] = {
        "never": "no token counts at all",
        "with finish": "token counts in the chunk with the finish reason",
        "own chunk": "token counts in a chunk of their own, also when not asked for",
        "twice": "token counts in both of these chunks",
        "every chunk": "token counts in every chunk",
    }
    for usage, about in usages.items():
        yield Fault(f"usage-{usage.replace(' ', '-')}", about, quirks=partial(replace, usage=usage))
    yield Fault("think-tags", "thoughts in <think> tags before the answer", quirks=partial(replace, think_tags=True))
    yield Fault("whole-json", "one JSON reply, although a stream was asked for", quirks=partial(replace, streams=False))
    yield Fault(
        "filtered-completion",
        "the content filter stops the answer: 200, content_filter",
        quirks=partial(replace, blocked=True),
    )
    yield Fault(
        "unknown-finish-reason", "a finish reason that nobody knows", quirks=partial(replace, finish_reason="eos_token")
    )
    yield Fault(
        "broken-arguments", "arguments of tool calls that are not JSON", quirks=partial(replace, broken_arguments=True)
    )
    yield Fault(
        "reasoning-model",
        "a reasoning model: it refuses max_tokens, temperature, top_p and others, one at a time",
        quirks=partial(replace, reasoning_model=True),
    )
    yield Fault(
        "wrong-content-type", "a content type that is not the body's", "text/plain", headers={"Content-Type": "{value}"}
    )
