"""Replies instead of the real one, from `replies.json`: every row of the catalogue of errors as it was on the wire."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

from starlette.responses import Response

from chatbot.emulator.faults.fault import Fault, Value

_FILE = Path(__file__).with_name("replies.json")


def reply_faults() -> Iterator[Fault]:
    """Yield the faults of the file."""
    for name, preset in json.loads(_FILE.read_text(encoding="utf-8")).items():
        value = preset.get("value")
        yield Fault(
            name,
            preset["about"],
            float(value) if isinstance(value, int) else value,
            reply=partial(_reply, preset),
        )


def _reply(preset: Mapping[str, Any], value: Value) -> Response:
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
