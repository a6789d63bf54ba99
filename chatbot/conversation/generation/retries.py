"""Hears from a chat model, through LangChain's callbacks, that it waits before it asks its endpoint again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import AsyncCallbackHandler

from chatbot.conversation.failures import kind_of
from chatbot.conversation.turn import Waiting

if TYPE_CHECKING:
    from tenacity import RetryCallState


class RetryListener(AsyncCallbackHandler):
    """Tells of every wait, and wants to know of nothing else.

    Args:
        waits: Told what the model waits for, as it begins to.
    """

    run_inline = True

    def __init__(self, waits: Callable[[Waiting], None]) -> None:
        self._waits = waits

    async def on_retry(self, retry_state: RetryCallState, **_: Any) -> None:
        """Take what LangChain tells."""
        error = None if retry_state.outcome is None else retry_state.outcome.exception()
        self._waits(Waiting(kind_of(error), time.time() + retry_state.upcoming_sleep))

    @property
    def ignore_llm(self) -> bool:
        """Not told of tokens: that would cost as much as each of them does."""
        return True

    @property
    def ignore_chat_model(self) -> bool:
        """Neither of the run."""
        return True
