"""What is filled in satisfies the schema, as pydantic reads it, and uses what the text mentions."""

from __future__ import annotations

import datetime
import enum
import json
import uuid
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pydantic import BaseModel, Field, TypeAdapter

from chatbot.emulator.model.generation import Prompt, generate
from chatbot.emulator.model.json_schema import _KEYWORD_CHECKS, fill, infer_schema, invalid_keyword

TEXTS = [
    "",
    "Tell me a joke about cats.",
    "My name is Ada, age 36, tags \"math\" and 'poetry', in London 12345, -7.5 and 1e9",
    '{"unrelated": 1} {{{ 🙂 [ " \' `',
    "no name, without tags; kind: b; count of 10000; urgent",
]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    city: str
    code: str = Field(default="00000", pattern=r"^[0-9]{5}$")


class Tree(BaseModel):
    value: int
    children: list[Tree]
    parent: Tree | None


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=1, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    name: Annotated[str, Field(min_length=3, max_length=8)]


class Base(BaseModel):
    ident: int


class Person(Base):
    name: str
    nickname: str | None = None
    address: Address
    pets: list[Cat | Dog] = Field(min_length=1, max_length=2)
    favourite: Colour
    pair: tuple[int, str]
    scores: dict[str, float]
    flags: list[bool] = Field(min_length=2)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize(
    "kind",
    [
        str,
        int,
        float,
        bool,
        None,
        Any,
        int | None,
        Annotated[int, Field(gt=-5, lt=5)],
        Annotated[int, Field(multiple_of=7, ge=10)],
        Annotated[float, Field(gt=0, le=0.5)],
        Annotated[str, Field(min_length=5, max_length=6)],
        datetime.date,
        datetime.datetime,
        datetime.time,
        datetime.timedelta,
        uuid.UUID,
        Colour,
        Literal["a", 1, True],
        list[str],
        list[Literal["x", "y"]],
        list[Annotated[int, Field(ge=0)]],
        set[str],
        tuple[int, str, bool],
        dict[str, int],
        Cat | Dog,
        Annotated[Cat | Dog, Field(discriminator="kind")],
        Person,
        list[Person],
    ],
)
def test_it_satisfies_the_schema(kind: Any, text: str) -> None:
    adapter = TypeAdapter(kind)
    adapter.validate_python(fill(adapter.json_schema(), text))


def test_a_schema_may_contain_itself() -> None:
    assert fill(Tree.model_json_schema(), "3") == {"value": 3, "children": [], "parent": None}
    endless = {"type": "object", "properties": {"again": {"$ref": "#"}}, "required": ["again"]}
    assert str(fill(endless, "")).count("again") < 50


def test_the_same_gives_the_same() -> None:
    schema = Person.model_json_schema()
    assert fill(schema, TEXTS[2]) == fill(schema, TEXTS[2])


def properties(**each: Any) -> dict[str, Any]:
    return {"type": "object", "properties": each, "required": list(each)}


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
MAYBE = {"anyOf": [TEXT, {"type": "null"}]}


