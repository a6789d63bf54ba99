"""The application as a user starts it: ``python app.py`` in a process and a folder of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.fork_server import ROOT, ForkedApp

__all__ = ["ROOT", "AppProcess", "refused", "several"]


def refused(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Start the application where it cannot, with these settings and no other; return how that ended."""
    log = folder / "refused.log"
    log.unlink(missing_ok=True)
    process = ForkedApp(folder, {"PATH": "", **settings}, log)
    with process.stdout as stdout:
        try:
            code = process.wait(60)
        except TimeoutError:
            process.send_signal(signal.SIGKILL)
            raise
        return subprocess.CompletedProcess("app.py", code, stdout.read(), log.read_text(encoding="utf-8"))


def _started(folder: Path, environment: dict[str, str], log: Path) -> subprocess.Popen[str]:
    """The application in an interpreter of its own, which runs a ``sitecustomize.py`` of its folder."""
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, str(ROOT / "app.py")],
            cwd=folder,
            env={**environment, "PYTHONPATH": f"{folder}:{ROOT}", "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=file,
            encoding="utf-8",
        )


class AppProcess:
    """One running ``python app.py``; a context manager that ends it as a container would.

    Args:
        folder: Working directory: the store's file goes there.
        settings: Environment variables on top of this process's own.
        forked: Whether it is forked from a process that has imported the libraries, rather than started as a user
            would, which takes four seconds longer.
    """

    def __init__(self, folder: Path, settings: dict[str, str] | None = None, *, forked: bool = True) -> None:
        self.folder = folder
        self._settings = {"CHATBOT_PORT": "0", "CHATBOT_DEMO_TOKEN_DELAY": "0", **(settings or {})}
        self._forked = forked
        self.url = ""
        self.announcement = ""

    def __enter__(self) -> AppProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        environment = {**os.environ, **self._settings}
        log = self.folder / "app.log"
        self._process = (ForkedApp if self._forked else _started)(self.folder, environment, log)
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

    def ended(self) -> int:
        """Wait for its end, of which it was told by :meth:`signal`; return its exit code."""
        return self._wait()

    def kill(self) -> None:
        """End it with SIGKILL: it gets no chance to do anything."""
        self._end(signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send it a signal and go on: ``SIGSTOP`` lets it hang, ``SIGCONT`` lets it go on."""
        self._process.send_signal(number)

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What it has written to standard error."""
        return (self.folder / "app.log").read_text(encoding="utf-8")

    def _end(self, number: int) -> int:
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self._wait()

    def _wait(self) -> int:
        code = self._process.wait(60)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code


@contextmanager
def several(folder: Path, **common: str) -> Iterator[Callable[..., AppProcess]]:
    """Yield a function that starts the application with some settings, on top of common ones; all end afterwards."""
    running: list[AppProcess] = []

    def start(**settings: str) -> AppProcess:
        process = AppProcess(folder, {**common, **settings})
        process.start()
        running.append(process)
        return process

    yield start
    for process in running:
        process.stop()
