"""Whether and when to try again: the waits, the limits, and the end of it."""

import asyncio
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatbot.azureml import (
    AzureMLAPIError,
    AzureMLConnectionError,
    AzureMLError,
    AzureMLRateLimitError,
    AzureMLStreamError,
    AzureMLTimeoutError,
)
from chatbot.azureml.errors import from_response
from chatbot.azureml.transport import common
from chatbot.azureml.transport.common import (
    FIRST_WAIT,
    LONGEST_WAIT,
    MAX_FAILURE_RETRIES,
    MAX_RETRY_SECONDS,
    TIMEOUT_WAIT,
    Backoff,
)
from tests.support.asking import FINISH, ask, every_stream, every_way, failure, model_of
from tests.support.wire import DONE, event, stream_reply, text_reply


def waits(error, attempts, max_retries=100):
    """What a series of the same failure, each at once, waits for."""
    backoff = Backoff(max_retries, 0.0)
    return [backoff.after(error, 0.0) for _ in range(attempts)]


class TestWait:
    @pytest.mark.parametrize(
        ("headers", "words", "seconds"),
        [
            ({"retry-after-ms": "1500", "retry-after": "9"}, "retry after 7 seconds", 1.5),
            ({"x-ms-retry-after-ms": "1500", "retry-after": "9"}, "", 1.5),
            ({"retry-after": "9"}, "retry after 7 seconds", 9),
            ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, "retry after 7 seconds", 0),
            ({}, "Please retry after 7 seconds.", 7),
            ({}, "Please wait 7 seconds before retrying.", 7),
            ({}, "Try again in 7 seconds.", 7),
            ({}, "Please try again in 350ms.", 0.35),
            ({}, "Please try again in 7.5s.", 7.5),
        ],
    )
    @pytest.mark.parametrize("status", [408, 429, 503])
    def test_the_servers_wait_is_kept_to_the_letter(self, headers, words, seconds, status):
        assert waits(from_response(status, headers, words.encode()), 1) == [seconds]

    @given(st.integers(1, 40))
    def test_without_one_it_is_drawn_from_a_range_that_doubles(self, attempt):
        backoff = Backoff(100, 0.0, attempt - 1)
        most = min(LONGEST_WAIT, FIRST_WAIT * 2 ** (attempt - 1))

        assert 0 <= backoff.after(AzureMLRateLimitError("m"), 0.0) <= most

    def test_the_lots_are_not_all_the_same(self):
        assert len({waits(AzureMLRateLimitError("m"), 1)[0] for _ in range(20)}) > 1

    @pytest.mark.parametrize("status", [408, 504])
    def test_after_a_timeout_it_is_longer(self, status):
        drawn = [waits(from_response(status, {}, b""), 1)[0] for _ in range(20)]

        assert all(TIMEOUT_WAIT / 2 <= wait <= TIMEOUT_WAIT for wait in drawn)

    @pytest.fixture
    def slept(self, monkeypatch):
        """The sleeps of the transports, which take no time here."""
        seconds_slept: list[float] = []
        asleep = asyncio.sleep

        async def sleep(seconds):
            # Other threads of this process sleep as well, here and below.
            if threading.current_thread() is not threading.main_thread():
                await asleep(seconds)
                return
            if seconds:
                seconds_slept.append(seconds)
            await asleep(0)

        def pause(seconds):
            if threading.current_thread() is threading.main_thread():
                seconds_slept.append(seconds)
            else:
                paused(seconds)

        paused = time.sleep
        monkeypatch.setattr(asyncio, "sleep", sleep)
        monkeypatch.setattr(time, "sleep", pause)
        return seconds_slept

    @every_way
    async def test_both_transports_sleep_as_long_as_the_server_says(self, answering, way, slept):
        answering.script(text_reply("", 429, retry_after="21"), text_reply("", 503, retry_after_ms="7500"))

        assert (await ask(way, model_of(answering))).content == "an answer"
        assert slept == [21, 7.5]


