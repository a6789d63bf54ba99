"""``python -m chatbot.deploy_space`` against a stand-in for Hugging Face: looks, does, waits and tells."""

import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from chatbot.deploy_space.__main__ import main
from chatbot.deploy_space.deployment import Patience
from chatbot.deploy_space.files import space_files
from chatbot.deploy_space.rehearsal import space_variables
from chatbot.emulator import Emulator
from tests.space.hub import BUILT, StandInHub
from tests.support.app_process import ROOT, AppProcess

QUICK = Patience(poll=0.02, settle=30, build=60, answer=60)
SPACE = "ada/chat"
KEY = "a-key-that-nobody-may-see-0123456789"
MATTER = """---
title: Azure ML Chat
colorFrom: blue
colorTo: indigo
sdk: gradio
sdk_version: 6.31.0
python_version: "3.12"
app_file: app.py
---
"""


@pytest.fixture(scope="module")
def endpoint():
    """What the application asks that answers for every Space here."""
    with Emulator(token_delay=0) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def application(endpoint, tmp_path_factory):
    settings = {"AZUREML_ENDPOINT_URL": endpoint.chat_url, "AZUREML_ENDPOINT_API_KEY": endpoint.key}
    with AppProcess(tmp_path_factory.mktemp("application"), settings) as running:
        yield running


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small tree of the project's shape, in which the command is given."""
    folder = tmp_path / "project"
    for name, text in {
        "README.md": MATTER,
        "app.py": "print()\n",
        "requirements.txt": "gradio\n",
        "chatbot/__init__.py": "",
        "assets/logo.svg": "<svg/>",
        "docs/page.md": "# A page\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def hub(application, monkeypatch, tmp_path):
    with StandInHub() as running:
        running.address = application.url.rstrip("/")
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_TOKEN", running.token)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hugging-face"))
        yield running


@pytest.fixture
def told(capsys):
    """Give the command, without a rehearsal; return its exit code and what it wrote."""

    def give(*arguments, rehearses=False, patience=QUICK):
        extra = () if rehearses else ("--no-rehearsal",)
        code = main([SPACE, *extra, *arguments], patience)
        written = "".join(capsys.readouterr())
        assert "Traceback" not in written
        return code, written

    return give


def test_without_apply_it_says_what_it_would_do_and_sends_nothing(hub, project, told):
    (project / ".env").write_text("CHATBOT_TITLE=Ada's chat\nCHATBOT_PORT=1234\n", encoding="utf-8")
    code, said = told()
    assert code == 0
    assert "Create the Space ada/chat" in said
    assert "hardware    zero-a10g" in said, "a free account has nothing else"
    assert "variables   CHATBOT_TITLE=Ada's chat" in said
    assert "stays here  CHATBOT_PORT: a Space listens where Hugging Face looks for it" in said
    assert "not needed  .env, docs/" in said
    assert said.endswith("Nothing was sent. The same with --apply does it.\n")
    assert all(each.startswith("GET ") for each in hub.asked)


