"""Which request something is done for: the id that stands in the log, and on the page where something failed."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""Set by whoever takes requests in; a task that is begun for one has it too. Empty where something is done for none."""
