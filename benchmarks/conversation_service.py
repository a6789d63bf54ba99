"""What one turn costs behind the page: the service with its store, beside LangChain's own SQL history."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult

from chatbot.conversation import (
    Conversation,
    ConversationService,
    ConversationStore,
    Deployment,
    Deployments,
    TurnStatus,
    WindowMemory,
)
from chatbot.conversation.store import StoredTurn
from tests.support.turns import text_turn

QUESTION: Final = "What is there to know about this? " * 3
ANSWER: Final = "The same words again, so that every turn has as much to carry. " * 8
OURS: Final = "this application"
PEER: Final = "SQLChatMessageHistory"

TIMED: Final = 20
WEIGHED: Final = 200
"""Turns over which bytes are counted: a file grows by whole pages."""


class EchoModel(BaseChatModel):
    """Answers at once, in as many chunks as it is given."""

    chunks: Sequence[str] = (ANSWER,)

    async def _astream(self, *_: Any, **__: Any) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self.chunks:
            yield ChatGenerationChunk(message=AIMessageChunk(chunk))
        yield ChatGenerationChunk(message=AIMessageChunk("", response_metadata={"finish_reason": "stop"}))

    def _generate(self, *_: Any, **__: Any) -> ChatResult:
        raise NotImplementedError("the application streams")

    @property
    def _llm_type(self) -> str:
        return "echo"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a turn costs: milliseconds of CPU and of wall time, and bytes the file has grown by."""

    cpu: float
    wall: float
    stored: float


def ended_turns(number: int, answer: str = ANSWER) -> list[StoredTurn]:
    """Return the turns of a conversation that has gone on for a while."""
    return [
        StoredTurn(text_turn(n, QUESTION, answer, TurnStatus.COMPLETE, parent=0 if n else None), shown=True)
        for n in range(number)
    ]


def measure(who: str, length: int) -> Cost:
    """Return the cost of a turn after ``length`` turns, on a file of its own; times are medians."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chat.db"
        return asyncio.run(_ours(path, length)) if who == OURS else _peers(path, length)


async def _ours(path: Path, length: int) -> Cost:
    store = ConversationStore(f"sqlite:///{path}")
    service = ConversationService(Deployments(Deployment("benchmark", EchoModel(), WindowMemory())), store)
    await store.add(service.begin("ada"), ended_turns(1))  # what the first use of anything costs
    conversation = await store.add(Conversation("long", "ada"), ended_turns(length))
    before = _size(path)
    cpu, wall = [], []
    for _ in range(WEIGHED):
        conversation = await service.refresh(conversation)
        started = time.process_time(), time.perf_counter()
        async for _turn in service.say(conversation, QUESTION):
            pass
        cpu.append(time.process_time() - started[0])
        wall.append(time.perf_counter() - started[1])
    await service.aclose()
    await store.aclose()
    return _cost(cpu, wall, _size(path) - before)


def _peers(path: Path, length: int) -> Cost:
    from langchain_community.chat_message_histories import SQLChatMessageHistory
    from sqlalchemy import create_engine

    engine = create_engine(f"sqlite:///{path}")
    history = SQLChatMessageHistory("long", connection=engine)
    history.add_messages([each for _ in range(length) for each in (HumanMessage(QUESTION), AIMessage(ANSWER))])
    before = _size(path)
    cpu, wall = [], []
    # Each turn reads all there is: with a long history, as many as for the bytes would take minutes.
    turns = TIMED if length > TIMED else WEIGHED
    for _ in range(turns):
        started = time.process_time(), time.perf_counter()
        history.messages  # noqa: B018 - a property that reads
        history.add_message(HumanMessage(QUESTION))
        history.add_message(AIMessage(ANSWER))
        cpu.append(time.process_time() - started[0])
        wall.append(time.perf_counter() - started[1])
    engine.dispose()
    return _cost(cpu, wall, (_size(path) - before) * WEIGHED / turns)


def _cost(cpu: list[float], wall: list[float], grown: float) -> Cost:
    return Cost(median(cpu[:TIMED]) * 1000, median(wall[:TIMED]) * 1000, grown / WEIGHED)


def _size(path: Path) -> int:
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [[pages]] = file.execute("PRAGMA page_count")
        [[size]] = file.execute("PRAGMA page_size")
    return int(pages) * int(size)
