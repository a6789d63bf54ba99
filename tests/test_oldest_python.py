"""What the oldest Python that we promise, Debian 12's 3.11.2, does wrongly, whatever Python the tests run on."""

import ast
import re
from pathlib import Path

CHATBOT = Path(__file__).parents[1] / "chatbot"
POSSESSIVE_GROUP = re.compile(r"(?<![\\(])\)(?:[*+?]|\{\d*,?\d*\})\+|\(\?>")


def possessive_groups(source):
    """The texts in a module's source that hold such a group."""
    texts = [node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and POSSESSIVE_GROUP.search(text)]


def test_no_group_is_possessive():
    """Before 3.11.5 one matches wrongly where what it holds can be matched in two ways (python/cpython#106052)."""
    sources = {path: path.read_text(encoding="utf-8") for path in CHATBOT.rglob("*.py")}
    assert sources
    assert {path.name: found for path, source in sources.items() if (found := possessive_groups(source))} == {}


def test_a_possessive_group_is_found():
    assert possessive_groups(r"""PATTERN = r"(?:>|\d+[.)])*+" """)
    assert possessive_groups(r"""PATTERN = rf"{MARKS}(?>\s*)x" """)
    assert possessive_groups(r"""PATTERN = r"(?:a|b){1,3}+" """)
    assert not possessive_groups(r"""PATTERN = r"[ \t]*+(?:>|[-*+.)]+)*\)+" """)
