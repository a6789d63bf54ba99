"""Whether a JSON Schema is one: the keywords that the filler reads have values of the right kind."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

# What must be longer than this would have to be written.
_LONGEST = 10_000


def misused_keyword(schema: Any) -> str | None:
    """Return the first keyword in a schema whose value is of the wrong kind, or nothing when all is well."""
    if not isinstance(schema, Mapping):
        return None
    wrong = (name for name, value in schema.items() if name in _RIGHT and not _RIGHT[name](value))
    found: str | None = next(wrong, None)
    if found is not None:
        return found
    return next((name for part in _parts(schema) if (name := misused_keyword(part))), None)


def _parts(schema: Mapping[str, Any]) -> Iterator[Any]:
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


_RIGHT: Mapping[str, Callable[[Any], bool]] = {
    **dict.fromkeys(("properties", "$defs"), _is_object),
    **dict.fromkeys(("pattern", "$ref"), _is_text),
    **dict.fromkeys(("enum", "prefixItems"), _is_list),
    **dict.fromkeys(("allOf", "anyOf", "oneOf"), _is_list_of_objects),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _is_number),
    **dict.fromkeys(("maxItems", "maxLength"), _is_length),
    **dict.fromkeys(("minItems", "minLength"), lambda value: _is_length(value) and value <= _LONGEST),
    "required": _is_list_of_texts,
    "type": lambda value: _is_text(value) or _is_list_of_texts(value),
    "multipleOf": lambda value: _is_number(value) and value > 0,
}
