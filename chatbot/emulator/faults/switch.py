"""Which faults are on: those of the next requests, in the order in which they were asked for."""

import threading
from collections import deque

from chatbot.emulator.faults.fault import Fault

Faults = tuple[Fault, ...]


class Switch:
    """A queue of faults. Turned from any thread, asked by the event loop."""

    def __init__(self) -> None:
        self._queue: deque[tuple[Faults, int | None]] = deque()
        self._lock = threading.Lock()

    def turn_on(self, faults: Faults, times: int | None) -> None:
        """Let so many requests fail, after those that are to fail already; without a number all that follow."""
        with self._lock:
            self._queue.append((faults, times))

    def turn_off(self) -> None:
        """Let the next requests succeed."""
        with self._lock:
            self._queue.clear()

    def take(self) -> Faults:
        """Return the faults of the request that has come."""
        with self._lock:
            if not self._queue:
                return ()
            faults, times = self._queue[0]
            if times is not None:
                self._queue.popleft()
                if times > 1:
                    self._queue.appendleft((faults, times - 1))
            return faults
