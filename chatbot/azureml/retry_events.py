"""``on_retry`` of LangChain's callbacks, before a request waits to be sent again.

LangChain hands its run manager to whole answers, and none to streams: there it calls the handlers for each chunk
itself. So for a stream the handlers of its config are gathered here, before LangChain takes over. A handler that
listens to nothing but retries is then kept out of the run: a call for each token, even one that it ignores, costs as
much as all else that is done for the token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager, Callbacks
from langchain_core.callbacks.manager import BaseRunManager
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from langchain_core.utils.uuid import uuid7

if TYPE_CHECKING:
    from tenacity import RetryCallState

    from chatbot.azureml.errors import AzureMLError

RUN_MANAGER_ARGUMENT: Final = "retry_run_manager"
"""Where a stream is handed its run manager: among the arguments of the call, LangChain passes no other way."""

PACE_ARGUMENT: Final = "stream_pace"
"""Where a stream is handed its pace, likewise; in the config's ``configurable`` it has the same name."""

Manager = TypeVar("Manager", bound=BaseRunManager)


def with_retry_events(
    config: RunnableConfig | None, own: Callbacks, manager: type[Manager]
) -> tuple[RunnableConfig, dict[str, Any]]:
    """Return a stream's config as LangChain is to have it, and the argument that carries its retries' run manager.

    Args:
        config: The call's.
        own: The model's own callbacks.
        manager: The class of the run manager, sync or async.
    """
    config = ensure_config(config)
    callbacks = config.get("callbacks")
    listening = [each for each in (*_handlers(callbacks), *_handlers(own)) if not each.ignore_retry]
    if not listening:
        return config, {}
    config["callbacks"] = _without_idle(callbacks)
    run_id = config["run_id"] = config.get("run_id") or uuid7()
    parent = getattr(callbacks, "parent_run_id", None)
    listener = manager(run_id=run_id, handlers=listening, inheritable_handlers=[], parent_run_id=parent)
    return config, {RUN_MANAGER_ARGUMENT: listener}


def retry_state(error: AzureMLError, attempt: int, wait: float, waited: float) -> RetryCallState:
    """Describe a retry as LangChain's callbacks expect it.

    Args:
        error: What the last attempt ended with.
        attempt: The number of that attempt, from 1.
        wait: Seconds until the next.
        waited: Seconds of waiting in all, with these.
    """
    # Imported when needed, since it takes a while.
    from tenacity import RetryAction, RetryCallState, Retrying

    state = RetryCallState(Retrying(), None, (), {})
    state.set_exception((type(error), error, error.__traceback__))
    state.attempt_number = attempt
    state.next_action, state.upcoming_sleep = RetryAction(wait), wait
    state.idle_for = waited
    return state


def _handlers(callbacks: Callbacks) -> list[BaseCallbackHandler]:
    return callbacks.handlers if isinstance(callbacks, BaseCallbackManager) else callbacks or []


def _without_idle(callbacks: Callbacks) -> Callbacks:
    """Leave out the handlers that listen to nothing of a model's run; the list or manager is a copy already."""
    for each in [*_handlers(callbacks)]:
        if each.ignore_llm and each.ignore_chat_model:
            if isinstance(callbacks, BaseCallbackManager):
                callbacks.remove_handler(each)
            elif callbacks:
                callbacks.remove(each)
    return callbacks
