"""What a door shows to strangers, as far as a door knows: the page itself is made by whoever knows how it looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol

from starlette.requests import Request
from starlette.responses import Response

from chatbot.access.destinations import HOME

SIGN_IN: Final = "/sign-in"
SIGN_OUT: Final = "/sign-out"

Way = Literal["password", "provider", "huggingface", "proxy"]
"""How one signs in: with a password, at a provider, at Hugging Face, or at a proxy in front of this server."""

Problem = Literal["wrong", "wait", "failed", "not_allowed"]


@dataclass(frozen=True, slots=True)
class SignIn:
    """What is to be shown.

    Attributes:
        way: How one signs in.
        destination: Where one goes then: a path of this server.
        problem: Why one is not in, where one tried.
        seconds: How long to wait before the next try.
    """

    way: Way
    destination: str = HOME
    problem: Problem | None = None
    seconds: int = 0


class SignInPage(Protocol):
    """Makes the page on which one signs in."""

    def __call__(self, request: Request, sign_in: SignIn, status: int) -> Response:
        """Return it, in the language of whoever asks."""
