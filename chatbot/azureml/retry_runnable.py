"""The chat model as ``with_retry`` returns it."""

from __future__ import annotations

from typing import Any

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.runnables.retry import RunnableRetry


class RetryingChatModel(RunnableRetry[LanguageModelInput, AIMessage]):  # type: ignore[no-redef]
    """LangChain's retrying runnable with the methods of the model in reach: code that counts tokens looks for them."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["bound"], name)
