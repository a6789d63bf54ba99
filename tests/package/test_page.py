"""docs/package.md, which is also what an index shows of the package: its code runs, and its commands are there."""

import re

from chatbot.__main__ import COMMANDS
from chatbot.emulator import Emulator
from tests.package.conftest import PROJECT
from tests.support.app_process import ROOT

PAGE = (ROOT / "docs" / "package.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.+?)```", PAGE, re.DOTALL)


def test_it_is_what_an_index_shows():
    assert PROJECT["readme"] == "docs/package.md"
    assert set(re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)) == {"python", "sh"}


def test_its_python_runs(monkeypatch, capsys):
    [code] = blocks("python")
    with Emulator(token_delay=0) as emulator:
        monkeypatch.setenv("AZUREML_ENDPOINT_URL", emulator.chat_url)
        monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", emulator.key)
        exec(compile(code, "package.md", "exec"), {})
    assert capsys.readouterr().out


def test_its_commands_are_there():
    [program] = PROJECT["scripts"]
    [serve] = blocks("sh")
    assert serve.split() == [program, "serve"]
    told = re.search(rf"are `{program} (.+?)`, which", PAGE, re.DOTALL).group(1)
    assert {"serve", *re.findall(r"[\w-]+", told)} - {"and"} == set(COMMANDS)


def test_it_tells_every_extra_and_what_the_model_asks_for():
    told = re.findall(r"pip install \"?\.(?:\[(.+?)\])?\"?`", PAGE)
    assert {extra for each in told for extra in each.split(",") if extra} == set(PROJECT["optional-dependencies"])
    for each in PROJECT["dependencies"]:
        assert f"`{re.split('[<>=]', each)[0]}`" in PAGE
