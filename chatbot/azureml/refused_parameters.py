"""Which parameters of a request an endpoint refused, from the error of any server. Pure.

Some name them in fields, some in their message alone, and each in words of its own: OpenAI and Azure, the Model
Inference API, vLLM, NVIDIA NIM, LiteLLM, Mistral, xAI, Anthropic and Google behind a gateway, and Hugging Face's
``generate``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

MAX_ITEMS: Final = 2000

MAX_MESSAGE: Final = 2000
"""Characters of a message that are searched."""

_NEEDED: Final = ("messages", "input_data", "prompt")
"""Without these there is no request: a server that refuses them is not helped by leaving them out."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The parts of a request that were refused.

    Attributes:
        parameters: Top-level parameters that the endpoint does not take.
        of_value: It knows them, and does not take the value they had.
        supported: The one number that it takes instead, where known.
        system_role: It takes no message of the role ``system`` or ``developer``.
    """

    parameters: tuple[str, ...] = ()
    of_value: bool = False
    supported: float | None = None
    system_role: bool = False


def read_refused(message: str, code: str | None, kind: str | None, param: str | None, detail: Any) -> Refused:
    """Return what was refused.

    Args:
        message: The endpoint's own words.
        code: Its code.
        kind: Its name for the kind of error.
        param: The parameter at fault.
        detail: FastAPI's list or object of the same name.
    """
    message = " ".join(message[:MAX_MESSAGE].split())
    if _refuses_system_role(message, param):
        return Refused(system_role=True)
    names = list(_in_list(detail))
    of_value = _is_about_value(message, code, kind)
    if not names and param and (_is_refusal(code) or _is_refusal(kind) or _REFUSING.search(message)):
        names = [re.sub(r"^(body|\$)\.", "", param)]
    elif not names and not param and not isinstance(detail, list):
        names = _in_message(message)
    kept = (name for name in names if re.fullmatch(r"[\w-]{1,64}", name) and name not in _NEEDED)
    parameters = tuple(dict.fromkeys(kept))
    return Refused(parameters, of_value, _supported(message) if of_value else None) if parameters else Refused()


# In fields.

_CODE: Final = re.compile(
    r"(unsupported|unknown|unrecogni[sz]ed|unexpected|extra)(parameter|param|argument|field|key|property|value|input)s?"
    r"|(parameter|argument|value)(not(supported|allowed)|unknown)|invalidparametercombination|extraforbidden"
)
_REFUSING: Final = re.compile(
    r"\b(not|n't|no longer) (yet |currently )?(support|accept|allow|permit|recogni[sz]e|take)|\bunsupported\b"
    r"|\bun(known|recogni[sz]ed) (parameter|argument|field)|\bdeprecated\b|\bonly the default\b"
    r"|\bonly allowed (when|if)\b|\bat the same time\b",
    re.I,
)
_EXTRA_TYPES: Final = ("extra_forbidden", "value_error.extra")


def _is_refusal(code: str | None) -> bool:
    return bool(code and _CODE.fullmatch(re.sub(r"[\W_]", "", code).lower()))


def _in_list(detail: Any) -> Iterator[str]:
    """FastAPI's list of what is wrong with a body, in the forms of both versions of pydantic."""
    for item in detail[:MAX_ITEMS] if isinstance(detail, list) else ():
        if isinstance(item, Mapping) and item.get("type") in _EXTRA_TYPES:
            yield from top_level_parameter(item)


def top_level_parameter(detail: Any) -> Iterator[str]:
    """The parameter that a ``loc`` points to, if it points to a whole one and not to something inside."""
    loc = detail.get("loc") if isinstance(detail, Mapping) else None
    match loc:
        case ["body", str(name)]:
            yield name
        case [str(name)] if name != "body":
            yield name


# In the message. The first pattern that finds names has them all; only what is surely a name counts as one.

