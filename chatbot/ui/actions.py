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

from chatbot.conversation import (
    OPTIONS,
    ConversationError,
    ConversationService,
    Rating,
    TermsNotAcceptedError,
    TurnMemory,
)
from chatbot.ui.branding import Branding
from chatbot.ui.demo import DemoStage
from chatbot.ui.handlers.chat import ChatHandlers
from chatbot.ui.handlers.conversations import ConversationHandlers
from chatbot.ui.handlers.demo import DemoHandlers
from chatbot.ui.handlers.feedback import FeedbackHandlers
from chatbot.ui.handlers.house_rules import HouseRuleHandlers
from chatbot.ui.handlers.memory import MemoryHandlers
from chatbot.ui.handlers.options import OptionHandlers
from chatbot.ui.handlers.sharing import SharingHandlers
from chatbot.ui.house_rules import Terms, TermsGuard
from chatbot.ui.identity import PAGE_HEADER, caller_of
from chatbot.ui.sessions import IDENTIFIER, PageSessions
from chatbot.ui.views.compare_form import COMPARED_OPTIONS

logger = logging.getLogger(__name__)

ACT: Final = "/chat/{action}"

DEMO: Final = "demo_"
"""How the actions begin of whoever plays a demo; of all others there are none."""

FREE: Final = frozenset(["accept", "leave", "erase"])
"""Actions of those, too, who have not accepted the terms."""

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
        guard: Knows who has accepted the terms.
        stage: Where the demo is played, if there is one.
    """

    def __init__(
        self,
        service: ConversationService,
        sessions: PageSessions,
        branding: Branding,
        guard: TermsGuard,
        stage: DemoStage | None = None,
    ) -> None:
        self._sessions = sessions
        self._guard = guard
        self._stage = stage
        house = HouseRuleHandlers(service, sessions, guard)
        chat = ChatHandlers(service, branding)
        conversations = ConversationHandlers(service)
        feedback = FeedbackHandlers(service)
        memory = MemoryHandlers(service)
        options = OptionHandlers(service, branding)
        sharing = SharingHandlers(service, branding)
        self._actions: Mapping[str, tuple[Handler, tuple[Reader, ...]]] = {
            "send": (chat.send, (_text,)),
            "compare": (chat.compare, (_text, _beside)),
            "keep": (chat.keep, (_index,)),
            "example": (chat.example, (_index,)),
            "retry": (chat.retry, ()),
            "retry_with": (chat.retry, (_words,)),
            "continue": (chat.go_on, ()),
            "edit": (chat.edit, (_index, _text)),
            "undo": (chat.undo, ()),
            "redo": (chat.redo, (_index, _index)),
            "stop": (chat.stop, ()),
            "flip": (chat.flip, (_index, _index)),
            "earlier": (chat.earlier, ()),
            "mark": (memory.mark, (_index, TurnMemory)),
            "dismiss": (memory.dismiss, (_index,)),
            "rate": (feedback.rate, (_index, _rating)),
            "comment": (feedback.comment, (_index, _words)),
            "new": (conversations.new, ()),
            "open": (conversations.open, (_id,)),
            "rename": (conversations.rename, (_id, _words)),
            "name": (conversations.name, (_id,)),
            "delete": (conversations.delete, (_id,)),
            "restore": (conversations.restore, (_text,)),
            "let_go": (conversations.let_go, ()),
            "pin": (partial(conversations.pin, is_pinned=True), (_id,)),
            "unpin": (partial(conversations.pin, is_pinned=False), (_id,)),
            "archive": (conversations.archive, (_id,)),
            "unarchive": (conversations.unarchive, (_id,)),
            "search": (conversations.search, (_words,)),
            "more": (conversations.more, ()),
            "filter": (conversations.filter, (_filter,)),
            "share": (sharing.share, (_index,)),
            "unshare": (sharing.unshare, (_id,)),
            **{
                f"set_{name}": (partial(options.set_number, name=name), (_number,))
                for name, option in OPTIONS.items()
                if option.is_number
            },
            "set_pins": (options.set_pins, (_flag,)),
            "set_deployment": (options.set_deployment, (_words,)),
            "set_preset": (options.set_preset, (_words,)),
            "set_system_prompt": (options.set_system_prompt, (_words,)),
            "reset": (options.reset, ()),
            "temporary": (house.begin_temporary, ()),
            "leave": (house.leave, ()),
            "accept": (house.accept, (partial(_version, terms=guard.terms),)),
            "erase": (house.erase, ()),
            **({} if stage is None else _demo_actions(DemoHandlers(service, stage))),
        }

    async def act(self, request: Request) -> Response:
        """Do what a page asks for: the path names it, the body is the JSON list of what it takes.

        The answer says only that it was dealt with: what it changed, and what went wrong, comes with the page's stream.
        """
        action = request.path_params["action"]
        known = self._actions.get(action)
        if known is None or not self._is_for(request, action) or not request.headers.get(PAGE_HEADER):
            return JSONResponse({"detail": "There is no such action, or no page that asks for it."}, 404)
        handler, readers = known
        try:
            # Not orjson, which takes no half of a surrogate pair: the service has words for who types one.
            sent = json.loads(await request.body())
            values = [read(value) for read, value in zip(readers, sent, strict=True)]
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return JSONResponse({"detail": "This is not what the action takes."}, 400)
        session = await self._sessions.of(request)
        try:
            if action not in FREE:
                await self._guard.check(session.owner)
            await handler(session, *values)
        except ConversationError as error:
            if isinstance(error, TermsNotAcceptedError):
                session.has_accepted = False
            session.notify(session.t.problem(error), until=error.data.get("until"))
            session.redraw()
        except Exception:
            logger.exception("An action of the page failed")
            session.notify(session.t("problem.unexpected"))
        return Response(status_code=204)

    def _is_for(self, request: Request, action: str) -> bool:
        """Whether somebody may know of an action."""
        return self._stage is None or not action.startswith(DEMO) or self._stage.offer.is_for(caller_of(request))


def _demo_actions(demo: DemoHandlers) -> Mapping[str, tuple[Handler, tuple[Reader, ...]]]:
    return {
        f"{DEMO}begin": (demo.begin, ()),
        f"{DEMO}next": (demo.next, ()),
        f"{DEMO}back": (demo.back, ()),
        f"{DEMO}live": (demo.switch, ()),
    }


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _words(value: Any) -> str:
    """A text without half a character: no database takes one. What is asked may have one, and is told of it."""
    _text(value).encode()
    return str(value)


def _id(value: Any) -> str:
    if not IDENTIFIER.fullmatch(_text(value)):
        raise ValueError("no id")
    return str(value)


def _version(value: Any, terms: Terms | None) -> str:
    if terms is None or value != terms.version:
        raise ValueError("no terms, or none of today's")
    return terms.version


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


def _filter(value: Any) -> bool:
    return {"archived": True, "none": False}[_text(value)]


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _beside(value: Any) -> Mapping[str, Any]:
    """Options of the second of two answers; what is None is as for the first."""
    if not isinstance(value, dict) or not value.keys() <= set(COMPARED_OPTIONS):
        raise ValueError("no options that can be compared")
    return {name: _chosen(name, each) for name, each in value.items() if each is not None}


def _chosen(name: str, value: Any) -> str | int | bool:
    option = OPTIONS[name]
    if option.type is bool:
        return _flag(value)
    if option.type is str:
        return _words(value)
    number = _number(value)
    if number is None or not 0 <= int(number) <= option.most:
        raise ValueError("no such number")
    return int(number)


def _rating(value: Any) -> Rating | None:
    return None if value == "none" else Rating(value)
