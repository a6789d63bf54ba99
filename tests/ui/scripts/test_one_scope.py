"""The modules stand in one scope on the page, where a name can be declared once."""

import re
from collections import defaultdict

from chatbot.ui.scripts import FILES
from tests.support.selectors import SCRIPTS

DECLARED = re.compile(
    r"^(?:export )?(?:async )?(?:const|let|function|class) (?:\[(.*?)\]|\{(.*?)\}|(\w+))", re.MULTILINE
)


def test_no_name_is_declared_by_two_modules():
    modules = defaultdict(set)
    for name in FILES:
        for found in DECLARED.findall((SCRIPTS / f"{name}.js").read_text(encoding="utf-8")):
            for declared in re.findall(r"\w+", " ".join(found)):
                modules[declared].add(name)
    assert len(modules) > 100
    assert {name: where for name, where in modules.items() if len(where) > 1} == {}
