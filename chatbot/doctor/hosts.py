"""Where the name service knows an endpoint that it does not know as it was written. No key is shown to anybody."""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final
from urllib.parse import urlsplit, urlunsplit

# fmt: off
REGIONS: Final = (
    "australiacentral", "australiaeast", "australiasoutheast", "austriaeast", "brazilsouth", "canadacentral",
    "canadaeast", "centralindia", "centralus", "chilecentral", "eastasia", "eastus", "eastus2", "eastus2euap",
    "francecentral", "germanywestcentral", "indonesiacentral", "israelcentral", "italynorth", "japaneast",
    "japanwest", "jioindiawest", "koreacentral", "koreasouth", "malaysiawest", "mexicocentral", "newzealandnorth",
    "northcentralus", "northeurope", "norwayeast", "polandcentral", "qatarcentral", "southafricanorth",
    "southcentralus", "southeastasia", "southindia", "spaincentral", "swedencentral", "switzerlandnorth",
    "switzerlandwest", "uaenorth", "uksouth", "ukwest", "westcentralus", "westeurope", "westindia", "westus",
    "westus2", "westus3",
)
# fmt: on

_HOST: Final = re.compile(r"([a-z][a-z0-9-]*)(?:\.([a-z0-9-]+))?(\.inference\.ml\.azure\.com|\.models\.ai\.azure\.com)")

_RESOURCE: Final = (".services.ai.azure.com", ".openai.azure.com", ".cognitiveservices.azure.com")
"""A resource of Foundry has all of these, one of Azure OpenAI lacks the first."""

_AT_ONCE: Final = 16


def lacks_region(host: str) -> bool:
    """Whether a host is an endpoint's with the region left out."""
    match = _HOST.fullmatch(host.lower())
    return match is not None and match[2] is None


def known_elsewhere(url: str) -> list[str]:
    """Return the URL with each host under which the name service knows its endpoint, in some 50 look-ups at most.

    Tried are all regions, and the other hosts of a resource. A part of the name service that knows any name tells
    nothing, and is left out.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    name = host.partition(".")[0]
    rests = [rest for rest in _other_rests(host) if f"{name}{rest}" != host]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(_is_known, (f"{name}{rest}" for rest in rests)))
    known = [rest for rest, is_known in zip(rests, found, strict=True) if is_known]
    told = [f"{name}{rest}" for rest in known if not _is_known(f"no-such-endpoint-of-ours{rest}")]
    if not _HOST.fullmatch(host):
        told = told[:1]  # a resource's hosts are one
    port = f":{parts.port}" if parts.port else ""
    return [urlunsplit(parts._replace(netloc=f"{host}{port}")) for host in told]


def _other_rests(host: str) -> list[str]:
    """What may stand behind an endpoint's name."""
    if match := _HOST.fullmatch(host):
        return [f".{region}{match[3]}" for region in REGIONS]
    name, dot, rest = host.partition(".")
    return list(_RESOURCE) if name and dot + rest in _RESOURCE else []


def _is_known(host: str) -> bool:
    try:
        socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return True
