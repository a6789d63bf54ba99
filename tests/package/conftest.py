"""The distributions as they are built, and environments in which the wheel is installed."""

import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.space.conftest import newer_python, space_python
from tests.support.app_process import ROOT
from tests.support.installing import environment, pip

__all__ = ["newer_python", "space_python"]

PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment that has the wheel.

    Attributes:
        python: Its interpreter.
        folder: An empty folder to work in, far from the project's own.
    """

    python: Path
    folder: Path

    def run(self, *arguments: str, program: str | None = None, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run its Python, or another program of its own, with nothing of this process's environment."""
        command = [self.python if program is None else self.command(program), *arguments]
        return subprocess.run(
            command, cwd=self.folder, env={"PATH": ""}, input=given, capture_output=True, text=True, check=False
        )

    def command(self, program: str) -> Path:
        """Return the path of one of its programs."""
        return self.python.with_name(program)

    def check(self) -> str:
        """Return what pip says of whether everything has what it needs."""
        return pip(self.python, "check").stdout


def build(source: Path, target: Path) -> None:
    """Build the sdist and the wheel of a folder as ``pip install`` and ``python -m build`` do, with hatchling."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(target)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("dist")
    build(ROOT, target)
    [path] = target.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def sdist(wheel: Path) -> Path:
    [path] = wheel.parent.glob("*.tar.gz")
    return path


@pytest.fixture(scope="session")
def wheel_of_the_sdist(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(sdist) as archive:
        # Not known before 3.11.4, and Debian 12 has 3.11.2; Python 3.14 does it by itself.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(folder)
    [source] = folder.iterdir()
    build(source, folder / "dist")
    [path] = (folder / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="session")
def model_alone(wheel: Path, third_party_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel and what it asks for, in an environment that has nothing else but pip."""
    python = environment("model-alone", sys.executable, [PROJECT["dependencies"]], third_party_cache)
    return _on(python, wheel, tmp_path_factory)


@pytest.fixture(scope="session")
def application(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel beside all that the tests have."""
    return _on(Path(sys.executable), wheel, tmp_path_factory)


@pytest.fixture(scope="session")
def installed_on(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Installed]:
    """Installs the wheel beside all that another environment has."""
    return lambda python: _on(python, wheel, tmp_path_factory)


def _on(python: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel in an environment that sees the packages of ``python``'s, which stays as it is."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([python, "-m", "venv", "--without-pip", folder / "environment"], check=True)
    own = folder / "environment" / "bin" / "python"
    told = [_site_packages(each) for each in (python, own)]
    (told[1] / "others.pth").write_text(f"{told[0]}\n", encoding="utf-8")
    done = pip(own, "install", "--no-deps", "--no-compile", wheel)
    assert done.returncode == 0, done.stdout
    (folder / "work").mkdir()
    return Installed(own, folder / "work")


def _site_packages(python: Path) -> Path:
    asked = [python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return Path(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip())
