"""Replies that are complete and yet unusual: where the usage is, how thoughts are told, what is refused."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from chatbot.emulator.faults.fault import Fault
from chatbot.emulator.surfaces.habits import Usage


def oddity_faults() -> Iterator[Fault]:
    """Yield the faults."""
    usages: dict[Usage, str] = {
        "never": "no token counts at all",
        "with finish": "token counts in the chunk with the finish reason",
        "own chunk": "token counts in a chunk of their own, also when not asked for",
        "twice": "token counts in both of these chunks",
        "every chunk": "token counts in every chunk",
    }
    for usage, about in usages.items():
        yield Fault(f"usage-{usage.replace(' ', '-')}", about, habits=partial(replace, usage=usage))
    yield Fault(
        "think-tags", "thoughts in <think> tags before the answer", habits=partial(replace, thoughts="unasked tags")
    )
    yield Fault("whole-json", "one JSON reply, although a stream was asked for", habits=partial(replace, streams=False))
    yield Fault(
        "filtered-completion",
        "the content filter stops the answer: 200, content_filter",
        habits=partial(replace, blocked=True),
    )
    yield Fault(
        "unknown-finish-reason", "a finish reason that nobody knows", habits=partial(replace, finish_reason="eos_token")
    )
    yield Fault(
        "broken-arguments", "arguments of tool calls that are not JSON", habits=partial(replace, broken_arguments=True)
    )
    yield Fault(
        "reasoning-model",
        "a reasoning model: it refuses max_tokens, temperature, top_p and others, one at a time",
        habits=partial(replace, reasoning=True),
    )
    yield Fault(
        "wrong-content-type", "a content type that is not the body's", "text/plain", headers={"Content-Type": "{value}"}
    )
