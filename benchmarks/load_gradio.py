"""A browser tab with a Gradio page in it, as far as the server can tell: Gradio's wire protocol over aiohttp.

Each event of the page makes the requests that Gradio's own front end makes (seen in Chromium's network log with
Gradio 6.31): what has a queue is joined at ``/gradio_api/queue/join`` and answered on the one open stream of
``/gradio_api/queue/data``, what has none is answered by ``/gradio_api/run/predict``; whatever follows an event is fired
when it has ended, and whatever listens to a changed value when it changes.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Final

import aiohttp
import orjson
from gradio_client.utils import apply_diff

_CONFIG: Final = re.compile(rb"window\.gradio_config = (\{.*?\});</script>", re.DOTALL)

Dependency = dict[str, Any]
"""An event listener, as it stands in the page's configuration."""

_configs: dict[bytes, dict[str, Any]] = {}
"""The page's configuration by its text: the same for all visitors, and dear to parse."""


class GradioError(Exception):
    """The server answered an event with a failure."""


def page_config(page: bytes) -> dict[str, Any]:
    """Return the configuration that stands in a page of Gradio's."""
    found = _CONFIG.search(page)
    assert found, "no Gradio page"
    return _configs.get(found[1]) or _configs.setdefault(found[1], orjson.loads(found[1]))


