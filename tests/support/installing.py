"""Virtual environments for what must not share this one: other people's servers, and a Space.

Making one takes a minute, so it is kept in pytest's cache under a key of what went into it;
``pytest --cache-clear`` throws it away.
"""

import fcntl
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.app_process import ROOT

TAIL = 4000

_NO_INDEX = re.compile(r"from versions: none|connection broken by", re.IGNORECASE)

Step = Sequence[str | Path]
"""Arguments of ``pip install``; a path is that of a file whose text counts, wherever it lies."""


def environment(name: str, interpreter: str, steps: Sequence[Step], cache: Path, *, then: Sequence[str] = ()) -> Path:
    """Return the interpreter of a virtual environment in which pip was run once for each of ``steps``, in their order.

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
            subprocess.run([interpreter, "-m", "venv", home], check=True, stdin=subprocess.DEVNULL)
            for step in steps:
                _install(python, step)
            if then:
                subprocess.run([python, *then], cwd=ROOT, check=True, stdin=subprocess.DEVNULL)
            complete.touch()
    return python


def pip(python: Path, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run pip in an environment; what it says is in ``stdout``."""
    return subprocess.run(
        [python, "-I", "-m", "pip", "--disable-pip-version-check", "--no-input", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _key(interpreter: str, steps: Sequence[Step], then: Sequence[str]) -> str:
    # Not the interpreter's path: where it is itself that of an environment, the new one is made from what is behind it.
    asked = [interpreter, "-I", "-c", "import sys; print(sys.version, sys.base_prefix)"]
    told = subprocess.run(asked, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True).stdout
    content = json.dumps([told, steps, then], default=lambda path: path.read_text(encoding="utf-8"))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _install(python: Path, step: Step) -> None:
    # Python compiles what it imports; compiling everything beforehand takes longer than downloading it.
    done = pip(python, "install", "--no-compile", *step)
    if done.returncode == 0:
        return
    what = " ".join(word.name if isinstance(word, Path) else word for word in step)
    if _NO_INDEX.search(done.stdout):
        pytest.skip(f"no package index to install {what} from: {done.stdout[-TAIL:]}")
    pytest.fail(f"{what} does not install:\n{done.stdout[-TAIL:]}", pytrace=False)
