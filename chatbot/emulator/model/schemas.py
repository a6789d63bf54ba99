"""JSON that satisfies a JSON Schema, filled with what a text mentions. The same schema and text give the same JSON."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from chatbot.emulator.model.clues import Clues
from chatbot.emulator.model.strings import fitting

Schema = Mapping[str, Any]

_DEEPEST = 12
_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string"}


def fill(schema: Schema, text: str) -> Any:
    """Return a value for `schema`, which must have passed `keywords.misused_keyword`.

    Required properties are always there, optional ones only where `text` names them. Values come from `text`: named
    ones first ("days: 3"), then quotations, numbers and places in their order; what it does not mention is made up.
    """
    return _Filler(schema, Clues(text)).value(schema, "answer")


def like(example: Any) -> Schema:
    """Return the schema that an example of a value suggests."""
    if isinstance(example, Mapping):
        properties = {str(name): like(value) for name, value in example.items()}
        return {"type": "object", "properties": properties, "required": list(properties)}
    if isinstance(example, list):
        return {"type": "array", "items": like(example[0]) if example else {"type": "string"}}
    return {"type": _TYPES.get(type(example), "string")}


class _Filler:
    """One walk through one schema."""

    def __init__(self, root: Schema, clues: Clues) -> None:
        self._root = root
        self._clues = clues
        self._open = ["#"]  # the references being filled: a schema may contain itself

    def value(self, schema: Any, name: str) -> Any:
        if not isinstance(schema, Mapping):  # `true` allows everything
            schema = {}
        with self._resolved(schema) as plain:
            given = self._clues.given(name)
            if given is not None:
                return given
            if options := plain.get("anyOf") or plain.get("oneOf"):
                return self._one_of(options, name)
            if "const" in plain:
                return plain["const"]
            if choices := plain.get("enum"):
                return self._clues.chosen(choices, plain.get("default", choices[0]))
            return self._of_type(plain, name)

    def _of_type(self, schema: Schema, name: str) -> Any:
        match _kind(schema):
            case "object":
                return self._object(schema)
            case "array":
                return self._array(schema, name)
            case "integer" | "number" as kind:
                found = self._clues.number(name, whole=kind == "integer")
                return _bounded(schema.get("default", 0) if found is None else found, schema)
            case "boolean":
                return self._clues.flag(name, default=schema.get("default", False))
            case "null":
                return None
            case _:
                if "default" in schema and not self._clues.names(name):
                    return schema["default"]
                return fitting(self._clues.text(name), schema, self._clues.whole)

    def _object(self, schema: Schema) -> dict[str, Any]:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        filled = {}
        if len(self._open) < _DEEPEST:
            for name, part in properties.items():
                if name in required or self._clues.names(name):
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
            wanted = self._clues.how_many(_kind(plain), plain.get("enum"))
        wanted = max(wanted, least, 1)
        wanted = min(wanted, schema.get("maxItems", wanted))
        return first + [self.value(items, name) for _ in range(wanted)]

    def _one_of(self, options: Sequence[Schema], name: str) -> Any:
        real = [option for option in options if option.get("type") != "null"]
        closed = [option for option in real if not self._is_open(option)]
        nullable = len(real) < len(options)
        if nullable and (not closed or self._clues.denies(name)):
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
