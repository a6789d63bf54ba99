"""Other people's servers as child processes, each from a virtual environment of its own, on a free loopback port."""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

HOST = "127.0.0.1"
START_SECONDS = 120
STOP_SECONDS = 10
TAIL = 4000

_INHERITED = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")
_NOWHERE = f"http://{HOST}:9"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        url: Where it takes chat requests, route included.
        key: What it accepts as the key.
        model: The model's name in the request body; empty where the server has only one.
    """

    url: str
    key: str
    model: str


def free_port() -> int:
    """Return a loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


@contextmanager
def running(
    python: Path, arguments: Sequence[str], *, port: int, health: str, work: Path, variables: Mapping[str, str]
) -> Iterator[None]:
    """Run ``python arguments`` in the directory ``work`` from its first answer on ``health`` to the end of the block.

    It gets no setting of ours but ``variables``, the directory as its home, and proxies that lead nowhere, for
    whatever it might want to tell anyone.
    """
    log = work / "server.log"
    environ = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    environ |= {"HOME": str(work), "HTTP_PROXY": _NOWHERE, "HTTPS_PROXY": _NOWHERE, **variables}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [python, "-I", "-u", "-X", "utf8", *arguments],
            cwd=work,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, port, health, log)
        yield
    finally:
        _stop(process)


def _wait(process: subprocess.Popen[bytes], port: int, health: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(port, health):
        if process.poll() is not None:
            problem = f"ended with {process.returncode} before it answered"
        elif time.monotonic() > deadline:
            problem = f"did not answer on port {port} within {START_SECONDS} seconds"
        else:
            time.sleep(0.1)
            continue
        tail = log.read_text(encoding="utf-8", errors="replace")[-TAIL:]
        pytest.fail(f"the server {problem}; {log} ends with:\n{tail}", pytrace=False)


def _answers(port: int, health: str) -> bool:
    # http.client knows no proxies: whatever HTTP_PROXY says, this goes to the loopback.
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", health)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _stop(process: subprocess.Popen[bytes]) -> None:
    # macOS answers PermissionError where the group has ended but nobody has asked for it yet.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
