import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from chatbot.emulator import Emulator
from chatbot.emulator.__main__ import main
from chatbot.emulator.banner import banner
from chatbot.emulator.faults import FAULTS
from chatbot.emulator.profiles import PROFILES

ROOT = Path(__file__).parents[2]
LAST_LINE = "type is dedicated."

Cli = Callable[..., tuple[subprocess.Popen[str], str]]


@pytest.fixture
def cli() -> Iterator[Cli]:
    """Start `python -m chatbot.emulator` and return it with what it announced."""
    # A job in the background of a shell ignores the interrupt, and so would what it starts; a handler is not inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> tuple[subprocess.Popen[str], str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "chatbot.emulator", *arguments],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        started.append(process)
        announced = ""
        for line in process.stdout:
            announced += line
            if LAST_LINE in line:
                break
        return process, announced

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="signals end a Windows process without asking it")
@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_until_a_signal(cli: Cli, client: httpx.Client, signal_number: int) -> None:
    process, announced = cli("--port", "0", "--token-delay", "0")
    settings = dict(re.findall(r"(AZUREML_\w+)=(\S+)", announced))
    assert settings["AZUREML_ENDPOINT_API_TYPE"] == "serverless"
    body = {"messages": [{"role": "user", "content": "repeat it works"}]}
    headers = {"Authorization": f"Bearer {settings['AZUREML_ENDPOINT_API_KEY']}"}
    reply = client.post(settings["AZUREML_ENDPOINT_URL"], json=body, headers=headers)
    assert reply.json()["choices"][0]["message"]["content"] == "it works"

    process.send_signal(signal_number)
    rest, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert "Stopped." in rest


def test_the_printed_command_works_as_it_is(cli: Cli, client: httpx.Client) -> None:
    _, announced = cli("--port", "0", "--key", "it's$mine", "--token-delay", "0")
    words = shlex.split(next(line for line in announced.splitlines() if line.strip().startswith("curl ")))
    command = iter(words[3:])
    options = [(option, next(command)) for option in command]
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
    assert words[1] == "-N"
    assert headers["Authorization"] == "Bearer it's$mine"
    reply = client.post(words[2], content=dict(options)["-d"], headers=headers)
    assert reply.text.endswith("data: [DONE]\n\n")
    assert str(httpx.URL(words[2]).copy_with(path="/score")) in announced


def test_a_taken_port_is_one_line_and_code_2(cli: Cli, emulator: Emulator) -> None:
    port = emulator.base_url.rpartition(":")[2]
    process, announced = cli("--port", port)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, announced) == (2, "")
    assert errors.count("\n") == 1
    assert f"127.0.0.1:{port}: the port is already in use" in errors


@pytest.mark.parametrize("profile", ["dedicated", "serverless", "foundry", "azure-openai"])
def test_the_routes_of_a_profile_are_printed(profile: str) -> None:
    with Emulator(profile) as emulator:
        text = banner(emulator)
    assert emulator.chat_url in text
    assert emulator.openai_url in text
    assert f"AZUREML_ENDPOINT_API_KEY={emulator.key}" in text
    assert "x-emulator-fault" in text
    assert "{" not in text.replace(text[text.index("curl") : text.index("Let one request")], "")


def test_all_faults_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list-faults"]) == 0
    listed = capsys.readouterr().out
    lines = listed.splitlines()
    for name, fault in FAULTS.items():
        assert any(line.startswith(f"  {name} ") for line in lines)
        assert fault.about[:60] in listed
    assert max(map(len, lines)) <= 120


def test_a_fault_from_the_command_line(cli: Cli, client: httpx.Client) -> None:
    _, announced = cli("--port", "0", "--token-delay", "0", "--fault", "rate-limit:1", "--times", "2")
    settings = dict(re.findall(r"(AZUREML_\w+)=(\S+)", announced))
    body = {"messages": [{"role": "user", "content": "hello"}]}
    headers = {"Authorization": settings["AZUREML_ENDPOINT_API_KEY"]}
    replies = [client.post(settings["AZUREML_ENDPOINT_URL"], json=body, headers=headers) for _ in range(3)]
    assert [reply.status_code for reply in replies] == [429, 429, 200]


def test_help_names_everything(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    for word in ("--profile", "--fault", "--times", "--list-faults", "--deployment", *PROFILES):
        assert word in text


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--port", "x"], "'x' is not a port"),
        (["--port", "65536"], "'65536' is not a port"),
        (["--port", "-1"], "is not a port"),
        (["--token-delay", "-1"], "is not a number of seconds"),
        (["--token-delay", "nan"], "'nan' is not a number of seconds"),
        (["--token-delay", "soon"], "'soon' is not a number of seconds"),
        (["--key", ""], "a key is"),
        (["--key", "two words"], "a key is"),
        (["--unknown"], "unrecognized arguments"),
        (["--profile", "azure"], "invalid choice: 'azure'"),
        (["--fault", "rate-limits"], "Did you mean rate-limit"),
        (["--fault", "delay:soon"], "is a number of seconds"),
        (["--times", "0"], "'0' is not a number of requests"),
        (["--max-pending", "x"], "'x' is not a number of requests"),
    ],
)
def test_bad_arguments_are_one_line_and_code_2(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    errors = capsys.readouterr().err
    assert ended.value.code == 2
    assert errors.count("\n") == 1
    assert complaint in errors


def test_listening_beyond_this_machine_is_warned_about(cli: Cli, client: httpx.Client) -> None:
    process, announced = cli("--port", "0", "--host", "0.0.0.0")
    url = re.search(r"AZUREML_ENDPOINT_URL=(\S+)", announced)[1]
    assert url.startswith("http://127.0.0.1:")
    assert client.post(url, json={}).status_code == 401
    process.kill()
    assert "can be reached from other machines" in process.communicate()[1]


def test_listening_on_this_machine_is_not_warned_about(cli: Cli) -> None:
    process, _ = cli("--port", "0", "--host", "localhost")
    process.kill()
    assert process.communicate()[1] == ""
