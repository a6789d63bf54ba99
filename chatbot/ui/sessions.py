"""The pages that are open: what each shows, what its browser holds of it, and the stream that keeps it up to date."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from enum import Flag, auto
from typing import Any, Final

from chatbot.conversation import Conversation, ConversationService, Generation
from chatbot.conversation.view import SHOWN_TURNS
from chatbot.ui.browser_state import BrowserState
from chatbot.ui.i18n import Language, language_of
from chatbot.ui.identity import Connection, identify, origin_of, page_id
from chatbot.ui.outbox import Outbox
from chatbot.ui.views.messages import Growth

logger = logging.getLogger(__name__)

MAX_SESSIONS: Final = 2_000
"""Pages that are remembered at once, open or not."""

MAX_STREAMS_PER_OWNER: Final = 20
"""Pages that one visitor may have open at once."""

MAX_STREAMS_PER_ADDRESS: Final = 1_000
"""Pages that may be open at once at one network address: an office may be there, or a proxy that is not believed."""

EXPIRES_AFTER: Final = 3600.0
"""Seconds for which a page is remembered that nobody has open any more: a laptop that sleeps comes back to it."""


class Stale(Flag):
    """What of a page has to be drawn again."""

    NOTHING = 0
    VIEW = auto()
    """The chat, the memory and the controls."""
    CONVERSATIONS = auto()
    """The list of conversations."""
    PAGE = VIEW | CONVERSATIONS


class TooManyPagesError(Exception):
    """The visitor has as many pages open as one may have; ``text`` names what is to be said about it."""

    text = "problem.too_many_pages"


class TooManyAtAddressError(TooManyPagesError):
    """Where the visitor is, as many pages are open as there may be."""

    text = "problem.too_many_at_address"


class PageSession:
    """One open page.

    Attributes:
        owner: Who looks at it.
        conversation: What it shows, as it last saw it.
        t: What it says, in the visitor's language.
        limit: How many turns it shows.
        search: What its list of conversations is searched for.
        deleted: The conversation that was deleted on it last.
        naming: Id of the conversation that the model is finding a title for.
        asked: What was sent from its box last: the hint about it, should it still be asked for, is about nothing new.
        dismissed: Indices of the turns that the visitor left out although the question mentions them.
        choosing: Held while an option is changed: what is asked meanwhile waits for it.
        stale: What of it has to be drawn again.
        outbox: What it is told beside what is drawn.
        held: What its browser holds of it.
        above: How many messages stand above those of the turn that is being answered.
        followed: The answer that grows on it.
        growth: What is read of its Markdown.
        grows_elsewhere: Whether an answer grows on it that another process writes.
        changed: Set whenever there is something to send.
        stream: What stands for the stream that is open; None where none is.
        origin: Where its latest request came from, as :func:`origin_of` says.
        address: Where its stream was opened from, likewise.
        seen_at: When somebody last had it open, by the clock of its :class:`PageSessions`.
    """

    def __init__(self, owner: str, conversation: Conversation, t: Language) -> None:
        self.owner = owner
        self.t = t
        self.conversation = conversation
        self.limit = SHOWN_TURNS
        self.search = ""
        self.deleted: Conversation | None = None
        self.naming: str | None = None
        self.asked = ""
        self.dismissed: set[int] = set()
        self.choosing = asyncio.Lock()
        self.stale = Stale.PAGE
        self.browser = BrowserState()
        self.above = 0
        self.followed: Generation | None = None
        self.growth = Growth()
        self.grows_elsewhere = False
        self.changed = asyncio.Event()
        self.stream: object | None = None
        self.origin = ""
        self.address = ""
        self.seen_at = 0.0
        self.outbox = Outbox()

    def turn_to(self, conversation: Conversation) -> None:
        """Show another conversation."""
        self.conversation = conversation
        self.limit = SHOWN_TURNS
        self.dismissed.clear()
        self.withdraw_hint()
        self.redraw()

    def redraw(self, what: Stale = Stale.PAGE) -> None:
        """Draw the page again, or only some of it."""
        self.stale |= what
        self.changed.set()

    def withdraw_hint(self) -> None:
        """Take away what was said about the turns a question mentions."""
        self._post("recall_hint", "")

    def took(self, text: str) -> None:
        """Tell the page that a message was taken: the box may be emptied if it still holds it."""
        self.asked = text
        self.dismissed.clear()
        self.withdraw_hint()
        self._post("taken", text)

    def begin_anew(self) -> None:
        """Take the browser for one that holds nothing, since what was drawn for it last may not have arrived."""
        self.browser = BrowserState()
        self.redraw()

    def give_back(self, text: str) -> None:
        """Put words that were not sent, or were taken back, where they can be sent again."""
        self._post("words", text)

    def notify(self, text: str, *, lasting: bool = False) -> None:
        """Tell the visitor something; ``lasting`` stays until they close it."""
        self._post("notices", {"text": text, "lasting": lasting})

    def _post(self, name: str, value: Any) -> None:
        self.outbox.post(name, value)
        self.changed.set()


class PageSessions:
    """What every open page shows.

    Args:
        service: Where conversations come from.
        clock: Seconds, for what expires.
    """

    def __init__(self, service: ConversationService, clock: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._clock = clock
        self._sessions: OrderedDict[tuple[str, str], PageSession] = OrderedDict()
        self._streams: Counter[str] = Counter()
        self._addresses: Counter[str] = Counter()
        self._closed = False

    async def of(self, request: Connection) -> PageSession:
        """Return the page a request comes from; a new one shows the visitor's latest conversation."""
        # With the owner: a page makes its id up, and whoever knows one could claim it.
        key = identify(request), page_id(request)
        if key not in self._sessions:
            latest = await self._service.latest(key[0])
            await self._renew(key[0])
            self._make_room()
            # Another event of the same page may have been here in the meantime: the first one decides.
            self._sessions.setdefault(key, PageSession(key[0], latest, language_of(request)))
        self._sessions.move_to_end(key)
        session = self._sessions[key]
        session.seen_at = self._clock()
        session.origin = origin_of(request)
        return session

    def subscribe(self, session: PageSession, received: int = 0) -> object:
        """Begin to keep a page up to date, in the place of any other stream of it; return what stands for this one.

        Args:
            session: The page.
            received: The highest number its browser was given by :meth:`Outbox.take`.

        Raises:
            TooManyPagesError: The visitor has too many open, or too many are open where they are.
        """
        if session.stream is None:
            address = session.origin
            if self._streams[session.owner] >= MAX_STREAMS_PER_OWNER:
                raise TooManyPagesError
            if self._addresses[address] >= MAX_STREAMS_PER_ADDRESS:
                raise TooManyAtAddressError
            self._streams[session.owner] += 1
            self._addresses[address] += 1
            session.address = address
        session.stream = object()
        session.changed.set()  # the former one looks up and ends
        session.begin_anew()
        session.outbox.resume(received)
        return session.stream

    def unsubscribe(self, session: PageSession, stream: object) -> None:
        """End a stream of a page; one whose place was taken has ended already."""
        if session.stream is stream:
            session.stream = None
            session.seen_at = self._clock()
            self._streams -= Counter([session.owner])
            self._addresses -= Counter([session.address])

    def close(self) -> None:
        """End every stream: the server ends."""
        for session in self._sessions.values():
            session.stream = None
            session.changed.set()

    async def renew_open(self) -> None:
        """Have the conversations kept of all who have a page open."""
        for owner in list(self._streams):
            await self._renew(owner)

    async def _renew(self, owner: str) -> None:
        try:
            await self._service.renew(owner)
        except Exception:
            # They are here all the same, and there is time: it is done again with the next page that is opened.
            logger.exception("A visitor's conversations could not be renewed")

    @property
    def open_count(self) -> int:
        """How many pages are open."""
        return self._streams.total()

    def __len__(self) -> int:
        return len(self._sessions)

    def _make_room(self) -> None:
        """Forget pages that nobody has open: those that were left long ago, and the oldest where there are too many."""
        before = self._clock() - EXPIRES_AFTER
        idle = [key for key, session in self._sessions.items() if session.stream is None]
        surplus = len(self._sessions) + 1 - MAX_SESSIONS
        for place, key in enumerate(idle):
            if place < surplus or self._sessions[key].seen_at < before:
                del self._sessions[key]
