"""Whoever puts a key where something else belongs, or has a password in a URL, finds it on no screen and in no log."""

import json
import os
import subprocess
import sys

import pytest

from chatbot.azureml import AzureMLChatOnlineEndpoint
from chatbot.config_files import read_deployments
from chatbot.settings import Settings
from tests.support.app_process import ROOT, refused
from tests.support.leaks import leaks

pytestmark = pytest.mark.timeout(900)  # a machine that does much else takes minutes for all of them

KEY = "Qm7sVx2Lp9TwBc4DeF6gHjN1oUiYtR8k"
WORDY = "key-nobody-may-ever-see"
URL = "https://name.region.inference.ml.azure.com/score"
ENDPOINT = {"AZUREML_ENDPOINT_URL": URL, "AZUREML_ENDPOINT_API_KEY": "another-key-than-the-one-looked-for"}

SWAPPED = {
    "url and key": {"AZUREML_ENDPOINT_URL": KEY, "AZUREML_ENDPOINT_API_KEY": URL},
    "url and key of words": {"AZUREML_ENDPOINT_URL": WORDY, "AZUREML_ENDPOINT_API_KEY": URL},
    "key as the scheme": {"AZUREML_ENDPOINT_URL": f"{KEY}://host/score", "AZUREML_ENDPOINT_API_KEY": "x"},
    "key in the path": {"AZUREML_ENDPOINT_URL": f"https://host/{KEY}", "AZUREML_ENDPOINT_API_KEY": "x"},
    "key as the port": {"AZUREML_ENDPOINT_URL": f"https://host:{KEY}/score", "AZUREML_ENDPOINT_API_KEY": "x"},
    "password in the url": {"AZUREML_ENDPOINT_URL": f"https://u:{KEY}@host/score", "AZUREML_ENDPOINT_API_KEY": "x"},
    "key in the query": {"AZUREML_ENDPOINT_URL": f"https://host/x?code={KEY}", "AZUREML_ENDPOINT_API_KEY": "x"},
    "a key with a break in it": {**ENDPOINT, "AZUREML_ENDPOINT_API_KEY": f"{KEY}\n{KEY}"},
    **{
        name: {**ENDPOINT, name: KEY}
        for name in (
            "AZUREML_ENDPOINT_API_TYPE",
            "AZUREML_CONTENT_FORMATTER",
            "AZUREML_TIMEOUT",
            "CHATBOT_PORT",
            "CHATBOT_TEMPERATURE",
            "CHATBOT_ACCENT",
            "CHATBOT_HIDDEN_CONTROLS",
            "CHATBOT_FRAME_ANCESTORS",
            "CHATBOT_LOGO",
            "CHATBOT_PROMPTS_FILE",
            "CHATBOT_DEPLOYMENTS_FILE",
            "CHATBOT_STORE_URL",
            "CHATBOT_CURRENCY",
            "CHATBOT_HOST",
            "CHATBOT_SHOW_ENDPOINT_ERRORS",
        )
    },
    "store with a password": {**ENDPOINT, "CHATBOT_STORE_URL": f"postgresql://chat:{KEY}@127.0.0.1:1/chat"},
    "store with a broken password": {**ENDPOINT, "CHATBOT_STORE_URL": f"postgresql://chat:{KEY}@x@127.0.0.1:1/chat"},
    "store with a password in a parameter": {
        **ENDPOINT,
        "CHATBOT_STORE_URL": f"postgresql://chat@127.0.0.1:1/chat?password={KEY}",
    },
    "store of a driver that is not there": {**ENDPOINT, "CHATBOT_STORE_URL": f"mysql://chat:{KEY}@127.0.0.1/chat"},
}


