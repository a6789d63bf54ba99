"""A small OpenID Connect provider that can be told to do wrong."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from chatbot.server import address, listen

SESSION = "provider_session"
"""The cookie by which it knows somebody again."""


class OpenIdProvider:
    """Signs in whoever comes as ``claims`` says, and does what OpenID Connect says but for what ``wrong`` changes.

    Attributes:
        url: Its issuer.
        claims: What it says of whoever signs in.
        userinfo: What it says beside that.
        wrong: Claims of the ID token that are not as they should be; ``algorithm`` and ``key`` are not claims.
        asked: The parameters of each request to its authorization endpoint.
        asks: Whether it asks people who they are, until it knows them; otherwise it says it of everybody.
        end_session_endpoint: What it names as that; None names nothing.
        seconds: How long it thinks before it signs somebody out.
        answering: While this is not set, nobody learns where its parts are.
        signed_out: The parameters of each request to its end-session endpoint.
    """

    def __init__(self) -> None:
        self.url = ""
        self.key = RSAKey.generate_key(2048, {"kid": "first"})
        self.claims: dict[str, Any] = {"sub": "subject-1", "preferred_username": "ada"}
        self.userinfo: dict[str, Any] = {}
        self.wrong: dict[str, Any] = {}
        self.asked: list[dict[str, str]] = []
        self.asks = False
        self.end_session_endpoint: Any = None
        self.seconds = 0.0
        self.answering = threading.Event()
        self.answering.set()
        self.signed_out: list[dict[str, str]] = []
        self._codes: dict[str, dict[str, str]] = {}
        self.app = Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._configuration),
                Route("/keys", self._keys),
                Route("/authorize", self._authorize, methods=["GET", "POST"]),
                Route("/token", self._token, methods=["POST"]),
                Route("/userinfo", self._userinfo),
                Route("/end-session", self._end_session),
            ]
        )

    async def _configuration(self, _: Request) -> Response:
        await asyncio.to_thread(self.answering.wait)
        named = {} if self.end_session_endpoint is None else {"end_session_endpoint": self.end_session_endpoint}
        return JSONResponse(
            {
                **named,
                "issuer": self.wrong.get("issuer", self.url),
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "userinfo_endpoint": f"{self.url}/userinfo",
                "jwks_uri": f"{self.url}/keys",
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self.key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        if self.asks and request.method == "GET" and SESSION not in request.cookies:
            return HTMLResponse('<form method="post"><button>I am Ada</button></form>')
        self.asked.append(asked)
        code = f"code {len(self.asked)}"
        self._codes[code] = asked
        query = urlencode({"code": code, "state": asked["state"]})
        response = RedirectResponse(f"{asked['redirect_uri']}?{query}", 302)
        response.set_cookie(SESSION, "ada", httponly=True)
        return response

    async def _token(self, request: Request) -> Response:
        async with request.form() as form:
            asked = self._codes.pop(str(form.get("code")), None)
            verifier = str(form.get("code_verifier", ""))
            redirect_uri = form.get("redirect_uri")
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        user, _, secret = base64.b64decode(request.headers["authorization"].split()[1]).decode().partition(":")
        is_good = (
            asked is not None
            and asked["code_challenge_method"] == "S256"
            and asked["code_challenge"] == digest
            and asked["redirect_uri"] == redirect_uri
            and (user, secret) == (asked["client_id"], "secret")
        )
        if asked is None or not is_good:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {"iss": self.url, "aud": asked["client_id"], "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        algorithm, key = self.wrong.get("algorithm", "RS256"), self.wrong.get("key", self.key)
        own = {name: value for name, value in self.wrong.items() if name not in ("algorithm", "key", "issuer")}
        header = {"alg": algorithm, "kid": self.key.kid}
        token = jwt.encode(header, {**claims, **self.claims, **own}, key, algorithms=[algorithm])
        return JSONResponse({"access_token": "an access token", "token_type": "Bearer", "id_token": token})

    async def _userinfo(self, request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer an access token":
            return JSONResponse({}, 401)
        return JSONResponse({"sub": self.claims["sub"], **self.userinfo})

    async def _end_session(self, request: Request) -> Response:
        """Sign somebody out; as strict as Okta, which takes nobody without an ID token of its own."""
        asked = dict(request.query_params)
        self.signed_out.append(asked)
        await asyncio.sleep(self.seconds)
        known = {each["redirect_uri"] for each in self.asked}
        try:
            claims = jwt.decode(asked["id_token_hint"], self.key).claims
        except (KeyError, ValueError, JoseError):
            return JSONResponse({"error": "invalid_request"}, 400)
        if claims["aud"] != asked["client_id"] or asked["post_logout_redirect_uri"] not in known:
            return JSONResponse({"error": "invalid_request"}, 400)
        response = RedirectResponse(asked["post_logout_redirect_uri"], 302)
        response.delete_cookie(SESSION)
        return response


@contextmanager
def providing() -> Iterator[OpenIdProvider]:
    """Serve one; it ends with the block."""
    provider = OpenIdProvider()
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(provider.app, log_level="warning", access_log=False))
    provider.url = address(listener).rstrip("/")
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield provider
    finally:
        provider.answering.set()
        server.should_exit = True
        thread.join()


def shared_key(secret: str) -> OctKey:
    """A key that the application knows too, since it is its secret."""
    return OctKey.import_key(secret)
