"""The image: what its Dockerfile says, and that it works where nothing but its data can be written to."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from chatbot.deploy_space.front_matter import front_matter
from chatbot.settings import Settings, variable
from tests.deploy.image import DOCKERFILE, Rehearsal, stages
from tests.support.app_process import ROOT
from tests.third_party.servers import free_port


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    allowed = shutil.which("unshare") and subprocess.run(["unshare", "--mount", "true"], check=False).returncode == 0
    if not allowed:
        pytest.skip("the rehearsal mounts folders of its own, which takes Linux and root")
    with Rehearsal(tmp_path_factory.mktemp("image"), free_port()) as running:
        yield running


def test_hadolint_has_nothing_to_say():
    command = [Path(sys.executable).with_name("hadolint"), str(DOCKERFILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_has_the_python_of_the_space():
    assert {stage.base for stage in stages()} == {f"python:{front_matter(ROOT)['python_version']}-slim"}


def test_it_starts_as_the_readme_says():
    command = [sys.executable, str(ROOT / ".ci" / "readme_command.py"), "run"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(stages()[-1].one("CMD")) == told.split("&&")[1].split()


def test_it_is_nobody_with_rights():
    user = stages()[-1].one("USER")
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user), "Kubernetes can see that a number is not root, not a name"


def test_it_sets_only_what_can_be_set():
    names = {name for name in stages()[-1].environment if name.startswith(("CHATBOT_", "AZUREML_"))}
    assert names
    assert names <= {variable(name) for name in Settings.model_fields}


def test_its_packages_are_the_tested_ones():
    assert "--require-hashes -r requirements.lock" in " ".join(stages()[0].all("RUN"))


def test_what_it_copies_is_all_that_is_sent_to_the_builder():
    lines = (DOCKERFILE.parent / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    told = [line for line in lines if not line.startswith("#")]
    assert told[0] == "*", "all is left out but what is named"
    copied = [value.split() for stage in stages() for value in stage.all("COPY") if not value.startswith("--from")]
    assert {line.removeprefix("!") for line in told[1:] if line.startswith("!")} == {
        source for words in copied for source in words[:-1]
    }
    assert all(list(ROOT.glob(source)) for words in copied for source in words[:-1])


@pytest.mark.slow
def test_it_serves_the_page_and_is_healthy(image):
    with urlopen(image.url) as page:
        assert "Azure ML Chat" in page.read().decode()
    assert image.is_healthy()


@pytest.mark.slow
def test_it_runs_as_its_user_and_writes_to_its_data_and_temporary_files_only(image):
    user, group = map(int, image.stage.one("USER").split(":"))
    assert image.owners == (user, group)
    assert image.writable == {image.stage.one("VOLUME"), "/tmp"}
    [database] = (image.root / "data").glob("*.db")
    assert database.stat().st_uid == user


@pytest.mark.slow
def test_it_ends_in_order(image):
    assert image.stop() == 0
    assert not image.is_healthy()
    assert "Traceback" not in image.log, image.log
