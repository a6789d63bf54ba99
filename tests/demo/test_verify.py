"""``python -m chatbot.demo``: whether an endpoint still answers as it should, and a demo made of an export."""

import json
import subprocess
import sys

import pytest

from chatbot.conversation import Conversation, Turn, TurnStatus
from chatbot.conversation.import_export import to_json
from chatbot.conversation.parts import text_parts
from chatbot.conversation.store import StoredTurn
from chatbot.demo.__main__ import main
from chatbot.demo.file import demo_from
from chatbot.emulator import Emulator
from tests.support.app_process import ROOT

DEMO = """
demo: 1
title: Two questions
first_word: 5
turns:
- question: My name is Ada.
  answer: Nice to meet you!
  expect: {contains: [ada, nice], avoids: [sorry]}
- {question: Something bad, blocked: true, fault: content-filter}
- question: What is my name?
  answer: Ada.
  options: {k: 1}
  expect: {contains: [ADA], seconds: 60}
"""


@pytest.fixture(scope="module")
def endpoint():
    with Emulator(token_delay=0) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def _in_a_folder_with_a_demo(monkeypatch, tmp_path, endpoint):
    endpoint.heal()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "demo.yaml").write_text(DEMO)


@pytest.fixture
def configured(monkeypatch, endpoint):
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", endpoint.chat_url)
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", endpoint.key)


def verified(capsys, *arguments):
    code = main(["verify", "demo.yaml", "--json", *arguments])
    return code, json.loads(capsys.readouterr().out)


def test_an_endpoint_that_answers_well_is_told_of_with_exit_code_0(configured, endpoint, capsys):
    code, told = verified(capsys)
    assert (code, told["well"], told["title"]) == (0, True, "Two questions")
    assert [turn["verdict"] for turn in told["turns"]] == ["well", "not asked", "well"]
    assert all(turn["first_word"] <= turn["seconds"] for turn in (told["turns"][0], told["turns"][2]))
    # With the memory that the demo has by then: what was refused is in none.
    sent = [each["content"] for each in endpoint.requests[-1].body["messages"] if each["role"] == "user"]
    assert sent == ["My name is Ada.", "What is my name?"]


def test_an_answer_that_is_another_one_is_told_with_what_mends_it(configured, tmp_path, capsys):
    changed = DEMO.replace("contains: [ADA]", "contains: [Grace], avoids: [ada]").replace(
        "seconds: 60", "seconds: 0.0001"
    )
    (tmp_path / "demo.yaml").write_text(changed)
    code, told = verified(capsys)
    assert (code, told["well"]) == (1, False)
    problems = told["turns"][2]["problems"]
    assert [each["what"] for each in problems[:2]] == ["“Grace” is not in the answer", "“ada” is in the answer"]
    assert "of 0.0001 s" in problems[2]["what"]
    assert all(each["mend"] for each in problems)
    assert main(["verify", "demo.yaml"]) == 1
    printed = capsys.readouterr().out
    assert "“Grace” is not in the answer: change the question until it is" in printed
    assert "To mend: 3 of 3." in printed


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ("unauthorized-serverless", "ModelAuthenticationError"),
        ("content-filter", "ModelInvalidRequestError"),
        ("cut-after-events:3", "ModelConnectionError"),
    ],
)
def test_an_endpoint_that_fails_is_told_of(configured, endpoint, capsys, fault, what):
    endpoint.fail(fault)
    code, told = verified(capsys)
    assert (code, told["turns"][0]["verdict"]) == (1, "failed")
    [problem] = told["turns"][0]["problems"]
    assert what in problem["what"]
    assert problem["mend"]
    assert endpoint.key not in json.dumps(told)


@pytest.mark.slow
def test_with_nothing_configured_it_asks_the_demo_endpoint(tmp_path):
    command = [sys.executable, "-m", "chatbot.demo", "verify", str(ROOT / "assets" / "demo.yaml")]
    told = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin"}, capture_output=True, text=True
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.startswith("“What a chat remembers, and what it survives” at Demo endpoint\n")
    assert told.stdout.endswith("All is well: it answers as it should.\n")


def test_what_it_cannot_look_at_it_says_with_exit_code_2(configured, monkeypatch, tmp_path, capsys):
    assert main(["verify", "none.yaml"]) == 2
    assert "none.yaml cannot be read" in capsys.readouterr().err
    assert main(["verify", "demo.yaml", "--deployment", "Large"]) == 2
    assert "there is no “Large”: there are 127.0.0.1." in capsys.readouterr().err
    assert main(["record", "demo.yaml"]) == 2
    assert "is no conversation that was exported as JSON" in capsys.readouterr().err
    monkeypatch.setenv("CHATBOT_PORT", "many")
    assert main(["verify", "demo.yaml"]) == 2
    assert "CHATBOT_PORT" in capsys.readouterr().err


def test_a_demo_is_recorded_of_an_export(tmp_path, capsys):
    turn = Turn(0, text_parts("one"), text_parts("re: one"), TurnStatus.COMPLETE)
    (tmp_path / "chat.json").write_text(to_json(Conversation("c1", "ada", title="One"), [StoredTurn(turn, True)]))
    assert main(["record", "chat.json"]) == 0
    assert demo_from(capsys.readouterr().out).turns[0].question == "one"
    assert main(["record", "chat.json", "--output", "mine.yaml"]) == 0
    assert "Written to mine.yaml" in capsys.readouterr().out
    assert demo_from((tmp_path / "mine.yaml").read_text()).turns[0].answer == "re: one"
