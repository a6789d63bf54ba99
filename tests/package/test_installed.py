"""The wheel, installed: the chat model without the application, and the application as a command."""

import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chatbot.emulator import Emulator
from tests.package.conftest import Installed

# Making an environment takes a minute, on a busy machine several.
pytestmark = [pytest.mark.timeout(1800), pytest.mark.install]

PROGRAM = "azureml-chatbot"

STREAM = """
import asyncio, importlib.util, json, sys
from chatbot.azureml import AzureMLChatOnlineEndpoint

url, key = sys.argv[1:]
model = AzureMLChatOnlineEndpoint(endpoint_url=url, endpoint_api_key=key)

async def streamed():
    return [chunk.text async for chunk in model.astream("Hello")]

told = {"chunks": [chunk.text for chunk in model.stream("Hello")], "later": asyncio.run(streamed())}
told["there"] = [name for name in ("gradio", "fastapi", "starlette", "sqlalchemy") if importlib.util.find_spec(name)]
told["modules"] = [name for name in sys.modules if name.partition(".")[0] in ("gradio", "starlette", "sqlalchemy")]
told["file"] = sys.modules["chatbot"].__file__
print(json.dumps(told))
"""


def streamed(installed: Installed) -> dict:
    with Emulator(token_delay=0) as emulator:
        done = installed.run("-I", "-c", STREAM, emulator.chat_url, emulator.key)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["file"].startswith(str(installed.python.parents[1])), "not the installed one"
    assert len(told["chunks"]) > 2
    assert "".join(told["later"]) == "".join(told["chunks"])
    return told


def test_the_chat_model_streams_in_an_environment_that_has_no_gradio(model_alone):
    assert model_alone.check().startswith("No broken requirements")
    assert streamed(model_alone)["there"] == []


def test_the_chat_model_alone_says_what_the_application_needs(model_alone):
    done = model_alone.run("serve", program=PROGRAM)
    assert done.returncode == 2
    assert done.stderr.endswith('python -m pip install "azureml-chatbot[app]"\n')


def test_the_chat_model_alone_says_what_a_token_needs(model_alone):
    done = model_alone.run("-I", "-c", "from chatbot.azureml.entra import default_credential; default_credential()")
    assert done.stderr.endswith('azure-identity: python -m pip install "azureml-chatbot[entra]"\n')


def test_the_application_serves_its_page_as_a_command(application):
    assert application.check().startswith("No broken requirements")
    with served(application) as url:
        with urllib.request.urlopen(url) as page:
            assert "Azure ML Chat" in page.read().decode()
        with urllib.request.urlopen(f"{url}config") as config:
            assert "Tell it your name" in config.read().decode(), "no prompts of assets/prompts.toml"
    assert (application.folder / "data" / "conversations.db").is_file()


def test_importing_the_chat_model_imports_nothing_of_the_application(application):
    assert streamed(application)["modules"] == []


@pytest.mark.parametrize("environment", ["space_python", "newer_python"])
def test_newer_pythons_have_what_the_wheel_asks_for(environment, request, installed_on):
    installed = installed_on(request.getfixturevalue(environment))
    assert installed.check().startswith("No broken requirements")
    streamed(installed)
    done = installed.run("hash-password", program=PROGRAM, given="a long password\n")
    assert done.stdout.startswith("CHATBOT_PASSWORD_HASH=scrypt:"), done.stderr


@pytest.mark.exhaustive
@pytest.mark.parametrize("environment", ["space_python", "newer_python"])
def test_newer_pythons_serve_the_page(environment, request, installed_on):
    installed = installed_on(request.getfixturevalue(environment))
    with served(installed) as url, urllib.request.urlopen(url) as page:
        assert "Azure ML Chat" in page.read().decode()


def test_the_command_takes_no_settings_for_arguments(application):
    done = application.run("serve", "--port", "8000", program=PROGRAM)
    assert done.returncode == 2
    assert "serve takes no arguments, but settings: not --port" in done.stderr


def test_another_command_gets_its_arguments(application):
    done = application.run("emulator", "--list-faults", program=PROGRAM)
    assert done.returncode == 0, done.stderr
    assert "--fault" not in done.stdout
    assert len(done.stdout.splitlines()) > 20


@contextmanager
def served(installed: Installed) -> Iterator[str]:
    """Run ``azureml-chatbot serve`` on a free port; yield its address, and see that it ends in order."""
    process = subprocess.Popen(
        [installed.command(PROGRAM), "serve"],
        cwd=installed.folder,
        env={"PATH": "", "CHATBOT_PORT": "0", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout:
        try:
            told = process.stdout.readline()
            assert " is at http://" in told, told
            yield told.split(" is at ")[1].split()[0]
        finally:
            process.send_signal(signal.SIGTERM)
            code = process.wait(60)
    assert code == 0
