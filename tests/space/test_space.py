"""The application as a Hugging Face Space runs it: starts, chats, remembers, and says what it does not keep."""

import json
import subprocess
from pathlib import Path

import pytest

from chatbot.deploy_space.front_matter import front_matter
from tests.space.space import SPACE_HOST, Space, folder
from tests.support.app_process import ROOT
from tests.support.installing import pip

pytestmark = pytest.mark.timeout(720)

CHAT = Path(__file__).parent / "chat.py"
PROXY = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": SPACE_HOST}


@pytest.fixture(scope="module")
def space(space_python):
    with folder() as place, Space(space_python, place) as running:
        yield running


def chat(python: Path, url: str) -> dict:
    done = subprocess.run([python, "-I", CHAT, url], capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def says_it_keeps_nothing(space: Space) -> bool:
    config = json.loads(space.get("/config")[2])
    return any('data-i18n="ephemeral"' in str(each["props"].get("value")) for each in config["components"])


def test_the_requirements_leave_the_spaces_gradio_alone(space_python):
    installed = {package["name"]: package["version"] for package in json.loads(_list(space_python))}
    assert installed["gradio"] == front_matter(ROOT)["sdk_version"]
    checked = pip(space_python, "check")
    assert checked.returncode == 0, checked.stdout


def _list(python: Path) -> str:
    return pip(python, "list", "--format", "json").stdout.splitlines()[-1]


def test_it_chats_and_remembers(space, space_python):
    said = chat(space_python, space.url)
    assert "Ada" in said["answer"]
    assert "Ada" not in said["stranger"]
    assert len(set(said["pieces"])) > 2
    assert said["pieces"][-1] == said["answer"]
    assert "Traceback" not in space.log, space.log
    assert space.written_beside_the_source == set()


def test_a_newer_python_does_the_same(newer_python):
    with folder() as place, Space(newer_python, place) as running:
        assert "Ada" in chat(newer_python, running.url)["answer"]
        assert "Traceback" not in running.log, running.log


def test_it_says_that_nothing_is_kept(space):
    assert says_it_keeps_nothing(space)


def test_with_a_volume_conversations_are_kept_there_and_it_says_nothing(space_python):
    with folder() as place:
        volume = place / "data"
        with Space(space_python, place, volume=volume) as space:
            assert not says_it_keeps_nothing(space)
            chat(space_python, space.url)
            assert "Traceback" not in space.log, space.log
        assert (volume / "conversations.db").stat().st_size > 0


def test_behind_hugging_faces_proxy_the_page_speaks_to_the_address_visitors_see(space):
    status, headers, page = space.get("/", PROXY)
    assert status == 200
    assert f'"root":"https://{SPACE_HOST}"' in page.replace(" ", "")
    assert "chatbot_visitor=" in headers["set-cookie"]


def test_under_a_path_of_a_proxy_the_page_speaks_to_that_path(space_python):
    with folder() as place, Space(space_python, place, variables={"GRADIO_ROOT_PATH": "/demo"}) as space:
        assert json.loads(space.get("/config", PROXY)[2])["root"] == f"https://{SPACE_HOST}/demo"