def test_without_a_token_it_looks_at_what_is_here(hub, project, told, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    code, said = told()
    assert (code, hub.asked) == (0, [])
    assert "account: not looked at" in said
    code, said = told("--apply")
    assert code == 1
    assert "make one with the role “write”" in said


PROBLEMS = {
    "front matter": (
        "README.md",
        MATTER.replace("blue", "turquoise"),
        "turquoise is no colour there; take one of blue",
    ),
    "no front matter": ("README.md", "# Chat\n", "take the one of this project's repository"),
    "a token in the source": (
        "chatbot/a.py",
        "T = 'hf_" + "a1" * 17 + "'\n",
        "a.py, line 1, holds what looks like a key",
    ),
    "the key in the source": (
        "chatbot/a.py",
        f"\nKEY = '{KEY}'\n",
        "line 2, holds the value of AZUREML_ENDPOINT_API_KEY",
    ),
    "an .env that goes along": ("chatbot/.env", "A=b\n", "chatbot/.env is named like a file with secrets; move it out"),
    "conversations": (
        "assets/old.bin",
        "SQLite format 3\0…",
        "assets/old.bin is a database, perhaps with conversations",
    ),
    "a port out of reach": (".env", "AZUREML_ENDPOINT_URL=https://a.example:8443/score", "ports 80, 443 and 8080 only"),
    "a host out of reach": (".env", "AZUREML_ENDPOINT_URL=http://localhost/score", "out of a Space's reach"),
    "a file elsewhere": (".env", "CHATBOT_LOGO=/srv/logo.svg", "put it here, and name it from here"),
    "a Python that ZeroGPU lacks": (
        "README.md",
        MATTER.replace("3.12", "3.13"),
        "ZeroGPU has Python 3.10 and 3.12 only",
    ),
    "a misspelt setting": (".env", "CHATBOT_TITEL=Chat", "did you mean CHATBOT_TITLE?"),
    "a door without its package": (".env", "CHATBOT_DOOR=huggingface", "requirements.txt lacks authlib"),
    "a door without its line": (".env", "CHATBOT_DOOR=huggingface", "needs a line hf_oauth: true"),
}


@pytest.mark.parametrize("fault", PROBLEMS)
def test_what_cannot_work_is_said_before_anything_is_sent(hub, project, told, monkeypatch, fault):
    name, text, words = PROBLEMS[fault]
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", KEY)
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", "https://a.example/score")
    if "AZUREML" in text:
        monkeypatch.delenv("AZUREML_ENDPOINT_URL")
    (project / name).write_text(text, encoding="utf-8")
    code, said = told("--apply")
    assert code == 1
    assert words in said
    assert KEY not in said
    assert all(each.startswith("GET ") for each in hub.asked)


def test_a_link_is_not_followed(hub, project, told, tmp_path):
    (tmp_path / "elsewhere").write_text("private", encoding="utf-8")
    (project / "assets" / "link.txt").symlink_to(tmp_path / "elsewhere")
    code, said = told()
    assert code == 1
    assert "link.txt is a link, and others would read what it leads to" in said


def test_all_problems_are_said_together(hub, project, told):
    (project / "chatbot" / "id_rsa").write_text("key", encoding="utf-8")
    (project / ".env").write_text("CHATBOT_TITEL=Chat\nCHATBOT_DOOR=proxy\n", encoding="utf-8")
    code, said = told()
    assert code == 1
    assert said.count("\n  - ") >= 3


def test_it_creates_a_space_asks_it_and_tells_what_is_public(hub, project, told):
    env = f"AZUREML_ENDPOINT_URL=https://a.example/score\nAZUREML_ENDPOINT_API_KEY={KEY}\nCHATBOT_TITLE=Chat\n"
    (project / ".env").write_text(env + "CHATBOT_DOOR_ALLOWED=ada@example.com\n", encoding="utf-8")
    code, said = told("--apply", "--bucket", "talk", "--visibility", "public")
    assert code == 0, said
    space = hub.spaces[SPACE]
    assert space.hardware == "zero-a10g"
    assert set(space.secrets) == {"AZUREML_ENDPOINT_URL", "AZUREML_ENDPOINT_API_KEY", "CHATBOT_DOOR_ALLOWED"}
    assert space.variables == {"CHATBOT_TITLE": "Chat"}
    assert set(space.files) == {
        ".gitattributes",
        "README.md",
        "app.py",
        "requirements.txt",
        "chatbot/__init__.py",
        "assets/logo.svg",
    }
    assert hub.buckets == {"ada/talk": True}, "a bucket of conversations is private"
    assert space.volumes == [{"type": "bucket", "source": "ada/talk", "mountPath": "/data", "readOnly": False}]
    for stage in BUILT:
        assert f"  {stage}\n" in said
    assert f"address     {hub.address}" in said
    assert "first word  after " in said
    assert "storage     the bucket ada/talk at /data" in said
    assert "public      the page, the source, and the variables (CHATBOT_TITLE)" in said
    assert "whoever has the address spends your money, and no limit is set" in said
    assert KEY not in said
    assert hub.token not in said


def test_a_new_space_is_private_unless_somebody_says_otherwise(hub, project, told):
    code, said = told("--apply")
    assert code == 0
    assert hub.spaces[SPACE].visibility == "private"
    assert "public      nothing: the Space is private, and only its owner sees it" in said
    assert "storage     none: conversations end when the Space restarts or sleeps; --bucket keeps them" in said


def test_an_update_leaves_what_nobody_named_and_removes_what_went(hub, project, told):
    hub.is_pro = True
    told("--apply", "--visibility", "protected", "--hardware", "cpu-basic")
    space = hub.spaces[SPACE]
    space.variables = {"CHATBOT_DOOR_ALLOWED": "public-by-mistake", "CHATBOT_TAGLINE": "Theirs"}
    space.secrets = {"CHATBOT_TITLE": "secret-by-mistake"}
    (project / "assets" / "logo.svg").unlink()
    (project / "assets" / "new.svg").write_text("<svg/>", encoding="utf-8")
    (project / ".env").write_text("CHATBOT_DOOR_ALLOWED=ada\nCHATBOT_TITLE=Chat\n", encoding="utf-8")
    code, said = told("--apply")
    assert code == 0, said
    assert "left there  CHATBOT_TAGLINE: set on the Space, and not here" in said
    assert space.secrets == {"CHATBOT_DOOR_ALLOWED": "ada"}
    assert space.variables == {"CHATBOT_TITLE": "Chat", "CHATBOT_TAGLINE": "Theirs"}
    assert (space.visibility, space.hardware) == ("protected", "cpu-basic")
    assert "assets/logo.svg" not in space.files
    assert "assets/new.svg" in space.files
    assert "the page, at its address; not the source, and not the variables" in said


def test_what_has_these_files_already_is_started_again(hub, project, told):
    told("--apply")
    code, said = told("--apply")
    assert code == 0, said
    assert "It has these files already" in said
    assert (len(hub.spaces[SPACE].commits), hub.spaces[SPACE].restarts) == (2, 1)


def test_where_people_sign_in_nothing_is_asked_and_it_is_said(hub, project, told):
    (project / ".env").write_text("CHATBOT_DOOR=password\nCHATBOT_PASSWORD_HASH=scrypt:1:1:1:a:b\n", encoding="utf-8")
    code, said = told("--apply", "--visibility", "public")
    assert code == 0, said
    assert "a question  was not asked, because people sign in first: open the page and ask one" in said
    assert "public      the page, behind the door password, the source" in said


def test_a_bucket_and_a_database_at_once_are_one_too_many(hub, project, told, monkeypatch):
    monkeypatch.setenv("CHATBOT_STORE_URL", "postgresql://user:a-password@db.example.com:443/chat")
    code, said = told("--bucket", "talk")
    assert code == 1
    assert "CHATBOT_STORE_URL names one: leave one of them out" in said
    assert "a-password" not in said


REFUSED_ACCOUNTS = {
    "hardware that costs": (["--hardware", "cpu-basic"], {}, "take --hardware zero-a10g, or subscribe to PRO"),
    "a protected Space": (
        ["--visibility", "protected"],
        {},
        "take --visibility public or private, or subscribe to PRO",
    ),
    "a token that reads": ([], {"role": "read"}, "make one with the role “write”"),
    "a token of nobody": ([], {"token": "hf_other"}, "The token is not accepted: make one with the role “write”"),
}


@pytest.mark.parametrize("fault", REFUSED_ACCOUNTS)
def test_what_an_account_may_not_is_said_before_anything_is_sent(hub, project, told, fault):
    arguments, attributes, words = REFUSED_ACCOUNTS[fault]
    for name, value in attributes.items():
        setattr(hub, name, value)
    code, said = told("--apply", *arguments)
    assert code == 1
    assert words in said
    assert all(each.startswith("GET ") for each in hub.asked)


def test_what_only_hugging_face_knows_is_said_in_its_words_with_the_mend(hub, project, told):
    for name in ("ada/one", "ada/two"):
        assert main([name, "--no-rehearsal", "--apply"], QUICK) == 0
    code, said = told("--apply")
    assert code == 1
    assert "up to 2 ZeroGPU Spaces on a free account" in said
    assert "a free account has two Spaces on ZeroGPU at most" in said


def test_a_hub_that_cannot_be_reached_is_no_stack_trace(hub, project, told, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{_closed_port()}")
    code, said = told("--apply")
    assert code == 1
    assert "cannot be reached (ConnectError): is there a network" in said


def test_a_build_that_fails_shows_its_log_and_says_how_to_go_on(hub, project, told):
    told("--apply")
    hub.outcomes = [("RUNNING", "BUILDING", "BUILD_ERROR")]
    (project / "requirements.txt").write_text("gradio==0\n", encoding="utf-8")
    code, said = told("--apply")
    assert code == 1
    assert "| ERROR: No matching distribution found for gradio" in said
    assert "The Space cannot be built; the end of its build log is above." in said
    assert "mend requirements.txt" in said
    assert "What ran before comes back with: python -m chatbot.deploy_space ada/chat --rollback --apply" in said


def test_an_application_that_ends_shows_its_last_words(hub, project, told):
    hub.outcomes = [("BUILDING", "APP_STARTING", "RUNTIME_ERROR")]
    hub.run_log = [
        "The application cannot start with these settings:",
        f"  - CHATBOT_TEMPERATURE=hot: is no number. {hub.token}",
    ]
    code, said = told("--apply")
    assert code == 1
    assert "|   - CHATBOT_TEMPERATURE=hot: is no number." in said
    assert "the application ended; its last words are above" in said
    assert "--rollback" not in said, "there was nothing before"
    assert hub.token not in said


def test_a_space_that_runs_and_does_not_answer_shows_its_log_and_says_what_to_look_at(hub, project, told, endpoint):
    told("--apply")
    endpoint.fail("unauthorized-azure", times=None)
    try:
        code, said = told("--apply")
    finally:
        endpoint.heal()
    assert code == 1
    assert "is there, but it did not answer the question: " in said
    assert "The Space is built and runs, and nobody is answered" in said
    assert "Is the endpoint's URL right, its key," in said
    assert "| Azure ML Chat is at http://0.0.0.0:7860" in said
    assert "--rollback --apply" in said


def test_a_page_that_nobody_serves_is_told_from_an_endpoint_that_fails(hub, project, told):
    hub.address = f"http://127.0.0.1:{_closed_port()}"
    code, said = told("--apply")
    assert code == 1
    assert f"The page at {hub.address} does not answer" in said


def test_a_space_that_goes_on_with_what_it_was_is_no_success(hub, project, told):
    told("--apply")
    (project / "app.py").write_text("print(2)\n", encoding="utf-8")
    hub.spaces[SPACE].sha = "0" * 40
    hub.outcomes = [("RUNNING",) * 10_000]
    code, said = told("--apply", patience=replace(QUICK, settle=0.2))
    assert code == 1
    assert "The Space still runs an earlier revision" in said


def test_one_that_sleeps_is_woken(hub, project, told):
    hub.outcomes = [("SLEEPING", "SLEEPING")]
    code, said = told("--apply")
    assert code == 0, said
    assert hub.spaces[SPACE].restarts == 1


def test_a_rollback_brings_back_the_files_before_and_a_second_one_those_before_them(hub, project, told):
    for number in (1, 2, 3):
        (project / "app.py").write_text(f"print({number})\n", encoding="utf-8")
        (project / "chatbot" / f"only_in_{number}.py").write_text("", encoding="utf-8")
        told("--apply")
        (project / "chatbot" / f"only_in_{number}.py").unlink()
    space = hub.spaces[SPACE]
    space.secrets = {"AZUREML_ENDPOINT_API_KEY": KEY}
    code, said = told("--rollback")
    assert code == 0
    assert said.endswith("Nothing was sent. The same with --apply does it.\n")
    assert space.files["app.py"] == b"print(3)\n"
    code, said = told("--rollback", "--apply")
    assert code == 0, said
    assert space.files["app.py"] == b"print(2)\n"
    assert "chatbot/only_in_2.py" in space.files
    assert "chatbot/only_in_3.py" not in space.files
    assert "first word  after " in said
    told("--rollback", "--apply")
    assert space.files["app.py"] == b"print(1)\n"
    assert space.secrets == {"AZUREML_ENDPOINT_API_KEY": KEY}, "what it is told is no part of a revision"
    newest = next(each for each in reversed(space.commits) if each.files["app.py"] == b"print(3)\n")
    told("--rollback", newest.id[:8], "--apply")
    assert space.files["app.py"] == b"print(3)\n"


def test_before_the_first_deployment_there_is_nothing_to_go_back_to(hub, project, told):
    code, said = told("--rollback", "--apply")
    assert code == 1
    assert "There is no Space ada/chat" in said
    told("--apply")
    code, said = told("--rollback", "--apply")
    assert code == 1
    assert "There is nothing to go back to" in said
    code, said = told("--rollback", "abcdef", "--apply")
    assert code == 1
    assert "has no revision abcdef; the last ones are " in said


@pytest.mark.timeout(720)
def test_what_is_uploaded_runs_with_what_it_is_told(hub, monkeypatch, told, tmp_path):
    """The project itself, from the commit that the hub received."""
    env = tmp_path / "settings"
    env.write_text("CHATBOT_TITLE=From the hub\nCHATBOT_OWNER_TOKEN=sixteen-characters-long\n", encoding="utf-8")
    monkeypatch.chdir(ROOT)
    running: list[subprocess.Popen[str]] = []

    def start(space):
        source = tmp_path / "source"
        for path, data in space.files.items():
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_bytes(data)
        environ = {**space_variables(SPACE), **space.secrets, **space.variables, "PATH": "", "TMPDIR": str(tmp_path)}
        environ |= {"CHATBOT_PORT": "0", "CHATBOT_HOST": "127.0.0.1"}
        process = subprocess.Popen(
            [sys.executable, "app.py"], cwd=source, env=environ, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        announced = process.stdout.readline()
        assert announced.startswith("From the hub is at "), announced
        hub.address = announced.split()[5]

    hub.on_commit = start
    try:
        code, said = told("--apply", "--env-file", str(env))
    finally:
        for process in running:
            process.terminate()
            process.wait()
            process.stdout.close()
    assert code == 0, said
    assert "first word  after " in said
    assert set(hub.spaces[SPACE].files) == {path.as_posix() for path in space_files(ROOT)} | {".gitattributes"}


@pytest.mark.exhaustive
@pytest.mark.timeout(720)
def test_the_rehearsal_is_one_turn_in_a_spaces_own_environment(hub, space_python, monkeypatch, told, tmp_path):
    env = tmp_path / "settings"
    text = f"AZUREML_ENDPOINT_URL=https://a.example/score\nAZUREML_ENDPOINT_API_KEY={KEY}\nCHATBOT_DAILY_BUDGET=1\n"
    env.write_text(text + "CHATBOT_INPUT_PRICE=1\nCHATBOT_OUTPUT_PRICE=1\n", encoding="utf-8")
    monkeypatch.chdir(ROOT)
    code, said = told("--rehearse-with", str(space_python), "--env-file", str(env), rehearses=True)
    assert code == 0, said
    assert "ok  rehearsal: it started, and the emulated endpoint's first word was there after " in said


def test_an_application_that_does_not_start_fails_in_the_rehearsal(hub, project, told):
    (project / "app.py").write_text("raise SystemExit('There is no such module: chatbot')\n", encoding="utf-8")
    code, said = told("--rehearse-with", sys.executable, "--apply", rehearses=True)
    assert code == 1
    assert "| There is no such module: chatbot" in said
    assert "The application does not start as a Space would start it" in said
    assert all(each.startswith("GET ") for each in hub.asked)


def test_requirements_that_do_not_resolve_fail_in_the_rehearsal(hub, project, told):
    (project / "requirements.txt").write_text("there-is-no-such-package-of-ours==1\n", encoding="utf-8")
    code, said = told("--apply", rehearses=True)
    assert code == 1
    assert "there-is-no-such-package-of-ours" in said
    assert "The requirements cannot be resolved: pip cannot install requirements.txt." in said


def _closed_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
