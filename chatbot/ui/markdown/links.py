"""Which links an answer may have, where they lead, and addresses that it only mentions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import copy
from typing import Final
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.common.normalize_url import validateLink
from markdown_it.rules_core.state_core import StateCore
from markdown_it.token import Token

# What a browser opens by itself. Other schemes start programs; and <std::string> is code, not an address.
_SCHEME: Final = re.compile(r"\s*([a-z][a-z0-9+.-]*):", re.IGNORECASE)
SCHEMES: Final = frozenset(("http", "https", "ftp", "mailto", "tel"))

# Not beyond ASCII: in Chinese and Japanese the sentence goes on without a space.
_ADDRESS: Final = re.compile(r"(?<![a-z0-9])https?://[a-z0-9][!#-;=?-Z_a-z~\[\]]*", re.IGNORECASE)
# What ends a sentence, and does not end an address.
_AFTER: Final = "!,.:;?*_~'"
# A text that a reader takes for the address itself.
_LIKE_AN_ADDRESS: Final = re.compile(r"(?:https?://|www\.)\S+|(?:[\w-]+\.)+[^\W\d_]{2,}(?:[/?#:]\S*)?", re.IGNORECASE)


def destination(address: str) -> str:
    """Return where a link leads, in the words that a reader can judge it by: a host, a mail address, or all of it."""
    try:
        parts = urlsplit(address)
        return (parts.hostname or "") + (f":{parts.port}" if parts.port else "") or parts.path or address
    except ValueError:
        return address


def misleads(text: str, address: str) -> bool:
    """Whether a link's text looks like an address, and of another host than the one it leads to."""
    text = text.strip()
    if not _LIKE_AN_ADDRESS.fullmatch(text):
        return False
    named, real = destination(text if "://" in text else f"https://{text}"), destination(address)
    # What stands before an @ is no host, though it reads like one.
    return "@" in text.split("?")[0] or not f".{real}".endswith(f".{named.removeprefix('www.').lower()}")


def links(md: MarkdownIt) -> None:
    """Teach a parser which links are links, also where only the address is written."""
    md.validateLink = _is_valid  # type: ignore[method-assign]
    md.core.ruler.push("addresses", _addresses)


def _is_valid(url: str) -> bool:
    scheme = _SCHEME.match(url)
    if scheme is None or scheme[1].lower() in SCHEMES:
        return validateLink(url)
    return scheme[1].lower() == "data" and validateLink(url)  # images, and only those


def _addresses(state: StateCore) -> None:
    for token in state.tokens:
        if token.type == "inline" and "://" in token.content:
            token.children = list(_linked(state.md, token.children or []))


def _linked(md: MarkdownIt, tokens: list[Token]) -> Iterator[Token]:
    within = 0
    for token in tokens:
        within += token.nesting if token.type.startswith("link_") else 0
        if within or token.type != "text" or "://" not in token.content:
            yield token
        else:
            yield from _split(md, token)


def _split(md: MarkdownIt, token: Token) -> Iterator[Token]:
    end = 0
    for found in _ADDRESS.finditer(token.content):
        address = found[0].rstrip(_AFTER)
        while address.endswith(")") and address.count(")") > address.count("("):
            address = address[:-1].rstrip(_AFTER)
        yield _text(token, token.content[end : found.start()])
        yield Token("link_open", "a", 1, attrs={"href": md.normalizeLink(address)}, markup="linkify")
        yield _text(token, address)
        yield Token("link_close", "a", -1)
        end = found.start() + len(address)
    yield _text(token, token.content[end:])


def _text(token: Token, content: str) -> Token:
    text = copy(token)
    text.content = content
    return text
