"""How one answer is written: a responder is asked, the answer is kept while it grows, and kept as it ended."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from chatbot.conversation.errors import BlobError
from chatbot.conversation.generation.asking import ask, failed
from chatbot.conversation.generation.generation import Generation
from chatbot.conversation.generation.responder import Responder
from chatbot.conversation.store import ConversationStore
from chatbot.conversation.turn import STORE_ERROR, Failure, Turn, TurnStatus

logger = logging.getLogger(__name__)

CHECKPOINT_SECONDS: Final = 1.0
"""How often a growing answer is kept: what a killed process loses of it at most."""

MAX_SAVING_SECONDS: Final = 600.0
"""How long an answer that has ended is tried to be saved: a database that is restarted or repaired is back by then."""

FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 10.0
"""Seconds between two attempts; each is twice as long as the one before."""


class GenerationTask:
    """The writing of one answer, from the request to what is kept of it.

    Args:
        generation: Where it grows, for whoever follows it.
        responder: Who answers.
        store: Where it is kept.
        pace: Seconds between two reads of the answer once it has begun; the model may take note of it.
        max_seconds: The longest it may take.
        max_saving_seconds: How long it is tried to be saved once it has ended.
        quotes_errors: Whether who asked reads the model's own words where it fails.
    """

    def __init__(
        self,
        generation: Generation,
        responder: Responder,
        store: ConversationStore,
        *,
        pace: Callable[[], float],
        max_seconds: float,
        max_saving_seconds: float,
        quotes_errors: bool = True,
    ) -> None:
        self._generation = generation
        self._id = generation.conversation.id
        self._responder = responder
        self._store = store
        self._pace = pace
        self.is_written = False
        """Whether it has ended and been saved by this process."""
        self._max_seconds = max_seconds
        self._max_saving_seconds = max_saving_seconds
        self._quotes_errors = quotes_errors

    async def write(self) -> Turn:
        """Ask, and keep what comes; return the turn as it ended, however it ended."""
        ended = asyncio.Event()
        keeping = asyncio.create_task(self._checkpoints(ended))
        try:
            turn = await ask(
                self._generation,
                self._responder,
                pace=self._pace,
                max_seconds=self._max_seconds,
                quotes_errors=self._quotes_errors,
            )
        finally:
            self._generation.stoppable = False
            # Not cancelled: what has begun to write should get to its end before the last words are written.
            ended.set()
            await keeping
        return await self._saved(turn)

    async def _saved(self, turn: Turn) -> Turn:
        """Save the turn until that holds, or it was tried for long enough; meanwhile it is shown as it ended."""
        until = time.monotonic() + self._max_saving_seconds
        pause = FIRST_PAUSE
        while True:
            try:
                return await self._save(turn)
            except Exception:
                logger.exception("An answer could not be saved")
            if self._generation.is_given_up or time.monotonic() + pause > until:
                self._generation.keep(None)
                return failed(turn, Failure(STORE_ERROR))
            self._generation.hold(turn, pause)
            pause = min(2 * pause, LONGEST_PAUSE) if await self._waited(pause) else FIRST_PAUSE

    async def _waited(self, seconds: float) -> bool:
        """Wait; return whether nobody was in a hurry."""
        try:
            async with asyncio.timeout(seconds):
                await self._generation.hurry.wait()
        except TimeoutError:
            return True
        self._generation.hurry.clear()
        return False

    async def _save(self, turn: Turn) -> Turn:
        await self._keep_bytes()
        ended = await self._store.end(self._id, turn)
        self.is_written = ended is not None
        self._generation.keep(ended.conversation if ended is not None and ended.is_kept else None)
        return await self._as_kept(turn) if ended is None else turn

    async def _as_kept(self, turn: Turn) -> Turn:
        """What somebody else left of the turn, who stopped it in another process or took this one for dead."""
        kept = await self._store.tail(self._id, 1, before=turn.index + 1)
        stopped = replace(turn, status=TurnStatus.STOPPED, failure=None)
        return next((each for each in kept if each.key == turn.key), stopped)

    async def _checkpoints(self, ended: asyncio.Event) -> None:
        """Keep what there is, again and again; who may not write any more stops asking."""
        while not ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), CHECKPOINT_SECONDS)
                return
            try:
                await self._keep_bytes()
                if not await self._store.checkpoint(self._id, self._generation.turn):
                    self._generation.stop()
                    return
            except Exception:
                # The next one may get through, and the end is kept in any case or said to be lost.
                logger.exception("A growing answer could not be kept")

    async def _keep_bytes(self) -> None:
        """Keep the bytes of pictures and files that were answered, before a turn that refers to them is."""
        for blob, data in list(self._generation.blobs.items()):
            try:
                await self._store.blobs_of(self._id).put_all(self._generation.conversation.owner, {blob: data})
            except BlobError as error:
                logger.warning("A picture or file of an answer could not be kept: %s", error)
            self._generation.blobs.pop(blob, None)
