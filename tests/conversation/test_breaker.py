"""A breaker: after a failure nobody asks for a while, then one does, and how that ends decides for all."""

import pytest

from chatbot.conversation.generation.breaker import FIRST_PAUSE, LONGEST_PAUSE, LONGEST_TOLD, Breaker, BreakerState


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now

    def pass_by(self, seconds):
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock)


def fail(breaker, *told):
    with breaker.attempt() as attempt:
        attempt.failed("ModelRateLimitError", *told)


def test_as_long_as_nothing_failed_everybody_may_ask(breaker):
    several = [breaker.attempt() for _ in range(10)]
    assert None not in several
    several[0].succeeded()
    assert (breaker.state, breaker.seconds_left) == (BreakerState.CLOSED, 0.0)


def test_after_a_failure_nobody_may_for_as_long_as_the_endpoint_said(breaker, clock):
    fail(breaker, 12.0)
    assert (breaker.state, breaker.seconds_left, breaker.cause) == (BreakerState.OPEN, 12.0, "ModelRateLimitError")
    clock.pass_by(11.9)
    assert breaker.attempt() is None
    clock.pass_by(0.1)
    assert breaker.state is BreakerState.HALF_OPEN


def test_then_exactly_one_tries_and_its_success_lets_everybody_in(breaker, clock):
    fail(breaker, 12.0)
    clock.pass_by(12)
    probe, *others = [breaker.attempt() for _ in range(10)]
    assert others == [None] * 9
    probe.succeeded()
    assert breaker.state is BreakerState.CLOSED
    assert None not in [breaker.attempt() for _ in range(10)]


def test_its_failure_keeps_everybody_out_for_longer(breaker, clock):
    pauses = []
    for _ in range(6):
        fail(breaker)
        pauses.append(breaker.seconds_left)
        clock.pass_by(breaker.seconds_left)
    assert pauses == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    with breaker.attempt() as attempt:
        attempt.succeeded()
    fail(breaker)
    assert breaker.seconds_left == FIRST_PAUSE, "a success did not end the row of failures"


def test_one_that_ends_without_a_word_makes_room_for_the_next(breaker, clock):
    fail(breaker, 1.0)
    clock.pass_by(1)
    with breaker.attempt():
        assert breaker.attempt() is None
    assert breaker.attempt() is not None


def test_many_that_fail_together_count_as_one(breaker):
    several = [breaker.attempt() for _ in range(10)]
    for attempt in several:
        attempt.failed("ModelAPIError")
    assert breaker.seconds_left == FIRST_PAUSE


def test_what_the_endpoint_says_counts_also_when_it_says_so_late(breaker):
    first, second = breaker.attempt(), breaker.attempt()
    first.failed("ModelAPIError")
    second.failed("ModelRateLimitError", 40.0)
    assert (breaker.seconds_left, breaker.cause) == (40.0, "ModelRateLimitError")


def test_an_answer_from_before_it_opened_does_not_close_it(breaker, clock):
    early = breaker.attempt()
    fail(breaker, 10.0)
    early.succeeded()
    assert breaker.state is BreakerState.OPEN
    clock.pass_by(10)
    probe = breaker.attempt()
    early.succeeded()
    assert breaker.state is BreakerState.HALF_OPEN
    with early:
        pass
    assert breaker.attempt() is None, "somebody else gave up the place of the one who tries"
    probe.succeeded()
    assert breaker.state is BreakerState.CLOSED


def test_a_week_is_taken_for_a_mistake(breaker):
    fail(breaker, 7 * 86400.0)
    assert breaker.seconds_left == LONGEST_TOLD
