import json
from typing import Any

import pytest

from chatbot.emulator.model.messages import Transcript
from chatbot.emulator.model.tools import Tool, Toolbox, tool_calls


def tool(name: str, *required: str, **properties: Any) -> Tool:
    return Tool(name, {"type": "object", "properties": properties, "required": list(required or properties)})


TEXT, WHOLE = {"type": "string"}, {"type": "integer"}
MAGIC = tool("magic_function", input={"type": "integer", "exclusiveMinimum": -1000, "exclusiveMaximum": 1000})
NO_ARGUMENTS = tool("magic_function_no_args")
WEATHER = tool("get_weather", location=TEXT)
TIME = tool("getTime", place=TEXT)
ADD = tool("add", a=WHOLE, b=WHOLE)
CUSTOMER = tool("unicode_customer", customer_name=TEXT, description=TEXT)
EVERYTHING = (MAGIC, NO_ARGUMENTS, WEATHER, TIME, ADD, CUSTOMER)


def asked(text: str, *offered: Tool, **toolbox: Any) -> list[tuple[str, Any]]:
    sent = Transcript([{"role": "user", "content": text}])
    found = tool_calls(sent, Toolbox(offered or EVERYTHING, **toolbox))
    return [(call.name, json.loads(call.arguments)) for call in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is the value of magic_function(3)? Use the tool.", [("magic_function", {"input": 3})]),
        ("What is the value of magic_function_no_args()? Use the tool.", [("magic_function_no_args", {})]),
        ("Use the `get_weather` tool for San Francisco.", [("get_weather", {"location": "San Francisco"})]),
        ("What is the weather in San Francisco, CA?", [("get_weather", {"location": "San Francisco, CA"})]),
        ("In Rome, what is the weather?", [("get_weather", {"location": "Rome"})]),
        ("What time is it in Oslo?", [("getTime", {"place": "Oslo"})]),
        ("Call add with a=5 and b: -7", [("add", {"a": 5, "b": -7})]),
        ("Call add with b: 2 and a: 1", [("add", {"a": 1, "b": 2})]),
        ('Call add with {"a": 50, "b": -2}', [("add", {"a": 50, "b": -2})]),
        ("add(1, 2)", [("add", {"a": 1, "b": 2})]),
        (
            "magic_function(3) and magic_function(-4)",
            [("magic_function", {"input": 3}), ("magic_function", {"input": -4})],
        ),
        (
            "What is the weather in Paris, and what time is it in Rome?",
            [("get_weather", {"location": "Paris"}), ("getTime", {"place": "Rome"})],
        ),
        (
            "Use add for 1 and 2, then magic_function with 3",
            [("add", {"a": 1, "b": 2}), ("magic_function", {"input": 3})],
        ),
    ],
)
def test_a_question_that_needs_tools(text: str, expected: list[tuple[str, Any]]) -> None:
    assert asked(text) == expected


@pytest.mark.parametrize(
    "text", ["Hello!", "", "What is my name?", "tell me a long story", "weathering the storm", "Sometimes"]
)
def test_a_question_that_needs_none(text: str) -> None:
    assert asked(text) == []


@pytest.mark.parametrize("name", ["你好啊集团", "こんにちは株式会社", "Société «Été»", "Łukasz 😀"])
def test_texts_arrive_as_they_are(name: str) -> None:
    ((called, arguments),) = asked(f"Create a customer named '{name}' (Hello Group) - a company")
    assert (called, arguments["customer_name"]) == ("unicode_customer", name)
    sent = Transcript([{"role": "user", "content": f"Create a customer named '{name}'"}])
    assert name in tool_calls(sent, Toolbox((CUSTOMER,)))[0].arguments  # not escaped


def test_choices() -> None:
    assert asked("What is the weather in Paris?", choice="none") == []
    assert asked("Hello!", choice="required") == [("magic_function", {"input": 0})]
    assert asked("What is the weather in Paris?", choice="required") == [("get_weather", {"location": "Paris"})]
    assert asked("Hello!", choice=NO_ARGUMENTS) == [("magic_function_no_args", {})]
    assert asked("Weather in Paris", choice=ADD) == [("add", {"a": 0, "b": 0})]
    assert asked("add(1, 2), get_weather in Rome", choice=WEATHER) == [("get_weather", {"location": "Rome"})]


def test_one_call_at_a_time() -> None:
    assert asked("add(1, 2) and add(3, 4)", parallel=False) == [("add", {"a": 1, "b": 2})]


def test_no_tools_no_calls() -> None:
    assert tool_calls(Transcript([{"role": "user", "content": "add(1, 2)"}]), Toolbox()) == ()


def test_parameters_that_are_no_object_become_no_arguments() -> None:
    assert asked("use it", Tool("it", {"type": "string"})) == [("it", {})]
    assert asked("use it", Tool("it", {})) == [("it", {})]


RESULT = [
    {"role": "user", "content": "add(1, 2)"},
    {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "add", "arguments": "{}"}}]},
    {"role": "tool", "tool_call_id": "1", "content": "3"},
]


def test_after_a_result_nothing_is_called_unless_it_must_be() -> None:
    box = Toolbox(EVERYTHING)
    assert tool_calls(Transcript(RESULT), box) == ()
    assert tool_calls(Transcript(RESULT), Toolbox(EVERYTHING, "required"))[0].name == "add"
    again = [*RESULT, {"role": "user", "content": "add(3, 4)"}]
    assert tool_calls(Transcript(again), box)[0].arguments == '{"a":3,"b":4}'
