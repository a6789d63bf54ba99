"""An answer in one piece: `chat.completion`."""

from typing import Any

from chatbot.emulator.surfaces.answer import BLOCKED, PROMPT_FILTER, SAFE, Answer
from chatbot.emulator.surfaces.speech import spoken


def completion(answer: Answer) -> dict[str, Any]:
    """Return the body of a whole reply."""
    choice = _choice(answer)
    body = {
        **answer.envelope("chat.completion"),
        "choices": [{**choice, "index": n} for n in range(answer.wish.choices)],
    }
    if answer.habits.filters:
        body["prompt_filter_results"] = PROMPT_FILTER
    if answer.habits.usage != "never":
        body["usage"] = answer.usage()
    return body


def _choice(answer: Answer) -> dict[str, Any]:
    choice: dict[str, Any] = {"finish_reason": answer.finish_reason, "message": _message(answer)}
    if answer.habits.filters or answer.wish.logprobs:
        choice["logprobs"] = answer.logprobs(answer.pieces)
    if answer.habits.filters or answer.habits.blocked:
        choice["content_filter_results"] = BLOCKED if answer.habits.blocked else SAFE
    return choice


def _message(answer: Answer) -> dict[str, Any]:
    text = "" if answer.habits.blocked else "".join(answer.pieces)
    message: dict[str, Any] = {"content": text, "role": "assistant"}
    if answer.habits.filters:
        message["refusal"] = None
    else:
        message["tool_calls"] = None
    if calls := answer.tool_calls:
        message["content"] = answer.habits.call_content
        # An extra of the servers that also stream calls whole.
        extra = {"call_id": None} if answer.habits.whole_tool_calls else {}
        message["tool_calls"] = [{**call, "function": {**call["function"], **extra}} for call in calls]
    if answer.thoughts:
        message["reasoning_content"] = "".join(answer.thoughts)
    if answer.wish.speech and not calls:
        message |= {"content": None, "audio": spoken(answer.name, answer.created, text)}
    return message
