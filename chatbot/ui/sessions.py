"""The pages that are open: what each shows, what its browser holds of it, and the stream that keeps it up to date."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any, Final, Literal, NamedTuple

from chatbot.conversation import (
    NOBODY_IN_PARTICULAR,
    ComparedAnswer,
    ContextPlan,
    Conversation,
    ConversationNotFoundError,
    ConversationService,
    Generation,
    NewShare,
    Value,
)
from chatbot.conversation.service import LISTED
from chatbot.conversation.view import SHOWN_TURNS
from chatbot.ui import answer_markdown
from chatbot.ui.browser_state import BrowserState
from chatbot.ui.i18n import Language, language_of
from chatbot.ui.identity import Connection, caller_of, identify, page_id
from chatbot.ui.outbox import Outbox
from chatbot.ui.views.messages import Growth

logger = logging.getLogger(__name__)

IDENTIFIER: Final = re.compile(r"[\w-]{1,64}", re.ASCII)
"""What conversations are named by; a database may fail on others."""

NEW: Final = "new"
"""What the address of a page names that shows a conversation in which nothing was said yet."""

MAX_SESSIONS: Final = 2_000
"""Pages that are remembered at once, open or not."""

MAX_STREAMS_PER_OWNER: Final = 20
"""Pages that one visitor may have open at once."""

MAX_STREAMS_PER_ADDRESS: Final = 1_000
"""Pages that may be open at once at one network address: an office may be there, or a proxy that is not believed."""

EXPIRES_AFTER: Final = 3600.0
"""Seconds for which a page is remembered that nobody has open any more: a laptop that sleeps comes back to it."""


TEMPORARY_SECONDS: Final = 900.0
"""Seconds for which a temporary conversation waits for its page, which may have lost its connection only."""


class Stale(Flag):
    """What of a page has to be drawn again."""

    NOTHING = 0
    VIEW = auto()
    """The chat, the memory and the controls."""
    CONVERSATIONS = auto()
    """The list of conversations."""
    PAGE = VIEW | CONVERSATIONS


class Removed(NamedTuple):
    """A conversation that was taken out of the list, and ``how``."""

    how: Literal["deleted", "archived"]
    conversation: Conversation


class TooManyPagesError(Exception):
    """The visitor has as many pages open as one may have; ``text`` names what is to be said about it."""

    text = "problem.too_many_pages"


class TooManyAtAddressError(TooManyPagesError):
    """Where the visitor is, as many pages are open as there may be."""

    text = "problem.too_many_at_address"


@dataclass(frozen=True, slots=True)
class Undone:
    """A turn that was taken back: as long as its conversation stays at the revision, it can be brought back."""

    conversation: str
    revision: int
    index: int
    version: int

    def of(self, conversation: Conversation) -> tuple[int, int] | None:
        """Return the turn's index and version where it can still be brought back in a conversation."""
        is_there = (conversation.id, conversation.revision) == (self.conversation, self.revision)
        return (self.index, self.version) if is_there else None


