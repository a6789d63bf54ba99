"""The Dockerfile, read; and a rehearsal of the image where there is no Docker."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.request import urlopen

import pytest
from dockerfile_parse import DockerfileParser

from tests.support.app_process import ROOT

DOCKERFILE: Final = ROOT / "deploy" / "Dockerfile"

SYSTEM: Final = ("/bin", "/etc", "/lib", "/lib64", "/usr", "/dev", "/proc")
"""What a base image has: here it is this machine's, and cannot be written to."""

# Becomes what it starts, so that a signal to it is one to the application. "$1" is the image's root, "$2" its user.
ENTER: Final = """
set -e
root=$1 user=$2
shift 2
mount --bind "$root" "$root"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
for path in {paths}; do mkdir -p "$root$path"; mount --rbind "$path" "$root$path"; done
mount --bind "$root/data" "$root/data"
for path in "$root" {read_only}; do mount -o remount,bind,ro "$path"; done
cd "$root"
exec chroot --userspec="$user" "$root" "$@"
"""


@dataclass(slots=True)
class Stage:
    """One stage of a Dockerfile.

    Attributes:
        base: The image it begins with.
        steps: Its instructions and what follows them, in their order.
    """

    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """Return what follows an instruction, each time it is there."""
        return [value for name, value in self.steps if name == instruction]

    def one(self, instruction: str) -> str:
        """Return what follows an instruction that is there once."""
        [value] = self.all(instruction)
        return value

    @property
    def environment(self) -> dict[str, str]:
        """What it sets with ENV."""
        return dict(word.split("=", 1) for value in self.all("ENV") for word in shlex.split(value))

    @property
    def health_check(self) -> list[str]:
        """The command that asks whether the application lives."""
        return list(json.loads(self.one("HEALTHCHECK").split("CMD", 1)[1]))


def stages() -> list[Stage]:
    """Read the Dockerfile."""
    with DOCKERFILE.open("rb") as file:
        structure = DockerfileParser(fileobj=file).structure
    found: list[Stage] = []
    for each in structure:
        if each["instruction"] == "FROM":
            found.append(Stage(each["value"].split()[0]))
        elif each["instruction"] != "COMMENT":
            found[-1].steps.append((each["instruction"], each["value"]))
    return found


class Rehearsal:
    """The last stage carried out step by step in a folder, and its command run there; a context manager.

    What is not the image's: the base (this machine's programs and libraries), the packages (this interpreter's, at
    ``/venv``), and the network, which it shares with this machine.

    Args:
        folder: For the image's root and the log.
        port: Where the application is to listen.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.stage = stages()[-1]
        self.root = folder / "root"
        self.url = f"http://127.0.0.1:{port}/"
        self._log = folder / "log.txt"
        self._port = {"CHATBOT_PORT": str(port)}
        (self.root / "tmp").mkdir(parents=True)
        (self.root / "venv").symlink_to(sys.prefix)
        self._work = Path("/")
        for instruction, value in self.stage.steps:
            if instruction == "WORKDIR":
                self._work = Path(value)
                self._inside(self._work).mkdir(parents=True)
            elif instruction == "COPY" and not value.startswith("--from=packages /venv "):
                self._copy(value)
            elif instruction == "RUN":
                self._run(value)

    def __enter__(self) -> Self:
        interpreters = {sys.prefix, sys.base_prefix}
        bound = [*SYSTEM, *sorted(path for path in interpreters if not path.startswith("/usr"))]
        script = ENTER.format(
            paths=shlex.join(bound),
            read_only=" ".join(f'"$root"{shlex.quote(path)}' for path in bound if path != "/proc"),
        )
        inside = ["env", "-i", *(f"{name}={value}" for name, value in self.environment.items())]
        inside += ["sh", "-c", f'cd {self._work} && exec "$@"', "sh", *json.loads(self.stage.one("CMD"))]
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, str(self.root), self.stage.one("USER"), *inside],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        while not self._answers():
            if self._process.poll() is not None:
                pytest.fail(f"the image ended with {self._process.returncode}:\n{self.log}", pytrace=False)
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def environment(self) -> dict[str, str]:
        """What the application finds in its environment: what the image sets, but for the port."""
        path = {"PATH": f"/venv/bin:{os.defpath}"}
        return {**self.stage.environment, **path, **self._port}

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def owners(self) -> tuple[int, int]:
        """The user and the group it runs as."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        return int(told["Uid"].split()[0]), int(told["Gid"].split()[0])

    @property
    def writable(self) -> set[str]:
        """The places in its root that are not mounted read-only."""
        lines = Path(f"/proc/{self._process.pid}/mountinfo").read_text(encoding="utf-8").splitlines()
        mounts = {line.split()[4]: line.split()[5].split(",") for line in lines}
        devices = ("/dev", "/proc", "/sys")
        return {path for path, options in mounts.items() if "rw" in options and not path.startswith(devices)}

    def is_healthy(self) -> bool:
        """Ask as the image's health check does."""
        command = [sys.executable, *self.stage.health_check[1:]]
        return subprocess.run(command, env=self._port, check=False, capture_output=True).returncode == 0

    def stop(self) -> int:
        """End it as ``docker stop`` does; return its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        return self._process.wait(60)

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}healthz", timeout=5):
                return True
        except OSError:
            return False

    def _inside(self, path: Path) -> Path:
        return self.root / path.relative_to("/")

    def _copy(self, value: str) -> None:
        *sources, target = value.split()
        place = self._inside(self._work / target)
        for each in sources:
            source = ROOT / each
            if source.is_dir():
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, place)

    def _run(self, value: str) -> None:
        """Run a step with its paths moved into the root, as who may do what the builder may."""
        moved = " ".join(str(self._inside(Path(word))) if word.startswith("/") else word for word in value.split())
        environment = {"PATH": f"{self.root}/venv/bin:{os.environ['PATH']}"}
        subprocess.run(["sh", "-ec", moved], cwd=self._inside(self._work), env=environment, check=True)
