"""A chat application for models on Azure Machine Learning: one folder per room, see docs/decisions.md for the why."""

import importlib.util
from pathlib import Path
from typing import Final

_PACKAGE: Final = Path(__file__).parent

HOME: Final = _PACKAGE if (_PACKAGE / "app.py").is_file() else _PACKAGE.parent
"""Where ``app.py`` and ``assets`` are: beside this folder, or within it where a wheel brought them along."""


def install_command(extra: str) -> str:
    """Return the command that installs what an extra needs, as the application itself was installed.

    Args:
        extra: One of the package's: ``app``, ``redis`` and so on.
    """
    if HOME == _PACKAGE:
        what = f'"azureml-chatbot[{extra}]"'
    else:
        what = "-r requirements.txt" if extra == "app" else f"-r requirements-{extra}.txt"
    return f"python -m pip install {what}"


def is_installed(module: str) -> bool:
    """Say whether a module could be imported; of one within a package, also where that is not there."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False
