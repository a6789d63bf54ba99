"""A Space: the application's source, read-only, run by a user of no rights with the variables Hugging Face sets.

What is different from the real one: the port, the folders, and that pages are asked for without Hugging Face's proxy.
"""

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from chatbot.deploy_space.files import space_files
from chatbot.deploy_space.rehearsal import copy_files, space_variables
from tests.support.app_process import ROOT
from tests.third_party.servers import HOST, free_port

OWNER, NAME = "ada", "azure-ml-chat"
SPACE_HOST = f"{OWNER}-{NAME}.hf.space"

START_SECONDS = 90
STOP_SECONDS = 30
USER = 1000

# A test cannot mount anything at /data: the application runs as it is, with that one path changed.
_VOLUME_ELSEWHERE = """
import pathlib, runpy, sys
import chatbot.settings.server
chatbot.settings.server.SPACE_VOLUME = pathlib.Path(sys.argv.pop())
sys.argv = ["app.py"]
runpy.run_path("app.py", run_name="__main__")
"""


class Space:
    """One running Space; a context manager.

    Args:
        python: Interpreter of the environment it runs in.
        folder: For its source, its home, its temporary files and its log.
        variables: On top of those Hugging Face sets.
        volume: A folder in the place of the one at ``/data``; None is a Space that has none.
    """

    def __init__(
        self, python: Path, folder: Path, *, variables: Mapping[str, str] | None = None, volume: Path | None = None
    ) -> None:
        self.source = folder / "app"
        self.host = "127.0.0.2" if sys.platform == "linux" else HOST  # whoever listens on 127.0.0.1 alone is not here
        self.port = free_port()
        self.url = f"http://{self.host}:{self.port}"
        self._log = folder / "log.txt"
        self._home = folder / "home"
        self._temporary = folder / "tmp"
        self._command = [*_unprivileged(), str(python)]
        self._command += ["-c", _VOLUME_ELSEWHERE, str(volume)] if volume else ["app.py"]
        self._variables = {
            **space_variables(f"{OWNER}/{NAME}"),
            "PATH": os.environ["PATH"],
            "HOME": str(self._home),
            "HF_HOME": str(self._home / ".cache" / "huggingface"),
            "TMPDIR": str(self._temporary),
            "CHATBOT_PORT": str(self.port),
            **(variables or {}),
        }
        self._home.mkdir(mode=0o555)
        writable(self._temporary)
        if volume:
            writable(volume)
        copy_source(self.source)

    def __enter__(self) -> Self:
        before = contents(self.source)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.source,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._before = before
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait(STOP_SECONDS)

    @property
    def log(self) -> str:
        """What it has written so far, to standard output and standard error."""
        written = self._log.read_text(encoding="utf-8", errors="replace")
        # What the garbage collector of a Python 3.12 that was forked says of the other's event loops.
        return re.sub(
            r"Exception ignored in: <function BaseEventLoop.__del__.*?ValueError: [^\n]*", "", written, flags=re.S
        )

    @property
    def written_beside_the_source(self) -> set[str]:
        """What has come, gone or changed in the folder of the source since the start."""
        return {name for name, _ in contents(self.source) ^ self._before}

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str], str]:
        """Return the status, the headers in lower case and the body of what is at ``path``."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            body = answer.read().decode()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body
        finally:
            connection.close()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                if self.get("/")[0] == http.client.OK:
                    return
            except OSError:
                pass
            if self._process.poll() is not None:
                pytest.fail(f"the Space ended with {self._process.returncode}:\n{self.log}", pytrace=False)
            if time.monotonic() > deadline:
                pytest.fail(f"the Space did not answer within {START_SECONDS} s:\n{self.log}", pytrace=False)
            time.sleep(0.1)


@contextmanager
def folder() -> Iterator[Path]:
    """Make a folder that everybody may look into, unlike pytest's; removed at the end."""
    with tempfile.TemporaryDirectory(prefix="space-") as name:
        place = Path(name)
        place.chmod(0o755)
        yield place
        for path in place.rglob("*"):
            if path.is_dir():
                path.chmod(0o755)


def copy_source(target: Path) -> None:
    """Copy what is uploaded to a Space; nobody may write there."""
    copy_files(ROOT, space_files(ROOT), target)
    for path in (target, *target.rglob("*")):
        path.chmod(0o555 if path.is_dir() else 0o444)


def contents(folder: Path) -> set[tuple[str, int]]:
    """Return the path and the time of the last change of everything in a folder."""
    return {(str(path.relative_to(folder)), path.stat().st_mtime_ns) for path in folder.rglob("*")}


def writable(folder: Path) -> None:
    """Make a folder that the user of the Space may write to."""
    folder.mkdir(exist_ok=True)
    if os.getuid() == 0:
        os.chown(folder, USER, USER)


def _unprivileged() -> list[str]:
    """Return what to put before a command so that root does not run it; it may still read what only root can."""
    if os.getuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root runs these tests, and there is no setpriv to become anybody else with")
    only = "-all,+dac_read_search"
    capabilities = [f"--{kind}={only}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", *capabilities]
