"""What a browser holds of a page, so that only what differs is sent to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

MOST_OPEN: Final = 4
"""How many messages may go on at once: where more than these changed, they are others."""


class BrowserState:
    """The components and messages of one page, as its browser shows them: at first that is not known.

    Of what was sent only digests are kept, and the few messages that may go on: the last one, and those that did.
    """

    def __init__(self) -> None:
        self._properties: dict[tuple[str, str], int] = {}
        self._messages: list[int] = []
        self._is_known = False
        self._open: Mapping[int, Mapping[str, Any]] = {}

    def forget_value(self, name: str) -> None:
        """Take note that a visitor changed a value, of a component or another: whatever it is to be is sent again."""
        self._properties.pop((name, "value"), None)

    def value(self, name: str, value: Any) -> dict[str, Any]:
        """Return what tells the browser a value that is no component's; nothing where it knows it."""
        return {each: told["value"] for each, told in self.components({name: {"value": value}}).items()}

    def components(self, properties: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """Return those properties of components that the browser does not hold yet; it does from now on."""
        changed: dict[str, dict[str, Any]] = {}
        for name, given in properties.items():
            for each, value in given.items():
                digest = _digest(value)
                if self._properties.get((name, each)) != digest:
                    self._properties[name, each] = digest
                    changed.setdefault(name, {})[each] = value
        return changed

    def messages(self, messages: Sequence[Mapping[str, Any]], above: int = 0) -> dict[str, Any]:
        """Return what makes the browser show these messages below its first ``above`` ones; it does from now on.

        Returns:
            ``{"texts": [[at, dropped, added], …]}`` where only the texts of messages go on: each without its last
            ``dropped`` UTF-16 units, and with what is added. Otherwise ``{"tail": [kept, messages]}``: below the first
            ``kept`` messages stand these. Nothing where all is as it was.
        """
        digests = [_digest(each) for each in messages]
        held = self._messages[above:]
        if held == digests and self._is_known:
            return {}
        # Of a browser that comes back, with messages that are gone, no others may be left to be shown.
        self._is_known = True
        changed = [at for at, (old, new) in enumerate(zip(held, digests, strict=False)) if old != new]
        kept = changed[0] if changed else min(len(held), len(digests))
        self._messages[above:] = digests
        before = self._open
        last = above + len(messages) - 1
        few = len(changed) < MOST_OPEN
        self._open = {at: messages[at - above] for at in before if few and above <= at <= last}
        self._open |= {above + at: messages[at] for at in changed if few or above + at == last}
        if messages:
            self._open[last] = messages[-1]
        if changed and len(held) == len(digests) and changed[0] + above in before:
            pairs = [(above + at, before.get(above + at), messages[at]) for at in changed]
            if all(old is not None and _same_but_text(old, new) for _, old, new in pairs):
                return {"texts": [[at, *_edit(_text(old), _text(new))] for at, old, new in pairs if old is not None]}
        return {"tail": [above + kept, list(messages[kept:])]}


def _same_but_text(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return {**one, "content": None} == {**other, "content": None}


def _text(message: Mapping[str, Any]) -> str:
    return str(message["content"][0]["text"])


def _edit(old: str, new: str) -> list[Any]:
    """What to drop from the end of ``old``, and what to add to it then."""
    low, high = 0, min(len(old), len(new))
    if not new.startswith(old):
        # The longest common beginning, by halves: a growing text changes near its end.
        while low < high:
            middle = (low + high + 1) // 2
            if new.startswith(old[:middle]):
                low = middle
            else:
                high = middle - 1
    kept = high
    return [len(old[kept:].encode("utf-16-le", "surrogatepass")) // 2, new[kept:]]


def _digest(value: Any) -> int:
    return hash(orjson.dumps(value))
