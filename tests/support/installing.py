"""Virtual environments for what must not share this one: other people's servers, and a Space.

It is kept in pytest's cache under a key of what went into it; ``pytest --cache-clear`` throws it away. uv installs, in
seconds; several pips at once take minutes each.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.support.app_process import ROOT

TAIL = 4000

_NO_INDEX = re.compile(r"failed to fetch|error sending request|not found in the package registry", re.IGNORECASE)

Step = Sequence[str | Path]
"""Arguments of ``pip install`` or ``uv pip install``; a path is that of a file whose text counts, wherever it lies."""


def environment(name: str, interpreter: str, steps: Sequence[Step], cache: Path, *, then: Sequence[str] = ()) -> Path:
    """Return the interpreter of a virtual environment in which ``steps`` were installed, in their order.

    Without a package index to install from, the test that asked is skipped.

    Args:
        name: What its folder's name begins with.
        interpreter: The Python to make it with.
        steps: What is installed.
        cache: The folder to keep it in.
        then: Arguments of its own interpreter, for one run in the project's folder when all is installed.
    """
    home = cache / f"{name}-{_key(interpreter, steps, then)}"
    python = home / "bin" / "python"
    complete = home / "complete"
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another pytest may be at it
        if not (complete.exists() and python.exists()):
            shutil.rmtree(home, ignore_errors=True)
            # pip of its own takes longer than the rest, and nobody calls it.
            subprocess.run([interpreter, "-m", "venv", "--without-pip", home], check=True, stdin=subprocess.DEVNULL)
            for step in steps:
                _install(python, step)
            if then:
                subprocess.run([python, *then], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
            complete.touch()
    return python


def pip(python: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run our pip on an environment; what it says is in ``stdout``."""
    options = ("--disable-pip-version-check", "--no-input", "--python", python)
    return _run(sys.executable, "-I", "-m", "pip", *options, *arguments)


def uv(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run uv's own pip, on the index that pip is set up for; what it says is in ``stdout``."""
    told = pip(Path(sys.executable), "config", "get", "global.index-url")
    index = os.environ.get("PIP_INDEX_URL") or (told.stdout.strip() if told.returncode == 0 else "")
    where = ["--default-index", index] if index else []
    return _run(find_uv_bin(), "--no-config", "--no-python-downloads", "pip", *arguments, *where)


def _run(*command: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def _key(interpreter: str, steps: Sequence[Step], then: Sequence[str]) -> str:
    # Not the interpreter's path: where it is itself that of an environment, the new one is made from what is behind it.
    asked = [interpreter, "-I", "-c", "import sys; print(sys.version, sys.base_prefix)"]
    told = subprocess.run(asked, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout
    content = json.dumps([told, steps, then], default=lambda path: path.read_text(encoding="utf-8"))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _install(python: Path, step: Step) -> None:
    done = uv("install", "--python", python, *step)
    if done.returncode == 0:
        return
    what = " ".join(word.name if isinstance(word, Path) else word for word in step)
    if _NO_INDEX.search(done.stdout):
        pytest.skip(f"no package index to install {what} from: {done.stdout[-TAIL:]}")
    pytest.fail(f"{what} does not install:\n{done.stdout[-TAIL:]}", pytrace=False)
