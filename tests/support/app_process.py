"""The application as a user starts it: ``python app.py`` in a process and a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


class AppProcess:
    """One running ``python app.py``; a context manager that ends it as a container would.

    Args:
        folder: Working directory: the store's file goes there.
        settings: Environment variables on top of this process's own.
    """

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self._settings = {"CHATBOT_PORT": "0", "CHATBOT_DEMO_TOKEN_DELAY": "0", **(settings or {})}
        self.url = ""
        self.announcement = ""

    def __enter__(self) -> AppProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        self._log = (self.folder / "app.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "app.py")],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **self._settings},
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        self.announcement = self._process.stdout.readline()
        found = re.search(r"http://\S+", self.announcement)
        if found is None:
            self.stop()
            raise RuntimeError(f"the application did not start: {self.announcement!r}\n{self.log}")
        self.url = found.group()

    def stop(self) -> int:
        """End it with SIGTERM; return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL: it gets no chance to do anything."""
        self._end(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send it a signal and go on: ``SIGSTOP`` lets it hang, ``SIGCONT`` lets it go on."""
        self._process.send_signal(number)

    @property
    def log(self) -> str:
        """What it has written to standard error."""
        return (self.folder / "app.log").read_text(encoding="utf-8")

    def _end(self, number: int) -> int:
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()
        return code
