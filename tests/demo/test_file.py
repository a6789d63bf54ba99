"""The file of a demo: what it may hold is what is played, and what is wrong with one is said with its line."""

import json
import re

import pytest

from chatbot.conversation import OPTIONS, Options
from chatbot.demo import MAX_BYTES, Demo, DemoTurn, Expectation, read_demo, to_yaml
from chatbot.demo.file import demo_from
from chatbot.emulator.faults import parse
from tests.support.app_process import ROOT, refused

SHIPPED = ROOT / "assets" / "demo.yaml"
BEGIN = "demo: 1\ntitle: One\nturns:\n"
TURN = f"{BEGIN}- question: Hello?\n  answer: Hello.\n"


def test_what_is_written_is_what_is_read():
    demo = demo_from(
        BEGIN.replace("turns", "live: false\noptions: {k: 3, system_prompt: ''}\nturns")
        + "- question: |\n    Two\n    lines, “quoted”: yes\n  answer: '# no comment'\n  seconds: 3\n  fault: delay:1\n"
        + "  expect: {contains: [a], avoids: [b], seconds: 1.5}\n"
        + "- {question: 你好, blocked: true, offers: 1, options: {k: 0}}\n"
    )
    assert demo_from(to_yaml(demo)) == demo
    assert (demo.live, demo.turns[1].blocked, demo.turns[0].question) == (False, True, "Two\nlines, “quoted”: yes\n")
    assert demo.faults == ["delay:1"]


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_can_be_chosen(name):
    option = OPTIONS[name]
    value = True if option.type is bool else "some words" if option.type is str else option.type(max(option.low, 1))
    demo = demo_from(TURN.replace("turns", f"options: {json.dumps({name: value})}\nturns"))
    assert demo.begins(Options()) == Options(**{name: value})
    assert demo_from(to_yaml(demo)) == demo


def test_what_is_chosen_holds_until_something_else_is():
    demo = demo_from(
        TURN.replace("turns", "options: {k: 3}\nturns")
        + "- {question: Next, answer: So., options: {temperature: 0}}\n"
        + "- {question: Next, answer: So., options: {k: 1, temperature: null}}\n"
    )
    begun = demo.begins(Options(deployment="Large"))
    first, second, third = demo.turns
    assert begun == Options(deployment="Large", k=3) == first.chosen(begun)
    assert second.chosen(begun) == Options(deployment="Large", k=3, temperature=0)
    assert third.chosen(second.chosen(begun)) == Options(deployment="Large", k=1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: this is no demo"),
        ("- 1", "line 1: this is no demo"),
        (TURN.replace("demo: 1", "demo: 2"), "line 1: demo: input should be 1"),
        (BEGIN, "line 3: turns: input should be a valid list"),
        (TURN.replace("answer", "answr"), "line 5: turns 1 answr: is no field of a demo"),
        (TURN.replace("Hello?", "yes"), "line 4: turns 1 question: should be text; put it in quotes"),
        (TURN.replace("Hello?", "'  '"), "line 4: turns 1 question: should be some words"),
        (f"{BEGIN}- question: Hello?\n", "line 4: turns 1: has no answer"),
        (f"{TURN}  blocked: true\n", "line 4: turns 1: is blocked and has an answer"),
        (f"{TURN}  first_word: 9\n", "line 4: turns 1: has its first_word after its last"),
        (f"{TURN}  seconds: .nan\n", "line 6: turns 1 seconds: input should be a finite number"),
        (f"{TURN}  offers: 1\n", "line 6: turns 1 offers: should be the number of an earlier question"),
        (f"{TURN}  options: {{k: 1001}}\n", "line 6: turns 1 options k: input should be less than or equal to 1000"),
        (
            f"{TURN}  expect:\n    contains: [3]\n",
            "line 7: turns 1 expect contains 1: should be text; put it in quotes",
        ),
        (f"{TURN}title: Two\n", "line 6: title is there twice"),
        (f"{TURN}  fault: *other\n", "line 6: a demo has no references"),
        (TURN.replace("One", "[One"), "this is no YAML"),
        (TURN.replace("One", "!!python/object/apply:os.getcwd []"), "line 2: this is no YAML: could not determine"),
        ("[" * 5_000, "this is nested too deep for a demo"),
        ("demo: \x00", "this is no YAML"),
        (TURN + TURN.removeprefix(BEGIN) * 100, "line 3: turns: list should have at most 100 items"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, words):
    with pytest.raises(ValueError) as found:
        demo_from(text)
    assert words in str(found.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    missing, large, binary = tmp_path / "none.yaml", tmp_path / "large.yaml", tmp_path / "binary.yaml"
    large.write_text("#" * (MAX_BYTES + 1))
    binary.write_bytes(b"\xff\xfe\x00")
    for path, words in ((missing, "cannot be read"), (large, "has more than"), (binary, "is not text in UTF-8")):
        with pytest.raises(ValueError, match=words) as found:
            read_demo(path)
        assert str(path) in str(found.value)


def test_the_one_that_ships_shows_what_it_promises_in_less_than_three_minutes():
    demo = read_demo(SHIPPED)
    presses = len(demo.turns) + 2 * sum(turn.offers is not None for turn in demo.turns)
    # A presenter says something to each step.
    assert sum(turn.seconds for turn in demo.turns) + 12 * presses < 180
    assert any(turn.blocked for turn in demo.turns)
    assert any(turn.offers for turn in demo.turns)
    assert {parse(each)[0].name for each in demo.faults} == {"content-filter", "rate-limit"}


def test_the_demo_of_the_manual_can_be_played_and_every_field_is_told_there():
    page = (ROOT / "docs" / "demos.md").read_text(encoding="utf-8")
    [block] = re.findall(r"```yaml\n(.+?)```", page, re.DOTALL)
    assert demo_from(block).turns[2].offers == 1
    told = set(re.findall(r"`(\w+)`", "".join(line for line in page.splitlines() if line.startswith("| `"))))
    for each in (Demo, DemoTurn, Expectation):
        assert set(each.model_fields) <= told


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{TURN}  colour: red\n", "line 6: turns 1 colour: is no field of a demo"),
        (f"{TURN}  fault: ratelimit\n", "turns 1 fault: There is no fault 'ratelimit'. Did you mean rate-limit"),
    ],
)
def test_the_application_does_not_start_with_one_that_is_wrong(tmp_path, text, words):
    (tmp_path / "mine.yaml").write_text(text)
    ended = refused(tmp_path, CHATBOT_DEMO_FILE="mine.yaml")
    assert ended.returncode == 2
    assert f"CHATBOT_DEMO_FILE: mine.yaml: {words}" in ended.stderr
    assert "Traceback" not in ended.stderr
