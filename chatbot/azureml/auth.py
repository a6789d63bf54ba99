"""Authentication: an endpoint key, or Microsoft Entra ID tokens that are fetched and renewed as needed."""

from __future__ import annotations

import asyncio
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from chatbot.azureml.errors import AzureMLAuthenticationError, no_token
from chatbot.redaction import remember

TokenProvider = Callable[[], str | Awaitable[str]]
"""Returns a valid Entra ID token, as ``azure.identity.get_bearer_token_provider`` makes them; may be async."""

RENEW_BEFORE: Final = 300.0
"""Seconds before its end at which a token is replaced, as azure-core does."""


class Identity(Protocol):
    """What a request shows to the endpoint."""

    def secret(self) -> str:
        """Return the key or a token that is valid now."""

    async def asecret(self) -> str:
        """Return the same without blocking the event loop."""

    def headers(self, secret: str) -> dict[str, str]:
        """Return the headers that carry the secret."""

    def renew(self, refused: str) -> bool:
        """Forget a secret that was refused; return whether asking again may bring another."""

    def explain(self, error: AzureMLAuthenticationError) -> None:
        """Have an error of a secret that was refused for good say what to do about it."""


class KeyIdentity:
    """An endpoint's key."""

    def __init__(self, key: str) -> None:
        self._key = require_header_safe("endpoint_api_key", key)

    def secret(self) -> str:
        """Return the key."""
        return self._key

    async def asecret(self) -> str:
        """Return the key."""
        return self._key

    def headers(self, secret: str) -> dict[str, str]:
        """Return both headers: dedicated and serverless endpoints read the first, Azure OpenAI the second."""
        return {"Authorization": f"Bearer {secret}", "api-key": secret}

    def renew(self, refused: str) -> bool:
        """Keys do not change by themselves."""
        return False

    def explain(self, error: AzureMLAuthenticationError) -> None:
        """It does so by itself."""


class _EntraIdentity:
    """What all tokens have in common."""

    def headers(self, secret: str) -> dict[str, str]:
        """Return the one header for tokens."""
        return {"Authorization": f"Bearer {secret}"}

    def explain(self, error: AzureMLAuthenticationError) -> None:
        """It is no key that has to be checked."""
        error.of_token()


class TokenIdentity(_EntraIdentity):
    """Entra ID tokens of a provider function, which keeps and renews them itself."""

    def __init__(self, provider: TokenProvider) -> None:
        self._provider = provider

    def secret(self) -> str:
        """Return the provider's token.

        Raises:
            TypeError: The provider is asynchronous.
        """
        return _token(self._provider())

    async def asecret(self) -> str:
        """Return the provider's token; a provider that blocks does so in a thread."""
        if inspect.iscoroutinefunction(self._provider):
            token = await self._provider()
        else:
            token = await asyncio.to_thread(self._provider)
            if inspect.isawaitable(token):
                token = await token
        return _token(token)

    def renew(self, refused: str) -> bool:
        """The provider is asked for each request; it may have had the token renewed."""
        return True


class CredentialIdentity(_EntraIdentity):
    """Entra ID tokens of an ``azure-identity`` credential, sync or async, kept until shortly before their end.

    However many ask at once, in threads or in one event loop, a token is fetched once.
    """

    def __init__(self, credential: Any, scope: str) -> None:
        self._credential = credential
        self._scope = scope
        self._kept: tuple[str, float] | None = None
        self._lock = threading.Lock()
        self._loop_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
        # One of its own: a credential that hangs does not take the threads that others wait for.
        self._thread = ThreadPoolExecutor(1, "entra-id")

    def secret(self) -> str:
        """Return a token for the endpoint's scope.

        Raises:
            TypeError: The credential is one of ``azure.identity.aio``.
            AzureMLAuthenticationError: It failed.
        """
        with self._lock:
            if kept := self._valid():
                return kept
            try:
                access = self._credential.get_token(self._scope)
            except Exception as error:
                raise no_token(error) from error
            return self._keep(access)

    async def asecret(self) -> str:
        """Return a token for the endpoint's scope; a credential that blocks does so in a thread.

        Raises:
            AzureMLAuthenticationError: The credential failed.
        """
        if kept := self._valid():
            return kept
        loop = asyncio.get_running_loop()
        if not inspect.iscoroutinefunction(self._credential.get_token):
            return await loop.run_in_executor(self._thread, self.secret)
        async with self._loop_locks.setdefault(loop, asyncio.Lock()):
            if kept := self._valid():
                return kept
            try:
                access = await self._credential.get_token(self._scope)
            except Exception as error:
                raise no_token(error) from error
            return self._keep(access)

    def renew(self, refused: str) -> bool:
        """Ask for another token next time, unless somebody did already."""
        if (kept := self._kept) and kept[0] == refused:
            self._kept = None
        return True

    def _valid(self) -> str | None:
        kept = self._kept
        return kept[0] if kept and kept[1] - time.time() > RENEW_BEFORE else None

    def _keep(self, access: Any) -> str:
        token = _token(access if inspect.isawaitable(access) else access.token)
        self._kept = token, float(access.expires_on)
        return token


def identity_for(key: str, credential: Any, token_provider: TokenProvider | None, *, scope: str) -> Identity:
    """Return the identity that was given in one of three ways.

    Args:
        key: The endpoint's key, or nothing.
        credential: One of ``azure-identity``, or None.
        token_provider: A function that returns tokens, or None.
        scope: What the credential's tokens must be for.

    Raises:
        ValueError: There is none, or more than one, or it is no credential.
    """
    if credential is not None and token_provider is not None:
        raise ValueError("credential and azure_ad_token_provider: give one of them")
    if token_provider is not None:
        return TokenIdentity(token_provider)
    if credential is None:
        if not key:
            raise ValueError(
                "endpoint_api_key is missing: pass it, or set AZUREML_ENDPOINT_API_KEY; "
                "for Microsoft Entra ID pass credential"
            )
        return KeyIdentity(key)
    if not hasattr(credential, "get_token"):
        raise ValueError("credential must have a method get_token, as those of azure-identity have")
    return CredentialIdentity(credential, scope)


def require_header_safe(name: str, value: str) -> str:
    """Return the value if it can stand in a header; a line break would let it forge further ones.

    Raises:
        ValueError: It cannot. The value is not repeated in the error.
    """
    if not value.isprintable() or not value.isascii() or value != value.strip():
        raise ValueError(f"{name} has characters that cannot stand in a header (spaces around it, line breaks)")
    return value


def _token(given: Any) -> str:
    """Return what a provider or a credential gave, if it is a token.

    Raises:
        TypeError: It is none, or has to be awaited.
        ValueError: It cannot stand in a header.
    """
    if inspect.isawaitable(given):
        if inspect.iscoroutine(given):
            given.close()
        raise TypeError(
            "this credential is asynchronous: use ainvoke() and astream(), or a credential of azure.identity"
        )
    if not isinstance(given, str):
        raise TypeError(f"a token must be a string, not a {type(given).__name__}")
    token = require_header_safe("the token", given)
    # Nobody else learns of it who could keep it out of logs and answers.
    remember(token, passing=True)
    return token