@pytest.mark.parametrize(
    ("schema", "text", "filled"),
    [
        (properties(city=TEXT, days=WHOLE), "days: 3, city: San Francisco", {"city": "San Francisco", "days": 3}),
        (properties(city=TEXT, days=WHOLE), "3 days in Paris", {"city": "Paris", "days": 3}),
        (properties(first=TEXT, second=TEXT), "'one' and \"two\"", {"first": "one", "second": "two"}),
        (properties(firstName=TEXT), "the first name is Ada, she said", {"firstName": "Ada"}),
        (properties(unit={"enum": ["c", "f"]}), "in F please", {"unit": "f"}),
        (properties(unit={"enum": ["c", "f"]}), "hot", {"unit": "c"}),
        (properties(unit={"enum": ["c", "f"], "default": "f"}), "hot", {"unit": "f"}),
        (properties(kind={"const": 7}), "1", {"kind": 7}),
        (properties(urgent={"type": "boolean"}), "this is urgent", {"urgent": True}),
        (properties(urgent={"type": "boolean"}), "this is not urgent", {"urgent": False}),
        (properties(urgent={"type": "boolean"}), "urgent: no", {"urgent": False}),
        (properties(urgent={"type": "boolean"}), "whatever", {"urgent": False}),
        (properties(setup=TEXT, punchline=MAYBE), "about cats, no punchline", {"setup": "cats", "punchline": None}),
        (properties(name=MAYBE), "name: Ada", {"name": "Ada"}),
        (properties(numbers={"type": "array", "items": WHOLE}), "add 1, 2 and 3", {"numbers": [1, 2, 3]}),
        (properties(words={"type": "array", "items": TEXT}), "'a' and 'b'", {"words": ["a", "b"]}),
        (properties(day={"type": "string", "format": "date"}), "on 2026-05-04", {"day": "2026-05-04"}),
        (properties(mail={"type": "string", "format": "email"}), "to ada@b.org.", {"mail": "ada@b.org"}),
        (properties(n={"type": ["integer", "null"]}), "take 5", {"n": 5}),
        (properties(n={"type": "integer", "maximum": 4}), "take 5", {"n": 4}),
        (properties(n={"type": "number", "default": 0.5}), "take it", {"n": 0.5}),
        (properties(place=properties(city=TEXT)), 'with {"place": {"city": "Rome"}}', {"place": {"city": "Rome"}}),
        ({"allOf": [properties(a=WHOLE), properties(b=WHOLE)]}, "1 2", {"a": 1, "b": 2}),
        ({"properties": {"a": TEXT}, "required": ["a"]}, "hello", {"a": "hello"}),
        ({"properties": {"a": TEXT}}, "hello", {}),
        ({"properties": {"size": TEXT}}, "size: big", {"size": "big"}),
        ({"type": "object", "required": ["x"]}, "hello", {"x": "hello"}),
        ({"$ref": "#/nowhere"}, "hello", "hello"),
        ({"type": "array", "items": WHOLE, "maxItems": 2}, "1 2 3", [1, 2]),
    ],
)
def test_what_the_text_mentions_is_used(schema: dict[str, Any], text: str, filled: Any) -> None:
    assert fill(schema, text) == filled


def test_a_pattern_is_met_where_the_text_has_something_that_meets_it() -> None:
    code = {"type": "string", "pattern": "^[0-9]{5}$"}
    assert fill(properties(city=TEXT, code=code), 'in London, "urgent" 12345') == {"city": "urgent", "code": "12345"}
    assert fill(code, "hello") == "hello"


def test_a_pattern_that_python_does_not_read_is_no_reason_to_fail() -> None:
    assert fill({"type": "string", "pattern": r"(?<name>[a-z]+)\p{L}"}, "hello") == "hello"


def test_an_example_is_a_schema() -> None:
    example = {"name": "x", "n": 1, "ok": True, "none": None, "many": [1.5], "few": [], "in": {"a": "b"}}
    filled = fill(infer_schema(example), "")
    assert filled.keys() == example.keys()
    assert [type(filled[name]) for name in ("n", "ok", "many", "in")] == [int, bool, list, dict]


KEYWORDS = [*_KEYWORD_CHECKS, "items", "additionalProperties", "const", "default", "format", "a", "b"]
VALUES = some.one_of(
    some.none(),
    some.booleans(),
    some.integers(-5, 5),
    some.floats(allow_nan=False, allow_infinity=False),
    some.sampled_from(["string", "object", "array", "integer", "null", "boolean", "#", "#/properties/a", "date", "["]),
)
PARTS = some.recursive(
    VALUES, lambda part: some.lists(part, max_size=3) | some.dictionaries(some.sampled_from(KEYWORDS), part, max_size=4)
)


@given(schema=some.dictionaries(some.sampled_from(KEYWORDS), PARTS, max_size=5), text=some.text(max_size=30))
def test_a_schema_is_either_refused_or_filled(schema: dict[str, Any], text: str) -> None:
    if invalid_keyword(schema) is None:
        json.dumps(fill(schema, text))


