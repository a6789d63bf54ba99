"""JSON that satisfies a JSON Schema, filled from a text: the schema checked, found in the messages, and filled.

The same schema and text give the same JSON.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from chatbot.emulator.model.text_values import TextValues, fit_string, objects_in

Schema = Mapping[str, Any]

_DEEPEST = 12
# What must be longer than this would have to be written.
_LONGEST_LENGTH = 10_000
_KEYS = re.compile(r"\b(?:keys?|fields?|properties|property|attributes?)\b", re.IGNORECASE)
_KEY = re.compile(r"[\"'`“‘]([A-Za-z_][\w-]*)[\"'`”’]")
_LISTED = re.compile(r"\b(?:keys|fields|properties|attributes)\b:?\s+((?:\w+\s*(?:,\s*(?:and\s+)?|\s+and\s+))*\w+)")
_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}


def fill(schema: Schema, text: str) -> Any:
    """Return a value for `schema`, which must have passed `invalid_keyword`.

    Required properties are always there, optional ones only where `text` names them. Values come from `text`: named
    ones first ("days: 3"), then quotations, numbers and places in their order; what it does not mention is made up.
    """
    return _Filler(schema, TextValues(text)).value(schema, "answer")


def infer_schema(example: Any) -> Schema:
    """Return the schema that an example of a value suggests."""
    if isinstance(example, Mapping):
        properties = {str(name): infer_schema(value) for name, value in example.items()}
        return {"type": "object", "properties": properties, "required": list(properties)}
    if isinstance(example, list):
        return {"type": "array", "items": infer_schema(example[0]) if example else {"type": "string"}}
    return {"type": _TYPES.get(type(example), "string")}


class _Filler:
    """One walk through one schema."""

    def __init__(self, root: Schema, values: TextValues) -> None:
        self._root = root
        self._values = values
        self._open = ["#"]  # the references being filled: a schema may contain itself

    def value(self, schema: Any, name: str) -> Any:
        if not isinstance(schema, Mapping):  # `true` allows everything
            schema = {}
        with self._resolved(schema) as plain:
            given = self._values.json_value(name)
            if given is not None:
                return given
            if options := plain.get("anyOf") or plain.get("oneOf"):
                return self._one_of(options, name)
            if "const" in plain:
                return plain["const"]
            if choices := plain.get("enum"):
                return self._values.choice(choices, plain.get("default", choices[0]))
            return self._of_type(plain, name)

    def _of_type(self, schema: Schema, name: str) -> Any:
        match _kind(schema):
            case "object":
                return self._object(schema)
            case "array":
                return self._array(schema, name)
            case "integer" | "number" as kind:
                found = self._values.number(name, whole=kind == "integer")
                return _bounded(schema.get("default", 0) if found is None else found, schema)
            case "boolean":
                return self._values.flag(name, default=schema.get("default", False))
            case "null":
                return None
            case _:
                if "default" in schema and not self._values.mentions(name):
                    return schema["default"]
                return fit_string(self._values.text(name), schema, self._values.whole)

    def _object(self, schema: Schema) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        filled = {}
        if len(self._open) < _DEEPEST:
            for name, part in properties.items():
                if name in required or self._values.mentions(name):
                    filled[name] = self.value(part, name)
        extra = schema.get("additionalProperties")
        return filled | {name: self.value(extra, name) for name in required if name not in properties}

    def _array(self, schema: Schema, name: str) -> list[Any]:
        first = [self.value(part, name) for part in schema.get("prefixItems", [])]
        items = schema.get("items", {} if not first else False)
        least = schema.get("minItems", 0)
        if items is False or (self._is_open(items) and len(first) >= least):
            return first
        with self._resolved(items if isinstance(items, Mapping) else {}) as plain:
            wanted = self._values.count(_kind(plain), plain.get("enum"))
        wanted = max(wanted, least, 1)
        wanted = min(wanted, schema.get("maxItems", wanted))
        return first + [self.value(items, name) for _ in range(wanted)]

    def _one_of(self, options: Sequence[Schema], name: str) -> Any:
        real = [option for option in options if option.get("type") != "null"]
        closed = [option for option in real if not self._is_open(option)]
        nullable = len(real) < len(options)
        if nullable and (not closed or self._values.excludes(name)):
            return None
        return self.value((closed or real)[0], name)

    def _is_open(self, schema: Any) -> bool:
        return isinstance(schema, Mapping) and schema.get("$ref") in self._open

    @contextmanager
    def _resolved(self, schema: Schema) -> Iterator[Schema]:
        """Give the schema with its references followed and its `allOf` merged."""
        depth = len(self._open)
        plain = dict(schema)
        while isinstance(reference := plain.pop("$ref", None), str) and len(self._open) < _DEEPEST:
            self._open.append(reference)
            plain = {**_at(self._root, reference), **plain}
        for part in plain.pop("allOf", []):
            with self._resolved(part) as merged:
                plain = _merged(plain, merged)
        try:
            yield plain
        finally:
            del self._open[depth:]


def _at(root: Schema, reference: str) -> Schema:
    found: Any = root
    for step in reference.removeprefix("#").split("/")[1:]:
        found = found.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


def _merged(one: Schema, other: Schema) -> dict[str, Any]:
    properties = {**one.get("properties", {}), **other.get("properties", {})}
    required = [*one.get("required", []), *other.get("required", [])]
    lists = {"properties": properties, "required": required} if properties or required else {}
    return {**other, **one, **lists}


def _kind(schema: Schema) -> str:
    kinds = schema.get("type")
    if isinstance(kinds, list):
        kinds = next((kind for kind in kinds if kind != "null"), "null")
    if isinstance(kinds, str):
        return kinds
    return next((kind for word, kind in {"properties": "object", "items": "array"}.items() if word in schema), "string")


def _bounded(number: float, schema: Schema) -> float:
    whole = isinstance(number, int)
    step = 1 if whole else 0.001
    lowest = [schema["minimum"]] if "minimum" in schema else []
    highest = [schema["maximum"]] if "maximum" in schema else []
    if (above := schema.get("exclusiveMinimum")) is not None:
        lowest.append(above + step)
    if (below := schema.get("exclusiveMaximum")) is not None:
        highest.append(below - step)
    number = min([max([number, *lowest]), *highest])
    if multiple := schema.get("multipleOf"):
        number = -(-number // multiple) * multiple
    return int(number) if whole and number == int(number) else number


def json_answer(text: str, schema: Schema) -> str:
    """Return JSON text that satisfies `schema`, made of what `text` mentions."""
    return _compact(fill(schema, text))


def json_object_answer(text: str, instructions: Sequence[str], plain_answer: str) -> str:
    """Return the text of a JSON object in the form that the newest of the `instructions` ask for.

    That may be a schema or an example among them, or a sentence about keys; without either it is the plain answer
    under the key "answer".
    """
    for instruction in reversed(instructions):
        if found := _requested_form(instruction):
            schema, rest = found
            # What describes the form is not what it is filled with.
            return _compact(fill(schema, text.replace(instruction, rest)))
    return _compact({"answer": plain_answer})


def requested_schema(instructions: Sequence[str]) -> Schema | None:
    """Return the newest schema in the `instructions` that they want the answer to follow, in JSON."""
    for instruction in reversed(instructions):
        if re.search(r"\bJSON\b", instruction) and (found := _schemas(objects_in(instruction))):
            return found[-1]
    return None


def _schemas(objects: Sequence[dict[str, Any]]) -> list[Schema]:
    return [each for each in objects if isinstance(each.get("properties"), dict) and not invalid_keyword(each)]


def _requested_form(instruction: str) -> tuple[Schema, str] | None:
    """Return the schema that an instruction describes, and the instruction without the description."""
    objects = [each for each in objects_in(instruction) if each]
    if objects:
        schemas = _schemas(objects)
        schema = schemas[-1] if schemas else infer_schema(objects[-1])
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


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def invalid_keyword(schema: Any) -> str | None:
    """Return the first keyword in a schema whose value is of the wrong kind, or nothing when all is well."""
    if not isinstance(schema, Mapping):
        return None
    wrong = (name for name, value in schema.items() if name in _KEYWORD_CHECKS and not _KEYWORD_CHECKS[name](value))
    found: str | None = next(wrong, None)
    if found is not None:
        return found
    return next((name for part in _subschemas(schema) if (name := invalid_keyword(part))), None)


def _subschemas(schema: Mapping[str, Any]) -> Iterator[Any]:
    for name in ("properties", "$defs"):
        yield from schema.get(name, {}).values()
    for name in ("allOf", "anyOf", "oneOf", "prefixItems"):
        yield from schema.get(name, ())
    for name in ("items", "additionalProperties"):
        yield schema.get(name)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_length(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_list_of_texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_object, value))


_KEYWORD_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("properties", "$defs"), _is_object),
    **dict.fromkeys(("pattern", "$ref"), _is_text),
    **dict.fromkeys(("enum", "prefixItems"), _is_list),
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), _is_list_of_objects),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("maxItems", "maxLength"), _is_length),
    **dict.fromkeys(("minItems", "minLength"), lambda value: _is_length(value) and value <= _LONGEST_LENGTH),
    "required": _is_list_of_texts,
    "type": lambda value: _is_text(value) or _is_list_of_texts(value),
    "multipleOf": lambda value: _is_number(value) and value > 0,
}
