"""All that this page takes from Gradio's private ground, in one place: what has moved is named when the page is built.

Public ground is preferred wherever there is any.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

import gradio as gr
from gradio import blocks

if TYPE_CHECKING:
    from gradio.routes import App

_PACE: Final = ("sleep_when_free", "progress_update_sleep_when_free")
_QUEUE: Final = ("pending_messages_per_session", "pending_event_ids_session", "event_ids_to_events")


QUEUE_SECONDS: Final = 0.05
"""How long a message of an API client may wait to be noticed."""

PROGRESS_SECONDS: Final = 1.0
"""How long a function's progress may wait to be told: those of this page tell none."""


NO_CLOCK: Final = r"""<script>
(() => {
  const draw = window.requestAnimationFrame.bind(window);
  const clock = /^\(\)=>\{.{1,20}performance\.now\(\)-.{1,20}\/1e3.{1,20}\}$/;
  const isClock = (callback) => callback.length === 0 && clock.test(callback);
  window.requestAnimationFrame = (callback) => (isClock(callback) ? 0 : draw(callback));
})();
</script>"""
"""Stops Gradio's clocks, which tell how long something has been loading: none is shown here, and that of the page
itself goes on, sixty times a second, as long as the page is open."""


class MovedError(RuntimeError):
    """This version of Gradio no longer has something that the page stands on; the message says what."""


def check(page: gr.Blocks) -> None:
    """Raise MovedError where a private part of Gradio is not what it was.

    Args:
        page: As it was mounted.
    """
    config = getattr(page, "config", None) or {}
    queue = getattr(page, "_queue", None)
    functions = getattr(page, "fns", None) or {}
    parts = {
        "ChatInterface._setup_events (our events)": hasattr(gr.ChatInterface, "_setup_events"),
        "Blocks._is_running_in_reload_thread (ZeroGPU)": hasattr(gr.Blocks, "_is_running_in_reload_thread"),
        "blocks.App.create_app (made once)": hasattr(getattr(blocks, "App", None), "create_app"),
        "Blocks.app (what the queue answers with)": hasattr(page, "app"),
        "Blocks.fns (which function the API calls)": bool(functions)
        and all(hasattr(each, "api_name") for each in functions.values()),
        "Blocks.config['connect_heartbeat'] (no second connection)": "connect_heartbeat" in config,
        **{f"Blocks._queue.{name} (its pace)": isinstance(getattr(queue, name, None), float) for name in _PACE},
        **{f"Blocks._queue.{name} (its bound)": isinstance(getattr(queue, name, None), dict) for name in _QUEUE},
    }
    if moved := [part for part, is_there in parts.items() if not is_there]:
        raise MovedError(f"Gradio {gr.__version__} has moved what this page stands on: {', '.join(moved)}.")


@contextmanager
def built_without_apps() -> Iterator[None]:
    """Have Gradio make no application for a page that is being built: it makes five, and the one that is mounted."""
    names = vars(blocks)
    real = names.get("App")  # where it has gone, check() says so
    names["App"] = SimpleNamespace(create_app=lambda *_, **__: None)
    try:
        yield
    finally:
        names["App"] = real


def answer_with(page: gr.Blocks, app: App) -> None:
    """Let Gradio's queue answer with the application that is mounted, as after Gradio's own launch."""
    page.app = app


class NeverServed(gr.Blocks):
    """A page whose launch ends before it serves anything, as Gradio's own reloading of files has it."""

    @property
    def _is_running_in_reload_thread(self) -> bool:
        return True


def open_no_heartbeat(page: gr.Blocks) -> None:
    """Let pages open one connection fewer: browsers allow six at a time, and our stream tells when a page is left."""
    page.config["connect_heartbeat"] = False


def let_queue_rest(page: gr.Blocks) -> None:
    """Have Gradio's queue look for events of API clients and for progress less often than it does, for nothing."""
    page._queue.sleep_when_free = QUEUE_SECONDS
    page._queue.progress_update_sleep_when_free = PROGRESS_SECONDS


def api_function(page: gr.Blocks) -> int:
    """Return the number under which clients of the API call the chat."""
    return next(number for number, function in page.fns.items() if function.api_name == "chat")


def make_room_in_queue(page: gr.Blocks, most: int) -> bool:
    """Say whether one more session of an API client fits; those that have ended and were never read make room.

    Left to itself, Gradio forgets the oldest beyond 2,000, and where that one still waits, its queue ends for good.
    """
    queue = page._queue
    sessions = queue.pending_messages_per_session
    if len(sessions) < most:
        return True
    for session in list(sessions):
        events = queue.pending_event_ids_session.get(session, set())
        if not any(event in queue.event_ids_to_events for event in events):
            del sessions[session]
            queue.pending_event_ids_session.pop(session, None)
    return len(sessions) < most
