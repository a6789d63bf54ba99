"""Passwords: their hashes, the command that makes one, and how those who guess are slowed down."""

import asyncio
import subprocess
import sys

import pytest

from chatbot.access import attempts as slowed
from chatbot.access.attempts import Attempts
from chatbot.access.passwords import PasswordCheck, check_hash, hash_password, is_password
from tests.access.conftest import PASSWORD
from tests.support.app_process import ROOT


def test_a_password_is_known_by_its_hash_and_by_nothing_else(password_hash):
    assert is_password(PASSWORD, password_hash)
    for other in (PASSWORD.upper(), PASSWORD + " ", "", "\ud83d", password_hash):
        assert not is_password(other, password_hash)
    assert hash_password(PASSWORD) != password_hash, "each has a salt of its own"
    assert "$" not in password_hash


@pytest.mark.parametrize(
    "kept",
    ["", "hunter2hunter2", "scrypt:15:8:1:abc:def", "scrypt:31:8:1:" + "a" * 22 + ":" + "b" * 43, "$2b$12$" + "a" * 53],
)
def test_what_is_no_hash_is_told_without_being_repeated(kept):
    with pytest.raises(ValueError, match=r"python -m chatbot\.hash_password makes one") as refused:
        check_hash(kept)
    assert not kept or kept not in str(refused.value)


async def test_passwords_are_tried_beside_the_event_loop(password_hash):
    check = PasswordCheck(password_hash)
    trying = [asyncio.create_task(check.accepts("wrong")) for _ in range(4)]
    turns = 0
    while not all(each.done() for each in trying):
        await asyncio.sleep(0)
        turns += 1
    assert turns > 100, "the loop stood still"
    assert not any(each.result() for each in trying)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


def test_who_guesses_waits_longer_each_time_and_others_do_not():
    clock = Clock()
    attempts = Attempts(clock)
    waits = []
    for _ in range(14):
        assert attempts.begin("here") == 0
        waits.append(attempts.begin("here") if len(waits) >= 3 else 0)
        clock.now += waits[-1]
    assert waits[:6] == [0, 0, 0, 2, 4, 8]
    assert waits[-1] == slowed.LONGEST_WAIT
    assert attempts.begin("elsewhere") == 0


def test_many_at_once_are_counted_before_they_have_failed():
    attempts = Attempts(Clock())
    begun = [attempts.begin("here") == 0 for _ in range(100)]
    assert sum(begun) == slowed.FREE_FAILURES + 1


def test_who_knows_the_password_starts_anew():
    attempts = Attempts(Clock())
    for _ in range(3):
        attempts.begin("here")
    attempts.succeeded("here")
    assert [attempts.begin("here") for _ in range(3)] == [0, 0, 0]


def test_failures_are_forgotten_after_a_while():
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(4):
        attempts.begin("here")
    clock.now += slowed.FORGOTTEN_AFTER + 3
    assert [attempts.begin("here") for _ in range(3)] == [0, 0, 0]


def test_all_together_are_slowed_down_too_and_only_for_a_while():
    clock = Clock()
    attempts = Attempts(clock)
    begun = [attempts.begin(f"address {number}") for number in range(100)]
    assert begun.count(0) == slowed.BURST
    assert 0 < attempts.begin("another") <= 1 / slowed.REFILL
    clock.now += 1 / slowed.REFILL
    assert attempts.begin("another") == 0


def test_what_is_remembered_of_those_who_guess_is_bounded(monkeypatch):
    monkeypatch.setattr(slowed, "MAX_ADDRESSES", 10)
    clock = Clock()
    attempts = Attempts(clock)
    for number in range(100):
        clock.now += 10
        assert attempts.begin(f"address {number}") == 0
    assert len(attempts._failures) == 10


def command(words):
    return subprocess.run(
        [sys.executable, "-m", "chatbot.hash_password"], input=words, capture_output=True, text=True, cwd=ROOT
    )


def test_the_command_prints_a_line_for_the_settings_and_not_the_password():
    done = command("correct horse\n")
    name, _, kept = done.stdout.strip().partition("=")
    assert (done.returncode, name) == (0, "CHATBOT_PASSWORD_HASH")
    assert is_password("correct horse", kept)
    assert "correct horse" not in done.stdout + done.stderr


@pytest.mark.parametrize("words", ["", "short\n"])
def test_the_command_makes_nothing_of_a_short_password(words):
    done = command(words)
    assert (done.returncode, done.stdout) == (1, "")
    assert "8 to 1,000 characters" in done.stderr
