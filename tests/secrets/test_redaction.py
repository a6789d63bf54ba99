"""What is taken for a secret and what is not: pure texts, a log, a stream."""

import io
import logging
import sys
import traceback
from contextlib import contextmanager, redirect_stderr, redirect_stdout

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.redaction import (
    guard_output,
    redacted,
    secrets_of,
    without_keys,
    without_shapes,
    without_words,
)
from chatbot.redaction.known import MAX_LASTING, MAX_PASSING, MIN_WITHHELD, KnownSecrets
from chatbot.redaction.output import RedactedStream
from tests.support.leaks import WRITINGS, every_writing, leaks

KEY = "3fK9aZ8QmV3s7yRx2LpT0wBcD5eF6gHjN1oUiYtR4kEwQaZsXdCvBnM9JQQJ99BAACAAAAAAINFRAZML2abc"
KEYS = [KEY, "Zx9/kQ+hT3u8wE==", "0123456789abcdef0123456789abcdef", "key-nobody-may-ever-see"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("writing", WRITINGS)
def test_a_secret_is_found_in_every_writing(key, writing):
    text = f"The server says {WRITINGS[writing](key)}, and that is all."
    assert leaks(key, text), "what searches cannot see it"
    clean = redacted(text, key)
    assert leaks(key, clean) == []
    assert (clean[:16], clean[-18:]) == ("The server says ", ", and that is all.")


@pytest.mark.parametrize("key", KEYS)
def test_many_writings_together_are_all_found(key):
    assert leaks(key, redacted(every_writing(KEYS), key)) == []


@given(st.text(max_size=60), st.sampled_from(KEYS), st.sampled_from(sorted(WRITINGS)), st.text(max_size=60))
def test_whatever_stands_around_a_secret_hides_none(before, key, writing, after):
    assert leaks(key, redacted(f"{before} {WRITINGS[writing](key)} {after}", key)) == []


@given(st.text(max_size=400))
def test_a_text_without_a_secret_is_the_same_text(text):
    assert redacted(text, KEY) is text


@pytest.mark.parametrize("length", range(8, len(KEY)))
def test_a_beginning_at_the_end_of_a_text_is_found(length):
    assert redacted(f"it is {KEY[:length]}", KEY) == "it is ***"


def test_a_few_letters_of_a_secret_are_a_coincidence():
    text = f"{KEY[:7]} and {KEY[10:30]} are words, {KEY[:12]} is not the end"
    assert redacted(text, KEY) == text


@pytest.mark.parametrize("value", [{"a": [KEY, 1]}, (KEY,), [{KEY: None}]])
def test_a_secret_is_found_within_containers(value):
    clean = redacted(value, KEY)
    assert leaks(KEY, str(clean)) == []
    assert type(clean) is type(value)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abcdef1234567", "Authorization: Bearer ***"),
        ("{'Authorization': 'Bearer abcdefghijklmnopqrstuvwxyz'}", "{'Authorization': 'Bearer ***'}"),
        ('{"api-key": "abc123def456"}', '{"api-key": "***"}'),
        ("Ocp-Apim-Subscription-Key: 0123456789abcdef", "Ocp-Apim-Subscription-Key: ***"),
        ("GET https://h/score?code=abc&x=1", "GET https://h/score?code=***&x=1"),
        ("https://h/a?x=1&sig=Zx%2B&se=2", "https://h/a?x=1&sig=***&se=2"),
        ("https://h/a?api-key=1", "https://h/a?api-key=***"),
        ("postgresql://chat:pw@host/db", "postgresql://chat:***@host/db"),
        ("sk-proj-abcdefghijklmnop12 is one", "*** is one"),
        ("token eyJ0eXAiOiJKV1QiLCJh.eyJzdWIiOiIxMjM0.abc-_1!", "token ***!"),
    ],
)
def test_what_is_secret_by_its_form_needs_not_be_known(text, clean):
    assert without_shapes(text) == clean