START_EACH = """
import json, os, sys
import app
for name, settings in json.load(sys.stdin).items():
    sys.stdout.flush()
    # The application is imported once, and each is a process of its own: none knows the secrets of another.
    if not (child := os.fork()):
        output = os.open(name, os.O_WRONLY | os.O_CREAT)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.update(settings)
        code = app.main()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory):
    """The exit code and all the output of the application, started with each of the settings."""
    folder = tmp_path_factory.mktemp("swapped")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CHATBOT_", "AZUREML_"))}
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", START_EACH],
        input=json.dumps({name: {"CHATBOT_PORT": "0", **settings} for name, settings in SWAPPED.items()}),
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    codes = map(int, ended.stdout.split())
    return {name: (code, (folder / name).read_text()) for name, code in zip(SWAPPED, codes, strict=True)}


@pytest.mark.parametrize("case", SWAPPED)
def test_the_application_does_not_start_and_repeats_no_key(started, case):
    code, told = started[case]
    assert code == 2, told
    assert "The application cannot" in told
    assert "Traceback" not in told
    assert leaks(KEY, told) == []
    assert leaks(WORDY, told) == []


def test_the_same_holds_for_the_file(tmp_path):
    (tmp_path / ".env").write_text(f"AZUREML_ENDPOINT_URL={KEY}\nAZUREML_ENDPOINT_API_KEY={URL}\nCHATBOT_PORT={KEY}\n")
    ended = refused(tmp_path)
    assert ended.returncode == 2
    assert "AZUREML_ENDPOINT_URL=***: is no web address" in ended.stderr
    assert leaks(KEY, ended.stderr) == []


@pytest.mark.parametrize(
    "entry",
    [
        f'endpoint_url = "{URL}"\napi_key_variable = "{KEY}"',
        f'endpoint_url = "{URL}"\napi_key_variable = "{WORDY}"',
        f'endpoint_url = "{URL}"\napi_key_variable = "X"\ntimeout = "{KEY}"',
        f'endpoint_url = "{URL}"\napi_key_variable = "X"\nendpoint_api_type = "{KEY}"',
        f'endpoint_url = "{URL}"\napi_key = "{KEY}"\napi_key_variable = "X"\nmodel = "{KEY}"',
    ],
)
def test_a_deployments_file_repeats_no_key(tmp_path, entry):
    file = tmp_path / "deployments.toml"
    file.write_text(f'[[deployment]]\nname = "a"\n{entry}\n')
    with pytest.raises(ValueError, match="deployment") as refused:
        read_deployments(file, {})
    assert leaks(KEY, str(refused.value)) == []
    assert leaks(WORDY, str(refused.value)) == []


def test_no_repr_shows_what_a_url_has_in_it(tmp_path, monkeypatch):
    file = tmp_path / "deployments.toml"
    file.write_text(
        f'[[deployment]]\nname = "a"\nendpoint_url = "{URL}?code={KEY}"\napi_key_variable = "X"\n'
        f'[deployment.model_arguments]\napi_key = "{KEY}"\n'
    )
    [entry] = read_deployments(file, {"X": KEY})
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", f"{URL}?code={KEY}")
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", KEY)
    monkeypatch.setenv("CHATBOT_STORE_URL", f"postgresql://chat:{KEY}@host/chat")
    settings = Settings.load(None)
    model = AzureMLChatOnlineEndpoint(
        endpoint_url=f"{URL}?code={KEY}",
        endpoint_api_key=KEY,
        default_headers={"x-gateway": KEY},
        model_kwargs={"gateway_key": KEY, "deep": {"api_key": KEY}},
    )
    for shown in (repr(entry), repr(settings), str(settings), repr(model), str(model), str(model._identifying_params)):
        assert leaks(KEY, shown) == []
    assert set(settings.secrets) == {KEY}


def test_a_url_and_a_key_that_were_swapped_in_code_are_not_repeated():
    with pytest.raises(ValueError, match="must be a web address") as refused:
        AzureMLChatOnlineEndpoint(endpoint_url=KEY, endpoint_api_key=URL)
    assert leaks(KEY, f"{refused.value} {refused.value!r} {refused.value.errors()}") == []
