"""What a proxy says of a request is believed where the proxy is a configured one, and dropped from everybody else."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any, Final, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

EVERYBODY: Final = "*"

FROM_PROXY: Final = "from_trusted_proxy"
"""In the state of a request: whether it came from a trusted proxy."""

_IDENTITY: Final = (b"x-ms-client-principal", b"x-ms-token-", b"x-auth-request-")
_IDENTITY_NAMES: Final = frozenset(
    (b"x-forwarded-user", b"x-forwarded-email", b"x-forwarded-groups", b"x-forwarded-preferred-username")
)
"""Headers by which proxies say who somebody is: what begins so, and what is called so."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Connection(Protocol):
    """A request, be it Gradio's or Starlette's."""

    @property
    def client(self) -> Any:
        """Who sent it, with ``host``; None where that is not known."""


class Proxies:
    """The proxies that are trusted.

    Args:
        names: Addresses and networks (``10.0.0.0/8``) with commas between; ``*`` is everybody.

    Raises:
        ValueError: One of them is neither; says which.
    """

    def __init__(self, names: str) -> None:
        listed = [name.strip() for name in names.split(",") if name.strip()]
        self.are_everybody = EVERYBODY in listed
        self._networks = [_network(name) for name in listed if name != EVERYBODY]

    def trust(self, host: str) -> bool:
        """Say whether a request from this address, or from a socket without one, comes from a trusted proxy."""
        address = _address(host)
        return self.are_everybody or (address is not None and self._hold(address))

    def client_of(self, forwarded: Sequence[str]) -> str | None:
        """Return who asked the proxies, each of which wrote down who had asked it; None where they say nothing of use.

        Args:
            forwarded: The addresses of ``X-Forwarded-For``; whoever asked may have begun the list.
        """
        known = [_address(each) for each in forwarded]
        for address in reversed(known):
            # What stands to the left of no address was not written by a proxy.
            if address is None:
                return None
            # Where everybody is trusted, further proxies are told by their network: it is a private one.
            if not (self._hold(address) or (self.are_everybody and not address.is_global)):
                return str(address)
        return str(known[0]) if known else None

    def _hold(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


class TrustedProxies:
    """ASGI middleware that finds out who asks: the outermost, since all others rely on it.

    Behind a trusted proxy, the request's client and scheme become what the proxy says. Of all others, headers by which
    a proxy would say who somebody is are dropped.

    Args:
        app: What is behind it.
        proxies: Which are trusted.
    """

    def __init__(self, app: ASGIApp, proxies: Proxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request as what it is."""
        if scope["type"] in ("http", "websocket"):
            scope = self._seen(scope)
        await self._app(scope, receive, send)

    def _seen(self, scope: Scope) -> Scope:
        headers, client = scope["headers"], scope.get("client")
        is_trusted = self._proxies.trust(client[0] if client else "")
        seen = {**scope, "state": {**scope.get("state", {}), FROM_PROXY: is_trusted}}
        if not is_trusted:
            seen["headers"] = [each for each in headers if not _tells_who(each[0].lower())]
            return seen
        scheme = _values(headers, b"x-forwarded-proto")[-1:]
        if scheme and scheme[0].lower() in ("http", "https"):
            seen["scheme"] = scheme[0].lower()
        if host := self._proxies.client_of(_values(headers, b"x-forwarded-for")):
            seen["client"] = (host, 0)
        return seen


def is_from_proxy(scope: Scope) -> bool:
    """Say whether a request came from a trusted proxy."""
    return bool(scope.get("state", {}).get(FROM_PROXY))


def origin_of(request: Connection) -> str:
    """Return where a request comes from: an IPv4 address, or the /64 that one IPv6 household or office has.

    Behind a proxy that is not trusted that is the proxy; where it is not known, it is empty for all.
    """
    address = _address(request.client.host if request.client else "")
    if address is None:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


def _network(name: str) -> Network:
    try:
        return ipaddress.ip_network(name, strict=False)
    except ValueError:
        raise ValueError(f"“{name}” is neither an address, nor a network such as 10.0.0.0/8, nor *") from None


def _address(text: str) -> Address | None:
    """An address, also with a port, in brackets or as IPv6 writes one of IPv4."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _tells_who(name: bytes) -> bool:
    return name in _IDENTITY_NAMES or name.startswith(_IDENTITY)


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    """The values of all headers of a name, each a list with commas."""
    lines = [value.decode("latin-1") for each, value in headers if each.lower() == name]
    return [value.strip() for line in lines for value in line.split(",") if value.strip()]
