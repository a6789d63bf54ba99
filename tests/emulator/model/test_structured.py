import json
from typing import Any

import pytest

from chatbot.emulator.model.generation import generate
from chatbot.emulator.model.prompt import Prompt


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
    assert set(answered(*messages, as_json=True)) == keys


def test_the_form_is_not_what_it_is_filled_with() -> None:
    assert answered(("user", JOKE), as_json=True)["setup"] == "cats"
    asked = 'In the form {"who": "x", "n": 1}: \'Ada\' has 3 cats'
    assert answered(("user", asked), as_json=True) == {"who": "Ada", "n": 3}


def test_without_a_form_it_is_the_plain_answer() -> None:
    assert answered(("user", "repeat Hé"), as_json=True) == {"answer": "Hé"}


def test_a_schema_is_filled_from_what_tools_found() -> None:
    schema = {"properties": {"degrees": {"type": "integer"}}, "required": ["degrees"]}
    messages = [
        {"role": "user", "content": "weather in Paris, 7 days"},
        {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "62 degrees"},
    ]
    assert json.loads(generate(Prompt(messages, schema=schema)).text) == {"degrees": 62}


def test_json_is_cut_by_the_limit_like_any_text() -> None:
    generation = generate(Prompt([{"role": "user", "content": JOKE}], limit=3, as_json=True))
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
