"""The door of those whom an OpenID Connect provider knows: Microsoft Entra ID, Hugging Face, or any other.

The authorization code flow with discovery, PKCE, state and nonce. What a browser carries from here to the provider and
back is signed and short-lived; what the provider says is believed by its signature.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from chatbot.access.cookies import read_cookie, set_cookie
from chatbot.access.destinations import HOME, local_path
from chatbot.access.membership import Membership
from chatbot.access.person import Person
from chatbot.access.sessions import Sessions, Visit
from chatbot.access.sign_in import SIGN_IN, SIGN_OUT, Problem, SignIn, SignInPage, Way

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client

COOKIE: Final = "chatbot_sign_in"
"""What a browser carries while somebody is at the provider."""

TRIP_SECONDS: Final = 600
"""How long somebody may take at the provider."""

HINT_COOKIE: Final = "chatbot_id_token"
"""What a browser keeps to sign out at the provider: the ID token, sent to the path that signs out and nowhere else."""

CALLBACK: Final = "/sign-in/callback"

MAX_DESTINATION: Final = 1_000
"""Characters of the path that somebody goes to then."""

DISCOVERY_SECONDS: Final = 3_600.0
"""How long it is believed where the provider's parts are, and what its keys are."""

TIMEOUT: Final = 10.0

SIGN_OUT_TIMEOUT: Final = 5.0
"""Seconds that somebody who signs out waits at most until it is known where the provider signs them out."""

LEEWAY: Final = 60
"""Seconds by which the provider's clock may differ."""

# By a key that only the provider has: what is signed with the client's own secret, or not at all, proves nothing.
_ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")

logger = logging.getLogger(__name__)


class ProviderError(Exception):
    """The provider did not do as OpenID Connect says; the message is for the log, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenID Connect provider, and this application as it knows it.

    Attributes:
        issuer: Its address, below which ``/.well-known/openid-configuration`` is.
        client_id: This application's name there.
        client_secret: And its secret; None for a public client.
        scopes: What it is asked for, with blanks between.
        groups_claim: The claim that lists somebody's groups.
        callback: The path to which it sends people back, who signed in there and who signed out.
        hosts: The hosts at which visitors find this application; the first, where a request names none of them.
            Without any it is the host of the request.
        way: How the sign-in page calls it.
        signs_out: Whether who signs out here signs out there as well, where it says how.
    """

    issuer: str
    client_id: str
    client_secret: str | None = None
    scopes: str = "openid profile email"
    groups_claim: str = "groups"
    callback: str = CALLBACK
    hosts: tuple[str, ...] = ()
    way: Way = "provider"
    signs_out: bool = False


