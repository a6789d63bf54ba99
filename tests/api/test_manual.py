"""The manual of the API tells the truth: its blocks run against the application as it starts without settings."""

import contextlib
import io
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai
import pytest
import yaml

from chatbot import api_keys
from chatbot.api.errors import ApiError
from chatbot.api.wire import ChatCompletionRequest
from chatbot.settings import Settings, variable
from tests.support.app_process import ROOT, AppProcess

MANUAL = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.+?)```", MANUAL, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("manual")


def shell(text, folder, **variables):
    # As where it is installed: python is this one, and finds the application.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["bash", "-euc", text]
    return subprocess.run(
        command, cwd=folder, env=environment | variables, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture(scope="module")
def key(folder):
    create, revoke = re.fullmatch(r"(.+\n)(python .+ revoke) 3f9a1c2b\n", blocks("sh")[0], re.DOTALL).groups()
    first, _, head, *listed = shell(create, folder).splitlines()
    assert head.split()[:2] == ["id", "name"]
    known = [re.split(r"  +", line) for line in listed]
    assert [(name, *others) for _, name, _, *others in known] == [
        ("Ada's laptop", "-", "-", "all"),
        ("nightly report", "-", "-", "Demo endpoint"),
    ]
    shell(f"{revoke} {listed[1].split()[0]}", folder)
    return first


@pytest.fixture(scope="module")
def url(folder, key):
    with AppProcess(folder) as process:
        yield f"{process.url}v1"


def test_its_commands_answer(folder, key, url):
    asked = blocks("sh")[1].replace("http://localhost:7860/v1", url).replace("sk-chatbot-the-key", key)
    models, _, events = shell(asked, folder).partition("data: ")
    assert json.loads(models)["data"][0]["id"] == "Demo endpoint"
    assert events.endswith("data: [DONE]\n\n")


def test_what_the_command_cannot_do_it_says(folder, key, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    with ThreadPoolExecutor(1) as executor:
        assert executor.submit(api_keys.main, ["revoke", "3f9a1c2b"]).result() == 1
    assert "There is no key “3f9a1c2b” that lets anybody in" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        api_keys.main(["create", " "])
    assert "a name has 1 to 100 characters" in capsys.readouterr().err


def test_its_python_runs_from_top_to_bottom(key, url, monkeypatch):
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    monkeypatch.setenv("OPENAI_API_KEY", key)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for block in blocks("python"):
            names = {}
            exec(compile(block, "api.md", "exec"), names)
            if isinstance(client := names.get("client"), openai.OpenAI):
                client.close()
    assert "Demo endpoint\n" in printed.getvalue()
    assert "'name': 'get_weather'" in printed.getvalue()


def test_its_error_is_one(key, url):
    [told] = map(json.loads, blocks("json"))
    headers = {"authorization": f"Bearer {key}"}
    body = {"model": "x", "messages": [{"role": "user", "content": "Hello"}]}
    error = httpx.post(f"{url}/chat/completions", json=body, headers=headers).json()["error"]
    assert error | {"message": ""} == told["error"] | {"message": ""}
    assert error["message"].startswith(told["error"]["message"].rstrip("."))


def test_it_names_every_parameter_and_every_setting_by_its_name():
    table = MANUAL.split("## What is taken")[1].split("## Limits")[0].split("- **Messages**")[0]
    named = set(re.findall(r"`([a-z_]+)(?:\.[a-z_]+)?`", table)) - {"false"}
    assert named == set(ChatCompletionRequest.model_fields)
    assert set(re.findall(r"CHATBOT_[A-Z_]+", MANUAL)) <= {variable(name) for name in Settings.model_fields}
    with pytest.raises(ApiError):
        ChatCompletionRequest.read(b'{"model": "m", "messages": [{}], "anything_else": 1}')


def test_its_settings_of_another_program_are_whole():
    [settings] = map(yaml.safe_load, blocks("yaml"))
    assert settings["models"][0]["apiBase"].endswith("/v1")
    assert set(re.findall(r"^```(\w+)$", MANUAL, re.MULTILINE)) == {"sh", "python", "yaml", "json"}
