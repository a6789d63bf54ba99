"""Starts the application without importing Gradio once more: a process that has, forks.

What serves no page is imported once and shared; the page's modules are imported anew by every application, for they
make secrets and set the environment, as those of ``python app.py`` do.
"""

from __future__ import annotations

import importlib
import io
import multiprocessing
import os
import runpy
import signal
import sys
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, TextIO

ROOT: Final = Path(__file__).parents[2]
PRELOADED: Final = "tests.support.preloaded"


class ForkedApp:
    """``python app.py`` as a child of the fork server, with what is used here of :class:`subprocess.Popen`.

    Args:
        folder: Working directory.
        environment: All that it finds in its environment.
        log: Where its standard error goes.

    Attributes:
        stdout: What it prints.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], log: Path) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([PRELOADED])
        reader, writer = context.Pipe(duplex=False)
        self._process = context.Process(target=_run, args=(folder, dict(environment), log, writer), daemon=True)
        self._process.start()
        writer.close()
        self.stdout: TextIO = os.fdopen(os.dup(reader.fileno()), encoding="utf-8")
        reader.close()

    @property
    def pid(self) -> int:
        """The number of the process."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Return its exit code, or None while it runs."""
        return self._process.exitcode

    def wait(self, seconds: float) -> int:
        """Wait for its end; return its exit code.

        Raises:
            TimeoutError: It has not ended.
        """
        self._process.join(seconds)
        if (code := self._process.exitcode) is None:
            raise TimeoutError(f"process {self.pid} still runs after {seconds} seconds")
        return code

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)


def _run(folder: Path, environment: dict[str, str], log: Path, writer: Connection) -> None:
    threading.Thread(target=_end_with_the_tests, daemon=True).start()
    os.dup2(writer.fileno(), 1)
    writer.close()
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    sys.stdout = io.TextIOWrapper(io.FileIO(1, "wb", closefd=False), encoding="utf-8", write_through=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    path = str(ROOT / "app.py")
    sys.argv = [path]
    # An interpreter reads this variable when it starts, and this one has.
    sys.path[0:0] = [str(ROOT), *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    importlib.invalidate_caches()
    runpy.run_path(path, run_name="__main__")


def _end_with_the_tests() -> None:
    """Nobody else ends what tests have started that were killed."""
    tests = multiprocessing.parent_process()
    assert tests is not None
    tests.join()
    os.kill(os.getpid(), signal.SIGKILL)
