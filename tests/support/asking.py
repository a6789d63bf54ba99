"""LangChain's four ways to ask a chat model, as one, and a default answer for each of its routes."""

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk

from chatbot.azureml import AzureMLChatOnlineEndpoint, AzureMLError
from tests.support.wire import DONE, PATIENCE, Reply, Request, WireServer, event, json_reply, stream_reply

KEY = "a-key-that-nobody-may-see-0123456789"
CHAT, SCORE = "/v1/chat/completions", "/score"
WAYS = ("invoke", "stream", "ainvoke", "astream")
STREAMS = ("stream", "astream")
FINISH = event(finish_reason="stop")

every_way = pytest.mark.parametrize("way", WAYS)
every_stream = pytest.mark.parametrize("way", STREAMS)
every_route = pytest.mark.parametrize("path", [CHAT, SCORE])


def model_of(server: WireServer, path: str = CHAT, **arguments: Any) -> AzureMLChatOnlineEndpoint:
    return AzureMLChatOnlineEndpoint(**{"endpoint_url": server.url + path, "endpoint_api_key": KEY, **arguments})


async def chunks_of(
    way: str, asked: AzureMLChatOnlineEndpoint, prompt: Any = "Q", **arguments: Any
) -> AsyncIterator[AIMessageChunk]:
    """Yield the answer's chunks one by one; an answer that comes whole is its only chunk."""
    if way == "invoke":
        yield asked.invoke(prompt, **arguments)
    elif way == "ainvoke":
        yield await asked.ainvoke(prompt, **arguments)
    elif way == "stream":
        for chunk in asked.stream(prompt, **arguments):
            yield chunk
    else:
        async for chunk in asked.astream(prompt, **arguments):
            yield chunk


async def ask(way: str, asked: AzureMLChatOnlineEndpoint, prompt: Any = "Q", **arguments: Any) -> AIMessage:
    """Return the whole answer."""
    whole: Any = None
    async for chunk in chunks_of(way, asked, prompt, **arguments):
        whole = chunk if whole is None else whole + chunk
    return whole


async def listen(
    way: str, asked: AzureMLChatOnlineEndpoint, heard: list[str], then: Callable[[], Any] = lambda: None
) -> None:
    """Add the text of every chunk to ``heard`` as it comes, and do something after each."""
    async for chunk in chunks_of(way, asked):
        heard.append(chunk.content)
        if inspect.isawaitable(done := then()):
            await done


async def failure(
    way: str, asked: AzureMLChatOnlineEndpoint, cls: type[AzureMLError] = AzureMLError, **arguments: Any
) -> AzureMLError:
    """Return the error that asking ends with: exactly of that class, or of any."""
    with pytest.raises(cls) as caught:
        await ask(way, asked, **arguments)
    assert cls in (AzureMLError, type(caught.value))
    return caught.value


def answer(text: str = "an answer") -> Callable[[Request], Reply]:
    """Return a default reply for both routes and all ways to ask."""

    def reply(request: Request) -> Reply:
        if request.path.startswith(SCORE):
            return json_reply({"output": text})
        if request.json.get("stream"):
            return stream_reply(event(text), FINISH, DONE)
        return json_reply({"choices": [{"message": {"content": text}, "finish_reason": "stop"}], "model": "m"})

    return reply


async def happens(what: threading.Event) -> bool:
    """Wait for an event of another thread without holding up the loop."""
    return await asyncio.to_thread(what.wait, PATIENCE)
