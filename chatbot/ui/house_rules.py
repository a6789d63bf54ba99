"""What everybody is told and asked before they write: a notice, a banner, terms to accept, how long things are kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chatbot.conversation import ConversationService, TermsNotAcceptedError

MAX_TERMS: Final = 200_000
"""Characters of the terms: more than anybody reads."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Terms of using the application.

    Attributes:
        version: Tells them from those that were accepted before.
        text: In Markdown.
    """

    version: str
    text: str


@dataclass(frozen=True, slots=True)
class HouseRules:
    """What an application tells and asks everybody.

    Attributes:
        notice: The line below the box; None is the page's own about AI, empty is none.
        banner: Text on top of the page; empty is none.
        terms: What has to be accepted first, if anything.
        retention_days: Days after which a conversation is removed that nobody has written to, where there is a limit.
    """

    notice: str | None = None
    banner: str = ""
    terms: Terms | None = None
    retention_days: int | None = None


def read_terms(path: Path, version: str | None = None) -> Terms:
    """Return the terms in a file.

    Args:
        path: Markdown or plain text in UTF-8.
        version: Of the terms; without it, one is made of their text.

    Raises:
        ValueError: There are none to be read; says why.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text in UTF-8") from None
    except OSError:
        raise ValueError(f"{path} is no file that can be read") from None
    if not text.strip():
        raise ValueError(f"{path} is empty")
    if len(text) > MAX_TERMS:
        raise ValueError(f"{path} has more than {MAX_TERMS:,} characters")
    return Terms(version or hashlib.sha256(text.encode()).hexdigest()[:16], text)


class TermsGuard:
    """Knows who has accepted the terms.

    Args:
        service: Where it is kept.
        terms: None where there are none: everybody has accepted those.
    """

    def __init__(self, service: ConversationService, terms: Terms | None) -> None:
        self._acceptances = service.acceptances
        self.terms = terms

    async def is_satisfied(self, owner: str) -> bool:
        """Return whether an owner has accepted the terms as they are now."""
        return self.terms is None or await self._acceptances.has(owner, self.terms.version)

    async def check(self, owner: str) -> None:
        """See to it that an owner has accepted the terms.

        Raises:
            TermsNotAcceptedError: They have not.
        """
        if not await self.is_satisfied(owner):
            raise TermsNotAcceptedError

    async def accept(self, owner: str) -> None:
        """Note that an owner accepts the terms as they are now."""
        if self.terms is not None:
            await self._acceptances.add(owner, self.terms.version)
