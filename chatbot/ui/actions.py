"""What a page can ask for: each action by its name, what it takes, and what becomes of one that goes wrong."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from chatbot.conversation import OPTIONS, ConversationError, ConversationService, Rating, TurnMemory
from chatbot.ui.branding import Branding
from chatbot.ui.handlers.chat import ChatHandlers
from chatbot.ui.handlers.conversations import ConversationHandlers
from chatbot.ui.handlers.feedback import FeedbackHandlers
from chatbot.ui.handlers.memory import MemoryHandlers
from chatbot.ui.handlers.options import OptionHandlers
from chatbot.ui.identity import PAGE_HEADER
from chatbot.ui.sessions import PageSessions

logger = logging.getLogger(__name__)

ACT: Final = "/chat/{action}"

Handler = Callable[..., Awaitable[None]]
"""Takes the page that asks, and what it sends."""

Reader = Callable[[Any], Any]
"""Returns one value of what was sent, or raises ValueError where no page of ours would send it."""


class PageActions:
    """The actions of a page, and the route by which it asks for them.

    Args:
        service: What they are done to.
        sessions: The open pages.
        branding: What there is to choose from.
    """

    def __init__(self, service: ConversationService, sessions: PageSessions, branding: Branding) -> None:
        self._sessions = sessions
        chat = ChatHandlers(service, branding)
        conversations = ConversationHandlers(service)
        feedback = FeedbackHandlers(service)
        memory = MemoryHandlers(service)
        options = OptionHandlers(service, branding)
        self._actions: Mapping[str, tuple[Handler, tuple[Reader, ...]]] = {
            "send": (chat.send, (_text,)),
            "example": (chat.example, (_index,)),
            "retry": (chat.retry, ()),
            "edit": (chat.edit, (_index, _text)),
            "undo": (chat.undo, ()),
            "stop": (chat.stop, ()),
            "flip": (chat.flip, (_index, _index)),
            "earlier": (chat.earlier, ()),
            "mark": (memory.mark, (_index, TurnMemory)),
            "dismiss": (memory.dismiss, (_index,)),
            "rate": (feedback.rate, (_index, _rating)),
            "comment": (feedback.comment, (_index, _text)),
            "new": (conversations.new, ()),
            "open": (conversations.open, (_text,)),
            "rename": (conversations.rename, (_text, _text)),
            "name": (conversations.name, (_text,)),
            "delete": (conversations.delete, (_text,)),
            "restore": (conversations.restore, (_text,)),
            "search": (conversations.search, (_text,)),
            **{
                f"set_{name}": (partial(options.set_number, name=name), (_number,))
                for name, option in OPTIONS.items()
                if option.is_number
            },
            "set_deployment": (options.set_deployment, (_text,)),
            "set_preset": (options.set_preset, (_text,)),
            "set_system_prompt": (options.set_system_prompt, (_text,)),
            "reset": (options.reset, ()),
        }

    async def act(self, request: Request) -> Response:
        """Do what a page asks for: the path names it, the body is the JSON list of what it takes.

        The answer says only that it was dealt with: what it changed, and what went wrong, comes with the page's stream.
        """
        known = self._actions.get(request.path_params["action"])
        if known is None or not request.headers.get(PAGE_HEADER):
            return JSONResponse({"detail": "There is no such action, or no page that asks for it."}, 404)
        handler, readers = known
        try:
            # Not orjson, which takes no half of a surrogate pair: the service has words for who types one.
            sent = json.loads(await request.body())
            values = [read(value) for read, value in zip(readers, sent, strict=True)]
        except (ValueError, TypeError):
            return JSONResponse({"detail": "This is not what the action takes."}, 400)
        session = await self._sessions.of(request)
        try:
            await handler(session, *values)
        except ConversationError as error:
            session.notify(session.t.problem(error))
            session.redraw()
        except Exception:
            logger.exception("An action of the page failed")
            session.notify(session.t("problem.unexpected"))
        return Response(status_code=204)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _index(value: Any) -> int:
    # What the page's HTML names is text.
    if not str(value).isdecimal() or len(str(value)) > 9:
        raise ValueError("no index")
    return int(value)


def _number(value: Any) -> float | None:
    if value is None:
        return None
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("no number")
    return value


def _rating(value: Any) -> Rating | None:
    return None if value == "none" else Rating(value)
