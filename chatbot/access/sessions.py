"""Who is signed in: a signed cookie for a time, unless it was revoked, by this process or by another one."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from starlette.requests import HTTPConnection
from starlette.responses import Response

from chatbot.access.cookies import read_cookie, set_cookie
from chatbot.access.person import Person
from chatbot.access.signing import Signer

COOKIE: Final = "chatbot_session"

LOOK_SECONDS: Final = 2.0
"""How often it is looked what other processes have revoked; a stream ends within a second more."""

MAX_NAMES_LENGTH: Final = 2_000
"""Characters of all names of a person: a cookie holds no more."""

logger = logging.getLogger(__name__)


class SessionStore(Protocol):
    """What processes share."""

    async def secret(self, name: str) -> str:
        """Return a secret by its name, made by whoever asks first."""

    async def revoke(self, key: str, expires_at: float) -> None:
        """Write down that something counts no more; kept until a time after which it would not anyway."""

    async def revoked(self) -> Mapping[str, float]:
        """Return since when what counts no more does so, by its key."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of somebody who is in.

    Attributes:
        person: Who.
        key: What is revoked to have them out.
        expires_at: Until when they are in, in seconds since 1970; None where that is not for us to say.
        since: What was revoked before this has no meaning for it.
    """

    person: Person
    key: str
    expires_at: float | None = None
    since: float = 0.0


class Revocations:
    """What counts no more, by this process at once, by others soon.

    Args:
        store: Where processes tell each other.
        clock: Seconds since 1970.
    """

    def __init__(self, store: SessionStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, float] = {}
        self._looked_at = float("-inf")
        self._looking = asyncio.Lock()

    async def revoke(self, key: str, expires_at: float) -> None:
        """Have it count no more."""
        self._known[key] = self._clock()
        await self._store.revoke(key, expires_at)

    async def have_ended(self, visit: Visit) -> bool:
        """Say whether somebody is out who was in."""
        if visit.expires_at is not None and visit.expires_at <= self._clock():
            return True
        await self._look()
        return visit.key in self._known and self._known[visit.key] >= visit.since

    async def _look(self) -> None:
        # One look for all who ask meanwhile.
        async with self._looking:
            if time.monotonic() < self._looked_at + LOOK_SECONDS:
                return
            before = set(self._known)
            self._looked_at = time.monotonic()
            try:
                found = await self._store.revoked()
            except Exception:
                # Who signed out here is out; nobody else is kept out by a database that is away.
                logger.exception("It could not be looked who has signed out elsewhere")
                return
            # What was revoked here during the look may not be in what was found.
            mine = {key: since for key, since in self._known.items() if key not in before}
            self._known = {**found, **mine}


class Sessions:
    """The cookies of those who signed in.

    Args:
        store: Keeps the secret they are signed with, where none is set, and what was revoked.
        revocations: What counts no more.
        seconds: How long a session lasts.
        door: What is to be the same for a session to be good: another password lets nobody in who knew the last one.
        secret: What cookies are signed with.
        needed: Names that somebody has to be known by, where they have more than a session can hold.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        store: SessionStore,
        revocations: Revocations,
        *,
        seconds: float,
        door: str,
        secret: str | None = None,
        needed: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._revocations = revocations
        self._seconds = seconds
        self._door = hashlib.sha256(door.encode()).hexdigest()
        self._secret = secret
        self._needed = needed
        self._clock = clock

    async def signer(self, purpose: str) -> Signer:
        """Return what signs for a purpose at this door."""
        if self._secret is None:
            self._secret = await self._store.secret("sessions")
        return Signer(self._secret, f"{purpose} {self._door}", self._clock)

    async def begin(self, request: HTTPConnection, response: Response, person: Person) -> float:
        """Let the browser that is sent the response be this person; return until when, in seconds since 1970."""
        expires_at = self._clock() + self._seconds
        names, room = [], MAX_NAMES_LENGTH
        for name in sorted(person.names, key=lambda name: (name not in self._needed, name)):
            if (room := room - len(name.encode("unicode_escape")) - 3) < 0:
                logger.warning("Somebody who signed in is in more groups than a session can hold: some are left out")
                break
            names.append(name)
        value = {"id": secrets.token_urlsafe(16), "owner": person.owner, "names": names}
        cookie = (await self.signer("session")).sign(value, expires_at)
        set_cookie(request, response, COOKIE, cookie, int(self._seconds))
        return expires_at

    async def visit(self, request: HTTPConnection) -> Visit | None:
        """Return who sends a request; None where nobody is signed in."""
        cookie = read_cookie(request, COOKIE)
        value = (await self.signer("session")).read(cookie) if cookie else None
        if value is None:
            return None
        person = Person(value["owner"], frozenset(value["names"]))
        visit = Visit(person, value["id"], value["expires_at"])
        return None if await self._revocations.have_ended(visit) else visit

    async def end(self, visit: Visit) -> None:
        """Sign somebody out, wherever this session is used."""
        await self._revocations.revoke(visit.key, visit.expires_at or self._clock())

    def forget(self, request: HTTPConnection, response: Response) -> None:
        """Take the cookie from the browser that is sent the response."""
        set_cookie(request, response, COOKIE, "", 0)
