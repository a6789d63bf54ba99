"""Proxies and trusted certificates for an endpoint, from the usual environment variables.

The only place that reads them, for both transports: aiohttp's own reading would take the user's ``~/.netrc`` with it,
urllib3 has none. ``HTTP_PROXY``, ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY`` count in upper and in lower case, the
latter first. ``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` take the place of OpenSSL's file and directory of authorities, as
for every program that uses it; ``REQUESTS_CA_BUNDLE`` takes the place of them all, as for requests, and adds to the
first two where one of them is set as well.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from base64 import b64encode
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies_environment

from chatbot.azureml.errors import AzureMLConnectionError

CA_VARIABLES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
"""In the order of their parameters below."""


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """The proxy and the certificates for one address.

    Attributes:
        proxy: URL of the proxy, without user and password; None where there is none.
        proxy_authorization: Value of the header for the proxy's user and password, where it has any.
        context: The certificates to trust; None where nothing on the way is encrypted.
        proxy_label: The proxy in a message: its address and the variable that names it.
    """

    proxy: str | None = None
    proxy_authorization: str | None = None
    context: ssl.SSLContext | None = None
    proxy_label: str = ""

    @property
    def proxy_headers(self) -> dict[str, str]:
        """The headers for the proxy alone."""
        return {"Proxy-Authorization": self.proxy_authorization} if self.proxy_authorization else {}


def network_settings_for(url: str) -> NetworkSettings:
    """Read the environment, as it is now, for this address.

    Raises:
        AzureMLConnectionError: The proxy or the certificates that it names cannot be used.
    """
    target = urlsplit(url)
    proxies = getproxies_environment()
    variable = next((name for name in (target.scheme, "all") if proxies.get(name)), None)
    if variable is None or is_exempt(target, proxies.get("no", "")):
        return NetworkSettings(context=_context() if target.scheme == "https" else None)
    value, called = proxies[variable], f"{variable.upper()}_PROXY"
    proxy = _proxy(value if "://" in value else f"http://{value}", called)
    host = f"[{proxy.hostname}]" if ":" in (proxy.hostname or "") else proxy.hostname
    address = f"{host}:{proxy.port}" if proxy.port else f"{host}"
    return NetworkSettings(
        proxy=f"{proxy.scheme}://{address}",
        proxy_authorization=_basic(proxy),
        context=_context() if "https" in (target.scheme, proxy.scheme) else None,
        proxy_label=f"The proxy {address} (from {called})",
    )


def is_exempt(target: SplitResult, no_proxy: str) -> bool:
    """Whether ``NO_PROXY`` names the address: as a host, a domain above it, a network, any with a port, or ``*``."""
    host = (target.hostname or "").rstrip(".")
    port = str(target.port or (443 if target.scheme == "https" else 80))
    for entry in no_proxy.lower().replace(",", " ").split():
        name, colon, only = entry.rpartition(":")
        if not (colon and only.isdigit() and (":" not in name or name.endswith("]"))):
            name, only = entry, port
        if only == port and _matches(name.strip("[]"), host):
            return True
    return False


def tls_error(error: BaseException, proxy: NetworkSettings | None = None) -> AzureMLConnectionError:
    """Return the error for a secure connection that did not come about: why, and what to do.

    Args:
        error: What the library raised; TLS's own error is in its chain.
        proxy: Given where it was the proxy that could not be trusted.
    """
    failure = _tls_failure(error)
    if isinstance(failure, ssl.SSLCertVerificationError):
        why, hint = _REASONS.get(failure.verify_code, ("its certificate cannot be trusted", _ASK_OPERATOR))
        passing = False
    else:
        why, hint = "no secure connection that can be trusted came about", _CHECK_TLS
        # What two sides cannot agree on they will not agree on the next time; a handshake that was cut may pass.
        passing = failure is None or isinstance(failure, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    opening = f"{proxy.proxy_label} cannot be used" if proxy else "The endpoint cannot be reached"
    result = AzureMLConnectionError(f"{opening}: {why}.", retryable=passing)
    result.hint = hint.replace("AZUREML_ENDPOINT_URL", "the proxy's variable") if proxy else hint
    return result


def proxy_failed(network: NetworkSettings, why: str, status: int | None = None) -> AzureMLConnectionError:
    """Return the error for a proxy that is at fault."""
    passing = status in (None, 502, 503, 504)
    error = AzureMLConnectionError(f"{network.proxy_label or 'The proxy'} {why}.", status=status, retryable=passing)
    error.hint = "Check HTTPS_PROXY and HTTP_PROXY, or name the endpoint's host in NO_PROXY to go without a proxy."
    return error


def proxy_refused(network: NetworkSettings, status: int) -> AzureMLConnectionError:
    """Return the error for a proxy that answered in the endpoint's stead."""
    wants = "asks for a user and a password" if status == 407 else "does not let the request through"
    return proxy_failed(network, f"{wants} (HTTP {status})", status)


