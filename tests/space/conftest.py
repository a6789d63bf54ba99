"""The environments of a Space, for both Pythons and both orders of installation."""

from pathlib import Path

import pytest

from tests.space.front_matter import front_matter
from tests.space.installation import interpreter, requirements, sdk
from tests.support.installing import Step, environment

OURS = front_matter()["python_version"]
NEWER = "3.13"


def _python(version: str, steps: list[Step]) -> "pytest.ParameterSet":
    found = interpreter(version)
    # Excused in CI as well: a machine need not have every Python, and the front matter's own is what matters.
    missing = pytest.mark.xfail(found is None, reason=f"no python{version} on the PATH", run=False)
    return pytest.param((found, steps), id=version, marks=missing)


# Hugging Face does not document which comes first. Its build logs show the requirements first, its images Gradio.
@pytest.fixture(
    scope="session",
    params=[_python(OURS, [sdk(), requirements()]), _python(NEWER, [requirements(), sdk()])],
)
def space_python(request: pytest.FixtureRequest, third_party_cache: Path) -> Path:
    """The interpreter of an environment like a Space's."""
    python, steps = request.param
    # Who runs the Space cannot keep what Python compiles; compiling what is imported is enough, and quicker.
    return environment("space", python, steps, third_party_cache, then=["-c", "import app"])
