"""Everything that can go wrong between the question and the end of the answer, and what is tried again."""

import asyncio
import json
import socket
import threading

import pytest
from langchain_core.exceptions import ModelConnectionError, ModelRateLimitError

from chatbot.azureml import (
    AzureMLAPIError,
    AzureMLAuthenticationError,
    AzureMLChatOnlineEndpoint,
    AzureMLConnectionError,
    AzureMLContentFilterError,
    AzureMLInvalidRequestError,
    AzureMLNotFoundError,
    AzureMLRateLimitError,
    AzureMLStreamError,
    AzureMLTimeoutError,
)
from chatbot.azureml.transport import common
from tests.support.asking import (
    CHAT,
    FINISH,
    KEY,
    SCORE,
    ask,
    every_stream,
    every_way,
    failure,
    happens,
    listen,
    model_of,
)
from tests.support.wire import DONE, Reply, event, json_reply, sample_reply, stream_reply, text_reply


@pytest.fixture
def short_waits(monkeypatch):
    """Let the back-off be over at once; how long it takes is another test's business."""
    for name in ("FIRST_WAIT", "TIMEOUT_WAIT"):
        monkeypatch.setattr(common, name, 0.0)


class TestErrors:
    @every_way
    @pytest.mark.parametrize(
        ("name", "cls"),
        [
            ("maas_401_bad_key", AzureMLAuthenticationError),
            ("score_401_key", AzureMLAuthenticationError),
            ("maas_404_wrong_modality", AzureMLNotFoundError),
            ("gateway_400_unknown_model", AzureMLInvalidRequestError),
            ("content_filter_prompt_400_full", AzureMLContentFilterError),
            ("score_424_bad_input", AzureMLInvalidRequestError),
            ("score_429_too_many_pending", AzureMLRateLimitError),
            ("score_424_model_error", AzureMLAPIError),
        ],
    )
    async def test_an_unsuccessful_reply_is_its_error_whichever_way_was_asked(self, server, way, name, cls):
        server.default = sample_reply(name)

        await failure(way, model_of(server, max_retries=0), cls)

    @every_way
    async def test_an_endless_error_page_is_not_read_to_its_end(self, server, way):
        server.default = Reply(500, {"Content-Type": "text/plain"}, (b"x" * 100_000,), end="hang")
        error = await failure(way, model_of(server, max_retries=0), AzureMLAPIError)

        assert error.status == 500
        assert await happens(server.requests[0].left)

    @every_way
    async def test_where_nobody_listens_the_endpoint_cannot_be_reached(self, way):
        with socket.create_server(("127.0.0.1", 0)) as gone:
            url = f"http://127.0.0.1:{gone.getsockname()[1]}{CHAT}"
        model = AzureMLChatOnlineEndpoint(endpoint_url=url, endpoint_api_key=KEY, max_retries=0)
        error = await failure(way, model, AzureMLConnectionError)

        assert isinstance(error, ModelConnectionError)
        assert str(error).startswith("The endpoint cannot be reached: the connection is refused.")

    @every_way
    async def test_a_server_without_encryption_is_no_https_endpoint_and_will_not_be_one(self, answering, way):
        url = answering.url.replace("http:", "https:") + CHAT
        model = AzureMLChatOnlineEndpoint(endpoint_url=url, endpoint_api_key=KEY, max_retries=2)

        error = await failure(way, model, AzureMLConnectionError)
        assert "no secure connection that can be trusted" in str(error)
        assert not error.is_retryable
        assert answering.connections == 1

    @every_way
    async def test_no_byte_within_the_timeout_is_a_timeout(self, server, way):
        server.default = Reply(hold=threading.Event())
        error = await failure(way, model_of(server, timeout=0.2, max_retries=0), AzureMLTimeoutError)

        assert "sent nothing for 0.2 seconds" in str(error)
        assert error.condition is None
        # The server may read later than its client gives up.
        request = await asyncio.to_thread(server.wait_for, 1)
        assert await happens(request.left)

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    @pytest.mark.parametrize("path", [CHAT, SCORE])
    async def test_silence_in_the_middle_of_a_whole_reply_is_a_timeout(self, server, way, path):
        server.default = Reply(200, {"Content-Type": "application/json"}, (b'{"out',), end="hang")

        await failure(way, model_of(server, path, timeout=0.2), AzureMLTimeoutError)
        request = await asyncio.to_thread(server.wait_for, 1)
        assert await happens(request.left)
        assert len(server.requests) == 1

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    async def test_a_whole_reply_that_drips_has_no_more_time_than_another(self, server, way):
        body = json.dumps({"output": "x" * 40}).encode()
        drops = [piece for byte in body for piece in (bytes([byte]), 0.05)]
        server.default = Reply(200, {"Content-Type": "application/json"}, drops, length=True)

        await failure(way, model_of(server, SCORE, timeout=0.3), AzureMLTimeoutError)

    @pytest.mark.parametrize("way", ["invoke", "ainvoke"])
    @pytest.mark.parametrize("end", ["cut", "reset"])
    async def test_a_whole_reply_that_breaks_off_is_a_connection_error(self, server, way, end):
        server.default = Reply(200, {"Content-Type": "application/json"}, (b'{"output":"a"}',), end=end)

        await failure(way, model_of(server, SCORE), AzureMLConnectionError)
        assert len(server.requests) == 1