_ASK_OPERATOR: Final = "Ask its operator for a certificate that this machine can check."
_CHECK_TLS: Final = "Check the https, the host and the port in AZUREML_ENDPOINT_URL."
_CHECK_CLOCK: Final = "Ask its operator to renew it, or set this machine's clock."
_NAME_AUTHORITY: Final = (
    "If your organisation has a certificate authority of its own, set SSL_CERT_FILE or REQUESTS_CA_BUNDLE to the file "
    "of its certificates."
)
_CHECK_NAME: Final = "Check the host name in AZUREML_ENDPOINT_URL."

_UNKNOWN: Final = ("its certificate comes from an authority that this machine does not know", _NAME_AUTHORITY)
_OTHER_NAME: Final = ("its certificate is made out to another name", _CHECK_NAME)
_REASONS: Final = {  # OpenSSL's X509_V_ERR_*
    2: _UNKNOWN,
    18: _UNKNOWN,
    19: _UNKNOWN,
    20: _UNKNOWN,
    21: _UNKNOWN,
    9: ("its certificate is not valid yet", _CHECK_CLOCK),
    10: ("its certificate has expired", _CHECK_CLOCK),
    62: _OTHER_NAME,
    64: _OTHER_NAME,
}


def _tls_failure(error: BaseException | None) -> ssl.SSLError | None:
    """TLS's own error: the innermost, for aiohttp's are TLS errors too and urllib3's hold theirs as an argument."""
    failure = None
    for _ in range(8):
        if error is None:
            break
        if isinstance(error, ssl.SSLError):
            failure = error
        wrapped = next((word for word in error.args if isinstance(word, BaseException)), None)
        error = wrapped or error.__cause__
    return failure


def _proxy(value: str, called: str) -> SplitResult:
    try:
        proxy = urlsplit(value)
        usable = proxy.scheme in ("http", "https") and proxy.hostname and proxy.port != 0
    except ValueError:
        usable = False
    if not usable:
        # The value is not repeated: there may be a password in it.
        error = AzureMLConnectionError(f"{called} does not name a proxy that can be used.", retryable=False)
        error.hint = "Set it to an address like http://proxy.example:3128 (not SOCKS)."
        raise error
    return proxy


def _basic(proxy: SplitResult) -> str | None:
    if proxy.username is None:
        return None
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _matches(name: str, host: str) -> bool:
    if name == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(name, strict=False)
    except ValueError:  # one of them is a name
        domain = re.sub(r"^\*?\.", "", name)
        return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _context() -> ssl.SSLContext:
    return _trusting(*(os.environ.get(name, "") for name in CA_VARIABLES))


@lru_cache(maxsize=8)
def _trusting(file: str, directory: str, bundle: str) -> ssl.SSLContext:
    """One context for all models and both libraries: to make one costs more than a hundred requests do."""
    if bundle and not (file or directory):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = ssl.create_default_context()  # OpenSSL reads the two variables, and is silent if it cannot
        if file and not context.cert_store_stats()["x509"]:
            raise _unreadable("SSL_CERT_FILE", file)
    if bundle:
        try:
            context.load_verify_locations(**{"capath" if os.path.isdir(bundle) else "cafile": bundle})
        except OSError as error:  # not there, not readable, or no certificate in it
            raise _unreadable("REQUESTS_CA_BUNDLE", bundle) from error
    context.set_alpn_protocols(["http/1.1"])
    return context


def _unreadable(name: str, place: str) -> AzureMLConnectionError:
    error = AzureMLConnectionError(f"The certificates that {name} names cannot be read: {place}.", retryable=False)
    error.hint = f"Set {name} to a file of certificates in PEM format, or take it away."
    return error
