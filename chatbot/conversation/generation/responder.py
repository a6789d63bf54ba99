"""Between the task that writes an answer and the models: who responds to a plan, told in events.

:class:`StreamingResponder` asks one deployment. One that falls back on others (``fallback``), runs tools or compares is
another :class:`Responder`, and may be made of others.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol, cast

from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessageChunk
from langchain_core.runnables import RunnableConfig

from chatbot.conversation.content_blocks import PartReader
from chatbot.conversation.context.builder import ContextPlan
from chatbot.conversation.context.learned import USUAL_ANSWER, told_by
from chatbot.conversation.deployments import EffectiveOptions
from chatbot.conversation.failures import short_id
from chatbot.conversation.generation.first_word import first_word_within
from chatbot.conversation.parts import Blob, Part, Reasoning, Text, reasoning_of, text_of
from chatbot.conversation.turn import Notice, Usage


@dataclass(frozen=True, slots=True)
class AnsweredBy:
    """From here on, this deployment answers."""

    deployment: str


@dataclass(frozen=True, slots=True)
class Step:
    """A request goes out: the first one, or another that is to mend the one before.

    Attributes:
        plan: What it holds.
        notices: What the visitor should know about it; mostly nothing.
    """

    plan: ContextPlan
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """What the answer grows by."""

    part: Part


@dataclass(frozen=True, slots=True)
class Bytes:
    """What a picture or file is that the next delta brings."""

    blob: Blob
    data: bytes


@dataclass(frozen=True, slots=True)
class Correction:
    """The whole answer so far, in place of all that was told of it before."""

    answer: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Finish:
    """The endpoint's own word for why the answer ends.

    Attributes:
        request: The id by which its operator knows the request; empty where it sent none.
    """

    reason: str
    request: str = ""


Event = Delta | Bytes | Correction | Step | Usage | Finish | AnsweredBy
"""What happens to an answer; of several usages the last one counts, which is that of the whole answer."""


class Responder(Protocol):
    """Answers what a plan asks."""

    def respond(self, plan: ContextPlan, config: RunnableConfig) -> AsyncGenerator[Event]:
        """Yield what happens until the answer is complete. Closing it ends every request that it has made.

        Args:
            plan: What to ask.
            config: Goes with every request. Its callbacks hear that a model waits: it does so within its next chunk,
                where nothing can be yielded.

        Raises:
            ModelError: The answer failed; what was yielded of it remains.
        """


class StreamingResponder:
    """Asks one deployment, and once again for less where the request was too long for it.

    Args:
        effective: Who answers, and how it is asked.
        replan: Plans the same question anew, with what was learned meanwhile.
    """

    def __init__(self, effective: EffectiveOptions, replan: Callable[[], ContextPlan]) -> None:
        self._effective = effective
        self._replan = replan
        self._id = effective.conversation_id
        self._learned = effective.deployment.learned

    async def respond(self, plan: ContextPlan, config: RunnableConfig) -> AsyncGenerator[Event]:
        """Stream the answer; as :meth:`Responder.respond`."""
        yield AnsweredBy(self._effective.deployment.name)
        answer: list[Part] = []
        reader = PartReader()
        usage: Usage | None = None
        refused: ContextPlan | None = None
        async with first_word_within(self._effective.deployment.first_word_timeout, answer):
            while True:
                parameters = self._effective.request_parameters(plan)
                yield Step(plan, tuple(self._notices(plan, refused, parameters)))
                # LangChain types its generators as iterators; closing one is what closes the connection below it.
                asked = self._effective.deployment.model.astream(plan.messages, config, **parameters)
                stream = cast(AsyncGenerator[AIMessageChunk], asked)
                try:
                    # No generator between this one and the model's: each costs every token.
                    async with aclosing(stream) as chunks:
                        async for chunk in chunks:
                            corrects = type(chunk) is not AIMessageChunk and isinstance(chunk, AIMessageChunk)
                            parts = reader.read(_summed(answer, chunk) if corrects else chunk)
                            while reader.data:
                                yield Bytes(*reader.data.popitem())
                            if corrects:
                                answer[:] = [*_others(answer), *parts]
                                yield Correction(tuple(answer))
                            else:
                                for part in parts:
                                    answer.append(part)
                                    yield Delta(part)
                            if reason := chunk.response_metadata.get("finish_reason"):
                                yield Finish(reason, short_id(chunk.response_metadata.get("request_id")))
                            if used := chunk.usage_metadata:
                                usage = Usage(used["input_tokens"], used["output_tokens"])
                                yield self._effective.priced(usage)
                except ContextOverflowError as error:
                    # Who has begun to answer has read it all.
                    shorter = None if text_of(answer) else self._shorter(plan, error)
                    # Learned from also where it was the second: whoever asks again asks for less.
                    if shorter is None or refused is not None:
                        raise
                    plan, refused = shorter, plan
                    continue
                if usage is not None:
                    self._learned.counted(self._id, _texts(plan), usage)
                return

    def _shorter(self, refused: ContextPlan, error: ContextOverflowError) -> ContextPlan | None:
        """Learn from a refusal; return what may pass instead, if there is anything to leave out."""
        room = self._room(refused)
        requested = told_by(error, "requested_tokens")
        prompt = told_by(error, "prompt_tokens") or max((requested or 0) - room, 0)
        if prompt:
            self._learned.counted(self._id, _texts(refused), Usage(prompt, 0))
        if (size := told_by(error, "context_size")) is not None:
            self._learned.named(size)
            shorter = self._replan()
            if self._asks_for_less(shorter, refused):
                return shorter
        total = refused.tokens + room
        usual = self._effective.deployment.parameters.get("max_tokens") or USUAL_ANSWER
        if usual < room:
            # What the visitor chose gives way before what the visitor said does.
            self._learned.refused_answer(self._id, usual)
        if refused.remembered and room - usual < total // 3:
            self._learned.refused(self._id, total)
        # Otherwise the question is too long, not the memory.
        shorter = self._replan()
        return shorter if self._asks_for_less(shorter, refused) else None

    def _asks_for_less(self, plan: ContextPlan, refused: ContextPlan) -> bool:
        return plan.tokens + self._room(plan) < refused.tokens + self._room(refused)

    def _room(self, plan: ContextPlan) -> int:
        return self._effective.request_parameters(plan).get("max_tokens") or 0

    def _notices(
        self, plan: ContextPlan, refused: ContextPlan | None, parameters: Mapping[str, Any]
    ) -> Iterator[Notice]:
        if refused is not None and (left_out := len(refused.remembered) - len(plan.remembered)) > 0:
            yield Notice("turns_left_out", {"count": left_out})
        wanted, most = self._effective.parameters.get("max_tokens"), parameters.get("max_tokens")
        if wanted is not None and most is not None and wanted != most:
            yield Notice("answer_shortened", {"wanted": wanted, "most": most})
            if self._effective.options.max_tokens is not None:
                yield Notice("lower_max_tokens")


def _summed(answer: Sequence[Part], chunk: AIMessageChunk) -> AIMessageChunk:
    """The text so far with a chunk of a class of its own, which may change what came before it."""
    text, thought = text_of(answer), reasoning_of(answer)
    return AIMessageChunk(content=text, additional_kwargs={"reasoning_content": thought}) + chunk


def _others(answer: Sequence[Part]) -> list[Part]:
    return [part for part in answer if not isinstance(part, Text | Reasoning)]


def _texts(plan: ContextPlan) -> list[str]:
    return [message.text for message in plan.messages]
