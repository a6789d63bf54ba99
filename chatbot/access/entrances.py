"""Which way in there is, made of what was configured."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from chatbot.access.door import Entrance
from chatbot.access.membership import Membership
from chatbot.access.open_requests import OpenRequests
from chatbot.access.openid import OpenIdEntrance, Provider
from chatbot.access.password_entrance import PasswordEntrance
from chatbot.access.passwords import PasswordCheck
from chatbot.access.proxy_entrance import ProxyEntrance, ProxyKind
from chatbot.access.sessions import Revocations, Sessions, SessionStore
from chatbot.access.sign_in import SignInPage


@dataclass(frozen=True, slots=True)
class DoorPlan:
    """A door that is to be put in front of the application once there is a page to show at it.

    Attributes:
        knows_persons: Whether it tells people apart: what each of them says is theirs, on every device.
        make: Returns the way in, and what keeps the requests of those who are in, given the page that strangers see.
    """

    knows_persons: bool
    make: Callable[[SignInPage], tuple[Entrance, OpenRequests]]


def password_door(kept: str, store: SessionStore, *, seconds: float, secret: str | None) -> DoorPlan:
    """Return the door with one password for all; raises ValueError where ``kept`` is no hash of one."""
    check = PasswordCheck(kept)

    def make(page: SignInPage) -> tuple[Entrance, OpenRequests]:
        revocations = Revocations(store)
        sessions = Sessions(store, revocations, seconds=seconds, door=f"password {kept}", secret=secret)
        return PasswordEntrance(check, sessions, page), OpenRequests(revocations)

    return DoorPlan(False, make)


def provider_door(
    provider: Provider,
    allowed: Iterable[str],
    store: SessionStore,
    *,
    seconds: float,
    secret: str | None,
    needed: Iterable[str] = (),
) -> DoorPlan:
    """Return the door of those whom an OpenID Connect provider knows.

    Args:
        provider: Which.
        allowed: Names of people and groups who may come in; none is everybody.
        store: What processes share.
        seconds: How long somebody stays signed in.
        secret: What sessions are signed with; None is one that the store has.
        needed: Names that it matters behind the door whether somebody has.
    """
    membership = Membership(allowed)

    def make(page: SignInPage) -> tuple[Entrance, OpenRequests]:
        revocations = Revocations(store)
        door = f"{provider.issuer} {provider.client_id} {sorted(membership.names)}"
        sessions = Sessions(
            store, revocations, seconds=seconds, door=door, secret=secret, needed=frozenset(needed) | membership.names
        )
        return OpenIdEntrance(provider, membership, sessions, page), OpenRequests(revocations)

    return DoorPlan(True, make)


def proxy_door(kind: ProxyKind, allowed: Iterable[str], store: SessionStore) -> DoorPlan:
    """Return the door of those whom a trusted proxy has signed in."""
    membership = Membership(allowed)

    def make(page: SignInPage) -> tuple[Entrance, OpenRequests]:
        revocations = Revocations(store)
        return ProxyEntrance(kind, membership, revocations, page), OpenRequests(revocations)

    return DoorPlan(True, make)