_KNOWN: Final = frozenset(
    {
        "audio",
        "best_of",
        "frequency_penalty",
        "frequencyPenalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_new_tokens",
        "max_tokens",
        "metadata",
        "min_p",
        "modalities",
        "n",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "presencePenalty",
        "reasoning_effort",
        "reasoningEffort",
        "repetition_penalty",
        "response_format",
        "safe_prompt",
        "seed",
        "service_tier",
        "stop",
        "store",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_k",
        "top_logprobs",
        "top_p",
        "typical_p",
        "user",
        "verbosity",
    }
)
# Bounded in all directions: the text is a server's.
_QUOTED: Final = r"""(?:`[\w-]{1,64}`|'[\w-]{1,64}'|"[\w-]{1,64}")"""
_VALUE: Final = r"(?: ?[:=] ?[\w.'\"-]{1,64})?"
_AND: Final = r"(?:, ?(?:(?:and|or) )?| (?:and|or) )"
_BARE: Final = r"\b\w[\w-]{0,63}"
_LIST: Final = (
    rf"(?:{_QUOTED}{_VALUE}(?:{_AND}{_QUOTED}{_VALUE}){{0,20}}|{_BARE}{_VALUE}(?:{_AND}{_BARE}{_VALUE}){{0,20}})"
)
_NAME: Final = rf"(?:{_QUOTED}|{_BARE})"
_NAMES: Final = rf"[\[{{(]? ?(?P<names>{_LIST})"
_THING: Final = r"(?:parameter|param|argument|field|key|property|propertie|option|input|name)(?:s|\(s\))?"
_NOT: Final = (
    r"(?:not (?:yet |currently )?(?:supported|allowed|permitted|recogni[sz]ed|available|accepted|enabled)"
    r"|unsupported|unexpected|unrecogni[sz]ed|unknown|deprecated|only allowed (?:when|if))"
)
_UN: Final = r"\b(?:unsupported|unknown|unrecogni[sz]ed|unexpected|extra|extraneous)"
_DOES_NOT: Final = r"(?:does not|doesn't|do not|don't|cannot|can't) (?:support|accept|allow|take)"
_PATTERNS: Final = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        # vLLM and NIM hand on pydantic's errors, as Python writes them.
        r"'type': '(?:extra_forbidden|value_error\.extra)', 'loc': \('body', (?P<names>'\w+')\)",
        rf"(?P<names>{_NAME}): extra (?:inputs|fields) (?:are )?not permitted",
        rf"\bunsupported value: (?P<names>{_QUOTED})",
        rf"{_UN} (?:request |input |keyword |body |sampling )?{_THING}"
        rf"(?: supplied| provided| found| passed)?\s*:?\s*{_NAMES}",
        rf"\b{_THING} (?:is |are )?not (?:supported|allowed|permitted|recogni[sz]ed)[^:.]{{0,40}}:\s*{_NAMES}",
        rf"\bare not used by the model:\s*{_NAMES}",
        r"\bsetting (?P<names>['`\"]max_tokens['`\"]) and .{0,30} at the same time is not supported",
        rf"{_NAME} and (?P<names>{_NAME}) (?:cannot|can not|can't) both be\b",
        rf"(?P<names>{_LIST}) (?:{_THING} )?(?:is|are|was|were) (?:{_NOT}|fixed at)\b",
        rf"(?P<names>{_QUOTED}|\b(?:{'|'.join(sorted(_KNOWN))})) {_DOES_NOT}",
        rf"{_DOES_NOT} (?:the |these |this )?(?:following )?(?:{_THING}:? )?{_NAMES}",
        rf"\bnot allowed to (?:request|use|set) {_NAMES}",
    )
)


def _in_message(message: str) -> list[str]:
    for pattern in _PATTERNS:
        found = [name for match in pattern.finditer(message) for name in _names(match["names"])]
        if found:
            return found
    return []


def _names(listed: str) -> Iterator[str]:
    """What is quoted is a name; what is not may be any word, so it has to be a name that is known."""
    quoted = list(re.finditer(rf"({_QUOTED})\s*([:=])?", listed))
    for match in quoted:
        if listed[: match.start()].rstrip()[-1:] not in (":", "="):  # the value of another
            yield match[1][1:-1]
    if not quoted:
        yield from (name for name in re.findall(r"\w[\w-]*", listed) if name in _KNOWN or "_" in name)


_OF_VALUE: Final = re.compile(
    rf"\bunsupported value\b|\bonly the default\b|\bdoes not take this value\b|\bare fixed at\b|\w=\S+ is supported"
    rf"|{_QUOTED} {_DOES_NOT} (?!this param)",
    re.I,
)
_SUPPORTED: Final = re.compile(
    r"default(?: value)?(?: of)? ?\(?(-?\d+(?:\.\d+)?)\)?|\bonly \w+=(-?\d+(?:\.\d+)?) is|\bonly (?:the value )?"
    r"(-?\d+(?:\.\d+)?) is (?:supported|allowed)",
    re.I,
)


def _is_about_value(message: str, code: str | None, kind: str | None) -> bool:
    named = " ".join(filter(None, (code, kind))).lower()
    return "unsupported_value" in named or bool(_OF_VALUE.search(message))


def _supported(message: str) -> float | None:
    match = _SUPPORTED.search(message)
    return None if match is None else float(next(filter(None, match.groups())))


# The role.

_ROLE: Final = re.compile(r"messages(\[\d+\]|\.\[?\d+\]?)\.role")
_NO_SYSTEM: Final = re.compile(
    r"(system|developer)['\"`]? (role|messages?|instructions?|prompts?) (is|are) not (supported|enabled|allowed)"
    r"|system role not supported|only user and assistant roles are supported"
    r"|does ?n[o']t support (the )?['\"`]?(system|developer)['\"`]? (role|messages?|prompts?|with)"
    r"|conversation roles must alternate",
    re.I,
)


def _refuses_system_role(message: str, param: str | None) -> bool:
    if param and _ROLE.fullmatch(param):
        return bool(re.search(r"['\"`](system|developer)['\"`]", message))
    return bool(_NO_SYSTEM.search(message))
