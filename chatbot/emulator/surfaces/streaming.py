"""Events leave one by one at the speed of a model that writes, and stop at once when nobody reads."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping

from starlette.responses import StreamingResponse
from starlette.types import Send

from chatbot.emulator.traffic import Traffic

_BREATH = 3


def pause_after(piece: str, token_delay: float) -> float:
    """Return how long to wait behind a piece, in seconds: a little longer where a sentence or a line ends."""
    ends = piece.endswith((".", "!", "?", ":", "…")) or "\n" in piece
    return token_delay * _BREATH if ends else token_delay


class PacedStream(StreamingResponse):
    """A server-sent event stream that counts itself while it is open.

    Starlette cancels `stream_response` when the client goes away, also in the middle of a pause.
    """

    def __init__(
        self, events: Iterable[tuple[bytes, float]], traffic: Traffic, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(_paced(events), headers=headers, media_type="text/event-stream")
        self._traffic = traffic

    async def stream_response(self, send: Send) -> None:
        """Send the events; leave at once when cancelled."""
        with self._traffic.open_stream():
            await super().stream_response(send)


async def _paced(events: Iterable[tuple[bytes, float]]) -> AsyncIterator[bytes]:
    # Between events only: a client that leaves after the last one has read the whole stream.
    pause = 0.0
    for event, pause_behind in events:
        # Also without a pause: other requests and a disconnect get their turn.
        await asyncio.sleep(pause)
        yield event
        pause = pause_behind
