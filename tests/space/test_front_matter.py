"""The front matter of the README says what is true, in values that Hugging Face takes."""

from importlib.metadata import version

import pytest

from chatbot.deploy_space.front_matter import SHORT, ZERO_GPU_PYTHONS, front_matter, front_matter_problems
from chatbot.settings import Settings
from tests.support.app_process import ROOT


@pytest.fixture(scope="module")
def matter():
    return front_matter(ROOT)


def test_the_sdk_is_the_gradio_that_the_requirements_resolve_to(matter):
    assert (matter["sdk"], matter["sdk_version"]) == ("gradio", version("gradio"))


def test_the_app_file_is_there(matter):
    assert (ROOT / matter["app_file"]).is_file()


def test_the_python_is_one_that_every_hardware_has(matter):
    """A version without quotes is a number to YAML, and 3.10 would be 3.1."""
    assert matter["python_version"] in ZERO_GPU_PYTHONS
    assert f'python_version: "{matter["python_version"]}"' in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_values_are_ones_hugging_face_takes(matter):
    assert list(front_matter_problems(matter, ROOT)) == []
    assert 0 < len(matter["short_description"]) <= SHORT
    assert not matter["emoji"].isascii()


def test_the_license_is_the_one_of_the_license_file(matter):
    assert matter["license"].upper() in (ROOT / "LICENSE").read_text(encoding="utf-8").splitlines()[0]


def test_the_title_is_the_applications(matter):
    assert matter["title"] == Settings.model_fields["title"].default


def test_the_port_is_the_one_a_space_is_reached_at():
    assert Settings.model_fields["port"].default == 7860
