"""What a page is told beside what is drawn on it: each of it once, whatever becomes of the stream that tells it."""

from __future__ import annotations

from collections import deque
from typing import Any, Final

SEVERAL: Final = {"notices": 3, "words": 10}
"""How many of these are kept at most until the browser has them; of everything else the newest counts."""


class Outbox:
    """Keeps what was posted until the browser is known to have it: a stream that breaks loses what was under way.

    A stream says which number it got last when it takes the place of another; what has a higher one is sent again.
    """

    def __init__(self) -> None:
        self._posts: dict[str, deque[tuple[int, Any]]] = {}
        self._number = 0
        self._sent = 0

    def post(self, name: str, value: Any) -> None:
        """Have something sent."""
        self._number += 1
        self._posts.setdefault(name, deque(maxlen=SEVERAL.get(name, 1))).append((self._number, value))

    def take(self) -> dict[str, Any]:
        """Return what the open stream was not given yet, by name, and under ``posted`` the number it goes to."""
        if self._sent == self._number:
            return {}
        unsent = {
            name: values
            for name, posts in self._posts.items()
            if (values := [value for number, value in posts if number > self._sent])
        }
        self._sent = self._number
        update = {name: values if name == "notices" else values[-1] for name, values in unsent.items()}
        if "words" in unsent:
            update["words"] = "\n".join(unsent["words"])
        return update | {"posted": self._number}

    def forget(self) -> None:
        """Let go of all that was posted, be it sent or not."""
        self._posts.clear()

    def resume(self, received: int) -> None:
        """Begin with what a browser has not got that says which number it got last; 0 has got nothing."""
        # Of a page that was forgotten here its browser may know a higher one.
        self._number = max(self._number, received)
        self._sent = received
        for name, posts in self._posts.items():
            kept = [each for each in posts if each[0] > received]
            self._posts[name] = deque(kept, maxlen=posts.maxlen)
