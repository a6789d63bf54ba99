"""The way to the endpoint: proxy, name, TCP, TLS, and one request without a key."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from chatbot.azureml import AzureMLConnectionError, AzureMLError
from chatbot.azureml.transport.common import CONNECT_TIMEOUT
from chatbot.azureml.transport.network import NetworkSettings, network_settings_for, tls_error
from chatbot.doctor.context import Context
from chatbot.doctor.diagnosis import diagnose
from chatbot.doctor.findings import Finding, cross, tick, warning
from chatbot.doctor.hosts import known_elsewhere, lacks_region
from chatbot.doctor.target import URL
from chatbot.settings import is_loopback

SOON_DAYS: Final = 14
"""A certificate that ends before is told of."""


def region(context: Context) -> Iterator[Finding]:
    """Find the region where the address leaves it out."""
    host = urlsplit(context.target.url).hostname or ""
    if lacks_region(host):
        yield from _other_region(context, "region-missing", f"{host} lacks the region of its endpoint.")


def proxy(context: Context) -> Iterator[Finding]:
    """Tell which proxy is used."""
    try:
        network = network_settings_for(context.target.endpoint().url)
    except AzureMLError as error:
        yield _failed(error)
        return
    if network.proxy:
        yield tick("proxy", f"{network.proxy_label} is used; it looks up the name and reaches the endpoint.")
    else:
        yield tick("proxy", "No proxy is used.")


def name(context: Context) -> Iterator[Finding]:
    """Look up the name of the endpoint, or of the proxy."""
    host, port = _next_hop(context)
    began = time.monotonic()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        if not _network(context).proxy:
            told = f"The name service does not know {host}."
            yield from _other_region(context, "name-unknown", told)
            return
        yield cross("name", "proxy", f"The proxy's name {host} is not known.", advice="Check HTTPS_PROXY.")
        return
    addresses = sorted({str(each[4][0]) for each in found})
    milliseconds = round((time.monotonic() - began) * 1000)
    more = f" and {len(addresses) - 1} more" if len(addresses) > 1 else ""
    private = " (a private address: a virtual network's)" if _is_private(addresses[0]) else ""
    if addresses != [host]:
        told = f"{host} is {addresses[0]}{more}{private}, after {milliseconds} ms."
        yield tick("name", told, data={"ms": milliseconds})


def connection(context: Context) -> Iterator[Finding]:
    """Open a connection."""
    host, port = _next_hop(context)
    began = time.monotonic()
    try:
        socket.create_connection((host, port), timeout=_patience(context)).close()
    except OSError as error:
        code = "connection-refused" if isinstance(error, ConnectionRefusedError) else "unreachable"
        why = "The connection is refused." if code == "connection-refused" else "Nothing answers there."
        if _network(context).proxy:
            advice = "Check HTTPS_PROXY and HTTP_PROXY, or name the endpoint's host in NO_PROXY."
            yield cross("connection", "proxy", f"The proxy {host}:{port} cannot be reached.", why, advice=advice)
            return
        advice = "Check the address, the firewall, and whether a proxy is needed (HTTPS_PROXY)."
        yield cross("connection", code, f"{host}:{port} cannot be reached.", why, advice=advice)
        return
    milliseconds = round((time.monotonic() - began) * 1000)
    yield tick("connection", f"{host}:{port} takes connections, after {milliseconds} ms.", data={"ms": milliseconds})


def tls(context: Context) -> Iterator[Finding]:
    """Look at the certificate; behind a proxy, the first request does."""
    parts, network = _parts(context), _network(context)
    if parts.scheme != "https":
        if not is_loopback(parts.hostname or ""):
            cause = "Key and conversation can be read on the way."
            yield warning("tls", "not-encrypted", "The address begins with http: nothing is encrypted.", cause)
        return
    if network.proxy or network.context is None:
        return
    host, port = _next_hop(context)
    try:
        with (
            socket.create_connection((host, port), timeout=_patience(context)) as plain,
            network.context.wrap_socket(plain, server_hostname=host) as secure,
        ):
            certificate, version = secure.getpeercert() or {}, secure.version()
    except (OSError, ssl.SSLError) as error:
        yield _failed(tls_error(error))
        return
    issuer, days = _issuer(certificate), _days_left(certificate)
    told = f"{version}; the certificate was issued by {issuer}, its chain is trusted, and it holds {days} days more."
    if days < SOON_DAYS:
        yield warning("tls", "certificate-ends", told, "Its operator has to renew it soon.")
    else:
        yield tick("tls", told, data={"issuer": issuer, "days": days})


def without_key(context: Context) -> Iterator[Finding]:
    """Send one request without a key: what is no endpoint shows itself before it is shown a key."""
    error = context.probe.empty_post(context.target.endpoint().url, {})
    if error is None:
        return
    if isinstance(error, AzureMLConnectionError) or 300 <= (error.status or 0) < 400:
        yield _failed(error)
        return
    if error.status in (401, 403):
        context.asks_for_key = True


def _other_region(context: Context, code: str, title: str) -> Iterator[Finding]:
    """Tell of a name that is not known, with the region in which it is."""
    before = context.target
    urls = known_elsewhere(before.url)
    if len(urls) == 1:
        context.target = replace(before, url=urls[0])
        cause = "The name service knows it under another host."
        if code == "region-missing":
            cause = "An endpoint's host has its region in the middle; the name service knows it in one."
        yield cross("name", code, title, cause, lines=context.target.changes_from(before), mended=True)
        return
    if urls:
        cause = f"It may be any of {', '.join(urls)}."
        yield cross("name", code, title, cause, advice=f"Set {URL} to the one that is yours.")
        return
    advice = (
        "Copy the address again from the endpoint's page. A deleted endpoint's name is gone, and one in a virtual "
        "network is known there alone."
    )
    yield cross("name", code, title, "It is misspelled, or there is no such endpoint.", advice=advice)


def _failed(error: AzureMLError) -> Finding:
    found = diagnose(error)
    return cross(found.check, found.code, found.title, found.cause, advice=found.advice)


def _parts(context: Context) -> SplitResult:
    return urlsplit(context.target.endpoint().url)


def _network(context: Context) -> NetworkSettings:
    return network_settings_for(context.target.endpoint().url)


def _next_hop(context: Context) -> tuple[str, int]:
    network = _network(context)
    parts = urlsplit(network.proxy) if network.proxy else _parts(context)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _patience(context: Context) -> float:
    return min(CONNECT_TIMEOUT, context.probe.timeout)


def _is_private(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    return found.is_private and not found.is_loopback


def _issuer(certificate: dict[str, Any]) -> str:
    names = dict(pair for part in certificate.get("issuer", ()) for pair in part)
    return str(names.get("organizationName") or names.get("commonName") or "nobody who is named")


def _days_left(certificate: dict[str, Any]) -> int:
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    return (ends - datetime.now(UTC)).days
