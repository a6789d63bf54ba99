"""All that this page takes from Gradio's private ground, in one place: what has moved is named when the page is built.

Public ground is preferred wherever there is any.
"""

from __future__ import annotations

import gradio as gr


class MovedError(RuntimeError):
    """This version of Gradio no longer has something that the page stands on; the message says what."""


def check(page: gr.Blocks) -> None:
    """Raise MovedError where a private part of Gradio is not what it was."""
    queue = getattr(page, "_queue", None)
    moved = [
        f"{name} ({what})"
        for name, what, is_there in (
            ("ChatInterface._setup_events", "our events", hasattr(gr.ChatInterface, "_setup_events")),
            ("Blocks.config['connect_heartbeat']", "no second connection", "connect_heartbeat" in (page.config or {})),
            ("Queue.pending_messages_per_session", "its bound", hasattr(queue, "pending_messages_per_session")),
            ("Queue.pending_event_ids_session", "its bound", hasattr(queue, "pending_event_ids_session")),
            ("Queue.event_ids_to_events", "its bound", hasattr(queue, "event_ids_to_events")),
        )
        if not is_there
    ]
    if moved:
        raise MovedError(f"Gradio {gr.__version__} has moved what this page stands on: {', '.join(moved)}.")


def open_no_heartbeat(page: gr.Blocks) -> None:
    """Let pages open one connection fewer: browsers allow six at a time, and our stream tells when a page is left."""
    page.config["connect_heartbeat"] = False


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