class OpenIdEntrance:
    """Lets in whom the provider knows.

    Args:
        provider: Which.
        membership: Who of them may come in.
        sessions: Those who were let in.
        page: The way to the provider.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        provider: Provider,
        membership: Membership,
        sessions: Sessions,
        page: SignInPage,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._provider = provider
        self._membership = membership
        self._sessions = sessions
        self._page = page
        self._clock = clock
        self._discovery = _Discovery(provider.issuer)

    async def visit(self, request: Request) -> Visit | None:
        """Return as whom a request is let in; None for a stranger's."""
        return await self._sessions.visit(request)

    async def answer(self, request: Request) -> Response | None:
        """Send somebody to the provider, or let in whom it sends back."""
        path = request.scope["path"]
        if request.method != "GET" or path not in (SIGN_IN, self._provider.callback):
            return None
        try:
            return await (self._depart(request) if path == SIGN_IN else self._return(request))
        except ProviderError as error:
            logger.warning("Somebody could not sign in: %s", error)
            return self._again(request, "failed", 502)

    def refuse(self, request: Request, destination: str) -> Response:
        """Return the page that leads to the provider."""
        return self._page(request, SignIn(self._provider.way, local_path(destination)), 401)

    async def sign_out(self, request: Request, visit: Visit) -> Response:
        """Have somebody out of this application, and say where the provider has them out."""
        # First of all: the provider may take its time.
        await self._sessions.end(visit)
        response = JSONResponse({"next": await self._way_out(request, visit)})
        self._sessions.forget(request, response)
        set_cookie(request, response, HINT_COOKIE, "", 0, SIGN_OUT)
        return response

    async def _way_out(self, request: Request, visit: Visit) -> str:
        """Where the provider signs somebody out; home where it does not."""
        try:
            async with asyncio.timeout(SIGN_OUT_TIMEOUT):
                endpoint = await self._end_session_endpoint()
        except (ProviderError, TimeoutError) as error:
            reason = str(error) or "it did not answer in time"
            logger.warning("Somebody who signed out may still be signed in at the provider: %s", reason)
            return HOME
        if endpoint is None:
            return HOME
        query = {"client_id": self._provider.client_id, "post_logout_redirect_uri": self._callback(request)}
        kept = (await self._sessions.signer("sign out")).read(read_cookie(request, HINT_COOKIE, SIGN_OUT))
        if kept is not None and kept["owner"] == visit.person.owner:
            query["id_token_hint"] = kept["id_token"]
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    async def _end_session_endpoint(self) -> str | None:
        return await self._discovery.end_session_endpoint() if self._provider.signs_out else None

    async def _depart(self, request: Request) -> Response:
        found = await self._discovery.configuration()
        trip = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        async with self._client(request, found) as client:
            url, _ = client.create_authorization_url(
                found["authorization_endpoint"],
                state=trip["state"],
                nonce=trip["nonce"],
                code_verifier=trip["verifier"],
            )
        response = RedirectResponse(url, 303, headers={"cache-control": "no-store"})
        destination = local_path(request.query_params.get("next", HOME))
        # A longer one is more than a cookie can carry there and back.
        value = {**trip, "next": destination if len(quote(destination)) <= MAX_DESTINATION else HOME}
        cookie = (await self._sessions.signer("sign in")).sign(value, self._clock() + TRIP_SECONDS)
        set_cookie(request, response, COOKIE, cookie, TRIP_SECONDS)
        return response

    async def _return(self, request: Request) -> Response:
        trip = (await self._sessions.signer("sign in")).read(read_cookie(request, COOKIE))
        given = request.query_params
        if not {"code", "error"} & given.keys():
            # Nobody was signing in: this is where the provider sends those who signed out, too.
            return RedirectResponse(HOME, 303, headers={"cache-control": "no-store"})
        if trip is None or not hmac.compare_digest(trip["state"].encode(), given.get("state", "").encode()):
            # Too late, in two tabs at once, or sent here by somebody else: they would be signed in as that one.
            return self._again(request, "failed", 400)
        if not given.get("code"):
            logger.info("Somebody was not signed in by the provider: %.100r", given.get("error", "no reason given"))
            return self._again(request, "failed", 400)
        id_token, claims = await self._told(request, given["code"], trip)
        person = self._person(claims)
        if not self._membership.includes(person):
            return self._again(request, "not_allowed", 403)
        response = RedirectResponse(local_path(trip["next"]), 303, headers={"cache-control": "no-store"})
        set_cookie(request, response, COOKIE, "", 0)
        expires_at = await self._sessions.begin(request, response, person)
        await self._keep_hint(request, response, person, id_token, expires_at)
        return response

    async def _keep_hint(
        self, request: Request, response: Response, person: Person, id_token: str, expires_at: float
    ) -> None:
        """Have the browser keep the ID token for signing out, where that takes it and it is short enough."""
        kept = ""
        if await self._end_session_endpoint() is not None:
            signer = await self._sessions.signer("sign out")
            # With very many groups it is too long for a cookie; then the client's id has to do.
            with contextlib.suppress(ValueError):
                kept = signer.sign({"owner": person.owner, "id_token": id_token}, expires_at)
        # Also where nothing is kept: it may be another person's that is there.
        set_cookie(request, response, HINT_COOKIE, kept, int(expires_at - self._clock()) if kept else 0, SIGN_OUT)

    async def _told(self, request: Request, code: str, trip: Mapping[str, str]) -> tuple[str, Mapping[str, Any]]:
        """What the provider says of whoever came back with a code: the ID token, and all claims."""
        found = await self._discovery.configuration()
        try:
            async with self._client(request, found) as client:
                token = await client.fetch_token(
                    found["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=trip["verifier"],
                    redirect_uri=self._callback(request),
                )
                id_token = str(token.get("id_token", ""))
                claims = await self._discovery.verified(id_token, self._provider.client_id, trip["nonce"])
                if "userinfo_endpoint" not in found:
                    return id_token, claims
                more = (await client.get(found["userinfo_endpoint"])).json()
        except ProviderError:
            raise
        except Exception as error:  # noqa: BLE001 - of several libraries; whoever signs in is shown the way in again
            # Its words may repeat what it was sent.
            raise ProviderError(f"the provider did not take the code ({type(error).__name__})") from None
        if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
            raise ProviderError("the provider describes somebody else than whom it signed in")
        return id_token, {**more, **claims}

    def _person(self, claims: Mapping[str, Any]) -> Person:
        names = [claims.get("preferred_username"), claims["sub"]]
        if claims.get("email_verified") is True:
            names.append(claims.get("email"))
        named = [each for each in names if isinstance(each, str)]
        return Person.known_as(
            claims["iss"], claims["sub"], [*named, *_groups(claims.get(self._provider.groups_claim))]
        )

    def _again(self, request: Request, problem: Problem, status: int) -> Response:
        response = self._page(request, SignIn(self._provider.way, HOME, problem), status)
        set_cookie(request, response, COOKIE, "", 0)
        return response

    def _client(self, request: Request, found: Mapping[str, Any]) -> AsyncOAuth2Client:
        from authlib.integrations.httpx_client import AsyncOAuth2Client  # for this door only

        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        secret = self._provider.client_secret
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        return AsyncOAuth2Client(
            self._provider.client_id,
            secret,
            token_endpoint_auth_method=method if secret else "none",
            scope=self._provider.scopes,
            redirect_uri=self._callback(request),
            code_challenge_method="S256",
            timeout=TIMEOUT,
        )

    def _callback(self, request: Request) -> str:
        hosts, asked = self._provider.hosts, request.url.netloc
        if not hosts:
            return f"{request.url.scheme}://{asked}{self._provider.callback}"
        return f"https://{asked if asked in hosts else hosts[0]}{self._provider.callback}"


class _Discovery:
    """What a provider tells of itself."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer.rstrip("/")
        self._found: dict[str, Any] = {}
        self._keys: Any = {}
        self._until = 0.0
        self._looking = asyncio.Lock()

    async def configuration(self) -> Mapping[str, Any]:
        """Return where its parts are.

        Raises:
            ProviderError: It does not tell.
        """
        async with self._looking:
            if not self._found or time.monotonic() > self._until:
                await self._look()
            return self._found

    async def end_session_endpoint(self) -> str | None:
        """Return where somebody signs out at the provider (RP-Initiated Logout 1.0); None where it names no such place.

        Raises:
            ProviderError: It does not tell.
        """
        endpoint = (await self.configuration()).get("end_session_endpoint")
        # A browser is sent there by a script of our page, which would run what is no address.
        schemes = ("https://", "http://") if self._issuer.startswith("http://") else ("https://",)
        return endpoint if isinstance(endpoint, str) and endpoint.startswith(schemes) else None

    async def verified(self, id_token: str, client_id: str, nonce: str) -> Mapping[str, Any]:
        """Return the claims of an ID token that the provider made for this application and this trip.

        Raises:
            ProviderError: It did not.
        """
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        found = await self.configuration()
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY,
            iss={"essential": True, "value": found["issuer"]},
            aud={"essential": True, "value": client_id},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        for is_last in (False, True):
            try:
                claims = jwt.decode(id_token, KeySet.import_key_set(self._keys), algorithms=_ALGORITHMS).claims
                registry.validate(claims)
            except (JoseError, ValueError) as error:
                if is_last:
                    raise ProviderError(f"the ID token cannot be believed ({type(error).__name__})") from None
                # It may have new keys since they were read.
                async with self._looking:
                    await self._look()
                continue
            several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
            if claims.get("azp", client_id if not several else None) != client_id or not isinstance(claims["sub"], str):
                raise ProviderError("the ID token was made for another application")
            return claims
        raise AssertionError

    async def _look(self) -> None:
        import httpx

        try:
            async with httpx.AsyncClient(timeout=TIMEOUT) as client:
                answer = await client.get(f"{self._issuer}/.well-known/openid-configuration")
                found = answer.raise_for_status().json()
                keys = (await client.get(found["jwks_uri"])).raise_for_status().json()
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise ProviderError(f"the provider cannot be asked ({type(error).__name__})") from None
        needed = ("authorization_endpoint", "token_endpoint")
        if str(found.get("issuer")).rstrip("/") != self._issuer or not all(
            isinstance(found.get(each), str) for each in needed
        ):
            raise ProviderError("what answers at the issuer's address is another provider, or none")
        self._found, self._keys, self._until = found, keys, time.monotonic() + DISCOVERY_SECONDS


def _groups(claim: Any) -> Iterable[str]:
    """The names in a claim: a text, or a list of texts or, as Hugging Face tells organisations, of descriptions."""
    several = claim if isinstance(claim, list) else [claim]
    for each in several:
        if isinstance(each, str):
            yield each
        elif isinstance(each, Mapping):
            yield from (each[name] for name in ("preferred_username", "sub") if isinstance(each.get(name), str))
