"""What becomes of an error in a handler: words on the page, which stays as usable as before."""

from __future__ import annotations

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import gradio as gr

from chatbot.conversation import ConversationError

logger = logging.getLogger(__name__)

Handler = Callable[..., Awaitable[Any]]


def handle_errors(handler: Handler) -> Handler:
    """Tell whatever goes wrong in a handler in words, and show how things stand.

    The handler is a method of an object with ``sessions``; one of its arguments is Gradio's request.
    """

    @functools.wraps(handler)
    async def handled(self: Any, *args: Any) -> Any:
        try:
            return await handler(self, *args)
        except ConversationError as error:
            session = await self.sessions.of(_request(args))
            session.notify(session.t.problem(error))
            session.redraw()
        except Exception:
            logger.exception("An event of the page failed")
            session = await self.sessions.of(_request(args))
            session.notify(session.t("problem.unexpected"))
        if (words := _words(args)) is not None:
            session.give_back(words)
        return None

    return handled


def _request(args: tuple[Any, ...]) -> gr.Request:
    return next(each for each in args if isinstance(each, gr.Request))


def _words(args: tuple[Any, ...]) -> str | None:
    """Words of an event that are nowhere else on the page: the box keeps its own, and a retried question is there."""
    for each in args:
        if isinstance(each, gr.EditData):
            return str(each.value)
        if isinstance(each, gr.SelectData):
            return str(each.value["text"])
    return None