class TestLimit:
    @pytest.mark.parametrize(
        ("error", "most"),
        [
            (AzureMLRateLimitError("m"), 100),
            (AzureMLConnectionError("m"), 100),
            (AzureMLAPIError("m"), MAX_FAILURE_RETRIES),
            (AzureMLTimeoutError("m"), 1),
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_how_often_depends_on_what_it_was(self, error, most):
        error.retry_after = 0.0
        waits(error, most)
        with pytest.raises(type(error)) as caught:
            waits(error, most + 1)

        assert caught.value is error

    @pytest.mark.parametrize("max_retries", [0, 1, 2])
    def test_the_callers_limit_counts_for_all(self, max_retries):
        waits(AzureMLRateLimitError("m", retry_after=0), max_retries, max_retries)
        with pytest.raises(AzureMLRateLimitError):
            waits(AzureMLRateLimitError("m", retry_after=0), max_retries + 1, max_retries)

    @pytest.mark.parametrize("asked", [MAX_RETRY_SECONDS + 0.1, 3600.0])
    def test_a_server_that_asks_for_more_than_anybody_waits_is_not_asked_again(self, asked):
        with pytest.raises(AzureMLRateLimitError):
            waits(AzureMLRateLimitError("m", retry_after=asked), 1)

    @every_way
    async def test_a_caller_with_less_patience_than_the_server_asks_for_gets_its_words_at_once(self, server, way):
        server.default = text_reply("", 429, retry_after="12")
        error = await failure(way, model_of(server, max_retry_seconds=1.0), AzureMLRateLimitError)

        assert (error.retry_after, len(server.requests)) == (12, 1)

    @every_way
    async def test_and_waits_for_what_is_within_it(self, answering, way):
        answering.script(text_reply("", 429, retry_after_ms="20"))

        assert (await ask(way, model_of(answering, max_retry_seconds=1.0))).content == "an answer"

    def test_what_a_failure_took_counts(self):
        with pytest.raises(AzureMLTimeoutError):
            Backoff(5, 100.0).after(AzureMLTimeoutError("m", retry_after=1), 100.0 + MAX_RETRY_SECONDS)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from([AzureMLRateLimitError, AzureMLConnectionError, AzureMLAPIError, AzureMLTimeoutError]),
                st.none() | st.floats(0, 40),
                st.floats(0, 40),
            ),
            min_size=60,
            max_size=60,
        ),
    )
    def test_whatever_fails_and_however_slowly_the_last_attempt_begins_in_time(self, failures):
        backoff, now = Backoff(50, 0.0), 0.0
        begins = [now]
        for cls, retry_after, took in failures:
            now += took
            try:
                now += backoff.after(cls("m", retry_after=retry_after), now)
            except AzureMLError:
                break
            begins.append(now)

        assert begins[-1] <= MAX_RETRY_SECONDS
        assert len(begins) <= 51


class TestFirstByte:
    @pytest.fixture(autouse=True)
    def no_waits(self, monkeypatch):
        for name in ("FIRST_WAIT", "TIMEOUT_WAIT"):
            monkeypatch.setattr(common, name, 0.0)

    @every_stream
    @pytest.mark.parametrize("end", ["cut", "reset", "close", "normal"])
    async def test_a_stream_that_ends_before_its_first_byte_is_asked_for_again(self, answering, way, end):
        answering.script(stream_reply(end=end))

        assert (await ask(way, model_of(answering))).content == "an answer"
        assert len(answering.requests) == 2

    @every_stream
    async def test_so_is_one_that_does_not_begin_in_time(self, answering, way):
        answering.script(stream_reply(end="hang"))

        assert (await ask(way, model_of(answering, timeout=1.0))).content == "an answer"
        assert len(answering.requests) == 2

    @every_stream
    async def test_one_that_never_begins_is_a_timeout_with_the_requests_id(self, server, way):
        server.default = stream_reply(end="hang", X_Request_ID="id-7")
        error = await failure(way, model_of(server, timeout=0.2), AzureMLTimeoutError)

        assert (error.request_id, error.partial) == ("id-7", "")
        assert len(server.requests) == 2

    @every_stream
    async def test_one_that_is_always_empty_is_an_error_with_the_requests_id(self, server, way):
        server.default = stream_reply(X_Request_ID="id-7")
        error = await failure(way, model_of(server), AzureMLStreamError)

        assert (error.request_id, error.partial) == ("id-7", "")
        assert len(server.requests) == 3

    @every_stream
    async def test_the_first_byte_may_take_longer_than_any_other(self, server, way):
        server.default = stream_reply(0.5, event("a"), FINISH, DONE)

        assert (await ask(way, model_of(server, timeout=20.0, stream_idle_timeout=0.2))).content == "a"
        assert len(server.requests) == 1

    @every_stream
    @pytest.mark.parametrize("byte", [b":", b": ping\n\n", b"\n", b"d"])
    @pytest.mark.parametrize("end", ["cut", "close", "hang"])
    async def test_after_one_byte_of_anything_it_is_not(self, server, way, byte, end):
        server.default = stream_reply(byte, end=end)

        await failure(way, model_of(server, stream_idle_timeout=0.1))
        assert len(server.requests) == 1
