"""What the page says: every language says everything, and each visitor gets their own."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from langchain_core import exceptions as langchain

from chatbot.azureml.errors import SIGN_IN_FAILED, SILENCE_TIMEOUT
from chatbot.conversation import (
    OPTIONS,
    PERIODS,
    ConversationBusyError,
    ConversationError,
    Failure,
    Inclusion,
    Left,
    LimitError,
    MessageError,
    Notice,
    Standing,
    TextTooLongError,
    TitleError,
    UnreadableExportError,
)
from chatbot.conversation import turn as turns
from chatbot.conversation.errors import LimitName
from chatbot.conversation.import_export import LOSSES
from chatbot.ui.i18n import CODES, TABLES, Language, language_of
from chatbot.ui.views.limits import what_is_left

SOURCE = "\n".join(each.read_text(encoding="utf-8") for each in Path(TABLES).parent.rglob("*.py"))
SCRIPTS = "\n".join(each.read_text(encoding="utf-8") for each in Path(TABLES).parent.rglob("*.js"))


def table(code: str) -> dict[str, object]:
    """Every text by its whole key; a text with forms by each form."""
    return dict(flat(tomllib.loads((TABLES / f"{code}.toml").read_text(encoding="utf-8"))))


def flat(texts: dict[str, object], within: str = "") -> Iterator[tuple[str, object]]:
    for name, text in texts.items():
        if isinstance(text, dict) and "other" not in text:
            yield from flat(text, f"{within}{name}.")
        else:
            yield f"{within}{name}", text


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
    used = set(re.findall(r"""(?:\bself|\b_?t)\(\s*f?["'](\w+\.\w+)["']""", SOURCE))
    assert used - english.keys() == set()
    labels = {key.partition(".")[2] for key in english if key.startswith("label.")}
    assert set(OPTIONS) <= labels
    for name in labels - set(OPTIONS):
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
    assert Language("en")("plan.tokens", 1) == "~1 token"
    assert Language("en")("plan.tokens", 0) == "~0 tokens"
    assert Language("fr")("plan.tokens", 0) == "~0 jeton"
    assert Language("ko")("plan.tokens", 1200) == "토큰 약 1,200개"


def test_what_the_service_refuses_is_told_in_the_language():
    assert Language("fr").problem(ConversationBusyError()).startswith("Une réponse")
    assert Language("fr").problem(MessageError("empty")).startswith("Il n'y a rien à envoyer")
    assert (
        Language("fr")
        .problem(TextTooLongError("search", 1200, 1000))
        .startswith("La recherche compte 1\u202f200 caractères")
    )


def kinds_of(cls: type[ConversationError]) -> Iterator[str]:
    """Every kind of refusal, as the reasons of each class are typed."""
    reasons = get_args(get_type_hints(cls.__init__).get("reason", str))
    yield from (f"{cls.__name__}.{each}" for each in reasons) if reasons else [cls.__name__]
    for each in cls.__subclasses__():
        yield from kinds_of(each)


REFUSALS = sorted({kind for each in ConversationError.__subclasses__() for kind in kinds_of(each)})
FAILURES = sorted(
    [name for name, cls in vars(langchain).items() if isinstance(cls, type) and issubclass(cls, langchain.ModelError)]
    + ["ContextOverflowError", turns.INTERRUPTED, turns.STORE_ERROR, turns.ANSWER_TIMEOUT, turns.UNEXPECTED, "blocked"]
    + [turns.FIRST_WORD_TIMEOUT, SILENCE_TIMEOUT, SIGN_IN_FAILED]
)
PASSED_OVER = ["out_of_capacity", "failing", "too_slow", "unreachable", "reads_no_pictures", "too_long_for"]
OTHERS = ["turns_left_out", "answer_shortened", "lower_max_tokens", "over_budget", "from_cache", "text", "stands_in"]
OF_COMPARISONS = ["compared", "compared_without_pins", "compared_budget"]
RECORDED = [*turns.RECORDED, "recording_skipped", "recording_cause"]
NOTICES = [*OTHERS, *OF_COMPARISONS, *PASSED_OVER, *RECORDED, *LOSSES]


@pytest.mark.parametrize("code", CODES)
def test_every_kind_is_said_and_nothing_else(code):
    texts = table(code)
    problems = {key.removeprefix("problem.") for key in texts if re.match(r"problem\.[A-Z]", key)}
    assert problems == set(REFUSALS)
    for section in ("failure", "advice"):
        assert {key.removeprefix(f"{section}.") for key in texts if key.startswith(f"{section}.")} == set(FAILURES)
    assert {key.removeprefix("notice.") for key in texts if key.startswith("notice.")} == {*NOTICES, "unknown"}


@pytest.mark.parametrize("code", CODES)
def test_what_a_failure_is_and_what_to_do_is_said_in_every_language(code):
    t = Language(code)
    for kind in FAILURES:
        failure = Failure(kind, {"seconds": 600.0, "detail": "No <b>."})
        assert t.headline(failure) == table(code)[f"failure.{kind}"]
        assert t.explanation(failure) not in ("", t("advice.ModelError")) or kind == "ModelError"
        assert "No <b>." in t.detail(failure) != "No <b>."
        assert all(part in t.failure(failure) for part in (t.headline(failure), t.explanation(failure), "No <b>."))
    assert t.headline(Failure("ModelInvalidRequestError", blocked=True)) == t("failure.blocked")
    assert t.explanation(Failure("ModelInvalidRequestError", blocked=True)) == t("advice.blocked")
    for kind in (turns.ANSWER_TIMEOUT, turns.FIRST_WORD_TIMEOUT, SILENCE_TIMEOUT):
        assert "600" in t.explanation(Failure(kind, {"seconds": 600.0}))
    assert t("failed.retry") in t.explanation(Failure(turns.INTERRUPTED))


@pytest.mark.parametrize("code", CODES)
def test_a_notice_is_said_in_every_language(code):
    t = Language(code)
    assert "3" in t.notice(Notice("turns_left_out", {"count": 3}))
    shortened = t.notice(Notice("answer_shortened", {"wanted": 4000, "most": 512}))
    assert (t.number(4000) in shortened, "512" in shortened) == (True, True)
    assert t("label.max_tokens") in t.notice(Notice("lower_max_tokens"))
    said = [t.notice(Notice(kind, {"deployment": "Large", "seconds": 12})) for kind in ("stands_in", *PASSED_OVER)]
    assert all("Large" in each for each in said)
    assert ["12" in each for each in said] == [False, True, True, True, True, False, False]
    over = t.notice(Notice("over_budget", {"answering": "Demo <b>", "chosen": "A {model}"}))
    assert ("Demo <b>" in over, "A {model}" in over) == (True, True)


@pytest.mark.parametrize("code", CODES)
def test_why_an_answer_is_a_recordings_is_said_in_every_language(code):
    t = Language(code)
    for kind in (SILENCE_TIMEOUT, turns.FIRST_WORD_TIMEOUT, "ModelAPIError"):
        assert t(f"failure.{kind}") in t.notice(Notice("recording_cause", {"cause": kind}))
    assert t("failure.ModelError") in t.notice(Notice("recording_cause", {"cause": "no such kind"}))
    assert len({t.notice(Notice(kind)) for kind in turns.RECORDED}) == len(turns.RECORDED)


@pytest.mark.parametrize("code", CODES)
def test_what_is_left_and_what_is_over_is_said_in_every_language(code):
    t = Language(code)
    for period in PERIODS:
        for name in get_args(LimitName):
            refused = LimitError(name, 20_000, period, 1_900_000_000.5)
            for said in (t.problem(refused), *what_is_left(t, Standing(Left(name, 7, 20_000, period)))):
                assert t.number(20_000) in said
                assert t(f"period.{period}") in said
            assert "7" in said
            assert "2030-03-17 17:46:40 UTC" in t.until(refused) or "UTC 2030-03-17 17:46:40" in t.until(refused)
    assert t.until(MessageError("empty")) == ""
    assert what_is_left(t, None) == what_is_left(t, Standing()) == []
    left, over = Standing(budget=0.559), Standing(budget=0.05, is_over_budget=True)
    assert "55" in what_is_left(t, left)[0]
    assert what_is_left(t, over) == [t("limit.over")]


@pytest.mark.parametrize("code", CODES)
def test_what_was_kept_as_a_sentence_is_shown_as_it_was(code):
    t, sentence = Language(code), "The {answer} took longer than 600 seconds."
    assert t.explanation(Failure("ModelTimeoutError", {"text": sentence})) == sentence
    assert t.detail(Failure("ModelTimeoutError", {"text": sentence})) == ""
    assert t.notice(Notice("text", {"text": sentence})) == sentence


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("kind", ["", "other", "a.b", "turns_left_out", "answer_shortened", "AnswerTimeout", "unknown"])
@pytest.mark.parametrize("data", [{}, {"count": "x"}, {"self": 1, "key": "k", "seconds": "{x}", "wanted": True}])
def test_whatever_an_imported_file_holds_can_be_said(code, kind, data):
    t = Language(code)
    assert t.notice(Notice(kind, data))
    assert t.failure(Failure(kind, data))
    assert t.condition(kind)


@pytest.mark.parametrize("code", CODES)
def test_what_is_wrong_with_a_file_within_a_bundle_says_where(code):
    t = Language(code)
    said = t.problem(UnreadableExportError("text_too_long", place="turns[3].user", most=20_000, file="a {b}.json"))
    assert all(part in said for part in ("a {b}.json", "turns[3].user", t.number(20_000)))


@pytest.mark.parametrize("code", CODES)
def test_why_the_model_found_no_title_is_said_with_its_own_words(code):
    t = Language(code)
    said = t.problem(TitleError("model_failed", cause="ModelRateLimitError", detail="Slow down."))
    assert t("failure.ModelRateLimitError") in said
    assert "Slow down." in said
