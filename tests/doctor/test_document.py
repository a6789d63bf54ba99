"""The manual's page of the doctor: its commands are some that the doctor takes."""

import re
import shlex

from chatbot.doctor.__main__ import _parser
from chatbot.doctor.examination import TIMEOUT
from chatbot.ui import DOCTOR
from tests.support.app_process import ROOT

PAGE = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")


def test_its_commands_can_be_given():
    blocks = re.findall(r"```sh\n(.+?)\n```", PAGE, re.DOTALL)
    assert blocks
    for block in blocks:
        prefix, _, arguments = block.partition("chatbot.doctor")
        assert prefix == "python -m "
        _parser().parse_args(shlex.split(arguments))


def test_its_options_are_those_there_are():
    told = set(re.findall(r"`(--\w+)", PAGE))
    assert told == {each for action in _parser()._actions for each in action.option_strings} - {"-h", "--help"}
    assert f"{TIMEOUT:g} without it" in PAGE
    assert DOCTOR in PAGE
