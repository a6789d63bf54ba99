"""Tools and structured output: the request parameters for them, and the parsers of the answer. Pure.

An endpoint that has tools is asked through them, or through its response formats. Classic ``/score`` containers have
neither: there the schema stands in the system prompt, and the answer is read leniently.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, Literal, get_args

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, convert_to_messages
from langchain_core.output_parsers import JsonOutputParser, PydanticOutputParser
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda, RunnableMap, RunnablePassthrough
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_json_schema, convert_to_openai_tool
from langchain_core.utils.pydantic import is_basemodel_subclass

Schema = dict[str, Any] | type
Tool = dict[str, Any] | type | Callable[..., Any] | BaseTool
Method = Literal["function_calling", "json_schema", "json_mode"]


def tool_parameters(
    tools: Sequence[Tool], tool_choice: Any, *, strict: bool | None, parallel: bool | None
) -> dict[str, Any]:
    """Return the request parameters that offer ``tools``.

    Raises:
        ValueError: ``tool_choice`` names a tool that is not offered.
    """
    offered = [convert_to_openai_tool(tool, strict=strict) for tool in tools]
    parameters: dict[str, Any] = {"tools": offered} if offered else {}
    if choice := _choice(tool_choice, [tool["function"]["name"] for tool in offered if "function" in tool]):
        parameters["tool_choice"] = choice
    if parallel is not None:
        parameters["parallel_tool_calls"] = parallel
    return parameters


def structured_output(
    model: BaseChatModel,
    schema: Schema | None,
    *,
    method: Method,
    include_raw: bool,
    strict: bool | None,
    by_prompt: bool,
    **kwargs: Any,
) -> Runnable[LanguageModelInput, Any]:
    """Return ``model`` with a parser behind it; the arguments are those of ``with_structured_output``.

    ``by_prompt`` is for endpoints that have neither tools nor response formats.

    Raises:
        ValueError: The method is unknown, or needs a schema and got none.
    """
    if method not in get_args(Method):
        raise ValueError(f"method must be {', '.join(get_args(Method)[:-1])} or {get_args(Method)[-1]}, not {method!r}")
    if schema is None and method != "json_mode":
        raise ValueError(f"method {method} needs a schema")
    traced: dict[str, Any] = {
        "ls_structured_output_format": {"kwargs": {"method": method, "strict": strict}, "schema": schema}
    }
    if by_prompt:
        prompted = schema_prompt(schema) | model.bind(**traced, **kwargs)
        return with_parser(prompted, json_parser(schema), include_raw=include_raw)
    if schema is not None and method == "function_calling":
        offered = model.bind(**tool_parameters([schema], True, strict=strict, parallel=None), **traced, **kwargs)
        return with_parser(offered, tool_parser(schema), include_raw=include_raw)
    wanted: dict[str, Any] = {"type": "json_object"}
    if schema is not None and method == "json_schema":
        wanted = response_format(schema, strict=strict)
    bound = model.bind(response_format=wanted, **traced, **kwargs)
    return with_parser(bound, json_parser(schema), include_raw=include_raw)


def response_format(schema: Schema, *, strict: bool | None) -> dict[str, Any]:
    """Return the ``response_format`` that holds an answer to a schema."""
    json_schema = convert_to_json_schema(schema, strict=strict)
    wire: dict[str, Any] = {"name": json_schema.get("title") or "answer", "schema": json_schema}
    if description := json_schema.get("description"):
        wire["description"] = description
    if strict is not None:
        wire["strict"] = strict
    return {"type": "json_schema", "json_schema": wire}


def schema_prompt(schema: Schema | None) -> Runnable[LanguageModelInput, list[BaseMessage]]:
    """Return a step that asks for JSON in the system prompt, for models that have no other way."""
    words = "Answer with one JSON object and nothing else."
    if schema is not None:
        words += " It must fit this JSON Schema:\n" + json.dumps(convert_to_json_schema(schema), ensure_ascii=False)

    def ask(given: LanguageModelInput) -> list[BaseMessage]:
        if isinstance(given, PromptValue):
            messages = given.to_messages()
        else:
            messages = convert_to_messages([given] if isinstance(given, str) else given)
        if messages and isinstance(messages[0], SystemMessage):
            return [SystemMessage(f"{messages[0].text}\n\n{words}"), *messages[1:]]
        return [SystemMessage(words), *messages]

    return RunnableLambda(ask)


def tool_parser(schema: Schema) -> Runnable[AIMessage, Any]:
    """Return the parser of an answer that came as a call of the tool ``schema``; a refusal is an error of its own.

    Raises:
        OutputParserException: When used: the model refused, or what it wrote does not fit.
    """
    parser: Runnable[AIMessage, Any]
    if _is_model(schema):
        parser = PydanticToolsParser(tools=[schema], first_tool_only=True)
    else:
        name = convert_to_openai_tool(schema)["function"]["name"]
        parser = JsonOutputKeyToolsParser(key_name=name, first_tool_only=True)
    return RunnableGenerator(_answers, _aanswers) | parser


def json_parser(schema: Schema | None) -> Runnable[AIMessage, Any]:
    """Return the parser of an answer that came as JSON text; a refusal is an error of its own.

    Raises:
        OutputParserException: When used: the model refused, or what it wrote does not fit.
    """
    parser: Runnable[AIMessage, Any] = (
        PydanticOutputParser(pydantic_object=schema) if schema is not None and _is_model(schema) else JsonOutputParser()
    )
    return RunnableGenerator(_answers, _aanswers) | parser


def with_parser(model: Runnable[Any, Any], parser: Runnable[Any, Any], *, include_raw: bool) -> Runnable[Any, Any]:
    """Chain both; with ``include_raw`` to ``{"raw", "parsed", "parsing_error"}``, where bad output raises nothing."""
    if not include_raw:
        return model | parser
    parsed = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    failed = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | parsed.with_fallbacks([failed], exception_key="parsing_error")


def _answers(messages: Iterator[AIMessage]) -> Iterator[AIMessage]:
    """Pass an answer on, piece by piece; check it when it is whole."""
    whole: Any = None
    for message in messages:
        whole = message if whole is None else whole + message
        yield message
    _check(whole)


async def _aanswers(messages: AsyncIterator[AIMessage]) -> AsyncIterator[AIMessage]:
    whole: Any = None
    async for message in messages:
        whole = message if whole is None else whole + message
        yield message
    _check(whole)


def _check(answer: AIMessage) -> None:
    """The parsers of LangChain would make None of it.

    Raises:
        OutputParserException: The answer is a refusal, or a call whose arguments cannot be read.
    """
    if refusal := answer.additional_kwargs.get("refusal"):
        raise OutputParserException(f"The model refused to answer: {refusal}", llm_output=refusal)
    if answer.invalid_tool_calls and not answer.tool_calls:
        call = answer.invalid_tool_calls[0]
        raise OutputParserException(
            f"The model called {call['name']} with arguments that are no JSON object: {call['args']}",
            llm_output=call["args"] or "",
        )


def _choice(wanted: Any, names: Sequence[str]) -> Any:
    """The wire's ``tool_choice`` for LangChain's."""
    if wanted is True and len(names) == 1:
        wanted = names[0]
    if wanted is True or wanted == "any":
        return "required"
    if not wanted or wanted in ("auto", "none", "required"):
        return wanted
    name = wanted.get("function", {}).get("name") if isinstance(wanted, Mapping) else wanted
    if name not in names:
        raise ValueError(f"tool_choice names {name!r}, but the tools are {', '.join(names)}")
    return {"type": "function", "function": {"name": name}}


def _is_model(schema: Any) -> bool:
    return isinstance(schema, type) and is_basemodel_subclass(schema)
