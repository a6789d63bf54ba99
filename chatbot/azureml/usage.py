"""The token counts of a reply, in LangChain's terms. What was not counted is left out: it is not nought. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata

_NAMES: Final = (("prompt", "input"), ("completion", "output"))
"""What OpenAI's chat route calls the two, and what its newer route and others do."""


def usage_of(reply: Mapping[str, Any]) -> UsageMetadata | None:
    """The token counts of a completion or of an event, with the details it gives; None where it has not got both."""
    usage = reply.get("usage")
    if not isinstance(usage, dict) or not usage:
        return None
    sent, received = (count(_either(usage, f"{old}_tokens", f"{new}_tokens")) for old, new in _NAMES)
    total = count(usage.get("total_tokens"))
    if total is not None:
        sent = total - received if sent is None and received is not None and received <= total else sent
        received = total - sent if received is None and sent is not None and sent <= total else received
    if sent is None or received is None or not (sent or received):  # a prompt has tokens, so those were not counted
        return None
    metadata = UsageMetadata(input_tokens=sent, output_tokens=received, total_tokens=total or sent + received)
    of_prompt, of_answer = (
        _object(_either(usage, f"{old}_tokens_details", f"{new}_tokens_details")) for old, new in _NAMES
    )
    into = InputTokenDetails(
        **_counts(
            audio=of_prompt.get("audio_tokens"),
            cache_read=of_prompt.get("cached_tokens"),
            cache_creation=of_prompt.get("cache_creation_tokens", of_prompt.get("cache_write_tokens")),
        )  # type: ignore[typeddict-item]
    )
    out = OutputTokenDetails(
        **_counts(audio=of_answer.get("audio_tokens"), reasoning=of_answer.get("reasoning_tokens"))  # type: ignore[typeddict-item]
    )
    if into:
        metadata["input_token_details"] = into
    if out:
        metadata["output_token_details"] = out
    return metadata


def usage_in_headers(headers: Mapping[str, str]) -> UsageMetadata | None:
    """The token counts that serverless endpoints also send in two headers."""
    sent, received = count(headers.get("prompt_token_len")), count(headers.get("sampling_token_len"))
    if sent is None or received is None:
        return None
    return UsageMetadata(input_tokens=sent, output_tokens=received, total_tokens=sent + received)


def count(value: Any) -> int | None:
    """A count as it should be: servers also write 3.0 and "3". None where it is none."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        return None
    return int(value)


def _either(usage: Mapping[str, Any], old: str, new: str) -> Any:
    return usage[old] if usage.get(old) is not None else usage.get(new)


def _counts(**counts: Any) -> dict[str, int]:
    return {name: number for name, value in counts.items() if (number := count(value)) is not None}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