class TestBrokenStream:
    @every_stream
    async def test_a_clean_end_that_says_nothing_of_complete_is_an_error(self, server, way):
        server.default = sample_reply("sse_no_done_clean_close")
        error = await failure(way, model_of(server), AzureMLStreamError)

        assert error.partial == "Hé"

    @every_stream
    async def test_so_is_a_regular_end_of_http(self, server, way):
        server.default = stream_reply(event("so "), event("far"), X_Request_ID="id-7")
        error = await failure(way, model_of(server), AzureMLStreamError)

        assert (error.partial, error.request_id) == ("so far", "id-7")
        assert str(error) == (
            "The endpoint's answer broke off before it was complete. What had arrived is kept; try again."
        )

    @every_stream
    @pytest.mark.parametrize("end", ["cut", "reset"])
    async def test_a_connection_that_breaks_is_an_error_that_keeps_the_text(self, server, way, end):
        taken = threading.Event()
        server.default = stream_reply(event("so "), event("far"), taken, end=end, X_Request_ID="id-7")
        heard = []
        with pytest.raises(AzureMLConnectionError, match="The connection to the endpoint broke") as caught:
            await listen(way, model_of(server), heard, lambda: "far" in heard[-1] and taken.set())

        assert caught.value.partial == "so far"
        assert caught.value.request_id == "id-7"
        assert len(server.requests) == 1

    @every_stream
    async def test_what_arrived_before_the_break_is_kept_although_nobody_was_reading_then(self, server, way):
        taken = threading.Event()
        server.default = stream_reply(event("so "), taken, event("far"), end="cut")
        heard = []

        async def look_away():
            taken.set()
            assert await happens(server.requests[0].ended)

        with pytest.raises(AzureMLConnectionError) as caught:
            await listen(way, model_of(server), heard, look_away)

        assert "".join(heard) == caught.value.partial == "so far"

    @every_stream
    @pytest.mark.parametrize("end", ["normal", "close"])
    async def test_silence_longer_than_the_idle_timeout_is_a_timeout(self, server, way, end):
        # "close" announces the end of the connection, which makes urllib3 forget its socket.
        server.default = stream_reply(event("so far"), 5.0, FINISH, DONE, end=end)
        error = await failure(way, model_of(server, stream_idle_timeout=0.2), AzureMLTimeoutError)

        assert (error.partial, error.condition, error.seconds) == ("so far", "SilenceTimeout", 0.2)
        assert "sent nothing for 0.2 seconds" in str(error)
        assert await happens(server.requests[0].left)
        assert len(server.requests) == 1

    @every_stream
    async def test_comments_keep_a_silent_stream_alive(self, server, way):
        pings = [piece for _ in range(10) for piece in (b": ping\n\n", 0.15)]
        server.default = stream_reply(event("a"), *pings, FINISH, DONE)

        assert (await ask(way, model_of(server, stream_idle_timeout=1.2))).content == "a"

    @every_stream
    async def test_an_error_event_is_an_error_after_the_text_before_it(self, server, way):
        bad = b'data: {"error":{"message":"Engine died","code":"engine"}}\n\n'
        server.default = stream_reply(event("so ") + event("far") + bad + DONE, X_Request_ID="id-7")
        heard = []
        with pytest.raises(AzureMLStreamError, match="in the middle of its answer: Engine died") as caught:
            await listen(way, model_of(server), heard)

        assert "".join(heard) == caught.value.partial == "so far"
        assert (caught.value.code, caught.value.request_id) == ("engine", "id-7")

    @every_stream
    async def test_an_error_event_ends_the_stream_although_the_server_stays_on_the_line(self, server, way):
        server.default = stream_reply(event("so far"), b'data: {"error":"Engine died"}\n\n', end="hang")
        error = await failure(way, model_of(server), AzureMLStreamError)

        assert error.partial == "so far"
        assert await happens(server.requests[0].left)

    @every_stream
    async def test_an_event_cut_in_the_middle_is_an_error(self, server, way):
        server.default = sample_reply("sse_cut_mid_json", end="close")
        error = await failure(way, model_of(server), AzureMLStreamError)

        assert "broke off in the middle of an event" in str(error)
        assert error.partial == ""

    @every_stream
    async def test_an_event_cut_by_a_reset_is_an_error(self, server, way):
        server.default = sample_reply("sse_cut_mid_json")

        await failure(way, model_of(server), AzureMLConnectionError)

    @every_stream
    @pytest.mark.parametrize("end", ["cut", "reset", "hang"])
    @pytest.mark.parametrize("last", [FINISH, FINISH + DONE], ids=["finish_reason", "done"])
    async def test_an_answer_that_said_it_is_complete_is_so_whatever_the_connection_does(self, server, way, end, last):
        taken = threading.Event()
        server.default = stream_reply(event("all") + last, taken, end=end)
        heard = []
        await listen(way, model_of(server, stream_idle_timeout=0.2), heard, taken.set)

        assert "".join(heard) == "all"
        assert await happens(server.requests[0].ended)

    @every_stream
    async def test_an_unsuccessful_reply_to_a_stream_request_is_an_ordinary_error(self, server, way):
        server.default = sample_reply("gateway_400_unknown_model")
        error = await failure(way, model_of(server), AzureMLInvalidRequestError)

        assert (error.code, error.partial) == ("unknown_model", "")
        assert "Unknown model: nope" in str(error)


