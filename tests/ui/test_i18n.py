"""What the page says: every language says everything, and each visitor gets their own."""

import re
import tomllib
from pathlib import Path

import pytest

from chatbot.conversation import ConversationBusyError, Inclusion, MessageError
from chatbot.ui.i18n import CODES, TABLES, Language, language_of

SOURCE = "\n".join(each.read_text(encoding="utf-8") for each in Path(TABLES).parent.rglob("*.py"))
SCRIPTS = "\n".join(each.read_text(encoding="utf-8") for each in Path(TABLES).parent.rglob("*.js"))


def table(code: str) -> dict[str, object]:
    """Every text by its whole key; a text with forms by each form."""
    found = {}
    for section, texts in tomllib.loads((TABLES / f"{code}.toml").read_text(encoding="utf-8")).items():
        for name, text in texts.items() if isinstance(texts, dict) else [("", texts)]:
            found[f"{section}.{name}"] = text
    return found


def placeholders(text: object) -> set[str]:
    forms = text.values() if isinstance(text, dict) else [text]
    return {name for form in forms for name in re.findall(r"\{(\w+)\}", form)}


@pytest.mark.parametrize("code", CODES[1:])
def test_every_language_says_everything(code):
    english, other = table("en"), table(code)
    assert other.keys() == english.keys()
    for key, text in english.items():
        # What counts one thing may say so without the number.
        assert placeholders(other[key]) | {"count"} == placeholders(text) | {"count"}, key
    same = [key for key, text in english.items() if isinstance(text, str) and other[key] == text and len(text) > 15]
    assert same == [], "left in English"


def test_every_text_is_used_and_every_text_that_is_used_exists():
    english = table("en")
    used = set(re.findall(r"""say\(\s*f?["'](\w+\.\w+)["']""", SOURCE))
    assert used - english.keys() == set()
    for name in (key.partition(".")[2] for key in english if key.startswith("label.")):
        assert re.search(rf'["\']{name}["\']', SOURCE), name
    for name in (key.partition(".")[2] for key in english if key.startswith("browser.")):
        assert re.search(rf'["\']{name}["\']', SOURCE + SCRIPTS), name
    for inclusion in Inclusion:
        assert f"reason.{inclusion.name.lower()}" in english


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("fr-CA,fr;q=0.9,en;q=0.8", "fr"),
        ("de-DE,de;q=0.9,ko;q=0.5", "ko"),
        ("zh-TW", "zh"),
        ("ES", "es"),
        ("de", "en"),
        ("", "en"),
        (None, "en"),
    ],
)
def test_a_visitor_is_told_in_the_language_they_wish_for_most(header, code):
    class Request:
        headers = {} if header is None else {"accept-language": header}

    assert language_of(Request()).code == code


def test_one_and_many():
    assert Language("en")("plan.tokens", 1) == "1 token"
    assert Language("en")("plan.tokens", 0) == "0 tokens"
    assert Language("fr")("plan.tokens", 0) == "0 jeton"
    assert Language("ko")("plan.tokens", 1200) == "토큰 1,200개"


def test_what_the_service_refuses_is_told_in_the_language():
    assert Language("fr").problem(ConversationBusyError()).startswith("Une réponse")
    assert Language("en").problem(ConversationBusyError()) == str(ConversationBusyError())
    assert Language("fr").problem(MessageError("as it is")) == "as it is"
