"""The events of a page, as its browser sends them, without a browser."""

from __future__ import annotations

from typing import Any

import httpx

from chatbot.ui.identity import COOKIE, PAGE_HEADER


def headers(page: str, visitor: str | None = None) -> dict[str, str]:
    """What a page's requests say of it: its id, and the visitor's cookie where they have one."""
    return {PAGE_HEADER: page} | ({"cookie": f"{COOKIE}={visitor}"} if visitor else {})


class PageEvents:
    """Sends events by their number in the page's configuration.

    Args:
        client: Who sends.
        config: What ``/config`` says.
    """

    def __init__(self, client: httpx.AsyncClient, config: dict[str, Any]) -> None:
        self._client = client
        self._ids = {each["props"].get("elem_id"): each["id"] for each in config["components"]}
        self._events = events = {
            (event, name): each["id"] for each in config["dependencies"] for event, name in each["targets"]
        }
        boxes = [each["id"] for each in config["components"] if each["type"] == "textbox"]
        box = next(each for each in boxes if (each, "stop") in events)
        self.submit, self.new = events[box, "submit"], self.number("new-chat", "click")

    def number(self, elem_id: str, event: str) -> int:
        """Return the number of a component's event."""
        return int(self._events[self._ids[elem_id], event])

    @classmethod
    async def of(cls, client: httpx.AsyncClient) -> PageEvents:
        """Read the configuration first."""
        return cls(client, (await client.get("/config")).json())

    async def send(self, function: int, data: list[Any], page: str, visitor: str | None = None) -> int:
        """Send an event and wait for its end; return the status of the reply."""
        event = {"fn_index": function, "session_hash": page, "data": data}
        reply = await self._client.post("/gradio_api/run/predict", json=event, headers=headers(page, visitor))
        return reply.status_code
