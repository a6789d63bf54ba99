"""The chat routes, `…/chat/completions`, of all services: one answer, written in the dialect of each."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from chatbot.emulator.model.generation import generate
from chatbot.emulator.model.prompt import Prompt
from chatbot.emulator.replies import json_reply
from chatbot.emulator.surfaces import refusals
from chatbot.emulator.surfaces.answer import Answer
from chatbot.emulator.surfaces.bodies import BadBodyError, read_object
from chatbot.emulator.surfaces.chat_body import Wish, read_chat
from chatbot.emulator.surfaces.dialects import Dialect
from chatbot.emulator.surfaces.habits import Habits, habits_for
from chatbot.emulator.surfaces.refusals import RefusedError
from chatbot.emulator.surfaces.stream import events
from chatbot.emulator.surfaces.streaming import PacedStream
from chatbot.emulator.surfaces.whole import completion
from chatbot.emulator.traffic import Traffic

_VERSION = re.compile(r"\d{4}-\d\d-\d\d(?:-preview)?")
_KNOWN = frozenset(
    {
        "model",
        "messages",
        "frequency_penalty",
        "max_tokens",
        "presence_penalty",
        "response_format",
        "seed",
        "stop",
        "stream",
        "temperature",
        "tool_choice",
        "tools",
        "top_p",
    }
)
_FIXED = {"temperature": 1, "n": 1}
_NOT_WITH_REASONING = (
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "stop",
    "parallel_tool_calls",
)


class ChatRoute:
    """Answers chat requests in one dialect.

    Args:
        dialect: How to read and write.
        deployments: The models that can be asked for, where the dialect knows more than one.
        traffic: Where open streams are counted.
        token_delay: Seconds between the pieces of a stream.
    """

    def __init__(self, dialect: Dialect, deployments: Collection[str], traffic: Traffic, token_delay: float) -> None:
        self._dialect = dialect
        self._deployments = deployments
        self._traffic = traffic
        self._token_delay = token_delay

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        habits = habits_for(request, self._dialect.habits)
        try:
            if self._dialect.api_version:
                _check_version(request)
            body = self._known_parameters(request, read_object(await request.body()))
            if habits.reasoning:
                _check_reasoning(body)
            model = self._dialect.model(request, body, self._deployments)
            prompt, wish = read_chat(body)
        except RefusedError as refused:
            return refused.reply
        except BadBodyError as error:
            return self._dialect.complain(str(error))
        return self._written(prompt, wish, habits, model)

    def _known_parameters(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        if not self._dialect.checks_extras:
            return body
        option = request.headers.get("extra-parameters", "error")
        if option not in {"error", "drop", "pass-through"}:
            raise refusals.extra_parameters_option(option)
        extra = [name for name in body if name not in _KNOWN]
        if extra and option == "error":
            raise refusals.extra_parameters(extra)
        return body if option == "pass-through" else {name: body[name] for name in body if name in _KNOWN}

    def _written(self, prompt: Prompt, wish: Wish, habits: Habits, model: str) -> Response:
        if habits.thoughts == "unasked tags":
            prompt = replace(prompt, thinks=True)
        answer = Answer(generate(prompt), wish, habits, model)
        headers = self._dialect.headers()
        if wish.stream and habits.streams:
            return PacedStream(events(answer, self._token_delay), self._traffic, headers)
        if habits.whole_tool_calls:
            usage = answer.usage()
            headers["prompt_token_len"] = str(usage["prompt_tokens"])
            headers["sampling_token_len"] = str(usage["completion_tokens"])
        return json_reply(completion(answer), headers=headers)


def _check_reasoning(body: Mapping[str, Any]) -> None:
    """Refuse the first parameter that a reasoning model does not take."""
    if body.get("max_tokens") is not None:
        raise refusals.unsupported_parameter("max_tokens", "max_completion_tokens")
    for name, default in _FIXED.items():
        if (value := body.get(name)) not in (None, default):
            raise refusals.unsupported_value(name, value, default)
    for name in _NOT_WITH_REASONING:
        if body.get(name) is not None:
            raise refusals.unsupported_parameter(name)


def _check_version(request: Request) -> None:
    version = request.query_params.get("api-version")
    if version is None:
        raise RefusedError(refusals.resource_not_found())
    if not _VERSION.fullmatch(version):
        raise refusals.api_version_not_supported()
