"""The owner's page of what is wrong with the configured endpoints. In English, as the command that prints the same."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from chatbot.access.owner import OwnerDoor
from chatbot.doctor.findings import Section
from chatbot.ui.branding import Branding
from chatbot.ui.owner_page import NOT_KEPT, OWNER, OwnerPage
from chatbot.ui.views.doctor import doctor_page

logger = logging.getLogger(__name__)

DOCTOR: Final = f"{OWNER}/doctor"


@dataclass(frozen=True, slots=True)
class Doctor:
    """What examines.

    Attributes:
        cost: What it costs to examine an endpoint, in words.
        examine: Yields what is found, and blocks meanwhile; ends soon once its event is set. Raises ValueError where
            what is configured cannot be read.
    """

    cost: str
    examine: Callable[[threading.Event], Iterator[Section]]


class DoctorPage(OwnerPage):
    """The page, and the one examination that may be running.

    Args:
        doctor: What examines.
        door: Who is let in.
        branding: How it looks.
        pages: The owner's, by their paths.
    """

    def __init__(self, doctor: Doctor, door: OwnerDoor, branding: Branding, pages: Mapping[str, str]) -> None:
        super().__init__(DOCTOR, pages, door, branding, {"run": self._begin})
        self._doctor = doctor
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._sections: tuple[Section, ...] = ()
        self._problem = ""

    def close(self) -> None:
        """End the examination, without waiting for it."""
        self._stop.set()

    async def _content(self, request: Request) -> Response:
        page = doctor_page(
            self._branding,
            self._above,
            self._doctor.cost,
            self._sections,
            is_running=self._is_running,
            problem=self._problem,
        )
        return HTMLResponse(page, headers=NOT_KEPT)

    def _begin(self) -> None:
        """Begin an examination, unless one is running."""
        if self._is_running or self._stop.is_set():
            return
        self._sections, self._problem = (), ""
        # A thread of its own, which nobody waits for at the end: an endpoint may be silent for a minute.
        self._thread = threading.Thread(target=self._run, name="doctor", daemon=True)
        self._thread.start()

    @property
    def _is_running(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        try:
            for section in self._doctor.examine(self._stop):
                self._sections = (*self._sections, section)
        except ValueError as error:
            self._problem = str(error)
        except Exception:
            logger.exception("An examination of the endpoints ended early")
            self._problem = "The examination ended early; the log says why."
