"""The floor: a Starlette route that passes each token on as a server-sent event, and nothing else."""

import os
from collections.abc import AsyncIterator

import uvicorn
from endpoint import tokens
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route


async def home(request: Request) -> PlainTextResponse:
    return PlainTextResponse("Ask at /ask.")


async def ask(request: Request) -> StreamingResponse:
    question = (await request.body()).decode()

    async def events() -> AsyncIterator[str]:
        async for token in tokens(question):
            yield f"data: {token}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


app = Starlette(routes=[Route("/", home), Route("/ask", ask, methods=["POST"])])
uvicorn.run(app, host="127.0.0.1", port=int(os.environ["PORT"]), log_level="error")
