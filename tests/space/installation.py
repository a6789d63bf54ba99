"""What the environment of a Space is made of: another Python, Gradio with Hugging Face's extras, requirements.txt."""

import os
import shutil
import subprocess
import sys

from tests.space.front_matter import ROOT, front_matter
from tests.support.installing import Step


def sdk() -> Step:
    """Return what Hugging Face installs besides requirements.txt; its build logs show these words."""
    return [f"gradio[oauth,mcp]=={front_matter()['sdk_version']}", "uvicorn>=0.14.0", "spaces"]


def requirements() -> Step:
    """Return what requirements.txt asks for, as arguments of pip."""
    return ["-r", ROOT / "requirements.txt"]


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
