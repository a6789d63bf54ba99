"""Signed values: nobody else's, for one purpose, for a time."""

import base64
import json

import pytest

from chatbot.access.signing import MAX_LENGTH, Signer

SECRET = "a secret of the tests"


def test_a_value_comes_back_as_it_was_until_it_expires():
    now = [100.0]
    signer = Signer(SECRET, "session", lambda: now[0])
    text = signer.sign({"who": "ada é"}, 110)
    assert signer.read(text) == {"who": "ada é", "expires_at": 110}
    now[0] = 110.0
    assert signer.read(text) is None


def test_it_is_good_for_its_purpose_and_under_its_secret_only():
    text = Signer(SECRET, "session").sign({"who": "ada"}, 1e12)
    assert Signer(SECRET, "sign in").read(text) is None
    assert Signer(SECRET + "!", "session").read(text) is None


def test_whatever_is_changed_in_it_it_is_none():
    signer = Signer(SECRET, "session")
    text = signer.sign({"who": "ada"}, 1e12)
    content, _, signature = text.partition(".")
    forged = base64.urlsafe_b64encode(json.dumps({"who": "eve", "expires_at": 1e12}).encode()).decode().rstrip("=")
    for other in (f"{forged}.{signature}", content, f"{content}.", f".{signature}", "", ".", "é.é", f"{text}A"):
        assert signer.read(other) is None, other
    for at in range(len(content)):
        changed = content[:at] + ("A" if content[at] != "A" else "B") + content[at + 1 :]
        assert signer.read(f"{changed}.{signature}") in (None, signer.read(text))


def test_what_no_cookie_can_hold_is_not_made():
    with pytest.raises(ValueError, match="too long"):
        Signer(SECRET, "session").sign({"who": "x" * MAX_LENGTH}, 1e12)
