"""The servers that ``load.py`` compares, each started in a fresh process tree, and what such a tree costs."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from chat_clients import KEY, PATH
from load_visitors import CHAINLIT, CHAT_INTERFACE, FLOOR, OURS

HERE: Final = Path(__file__).parent
PEERS: Final = HERE / "load_peers"
ENVIRONMENTS: Final = HERE / ".environments"
START_SECONDS: Final = 90

# Settings of the person who runs this, which would change what is measured.
FOREIGN: Final = ("AZURE", "CHATBOT_", "CHAINLIT_", "GRADIO_", "LANGCHAIN_", "LANGSMITH_", "OPENAI_", "SPACE")


class NotInstalledError(Exception):
    """A peer's packages cannot be had; says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """Running processes and all that they have started."""

    url: str
    processes: Sequence[psutil.Process]

    def cpu(self) -> float:
        """Return the seconds, user and system, that they have used since they started."""
        ended: float = sum(sum(each.cpu_times()[2:4]) for each in self.processes)  # children that are no more
        return ended + sum(sum(each.cpu_times()[:2]) for each in self._tree())

    def memory(self) -> float:
        """Return their resident memory now, in MB."""
        resident: int = sum(each.memory_info().rss for each in self._tree())
        return resident / 1e6

    def _tree(self) -> list[psutil.Process]:
        return [each for root in self.processes for each in (root, *root.children(recursive=True))]


class Cores:
    """Who runs where: the server under test has a core to itself, everything else shares the others.

    Where there is one core only, or no way to say so, the system decides.
    """

    def __init__(self) -> None:
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self.are_apart = len(cores) > 1
        self._servers, self._others = set(cores[:1]), set(cores[1:])

    @contextmanager
    def of_the_server(self) -> Iterator[None]:
        """Let what is started within run on the server's core; this process is put back where it was."""
        if not self.are_apart:
            yield
            return
        os.sched_setaffinity(0, self._servers)
        try:
            yield
        finally:
            self.leave()

    def leave(self) -> None:
        """Leave the server's core, for good."""
        if self.are_apart:
            os.sched_setaffinity(0, self._others)


@contextmanager
def endpoint() -> Iterator[Server]:
    """Run the model endpoint in a process of its own."""
    process = subprocess.Popen([sys.executable, HERE / "chat_server.py"], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}", [psutil.Process(process.pid)])
    finally:
        process.terminate()
        process.wait()


@contextmanager
def server(system: str, endpoint_url: str, max_answers: int, cores: Cores) -> Iterator[Server]:
    """Run one of the systems against the endpoint.

    Args:
        system: A key of ``VISITORS``.
        endpoint_url: Where the endpoint is, without a path.
        max_answers: How many answers the application may write at once; the peers have no such limit.
        cores: Where it runs.

    Raises:
        NotInstalledError: It cannot be installed.
        RuntimeError: It does not start; the end of what it said.
    """
    port = free_port()
    settings = {"PORT": str(port), "ENDPOINT": endpoint_url + PATH, "GRADIO_ANALYTICS_ENABLED": "False"}
    if system == OURS:
        settings |= application_settings(endpoint_url, max_answers, port)
    url = f"http://127.0.0.1:{port}"
    with (
        tempfile.TemporaryDirectory() as folder,
        started(system, command(system, port), Path(folder), settings, url, cores) as process,
    ):
        yield Server(url, [process])


def application_settings(endpoint_url: str, max_answers: int, port: int) -> dict[str, str]:
    """Return what the application is told, and nothing that it need not be."""
    return {
        "AZUREML_ENDPOINT_URL": endpoint_url + PATH,
        "AZUREML_ENDPOINT_API_KEY": KEY,
        "CHATBOT_PORT": str(port),
        "CHATBOT_MAX_ANSWERS": str(max_answers),
    }


@contextmanager
def started(
    name: str, command: Sequence[str | Path], folder: Path, settings: Mapping[str, str], url: str, cores: Cores
) -> Iterator[psutil.Process]:
    """Run one process until it is no longer needed.

    Args:
        name: What to call it.
        command: What starts it.
        folder: Where it works: the store's file goes there, and what Chainlit writes down.
        settings: Variables of its environment, on top of what is nobody's settings.
        url: Where it answers once it serves.
        cores: Where it runs.

    Raises:
        RuntimeError: It does not start; the end of what it said.
    """
    with (folder / "log").open("w+b") as log:
        with cores.of_the_server():
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=_environment() | settings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            if not _answers(url, process):
                log.seek(0)
                raise RuntimeError(f"{name} does not start: {log.read()[-500:].decode(errors='replace')}")
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(30)
            process.kill()
            process.wait()


def command(system: str, port: int) -> Sequence[str | Path]:
    """Return what starts a system."""
    peers = {CHAT_INTERFACE: "chat_interface.py", FLOOR: "floor.py"}
    if system == OURS:
        return [sys.executable, HERE.parent / "app.py"]
    if system == CHAINLIT:
        options = ["--headless", "--host", "127.0.0.1", "--port", str(port)]
        return [chainlit_python(), "-m", "chainlit", "run", PEERS / "chainlit_app.py", *options]
    return [sys.executable, PEERS / peers[system]]


def chainlit_python() -> Path:
    """Return the interpreter of Chainlit's environment, made when there is none for these requirements.

    Raises:
        NotInstalledError: Pip could not install it; the end of what it said.
    """
    requirements = PEERS / "chainlit_requirements.txt"
    key = hashlib.sha256(f"{sys.version} {requirements.read_text(encoding='utf-8')}".encode()).hexdigest()[:16]
    home = ENVIRONMENTS / f"chainlit-{key}"
    python, complete = home / "bin" / "python", home / "complete"
    if not complete.exists():
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        pip: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
            requirements,
        ]
        done = subprocess.run(pip, capture_output=True, text=True, check=False)
        if done.returncode:
            raise NotInstalledError(done.stderr.strip().rpartition("\n")[2])
        complete.touch()
    return python


def chainlit_version() -> str:
    """Return the version of Chainlit that is compared."""
    code = "from importlib.metadata import version; print(version('chainlit'))"
    return subprocess.check_output([chainlit_python(), "-c", code], text=True).strip()


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(FOREIGN) and not name.lower().endswith("_proxy")
    }


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether the server serves its page before it ends or the time is up."""
    for _ in range(10 * START_SECONDS):
        if process.poll() is not None:
            return False
        try:
            with urllib.request.urlopen(url, timeout=10):
                return True
        except urllib.error.HTTPError:
            return True  # it asks for a password
        except (OSError, urllib.error.URLError):
            pass
        time.sleep(0.1)
    return False


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
