"""Answers in JSON: after a schema, or with the keys that the messages ask for."""

import json
import re
from collections.abc import Sequence
from typing import Any

from chatbot.emulator.model.clues import objects_in
from chatbot.emulator.model.keywords import misused_keyword
from chatbot.emulator.model.schemas import Schema, fill, like

_KEYS = re.compile(r"\b(?:keys?|fields?|properties|property|attributes?)\b", re.IGNORECASE)
_KEY = re.compile(r"[\"'`“‘]([A-Za-z_][\w-]*)[\"'`”’]")
_LISTED = re.compile(r"\b(?:keys|fields|properties|attributes)\b:?\s+((?:\w+\s*(?:,\s*(?:and\s+)?|\s+and\s+))*\w+)")


def in_json(text: str, schema: Schema) -> str:
    """Return JSON text that satisfies `schema`, made of what `text` mentions."""
    return _dumps(fill(schema, text))


def in_some_json(text: str, instructions: Sequence[str], plain_answer: str) -> str:
    """Return the text of a JSON object in the form that the newest of the `instructions` ask for.

    That may be a schema or an example among them, or a sentence about keys; without either it is the plain answer
    under the key "answer".
    """
    for instruction in reversed(instructions):
        if found := _form(instruction):
            schema, rest = found
            # What describes the form is not what it is filled with.
            return _dumps(fill(schema, text.replace(instruction, rest)))
    return _dumps({"answer": plain_answer})


def schema_asked_for(instructions: Sequence[str]) -> Schema | None:
    """Return the newest schema in the `instructions` that they want the answer to follow, in JSON."""
    for instruction in reversed(instructions):
        if re.search(r"\bJSON\b", instruction) and (found := _schemas(objects_in(instruction))):
            return found[-1]
    return None


def _schemas(objects: Sequence[dict[str, Any]]) -> list[Schema]:
    return [each for each in objects if isinstance(each.get("properties"), dict) and not misused_keyword(each)]


def _form(instruction: str) -> tuple[Schema, str] | None:
    """Return the schema that an instruction describes, and the instruction without the description."""
    objects = [each for each in objects_in(instruction) if each]
    if objects:
        schemas = _schemas(objects)
        schema = schemas[-1] if schemas else like(objects[-1])
        return schema, re.sub(r"\{.*\}", " ", instruction, flags=re.DOTALL)
    names = _keys(instruction)
    if not names:
        return None
    return {"properties": {name: {"type": "string"} for name in names}, "required": names}, _KEY.sub(" ", instruction)


def _keys(instruction: str) -> list[str]:
    if not _KEYS.search(instruction):
        return []
    quoted = _KEY.findall(instruction)
    if not quoted and (listed := _LISTED.search(instruction)):
        quoted = re.findall(r"\b(?!and\b)\w+", listed[1])
    return list(dict.fromkeys(quoted))


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
