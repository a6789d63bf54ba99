"""Whether an endpoint answers a demo today as well as it did when that was recorded.

It is asked as the page asks it: by the service, with the memory and the options that the demo has by then. What it says
is kept nowhere.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from chatbot.conversation import (
    Conversation,
    ConversationService,
    ConversationStore,
    Deployment,
    Deployments,
    Turn,
    TurnMemory,
    TurnStatus,
)
from chatbot.demo.file import Demo, DemoTurn

MOST_SHOWN = 300
"""Characters of an answer that are told."""


class Verdict(StrEnum):
    """How the answer to a question is."""

    WELL = "well"
    DIFFERS = "differs"
    FAILED = "failed"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with an answer, and what mends it."""

    what: str
    mend: str


@dataclass(frozen=True, slots=True)
class TurnReport:
    """What an endpoint did with one question.

    Attributes:
        number: Of the question, from 1.
        question: What was asked.
        verdict: How the answer is.
        problems: What is wrong with it.
        first_word: Seconds until its first word; None where there came none.
        seconds: Seconds until its last.
        answer: Its beginning.
    """

    number: int
    question: str
    verdict: Verdict
    problems: tuple[Problem, ...] = ()
    first_word: float | None = None
    seconds: float | None = None
    answer: str = ""

    def data(self) -> dict[str, Any]:
        """Return it as values for JSON."""
        return asdict(self)


async def verify(demo: Demo, deployment: Deployment) -> AsyncGenerator[TurnReport]:
    """Ask all questions of a demo in one conversation, and yield how each was answered.

    A question that the content filter is to refuse is not asked: whether it does is no sign of how the endpoint is.
    What goes wrong in the demo is left out, too: it is the demo endpoint's.

    Args:
        demo: The demo.
        deployment: Who is asked.
    """
    with tempfile.TemporaryDirectory() as folder:
        store = ConversationStore(f"sqlite:///{folder}/verify.db")
        service = ConversationService(Deployments(deployment), store)
        try:
            conversation = service.begin_temporary("verify")
            conversation = await service.choose(conversation, demo.begins(conversation.options))
            asked: dict[int, int] = {}  # index in the conversation by the number in the demo
            for at, turn in enumerate(demo.turns):
                if turn.blocked:
                    yield TurnReport(at + 1, turn.question, Verdict.NOT_ASKED)
                    continue
                conversation = await service.choose(conversation, turn.chosen(conversation.options))
                if turn.offers is not None and turn.offers in asked:
                    pinned = asked[turn.offers]
                    conversation = await service.set_memory(conversation, pinned, TurnMemory.PINNED)
                answered = await _answered(service, conversation, turn.question)
                asked[at + 1] = answered.index
                conversation = await service.refresh(conversation)
                yield _report(at + 1, turn, answered, demo)
        finally:
            await service.aclose()
            await store.aclose()


async def _answered(service: ConversationService, conversation: Conversation, question: str) -> Turn:
    async with aclosing(service.say(conversation, question)) as snapshots:
        *_, ended = [each async for each in snapshots]
    return ended


def _report(number: int, turn: DemoTurn, answered: Turn, demo: Demo) -> TurnReport:
    timing = answered.timing
    problems = tuple(_problems(turn, answered, demo))
    verdict = Verdict.DIFFERS if problems else Verdict.WELL
    if answered.status is not TurnStatus.COMPLETE:
        verdict = Verdict.FAILED
    return TurnReport(
        number,
        turn.question,
        verdict,
        problems,
        None if timing is None or timing.first_word is None else round(timing.first_word, 2),
        None if timing is None else round(timing.total, 2),
        answered.answer_text[:MOST_SHOWN],
    )


def _problems(turn: DemoTurn, answered: Turn, demo: Demo) -> Sequence[Problem]:
    failure, timing, expect = answered.failure, answered.timing, turn.expect
    if failure is not None:
        words = f": {failure.data['detail']}" if failure.data.get("detail") else ""
        if failure.blocked:
            mend = "ask it in other words, or mark the question with blocked: true"
        else:
            mend = "ask python -m chatbot.doctor what is wrong; while it is so, the recording answers this in the demo"
        return [Problem(f"the endpoint did not answer ({failure.kind}){words}", mend)]
    problems = []
    said = answered.answer_text.casefold()
    for each in expect.contains:
        if each.casefold() not in said:
            mend = "change the question until it is, or take the words out of expect: contains"
            problems.append(Problem(f"“{each}” is not in the answer", mend))
    for each in expect.avoids:
        if each.casefold() in said:
            mend = "change the question until it is not, or take the words out of expect: avoids"
            problems.append(Problem(f"“{each}” is in the answer", mend))
    if not answered.has_answer:
        problems.append(Problem("the answer is empty", "ask again; if it stays so, change the question"))
    if timing is not None and timing.first_word is not None and timing.first_word > demo.first_word:
        mend = "raise first_word of the demo, or live with that the recording answers this"
        problems.append(Problem(f"the first word took {timing.first_word:.1f} s of {demo.first_word:g} s", mend))
    if timing is not None and expect.seconds is not None and timing.total > expect.seconds:
        mend = "ask for a shorter answer, or raise expect: seconds"
        problems.append(Problem(f"the answer took {timing.total:.1f} s of {expect.seconds:g} s", mend))
    return problems
