"""The environment of a Space: another Python, Gradio with the extras Hugging Face adds, and requirements.txt.

Making one takes a minute, so it is kept in pytest's cache under a key of what went into it.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.space.front_matter import ROOT, front_matter

TAIL = 4000

_NO_INDEX = re.compile(r"from versions: none|connection broken by", re.IGNORECASE)


def sdk() -> list[str]:
    """Return what Hugging Face installs besides requirements.txt; its build logs show these words."""
    return [f"gradio[oauth,mcp]=={front_matter()['sdk_version']}", "uvicorn>=0.14.0", "spaces"]


def requirements() -> list[str]:
    """Return what requirements.txt asks for, as arguments of pip."""
    return ["-r", str(ROOT / "requirements.txt")]


def interpreter(version: str) -> str | None:
    """Return the path of ``pythonX.Y``: this one, one on the PATH, or one of pyenv; None where there is none."""
    if version == "{}.{}".format(*sys.version_info):
        return sys.executable
    command = shutil.which(f"python{version}")
    if command is None:
        return None
    # pyenv's commands find a version only when it is named.
    environ = {**os.environ, "PYENV_VERSION": version}
    told = subprocess.run(
        [command, "-c", "import sys; print(sys.executable)"], env=environ, capture_output=True, text=True, check=False
    )
    return told.stdout.strip() if told.returncode == 0 else None


def environment(python: str, steps: Sequence[Sequence[str]], cache: Path) -> Path:
    """Return the interpreter of a virtual environment in which pip was run once for each of ``steps``, in their order.

    Without a package index to install from, the test that asked is skipped.
    """
    content = "\n".join((python, (ROOT / "requirements.txt").read_text(encoding="utf-8"), *map(" ".join, steps)))
    home = cache / f"space-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
    inside = home / "bin" / "python"
    complete = home / "complete"
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another pytest may be at it
        if not (complete.exists() and inside.exists()):
            shutil.rmtree(home, ignore_errors=True)
            subprocess.run([python, "-m", "venv", home], check=True, stdin=subprocess.DEVNULL)
            for step in steps:
                _install(inside, step)
            # Who runs the Space cannot keep what Python compiles; compiling what is imported is enough, and quicker.
            subprocess.run([inside, "-c", "import app"], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
            complete.touch()
    return inside


def pip(python: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run pip in an environment; what it says is in ``stdout``."""
    return subprocess.run(
        [python, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _install(python: Path, step: Sequence[str]) -> None:
    done = pip(python, "install", "--no-compile", *step)
    if done.returncode == 0:
        return
    if _NO_INDEX.search(done.stdout):
        pytest.skip(f"no package index to install {' '.join(step)} from: {done.stdout[-TAIL:]}")
    pytest.fail(f"{' '.join(step)} does not install:\n{done.stdout[-TAIL:]}", pytrace=False)