async def post(
    http: aiohttp.ClientSession, url: str, body: dict[str, Any], headers: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return what Gradio answers to an event.

    Raises:
        GradioError: Anything but an answer.
    """
    headers = {"Content-Type": "application/json", **(headers or {})}
    async with http.post(url, data=orjson.dumps(body), headers=headers) as response:
        if response.status != 200:
            raise GradioError(f"HTTP {response.status} from {url}")
        answer: dict[str, Any] = orjson.loads(await response.read())
        return answer


class GradioPage:
    """One open page.

    Args:
        session: The visitor's cookies and connections.
        url: Where the page is.
        on_drawn: Called with the component's id whenever the server has written to it.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, on_drawn: Callable[[int], None]) -> None:
        self._http = session
        self._url = url.rstrip("/")
        self._on_drawn = on_drawn
        self._hash = secrets.token_hex(5)
        self._values: dict[int, Any] = {}
        self._messages: dict[str, asyncio.Queue[dict[str, Any]]] = defaultdict(asyncio.Queue)
        self._stream: asyncio.Task[None] | None = None
        self._pending: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._states: set[int] = set()
        self._dependencies: list[Dependency] = []
        self.components: list[dict[str, Any]] = []
        self.errors: list[BaseException] = []
        """What failed that nobody waited for."""

    async def open(self) -> None:
        """Load the page, open its heartbeat, and wait for what it does when it is loaded."""
        async with self._http.get(self._url + "/") as response:
            config = page_config(await response.read())
        self._api = self._url + config["api_prefix"]
        self.components = config["components"]
        self._dependencies = config["dependencies"]
        self._values = {each["id"]: each["props"].get("value") for each in self.components}
        self._states = {each["id"] for each in self.components if each["type"] == "state"}
        self._spawn(self._heartbeat())
        await asyncio.gather(*(self._run(each, each["targets"][0][0]) for each in self._listening("load")))

    async def close(self) -> None:
        """Close the tab."""
        tasks = [*self._tasks, *([self._stream] if self._stream else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def value(self, component: int) -> Any:
        """Return what the component shows."""
        return self._values[component]

    def listening(self, type_: str, event: str) -> list[int]:
        """Return the components of a type that have a listener for an event."""
        targets = {target for each in self._dependencies for target, name in each["targets"] if name == event}
        return [each["id"] for each in self.components if each["type"] == type_ and each["id"] in targets]

    def set(self, component: int, value: Any) -> None:
        """Let the visitor change a component; what listens to that is asked, and nobody waits for it."""
        if self._values[component] != value:
            self._values[component] = value
            for dependency in self._listening("change", component):
                self._spawn(self._run(dependency, component, value))

    async def fire(self, component: int, event: str) -> None:
        """Fire an event; return when it and all that follows it have ended.

        Raises:
            GradioError: One of them failed.
        """
        await asyncio.gather(*(self._run(each, component) for each in self._listening(event, component)))

    def _listening(self, event: str, component: int | None = None) -> list[Dependency]:
        return [
            each
            for each in self._dependencies
            if any(name == event and component in (None, target) for target, name in each["targets"])
        ]

    async def _run(self, dependency: Dependency, trigger: int | None, event_data: Any = None) -> None:
        body = {
            "data": [None if each in self._states else self._values[each] for each in dependency["inputs"]],
            "event_data": event_data,
            "fn_index": dependency["id"],
            "trigger_id": trigger,
            "session_hash": self._hash,
        }
        if dependency["backend_fn"]:
            answers = self._predict(body) if dependency["queue"] is False else self._join(body)
            async for outputs in answers:
                self._draw(dependency["outputs"], outputs)
        following = [each for each in self._dependencies if each["trigger_after"] == dependency["id"]]
        await asyncio.gather(*(self._run(each, trigger) for each in following if not each["trigger_only_on_failure"]))

    async def _predict(self, body: dict[str, Any]) -> AsyncIterator[list[Any]]:
        yield (await post(self._http, f"{self._api}/run/predict", body))["data"]

    async def _join(self, body: dict[str, Any]) -> AsyncIterator[list[Any]]:
        """Yield the outputs each time that some have changed."""
        event: str = (await post(self._http, f"{self._api}/queue/join?", body))["event_id"]
        self._pending.add(event)
        self._ensure_stream()
        outputs: list[Any] = []
        try:
            while True:
                message = await self._messages[event].get()
                kind = message["msg"]
                if kind not in ("process_generating", "process_completed"):
                    continue
                if not message["success"]:
                    raise GradioError(str(message["output"]))
                data = message["output"]["data"]
                if kind == "process_completed":
                    yield data
                    return
                # The first is whole, what follows are the differences.
                outputs = [_changed(*pair) for pair in zip(outputs, data, strict=True)] if outputs else data
                yield outputs
        finally:
            self._pending.discard(event)
            self._messages.pop(event, None)

    def _draw(self, components: list[int], outputs: list[Any]) -> None:
        for component, output in zip(components, outputs, strict=False):
            is_update = isinstance(output, dict) and output.get("__type__") == "update"
            if not is_update or "value" in output:
                self.set(component, output["value"] if is_update else output)
            self._on_drawn(component)

    def _ensure_stream(self) -> None:
        if self._stream is None:
            self._stream = asyncio.create_task(self._read_stream())

    async def _read_stream(self) -> None:
        try:
            async for message in self._received():
                event = message["event_id"]
                if message["msg"] == "process_completed":
                    self._pending.discard(event)
                self._messages[event].put_nowait(message)
        except (GradioError, aiohttp.ClientError) as error:
            for event in self._pending:
                self._messages[event].put_nowait({"msg": "process_completed", "success": False, "output": error})
            return
        finally:
            self._stream = None
        if self._pending:
            # One has joined while the server was closing the stream.
            self._ensure_stream()

    async def _received(self) -> AsyncIterator[dict[str, Any]]:
        """Yield what comes on the stream that the session's events share, until the server closes it."""
        async with self._http.get(f"{self._api}/queue/data?session_hash={self._hash}") as response:
            async for line in response.content:
                if not line.startswith(b"data: "):
                    continue
                message = orjson.loads(line[6:])
                if message["msg"] == "close_stream":
                    return
                if message["msg"] == "unexpected_error":
                    raise GradioError(message["message"])
                yield message

    async def _heartbeat(self) -> None:
        async with self._http.get(f"{self._api}/heartbeat/{self._hash}") as response:
            async for _ in response.content:
                pass

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self.errors.append(error)


def _changed(output: Any, difference: list[Any]) -> Any:
    return apply_diff(output, difference) if difference else output
