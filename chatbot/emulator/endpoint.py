"""The wire: which address answers in which way."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from chatbot.emulator.dedicated import Dedicated
from chatbot.emulator.keys import Lock
from chatbot.emulator.serverless import Serverless
from chatbot.emulator.traffic import Intake, Traffic

CHAT_PATH = "/v1/chat/completions"
SCORE_PATH = "/score"


def create_app(*, key: str | None, token_delay: float = 0.02) -> Starlette:
    """Return the endpoint as an ASGI application.

    Args:
        key: What clients must show; `None` lets everyone in.
        token_delay: Seconds between the pieces of a stream; 0 sends as fast as possible.

    Returns:
        The application. Its `state.traffic` remembers requests and counts streams.
    """
    traffic = Traffic()
    lock = Lock(key)
    app = Starlette(
        routes=_routes(Dedicated(lock), Serverless(lock, traffic, token_delay)),
        middleware=[Middleware(Intake, traffic=traffic)],
        exception_handlers={404: _not_found, 405: _wrong_method},
    )
    # The service knows an address or does not; a redirect would make clients send their key again.
    app.router.redirect_slashes = False
    app.state.traffic = traffic
    return app


def _routes(dedicated: Dedicated, serverless: Serverless) -> Sequence[Route]:
    return [
        Route("/", _healthy, methods=["GET"]),
        Route(SCORE_PATH, dedicated.score, methods=["POST"]),
        Route(CHAT_PATH, serverless.chat_completions, methods=["POST"]),
    ]


async def _healthy(_request: Request) -> Response:
    return PlainTextResponse("Healthy")


async def _not_found(_request: Request, _error: Exception) -> Response:
    headers = {"ms-azureml-model-error-reason": "model_error", "ms-azureml-model-error-statuscode": "404"}
    return PlainTextResponse("NOT FOUND", 404, headers)


async def _wrong_method(_request: Request, error: Exception) -> Response:
    headers = error.headers if isinstance(error, HTTPException) else None
    return PlainTextResponse("METHOD NOT ALLOWED", 405, headers)
