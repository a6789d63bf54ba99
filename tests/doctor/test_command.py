"""The command: what it examines, prints and writes, and that nothing it prints is secret."""

import io
import json
import stat
import subprocess
import sys

import pytest

from chatbot.doctor.__main__ import main
from chatbot.doctor.env_file import with_lines
from chatbot.doctor.paste import read_key
from chatbot.emulator import Emulator
from tests.support.app_process import ROOT

OTHER = "s3cret-of-another-host-0123456789"


@pytest.fixture(scope="module")
def emulator():
    with Emulator("serverless", token_delay=0.002) as running:
        yield running


@pytest.fixture(autouse=True)
def _in_an_empty_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))


@pytest.mark.slow
def test_as_a_command_it_says_the_cost_first_and_hides_the_key(emulator, tmp_path):
    told = subprocess.run(
        [sys.executable, "-m", "chatbot.doctor", emulator.chat_url, "--write", ".env"],
        input=f"{emulator.key}\ny\n",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines.index("The endpoint") < next(n for n, line in enumerate(lines) if "500 tokens" in line)
    assert next(n for n, line in enumerate(lines) if "500 tokens" in line) < lines.index("✓ It answers.")
    assert f"AZUREML_ENDPOINT_URL={emulator.chat_url}" in lines
    assert "AZUREML_ENDPOINT_API_KEY=***" in lines
    assert emulator.key not in told.stdout + told.stderr
    file = tmp_path / ".env"
    assert file.read_text() == f"AZUREML_ENDPOINT_URL={emulator.chat_url}\nAZUREML_ENDPOINT_API_KEY={emulator.key}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_an_address_it_examines_what_is_configured_and_the_machine(emulator, tmp_path, capsys):
    (tmp_path / ".env").write_text(f"AZUREML_ENDPOINT_URL={emulator.chat_url}\nAZUREML_ENDPOINT_API_KEY={emulator.key}")
    assert main(["--json", "--quick"]) == 0
    told = json.loads(capsys.readouterr().out)
    machine, endpoint = told["sections"]
    assert {each["check"] for each in machine["findings"]} == {"store", "door", "limits", "extras", "space"}
    assert endpoint["title"] == "127.0.0.1"
    assert told["works"] is True


def test_without_any_endpoint_there_is_the_demo(capsys):
    assert main([]) == 0
    assert "the built-in demo answers" in capsys.readouterr().out


def test_the_keys_of_the_file_of_deployments_are_used_and_not_told(emulator, tmp_path, monkeypatch, capsys):
    (tmp_path / "d.toml").write_text(
        f'[[deployment]]\nname = "One"\nendpoint_url = "{emulator.chat_url}"\napi_key_variable = "ONE_KEY"\n'
        f'[[deployment]]\nname = "Two"\nendpoint_url = "{emulator.chat_url}"\napi_key_variable = "TWO_KEY"\n'
    )
    monkeypatch.setenv("CHATBOT_DEPLOYMENTS_FILE", "d.toml")
    monkeypatch.setenv("ONE_KEY", emulator.key)
    monkeypatch.setenv("TWO_KEY", OTHER)
    assert main(["--json", "--quick"]) == 1
    printed = capsys.readouterr().out
    crosses = {
        section["title"]: [each["code"] for each in section["findings"] if each["status"] == "cross"]
        for section in json.loads(printed)["sections"]
    }
    assert crosses == {"This machine": [], "One": [], "Two": ["key-refused"]}
    assert emulator.key not in printed
    assert OTHER not in printed


def test_a_key_of_the_settings_is_shown_to_their_own_host_alone(emulator, monkeypatch, capsys):
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", "https://other.westeurope.inference.ml.azure.com/score")
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", emulator.key)
    assert main([emulator.chat_url, "--quick"]) == 1
    printed = capsys.readouterr()
    assert "The key of 127.0.0.1" in printed.err
    assert "There is no key." in printed.out


def test_a_key_in_quotes_is_told_before_the_endpoint_refuses_it(emulator, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(
        f"AZUREML_ENDPOINT_URL={emulator.chat_url}\nAZUREML_ENDPOINT_API_KEY='\"{emulator.key}\"'\n"
    )
    assert main(["--json", "--quick", "--yes", "--write", ".env"]) == 0
    printed = capsys.readouterr().out
    findings = [each for section in json.loads(printed)["sections"] for each in section["findings"]]
    assert [each["code"] for each in findings if each["status"] == "cross"] == ["key-wrapped"]
    assert f"AZUREML_ENDPOINT_API_KEY={emulator.key}\n" in (tmp_path / ".env").read_text()


def test_settings_that_cannot_be_loaded_are_told_and_their_endpoint_examined(emulator, tmp_path, capsys):
    key = f"'\"{emulator.key}\"'"
    lines = f"AZUREML_ENDPOINT_URL={emulator.chat_url}\nAZUREML_ENDPOINT_API_KEY={key}\nCHATBOT_PORT=many\n"
    (tmp_path / ".env").write_text(lines)
    assert main(["--json", "--quick", "--yes", "--write", ".env"]) == 0
    told = json.loads(capsys.readouterr().out)
    codes = [
        each.get("code") for section in told["sections"] for each in section["findings"] if each["status"] == "cross"
    ]
    assert codes == ["settings", "key-wrapped"]
    assert f"AZUREML_ENDPOINT_API_KEY={emulator.key}\n" in (tmp_path / ".env").read_text()


@pytest.mark.parametrize(
    ("variables", "codes"),
    [
        ({"CHATBOT_HOST": "0.0.0.0"}, {"open-door", "no-limits"}),
        ({"CHATBOT_STORE_URL": "sqlite:////proc/none/chat.db"}, {"store"}),
        ({"SPACE_ID": "ada/chat"}, {"store-forgets"}),
    ],
)
def test_what_is_around_the_endpoint_is_told(emulator, monkeypatch, capsys, variables, codes):
    given = {"AZUREML_ENDPOINT_URL": emulator.chat_url, "AZUREML_ENDPOINT_API_KEY": emulator.key, **variables}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    main(["--json", "--quick"])
    [machine, *_] = json.loads(capsys.readouterr().out)["sections"]
    assert {each.get("code") for each in machine["findings"]} >= codes


def test_nothing_is_written_where_nothing_answers(tmp_path, capsys):
    assert main(["http://127.0.0.1:9/score", "--yes", "--write", ".env"]) == 1
    assert not (tmp_path / ".env").exists()
    assert "Nothing was written" in capsys.readouterr().err


def test_lines_are_written_where_they_stood_and_the_rest_stays():
    text = "# mine\nexport A=1\nB=2\nA=3\n\nC=4"
    assert with_lines(text, {"A": "x y", "B": "", "D": "5"}) == "# mine\nA='x y'\n\nC=4\nD=5\n"


@pytest.mark.parametrize(
    ("given", "key", "code"),
    [
        ("abc123def456", "abc123def456", None),
        ("abc123\ndef456", "abc123def456", "key-wrapped"),
        ("Bearer abc123def456", "abc123def456", "key-wrapped"),
        ("\ufeffabc123def456\u200b", "abc123def456", "key-wrapped"),
        ("primaryKey: 'abc123def456',", "abc123def456", "key-wrapped"),
        ("<your-api-key>", "", "placeholder"),
        ("$AZURE_API_KEY", "", "placeholder"),
        ("clé-de-l’été-0123", "", "key-characters"),
        ("https://name.westeurope.inference.ml.azure.com/score", "", "address-as-key"),
        ("eyJhbGciOiJub25lIn0.eyJleHAiOjE3MDAwMDAwMDB9.c2lnbmF0dXJl", None, "token-expired"),
        ("", "", None),
    ],
)
def test_a_key_is_read_out_of_what_it_came_in(given, key, code):
    read, told = read_key(given)
    assert key is None or read == key
    assert (told.code if told else None) == code
