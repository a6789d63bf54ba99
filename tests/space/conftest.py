"""The environments of a Space: as it is, and with a newer Python and the other order of installation."""

from pathlib import Path

import pytest

from chatbot.deploy_space.front_matter import front_matter
from chatbot.deploy_space.rehearsal import interpreter, sdk_requirements
from tests.support.app_process import ROOT
from tests.support.installing import Step, environment

MATTER = front_matter(ROOT)
OURS = MATTER["python_version"]
NEWER = "3.13"

REQUIREMENTS: Step = ["-r", ROOT / "requirements.txt"]
SDK: Step = sdk_requirements(MATTER)


# Hugging Face does not document which comes first. Its build logs show the requirements first, its images Gradio.
@pytest.fixture(scope="session")
def space_python(third_party_cache: Path) -> Path:
    """The interpreter of an environment like a Space's."""
    return _environment(OURS, [SDK, REQUIREMENTS], third_party_cache)


@pytest.fixture(scope="session")
def newer_python(third_party_cache: Path) -> Path:
    """The same for a Python that a Space does not have yet, installed the other way round."""
    return _environment(NEWER, [REQUIREMENTS, SDK], third_party_cache)


def _environment(version: str, steps: list[Step], cache: Path) -> Path:
    python = interpreter(version)
    if python is None:
        # Excused in CI as well: a machine need not have every Python.
        pytest.xfail(f"no python{version} on the PATH")
    # Who runs the Space cannot keep what Python compiles; compiling what is imported is enough, and quicker.
    return environment("space", python, steps, cache, then=["-c", "import app"])
