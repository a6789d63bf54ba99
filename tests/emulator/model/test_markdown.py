import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.emulator.model.markdown import counted, inline, shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words", "plain words"),
        ("one\n\n# two", "one \\# two"),
        ("- item", "\\- item"),
        ("1. item", "1\\. item"),
        ("12) item", "12\\) item"),
        ("1.5 litres", "1.5 litres"),
        ("-5 degrees", "-5 degrees"),
        ("---", "\\---"),
        ("7.", "7\\."),
        ("2 apples", "2 apples"),
        ("a|b `c` <d> $e$ &amp;", "a\\|b \\`c\\` \\<d\\> \\$e\\$ \\&amp;"),
        ("back\\slash", "back\\\\slash"),
        ("nul\x00 and \u202eturned", "nul and turned"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("\ud83d half", "half"),
    ],
)
def test_text_is_shown_as_typed(text: str, shown: str) -> None:
    assert inline(text).strip() == shown


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_a_shortened_text_is_one_line_within_its_limit(text: str, limit: int) -> None:
    line = shorten(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1


def test_shortening_leaves_a_mark_only_when_something_is_missing() -> None:
    assert shorten("twelve chars", 12) == "twelve chars"
    assert shorten("twelve chars", 11) == "twelve cha…"


@pytest.mark.parametrize(("number", "words"), [(0, "0 words"), (1, "1 word"), (2, "2 words")])
def test_counted(number: int, words: str) -> None:
    assert counted(number, "word") == words
