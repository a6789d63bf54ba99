"""What is in the wheel and the sdist, and what they ask for."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.package.conftest import PROJECT
from tests.support.app_process import ROOT

EXTRAS = PROJECT["optional-dependencies"]


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def asked_for(file: str) -> set[str]:
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def test_the_wheel_holds_the_package_and_what_the_application_has_beside_it(wheel):
    beside = [ROOT / "app.py", *(each for each in (ROOT / "assets").iterdir() if each.is_file())]
    package = [path for path in (ROOT / "chatbot").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    wanted = {f"chatbot/{path.relative_to(ROOT)}": path for path in beside}
    wanted |= {str(path.relative_to(ROOT)): path for path in package}
    found = {name: data for name, data in content(wheel).items() if ".dist-info/" not in name}
    assert found.keys() == wanted.keys()
    assert all(data == wanted[name].read_bytes() for name, data in found.items())


def test_the_package_says_that_it_is_typed(wheel):
    assert "chatbot/py.typed" in content(wheel)


def test_the_wheel_of_the_sdist_is_the_same(wheel, wheel_of_the_sdist):
    assert content(wheel_of_the_sdist) == content(wheel)


def test_the_sdist_holds_no_more_than_the_package_needs(sdist):
    with tarfile.open(sdist) as archive:
        names = {Path(*Path(name).parts[1:]) for name in archive.getnames()}
    beside = {str(each) for each in names if each.parts[0] not in ("chatbot", "assets")}
    assert beside == {"app.py", "pyproject.toml", "docs/package.md", "LICENSE", ".gitignore", "PKG-INFO"}


def test_the_model_and_the_application_ask_for_what_requirements_txt_has():
    # Nobody who uses a package runs its tests with it.
    assert {*PROJECT["dependencies"], *EXTRAS["app"]} == asked_for("requirements.txt") - {"pytest>=9,<10"}
    assert not set(PROJECT["dependencies"]) & set(EXTRAS["app"])


@pytest.mark.parametrize("extra", sorted(EXTRAS.keys() - {"app"}))
def test_an_extra_asks_for_what_its_file_has(extra):
    assert set(EXTRAS[extra]) == asked_for(f"requirements-{extra}.txt")


def test_every_file_of_an_extra_is_one():
    assert {path.stem.removeprefix("requirements-") for path in ROOT.glob("requirements-*.txt")} == set(EXTRAS) - {
        "app"
    }