class TestRetry:
    @every_way
    @pytest.mark.parametrize(
        "passing",
        [
            text_reply("", 429, retry_after_ms="1"),
            text_reply("", 408, retry_after_ms="1"),
            text_reply("", 500, retry_after="0"),
            text_reply("", 503, x_ms_retry_after_ms="1"),
            text_reply("no healthy upstream", 424, retry_after="0"),
            text_reply("", 424, retry_after="0", ms_azureml_model_error_statuscode="500"),
            text_reply("", 429, retry_after_ms="1", retry_after="3600"),
            text_reply("Please retry after 3600 seconds.", 429, retry_after_ms="1"),
        ],
    )
    async def test_what_may_pass_is_tried_again_when_the_server_says(self, answering, way, passing):
        answering.script(passing)

        assert (await ask(way, model_of(answering))).content == "an answer"
        assert len(answering.requests) == 2
        assert answering.requests[0].body == answering.requests[1].body

    @every_way
    async def test_without_a_word_of_the_server_the_wait_is_drawn_by_lot(self, answering, way, short_waits):
        answering.script(sample_reply("score_429_too_many_pending"), text_reply("", 503))

        assert (await ask(way, model_of(answering))).content == "an answer"
        assert len(answering.requests) == 3

    @every_way
    async def test_a_connection_that_breaks_before_the_reply_is_tried_again(self, answering, way, short_waits):
        answering.script(Reply(end="mute"))

        assert (await ask(way, model_of(answering))).content == "an answer"
        assert len(answering.requests) == 2

    @every_way
    async def test_a_server_that_says_nothing_in_time_is_tried_again(self, answering, way, short_waits):
        answering.script(Reply(hold=threading.Event()))

        assert (await ask(way, model_of(answering, timeout=1.0))).content == "an answer"
        assert len(answering.requests) == 2

    @every_way
    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 415, 422, 431])
    async def test_what_will_not_pass_is_not_tried_again(self, answering, way, status):
        answering.script(text_reply("", status, retry_after="0"))

        error = await failure(way, model_of(answering))
        assert error.status == status
        assert len(answering.requests) == 1

    @every_way
    @pytest.mark.parametrize("name", ["vllm_context_length_400", "score_424_bad_input"])
    async def test_a_container_that_refuses_the_request_is_not_asked_again(self, answering, way, name):
        answering.script(sample_reply(name))

        await failure(way, model_of(answering))
        assert len(answering.requests) == 1

    @every_way
    @pytest.mark.parametrize("max_retries", [0, 1, 3])
    async def test_it_is_tried_again_as_often_as_allowed(self, server, way, max_retries):
        server.default = text_reply("slow down", 429, retry_after_ms="1")
        error = await failure(way, model_of(server, max_retries=max_retries), AzureMLRateLimitError)

        assert isinstance(error, ModelRateLimitError)
        assert error.retry_after == 0.001
        assert len(server.requests) == max_retries + 1

    @every_way
    @pytest.mark.parametrize(
        ("reply", "seconds"),
        [
            (text_reply("", 429, retry_after="3600"), 3600),
            (text_reply("", 503, retry_after_ms="45000"), 45),
            (sample_reply("aoai_429_tokens"), 43),
            (json_reply({"statusCode": 429, "message": "Try again in 41 seconds."}, 429), 41),
        ],
    )
    async def test_a_server_that_asks_for_too_long_gets_its_say_at_once(self, answering, way, reply, seconds):
        answering.script(reply)
        error = await failure(way, model_of(answering))

        assert error.retry_after == seconds
        assert len(answering.requests) == 1

    @every_stream
    @pytest.mark.parametrize("end", ["cut", "reset", "close"])
    async def test_nothing_is_tried_again_after_the_first_byte(self, answering, way, end):
        answering.script(stream_reply(event("so far"), end=end))

        await failure(way, model_of(answering))
        assert len(answering.requests) == 1

    async def test_a_cancelled_wait_sends_nothing_more(self, server):
        server.default = text_reply("", 429, retry_after="25")
        task = asyncio.create_task(model_of(server).ainvoke("Q"))
        await asyncio.to_thread(server.wait_for, 1)
        await asyncio.to_thread(server.requests[0].ended.wait)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(server.requests) == 1