class PageSession:
    """One open page.

    Attributes:
        owner: Who looks at it.
        conversation: What it shows, as it last saw it.
        t: What it says, in the visitor's language.
        limit: How many turns it shows.
        title: What the conversation that it shows is called.
        search: What its list of conversations is searched for.
        undone: The turn that was taken back on it last.
        listed: How many conversations its list has at most.
        lists_archived: Whether its list has those that are archived, instead of those that are not.
        has_archived: Whether its visitor is known to have archived any; None as long as nobody looked.
        removed: The conversation that was deleted or archived on it last, as its list offers to bring it back.
        naming: Id of the conversation that the model is finding a title for.
        new_share: The link that was made on it last, whose address is known nowhere else.
        asked: What was sent from its box last: the hint about it, should it still be asked for, is about nothing new.
        dismissed: Indices of the turns that the visitor left out although the question mentions them.
        choosing: Held while an option is changed: what is asked meanwhile waits for it.
        performing: Held while a step of a demo is done: the next one waits for it.
        stale: What of it has to be drawn again.
        outbox: What it is told beside what is drawn.
        held: What its browser holds of it.
        above: How many messages stand above those of the turn that is being answered.
        followed: The answers that grow on it, and what is read of the Markdown of each.
        plans: What their requests held when they were drawn.
        compared: The answers among which is to be chosen, as they were last read.
        grows_elsewhere: Whether an answer grows on it that another process writes.
        changed: Set whenever there is something to send.
        stream: What stands for the stream that is open; None where none is.
        caller: Who sent its latest request.
        address: Where its stream was opened from.
        seen_at: When somebody last had it open, by the clock of its :class:`PageSessions`.
        has_accepted: Whether its visitor is known to have accepted the terms, where there are any.

    Args:
        discard: Told of a temporary conversation that it does not show any more.
    """

    def __init__(
        self,
        owner: str,
        conversation: Conversation,
        t: Language,
        discard: Callable[[Conversation], None] = lambda _: None,
    ) -> None:
        self.owner = owner
        self.t = t
        self.conversation = conversation
        self.limit = SHOWN_TURNS
        self.title = conversation.title
        self.search = ""
        self.undone: Undone | None = None
        self.listed = LISTED
        self.lists_archived = False
        self.has_archived: bool | None = None
        self.removed: Removed | None = None
        self.naming: str | None = None
        self.new_share: NewShare | None = None
        self.asked = ""
        self.dismissed: set[int] = set()
        self.choosing = asyncio.Lock()
        self.performing = asyncio.Lock()
        self.stale = Stale.PAGE
        self.browser = BrowserState()
        self.above = 0
        self.followed: dict[Generation, Growth] = {}
        self.plans: list[ContextPlan] = []
        self.compared: Sequence[ComparedAnswer] = ()
        self.grows_elsewhere = False
        self.changed = asyncio.Event()
        self.stream: object | None = None
        self.caller = NOBODY_IN_PARTICULAR
        self.address = ""
        self.seen_at = 0.0
        self.outbox = Outbox()
        self.has_accepted = False
        self._discard = discard

    def turn_to(self, conversation: Conversation) -> None:
        """Show another conversation; a temporary one that was shown is gone."""
        if self.conversation.is_temporary and self.conversation.id != conversation.id:
            self._discard(self.conversation)
        self.conversation = conversation
        self.title = conversation.title
        self.limit = SHOWN_TURNS
        # Who has turned to something else does not want it back.
        self.removed = None
        self.dismissed.clear()
        self.withdraw_hint()
        self.redraw()

    def start_over(self, conversation: Conversation) -> None:
        """Show a new conversation to somebody of whom nothing is known any more."""
        self.undone = self.new_share = None
        self.followed = {}
        self.compared = ()
        self.asked = ""
        self.has_accepted = False
        self.has_archived = None
        self.lists_archived = False
        self.outbox.forget()
        self.turn_to(conversation)
        self.begin_anew()

    def redraw(self, what: Stale = Stale.PAGE) -> None:
        """Draw the page again, or only some of it."""
        self.stale |= what
        self.changed.set()

    def show_hint(self, hint: str) -> None:
        """Say which turn a question mentions that was not typed by whoever asks it."""
        self._post("recall_hint", hint)

    def withdraw_hint(self) -> None:
        """Take away what was said about the turns a question mentions."""
        self._post("recall_hint", "")

    def accepted(self, text: str) -> None:
        """Tell the page that a message was accepted: the box may be emptied if it still holds it."""
        self.asked = text
        self.removed = None
        self.lists_archived = False  # what was asked in is in the list
        self.dismissed.clear()
        self.take_away(text)

    def take_away(self, text: str) -> None:
        """Empty the box if it still holds this, and take away the hint about it."""
        self.withdraw_hint()
        self._post("accepted", text)

    def begin_anew(self) -> None:
        """Take the browser for one that holds nothing, since what was drawn for it last may not have arrived."""
        self.browser = BrowserState()
        self.redraw()

    def give_back(self, text: str) -> None:
        """Put words that were not sent, or were taken back, where they can be sent again."""
        self._post("words", text)

    def notify(self, text: str, *, lasting: bool = False, until: Value | None = None) -> None:
        """Tell the visitor something.

        Args:
            text: What is told.
            lasting: Whether it stays until they close it.
            until: Seconds since 1970 when it does not hold any more: told by the clock of their browser, it stays until
                then.
        """
        self._post("notices", {"text": text, "lasting": lasting} | ({} if until is None else {"until": until}))

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
        self._discarding: set[asyncio.Task[None]] = set()
        self.is_closed = False

    async def of(self, request: Connection, chat: str | None = None) -> PageSession:
        """Return the page a request comes from.

        Args:
            request: The request.
            chat: What its address names, for a page that is not known yet: the id of a conversation, or :data:`NEW`.
                Where that is not the visitor's or not there any more, which is told alike, it shows a new one. Without
                any, it shows the latest.
        """
        # With the owner: a page makes its id up, and whoever knows one could claim it.
        key = identify(request), page_id(request)
        if key not in self._sessions:
            shown = await self._named(key[0], chat)
            await self._renew(key[0])
            self._make_room()
            # Another event of the same page may have been here in the meantime: the first one decides.
            session = PageSession(key[0], shown or self._service.begin(key[0]), language_of(request), self._discard)
            if shown is None and chat != NEW:
                session.notify(session.t("list.not_here"), lasting=True)
            self._sessions.setdefault(key, session)
        self._sessions.move_to_end(key)
        session = self._sessions[key]
        session.seen_at = self._clock()
        session.caller = caller_of(request)
        return session

    async def _named(self, owner: str, chat: str | None) -> Conversation | None:
        if not chat:
            return await self._service.latest(owner)
        if chat == NEW or not IDENTIFIER.fullmatch(chat):
            return None
        try:
            return await self._service.open(owner, chat)
        except ConversationNotFoundError:
            return None

    def titled(self, conversation: Conversation) -> None:
        """Show on its owner's pages that a title was found for a conversation."""
        for session in self.of_owner(conversation.owner):
            if session.conversation.id == conversation.id:
                session.title = conversation.title
            session.redraw(Stale.CONVERSATIONS)

    def subscribe(self, session: PageSession, received: int = 0) -> object:
        """Begin to keep a page up to date, in the place of any other stream of it; return what stands for this one.

        Args:
            session: The page.
            received: The highest number its browser was given by :meth:`Outbox.take`.

        Raises:
            TooManyPagesError: The visitor has too many open, or too many are open where they are.
        """
        if session.stream is None:
            address = session.caller.origin or ""
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
            if session.conversation.is_temporary:
                # It may have lost its connection only, and come back.
                asyncio.get_running_loop().call_later(TEMPORARY_SECONDS, self._leave_if_closed, session)

    def of_owner(self, owner: str) -> list[PageSession]:
        """Return the pages of one visitor."""
        return [session for session in self._sessions.values() if session.owner == owner]

    def leave(self, session: PageSession) -> None:
        """Forget a page that is closed, and the temporary conversation on it."""
        for key in [key for key, each in self._sessions.items() if each is session]:
            self._forget(key)
        if session.stream is not None:
            self.unsubscribe(session, session.stream)

    def _leave_if_closed(self, session: PageSession) -> None:
        if session.stream is None and self._clock() - session.seen_at >= TEMPORARY_SECONDS:
            self.leave(session)

    def _forget(self, key: tuple[str, str]) -> None:
        # Somebody may still hold it: nothing that was said is to stay with them.
        self._sessions.pop(key).start_over(self._service.begin(key[0]))

    def _discard(self, conversation: Conversation) -> None:
        task = asyncio.get_running_loop().create_task(self._discarded(conversation))
        self._discarding.add(task)
        task.add_done_callback(self._discarding.discard)

    async def _discarded(self, conversation: Conversation) -> None:
        try:
            await self._service.discard(conversation)
            answer_markdown.forget()
        except Exception:
            logger.exception("A temporary chat could not be removed")

    def close(self) -> None:
        """End every stream once it has shown how things stand: the server ends."""
        self.is_closed = True
        for session in self._sessions.values():
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
                self._forget(key)
