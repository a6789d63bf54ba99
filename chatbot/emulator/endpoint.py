"""The wire: which address answers in which way."""

from collections.abc import Awaitable, Callable, Iterator, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chatbot.emulator.faults.line import FaultyLine
from chatbot.emulator.faults.switch import Switch
from chatbot.emulator.profiles import PROFILES, SCORE_PATH, Profile
from chatbot.emulator.surfaces import guards, information
from chatbot.emulator.surfaces.answer import MODEL
from chatbot.emulator.surfaces.chat import ChatRoute
from chatbot.emulator.surfaces.guards import Gate, Handler
from chatbot.emulator.surfaces.keys import Lock
from chatbot.emulator.surfaces.score import score
from chatbot.emulator.traffic import Intake, Traffic


def create_app(
    *,
    key: str | None,
    profile: str = "demo",
    deployments: Sequence[str] | None = None,
    max_pending: int | None = None,
    token_delay: float = 0.02,
) -> Starlette:
    """Return the endpoint as an ASGI application.

    Args:
        key: What clients must show; `None` lets everyone in.
        profile: The kind of endpoint, a name in `PROFILES`.
        deployments: Which there are, instead of the profile's own.
        max_pending: How many requests a dedicated endpoint takes at a time; `None` for any number.
        token_delay: Seconds between the pieces of a stream; 0 sends as fast as possible.

    Returns:
        The application. Its `state.traffic` remembers requests and counts streams, its `state.switch` holds the faults.
    """
    kind = PROFILES[profile]
    traffic, switch = Traffic(), Switch()
    names = kind.deployments if deployments is None else tuple(deployments)

    def is_full() -> bool:
        return max_pending is not None and traffic.active_requests > max_pending

    app = Starlette(
        routes=list(_routes(kind, Gate(Lock(key), names, is_full), names, traffic, token_delay)),
        middleware=[Middleware(Intake, traffic=traffic), Middleware(FaultyLine, switch=switch)],
        exception_handlers={404: _not_found(kind), 405: _wrong_method},
    )
    # The service knows an address or does not; a redirect would make clients send their key again.
    app.router.redirect_slashes = False
    app.state.traffic = traffic
    app.state.switch = switch
    return app


def _routes(
    profile: Profile, gate: Gate, deployments: Sequence[str], traffic: Traffic, token_delay: float
) -> Iterator[Route]:
    guard = profile.guard(gate)
    yield Route("/", _healthy, methods=["GET"])
    if profile.scores:
        yield Route(SCORE_PATH, guards.managed(gate)(score), methods=["POST"])
        yield Route("/swagger.json", guards.managed(gate)(information.swagger), methods=["GET"])
    for path, dialect in profile.chat.items():
        yield Route(path, guard(ChatRoute(dialect, deployments, traffic, token_delay)), methods=["POST"])
    for path in profile.info:
        yield Route(path, guard(information.info), methods=["GET"])
    names = deployments if profile.models_are_deployments else [MODEL]
    for path in profile.models:
        yield Route(path, guard(information.models(names)), methods=["GET"])
    for path in profile.completions:
        yield Route(path, guard(_no_completions(profile)), methods=["POST"])


def _no_completions(profile: Profile) -> Handler:
    path, dialect = next(iter(profile.chat.items()))

    async def refused(_request: Request) -> Response:
        return dialect.complain(f"This is a chat model: send 'messages' to {path} instead of a prompt.")

    return refused


def _not_found(profile: Profile) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def not_found(_request: Request, _error: Exception) -> Response:
        return profile.unknown()

    return not_found


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("Healthy")


async def _wrong_method(_request: Request, error: Exception) -> Response:
    headers = error.headers if isinstance(error, HTTPException) else None
    return PlainTextResponse("METHOD NOT ALLOWED", 405, headers)