@pytest.mark.parametrize(
    "text",
    [
        "Bearer token is missing.",
        "api-key: missing",
        "Authorization: required",
        "Check AZUREML_ENDPOINT_API_KEY: copy the key again from the endpoint's Consume page.",
        "see https://example.com/score?version=2024-05-01 and http://localhost:7860/",
        "the code=42 of task-force sk-8",
    ],
)
def test_words_about_secrets_are_none(text):
    # Of one that knows nothing: what other tests of this process used as keys is a secret to the one it has.
    assert KnownSecrets().redact(text) == text


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("AZUREML_ENDPOINT_API_KEY", " abcdefgh ", ["abcdefgh"]),
        ("SECOND_KEY", "abcdefgh", ["abcdefgh"]),
        ("client_secret", "abcdefgh", ["abcdefgh"]),
        ("Authorization", "Bearer abcdefgh", ["abcdefgh"]),
        ("SORT_KEY", "id", []),
        ("MONKEY", "bananas and apples", []),
        ("PWD", "/srv/chatbot", []),
        ("COUNTRY_CODE", "12345678", []),
        ("CHATBOT_MAX_TOKENS", "12345678", []),
        ("CHATBOT_TITLE", "My key", []),
        ("CHATBOT_STORE_URL", "postgresql://u:p%40w@h/db", ["p%40w", "p@w"]),
        ("AZUREML_ENDPOINT_URL", "https://h/score?code=a%2Bb&v=1", ["a%2Bb", "a+b"]),
        ("HTTPS_PROXY", "http://u:pw@proxy:3128", ["pw", "pw"]),
        ("BROKEN", "https://[::1/", []),
    ],
)
def test_what_is_secret_in_a_variable(name, value, found):
    assert list(secrets_of(name, value)) == found


@pytest.mark.parametrize("key", [*KEYS[:3], "sk-1234567890abcdef", "abcdefghijklmnopqrstuvwx"])
def test_what_may_be_a_key_is_not_repeated(key):
    assert without_keys(key) == "***"


@pytest.mark.parametrize(
    "text", ["not a url", "hot", "70000", "https://www.example.com/page", "/srv/a-very-long-name-1.toml"]
)
def test_what_is_no_key_is(text):
    assert without_keys(text) == text


def test_what_somebody_said_is_taken_out_of_what_is_said_of_it():
    said = "Is it true that my aunt owes me three hundred pounds?"
    assert without_words(f"invalid input: '{said}'", said) == "invalid input: '***'"
    assert without_words(f"at “{said[10:40]}…”", said) == "at “***…”"
    assert without_words("hello there", "hello") == "hello there"


def test_a_new_token_takes_the_place_of_the_oldest_and_of_no_key():
    known = KnownSecrets()
    known.add(KEY)
    for number in range(MAX_PASSING + 1):
        known.add(f"token-number-{number}-of-a-day", passing=True)
    for number in range(MAX_LASTING - 1):
        known.add(f"{number:03d}-key-of-a-deployment")
    assert known.redact(KEY) == "***"
    assert known.redact("token-number-8-of-a-day") == "***"
    assert len(known._needles) < 6 * (MAX_LASTING + MAX_PASSING) + 200


def test_a_short_secret_is_kept_out_of_logs_and_may_be_a_word_of_an_answer():
    known = KnownSecrets()
    known.add("a-short-password"[: MIN_WITHHELD - 1])
    assert "short" not in known.redact("it is a-short-password")
    assert known.withhold("it is a-short-password") == "it is a-short-password"


@contextmanager
def guarded():
    """The process's output as the application has it; what comes out of it."""
    factory, out = logging.getLogRecordFactory(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        guard_output({"MY_KEY": KEY})
        try:
            yield out
        finally:
            logging.setLogRecordFactory(factory)


@pytest.mark.parametrize("name", ["chatbot.ui.routes", "uvicorn.error", "gradio", "asyncio", "root"])
def test_no_log_tells_a_secret(name):
    handler = logging.StreamHandler(out := io.StringIO())  # not one of the streams that are guarded
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    try:
        with guarded():
            logger.error("asked with %s for %d", {"Authorization": f"Bearer {KEY}"}, 7)
            try:
                raise ValueError(f"no such key: {KEY}")
            except ValueError:
                logger.exception("It failed", stack_info=True)
    finally:
        logger.removeHandler(handler)
    assert "asked with {'Authorization': 'Bearer ***'} for 7" in out.getvalue()
    assert "ValueError: no such key: ***" in out.getvalue()
    assert leaks(KEY, out.getvalue()) == []


def test_a_log_line_without_a_secret_is_as_it_was(caplog):
    with guarded():
        logging.getLogger("some").warning("so %s", {"a": 1})
    [record] = caplog.records
    assert (record.msg, record.args) == ("so %s", {"a": 1})


def test_what_is_printed_past_every_log_tells_no_secret():
    with guarded() as out:
        print("the key is", KEY)
        print("the key is", KEY, file=sys.stderr)
        try:
            raise KeyError(KEY)
        except KeyError:
            traceback.print_exc()
        sys.stderr.writelines([KEY, "\n"])
    assert out.getvalue().count("***") == 4
    assert leaks(KEY, out.getvalue()) == []


def test_a_guarded_stream_is_the_stream_it_was():
    with guarded() as out:
        assert isinstance(sys.stderr, RedactedStream)
        assert sys.stderr.getvalue() == ""
        assert sys.stderr.write("four") == 4
        guard_output({})
        assert not isinstance(sys.stderr._stream, RedactedStream)
    assert out.getvalue() == "four"