@pytest.mark.parametrize(
    ("schema", "keyword"),
    [
        ({}, None),
        (Person.model_json_schema(), None),
        (Tree.model_json_schema(), None),
        ({"properties": {"a": {"type": 3}}}, "type"),
        ({"items": {"anyOf": [{"minimum": "1"}]}}, "minimum"),
        ({"$defs": {"A": {"required": [1]}}}, "required"),
        ({"multipleOf": 0}, "multipleOf"),
        ({"minLength": 10_001}, "minLength"),
        ({"maxLength": 10_001}, None),
        ({"additionalProperties": {"enum": "abc"}}, "enum"),
    ],
)
def test_a_keyword_with_a_value_of_the_wrong_kind(schema: dict[str, Any], keyword: str | None) -> None:
    assert invalid_keyword(schema) == keyword


def answered(*messages: tuple[str, str], **prompt: Any) -> Any:
    sent = [{"role": role, "content": content} for role, content in messages]
    return json.loads(generate(Prompt(sent, **prompt)).text)


JOKE = "Tell me a joke about cats. Return the result as a JSON with 'setup' and 'punchline' keys."


@pytest.mark.parametrize(
    ("messages", "keys"),
    [
        ([("user", JOKE)], {"setup", "punchline"}),
        ([("system", "Answer in JSON with the keys `who` and `what`."), ("user", "Ada sings")], {"who", "what"}),
        ([("user", "JSON please, fields: name, age and city")], {"name", "age", "city"}),
        ([("system", 'Answer like {"mood": "good", "score": 1}'), ("user", "I am fine")], {"mood", "score"}),
        (
            [("user", 'Schema: {"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]} for 3')],
            {"a"},
        ),
        ([("system", "keys 'old'"), ("user", "keys 'new', in JSON")], {"new"}),
        ([("user", "Something in JSON")], {"answer"}),
    ],
)
def test_the_keys_that_are_asked_for(messages: list[tuple[str, str]], keys: set[str]) -> None:
    assert set(answered(*messages, json_object=True)) == keys


def test_the_form_is_not_what_it_is_filled_with() -> None:
    assert answered(("user", JOKE), json_object=True)["setup"] == "cats"
    asked = 'In the form {"who": "x", "n": 1}: \'Ada\' has 3 cats'
    assert answered(("user", asked), json_object=True) == {"who": "Ada", "n": 3}


def test_without_a_form_it_is_the_plain_answer() -> None:
    assert answered(("user", "repeat Hé"), json_object=True) == {"answer": "Hé"}


def test_a_schema_is_filled_from_what_tools_found() -> None:
    schema = {"properties": {"degrees": {"type": "integer"}}, "required": ["degrees"]}
    messages = [
        {"role": "user", "content": "weather in Paris, 7 days"},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "62 degrees"},
    ]
    assert json.loads(generate(Prompt(messages, schema=schema)).text) == {"degrees": 62}


def test_json_is_cut_by_the_limit_like_any_text() -> None:
    generation = generate(Prompt([{"role": "user", "content": JOKE}], max_tokens=3, json_object=True))
    assert generation.finish_reason == "length"
    assert generation.text.startswith("{")
    assert not generation.text.endswith("}")


@pytest.mark.parametrize("role", ["system", "developer"])
def test_a_schema_that_the_instructions_ask_for_is_obeyed_on_every_surface(role: str) -> None:
    schema = {"properties": {"degrees": {"type": "integer"}}, "required": ["degrees"]}
    instructions = f"Answer with JSON that fits this schema: {json.dumps(schema)}"
    assert answered((role, instructions), ("user", "It has 62 of them")) == {"degrees": 62}


def test_a_schema_that_is_only_spoken_of_is_not_followed() -> None:
    asked = 'What does {"properties": {"a": {}}} mean in JSON?'
    assert not generate(Prompt([{"role": "user", "content": asked}])).text.startswith("{")
