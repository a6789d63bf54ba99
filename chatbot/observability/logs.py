"""What goes to the log: lines for people or for machines, each with the request it is about."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final, Literal

from chatbot.conversation import REQUEST_ID

OURS: Final = "chatbot"
"""Only this application's loggers say more where more is wanted: a database driver's would say what people said."""


def configure_logs(form: Literal["text", "json"], level: str) -> None:
    """Send everything that is logged to standard error.

    Args:
        form: Lines for people, or one JSON object a line.
        level: The least that this application's own loggers tell, such as ``info``; others' tell warnings.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(OURS).setLevel(level.upper())


class TextFormatter(logging.Formatter):
    """The message, and behind it what is known beside it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Return the line; a traceback comes below it."""
        known = _data(record) | ({"request": request} if (request := REQUEST_ID.get()) else {})
        told = ", ".join(f"{name}={value}" for name, value in known.items())
        return f"{record.message} [{told}]" if told else record.message


class JsonFormatter(logging.Formatter):
    """One JSON object a line.

    It has ``time``, ``level``, ``logger`` and ``message``, and where there are any ``request_id``, ``data`` (what is
    known beside the message, by name) and ``exception`` (the traceback).
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := REQUEST_ID.get():
            entry["request_id"] = request
        if data := _data(record):
            entry["data"] = data
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


def _data(record: logging.LogRecord) -> dict[str, Any]:
    return dict(getattr(record, "data", {}))
