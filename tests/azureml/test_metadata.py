"""The metadata of an answer: token counts, filters, limits, ids; and a model's own parameters for LangSmith."""

import pydoc
from dataclasses import replace

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.messages import HumanMessage
from langchain_core.runnables import ConfigurableField

from chatbot.azureml import AzureMLChatOnlineEndpoint, CustomOpenAIChatContentFormatter
from tests.support.asking import (
    CHAT,
    FINISH,
    KEY,
    SCORE,
    STREAMS,
    WAYS,
    ask,
    every_stream,
    every_way,
    model_of,
)
from tests.support.completions import both, data, piece, whole
from tests.support.wire import DONE, event, json_reply, sample_reply, stream_reply

every_whole = pytest.mark.parametrize("way", ["invoke", "ainvoke"])

SAFE = {"hate": {"filtered": False, "severity": "safe"}}
VIOLENT = {**SAFE, "violence": {"filtered": True, "severity": "medium"}}

# as it comes, as LangChain has it
COUNTS = [
    (
        {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5},
        {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5},
    ),
    ({"prompt_tokens": 2, "completion_tokens": 3}, {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}),
    (
        {
            "prompt_tokens": 9,
            "completion_tokens": 8,
            "total_tokens": 17,
            "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 6, "audio_tokens": 0, "accepted_prediction_tokens": 0},
        },
        {
            "input_tokens": 9,
            "output_tokens": 8,
            "total_tokens": 17,
            "input_token_details": {"cache_read": 4, "audio": 1},
            "output_token_details": {"reasoning": 6, "audio": 0},
        },
    ),
    (
        {
            "prompt_tokens": 9,
            "completion_tokens": 8,
            "prompt_tokens_details": None,
            "completion_tokens_details": {"reasoning_tokens": None},
        },
        {"input_tokens": 9, "output_tokens": 8, "total_tokens": 17},
    ),
    (
        {"prompt_tokens": 9, "completion_tokens": 0, "prompt_tokens_details": {"cache_write_tokens": 5}},
        {
            "input_tokens": 9,
            "output_tokens": 0,
            "total_tokens": 9,
            "input_token_details": {"cache_creation": 5},
        },
    ),
]


def with_headers(content, **headers):
    """A reply whose headers have underscores in their names."""
    reply = json_reply(content)
    return replace(reply, headers={**reply.headers, **headers})


class TestUsage:
    @every_way
    @pytest.mark.parametrize(("usage", "expected"), COUNTS)
    async def test_counts_come_with_their_details(self, server, way, usage, expected):
        server.default = both({"content": "A"}, {"content": "A"}, usage=usage)

        assert (await ask(way, model_of(server))).usage_metadata == expected

    @every_way
    @pytest.mark.parametrize("usage", [None, {}, "many", []])
    async def test_where_none_come_none_are_told(self, server, way, usage):
        server.default = both({"content": "A"}, {"content": "A"}, usage=usage)

        assert (await ask(way, model_of(server))).usage_metadata is None

    @every_stream
    @pytest.mark.parametrize(
        "events",
        [
            [piece({}, "stop", usage={"prompt_tokens": 2, "completion_tokens": 3})],
            [
                piece({}, "stop", usage=None),
                data({"choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 3}}),
            ],
            [
                piece({}, "stop", usage={"prompt_tokens": 2, "completion_tokens": 3}),
                data({"choices": [], "usage": {"prompt_tokens": 2, "completion_tokens": 3}}),
            ],
            [
                piece({"content": "B"}, usage={"prompt_tokens": 2, "completion_tokens": 1}),
                piece({}, "stop", usage={"prompt_tokens": 2, "completion_tokens": 3}),
            ],
            [piece({}, "stop"), data({"usage": {"prompt_tokens": 2, "completion_tokens": 3}})],
        ],
        ids=["with the end", "after the end", "both", "all the time", "without choices"],
    )
    async def test_a_stream_tells_them_once_wherever_they_come(self, server, way, events):
        server.default = stream_reply(event("A"), *events, DONE)
        metadata = (await ask(way, model_of(server))).usage_metadata

        assert metadata == {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}

    @every_way
    @pytest.mark.parametrize(
        ("path", "reply"), [(CHAT, {"choices": [{"message": {"content": "A"}}]}), (SCORE, {"output": "A"})]
    )
    async def test_where_only_the_headers_tell_them_they_are_read_there(self, server, way, path, reply):
        server.default = with_headers(reply, prompt_token_len="24", sampling_token_len="7")

        assert (await ask(way, model_of(server, path))).usage_metadata == {
            "input_tokens": 24,
            "output_tokens": 7,
            "total_tokens": 31,
        }

    @every_whole
    async def test_what_the_reply_itself_tells_counts_more(self, server, way):
        server.default = with_headers(
            {"choices": [{"message": {"content": "A"}}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
            prompt_token_len="24",
            sampling_token_len="7",
        )

        assert (await ask(way, model_of(server))).usage_metadata["total_tokens"] == 2

    @every_whole
    @pytest.mark.parametrize(
        "headers", [{"prompt_token_len": "24"}, {"prompt_token_len": "x", "sampling_token_len": "7"}]
    )
    async def test_headers_that_do_not_tell_all_tell_nothing(self, server, way, headers):
        server.default = with_headers({"output": "A"}, **headers)

        assert (await ask(way, model_of(server, SCORE))).usage_metadata is None

    @every_way
    async def test_langchains_own_counting_sees_them(self, server, way):
        usage = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
        server.default = both({"content": "A"}, {"content": "A"}, usage=usage, model="gpt")
        counter = UsageMetadataCallbackHandler()
        for _ in range(2):
            await ask(way, model_of(server), config={"callbacks": [counter]})

        assert counter.usage_metadata["gpt"]["total_tokens"] == 10


class TestFilters:
    @every_whole
    async def test_the_documented_completion_that_was_filtered(self, server, way):
        server.default = sample_reply("content_filter_completion_200")
        message = await ask(way, model_of(server))

        assert message.content == ""
        assert message.response_metadata["finish_reason"] == "content_filter"
        assert message.response_metadata["filtered_categories"] == ["violence"]
        assert message.response_metadata["content_filter_results"]["violence"]["severity"] == "medium"

    @every_way
    async def test_what_the_filter_let_pass_is_told_and_no_category(self, server, way):
        choice = {"index": 0, "finish_reason": "stop", "content_filter_results": SAFE}
        if way in STREAMS:
            server.default = stream_reply(data({"choices": [{**choice, "delta": {"content": "A"}}]}), DONE)
        else:
            server.default = json_reply({"choices": [{**choice, "message": {"content": "A"}}]})
        metadata = (await ask(way, model_of(server))).response_metadata

        assert metadata["content_filter_results"] == SAFE
        assert "filtered_categories" not in metadata

    @every_whole
    @pytest.mark.parametrize(
        ("name", "spelling"),
        [("aoai_chat_image_ok", "content_filter_result"), ("aoai_chat_json_schema_ok", "content_filter_results")],
    )
    async def test_what_was_found_in_the_prompt_is_told_in_either_spelling(self, server, way, name, spelling):
        server.default = sample_reply(name)
        metadata = (await ask(way, model_of(server))).response_metadata

        assert spelling in metadata["prompt_filter_results"][0]

    @every_stream
    async def test_what_was_found_in_the_prompt_of_a_stream_is_told(self, server, way):
        server.default = sample_reply("aoai_stream_ok")
        metadata = (await ask(way, model_of(server))).response_metadata

        assert metadata["prompt_filter_results"][0]["content_filter_results"]["jailbreak"] == {
            "filtered": False,
            "detected": False,
        }
        assert metadata["content_filter_results"]["hate"]["severity"] == "safe"
        assert (metadata["model_name"], metadata["system_fingerprint"]) == ("gpt-4o-2024-11-20", "fp_0")

    @every_stream
    async def test_a_filter_that_looks_later_has_the_last_word(self, server, way):
        def looked(results, **rest):
            offsets = {"check_offset": 0, "start_offset": 0, "end_offset": 9}
            choice = {"index": 0, "content_filter_results": results, "content_filter_offsets": offsets, **rest}
            return data({"id": "", "object": "", "created": 0, "model": "", "choices": [choice]})

        server.default = stream_reply(
            event("A", model="gpt"), looked(SAFE), FINISH, looked(VIOLENT, finish_reason="content_filter"), DONE
        )
        message = await ask(way, model_of(server))

        assert message.content == "A"
        assert message.response_metadata["finish_reason"] == "content_filter"
        assert message.response_metadata["content_filter_results"] == VIOLENT
        assert message.response_metadata["filtered_categories"] == ["violence"]
        assert message.response_metadata["model_name"] == "m"

    @every_stream
    async def test_what_comes_after_the_end_does_not_make_it_undone(self, server, way):
        late = data({"id": "", "model": "", "choices": [{"index": 0, "content_filter_results": SAFE}]})
        server.default = stream_reply(event("A"), FINISH, late, end="close")
        message = await ask(way, model_of(server))

        assert (message.content, message.response_metadata["finish_reason"]) == ("A", "stop")
        assert message.response_metadata["content_filter_results"] == SAFE

    @every_way
    async def test_a_filter_that_failed_is_told_and_blocks_nothing(self, server, way):
        failed = {"error": {"code": "content_filter_error", "message": "The contents are not filtered"}}
        choice = {"index": 0, "finish_reason": "content_filter_error", "content_filter_results": {"error": failed}}
        if way in STREAMS:
            server.default = stream_reply(data({"choices": [{**choice, "delta": {"content": "A"}}]}), DONE)
        else:
            server.default = json_reply({"choices": [{**choice, "message": {"content": "A"}}]})
        metadata = (await ask(way, model_of(server))).response_metadata

        assert metadata["finish_reason"] == "content_filter_error"
        assert "filtered_categories" not in metadata


class TestLogprobs:
    TOKENS = tuple({"token": token, "logprob": -0.5, "bytes": None, "top_logprobs": []} for token in "AB")

    @every_whole
    async def test_they_are_told_as_they_come(self, server, way):
        content = {"content": list(self.TOKENS), "refusal": None}
        server.default = json_reply({"choices": [{"message": {"content": "AB"}, "logprobs": content}]})

        assert (await ask(way, model_of(server))).response_metadata["logprobs"] == content

    @every_stream
    async def test_those_of_a_stream_are_collected(self, server, way):
        server.default = stream_reply(
            *(
                piece({"content": token["token"]}, choice={"logprobs": {"content": [token], "refusal": None}})
                for token in self.TOKENS
            ),
            piece({}, "stop", choice={"logprobs": None}),
            DONE,
        )
        message = await ask(way, model_of(server))

        assert message.response_metadata["logprobs"] == {"content": list(self.TOKENS)}

    @every_way
    async def test_where_there_are_none_none_are_told(self, server, way):
        server.default = both({"content": "A"}, {"content": "A"})

        assert "logprobs" not in (await ask(way, model_of(server))).response_metadata


class TestHeaders:
    @every_way
    async def test_what_is_left_of_the_budget_is_told(self, server, way):
        server.default = sample_reply("aoai_stream_ok" if way in STREAMS else "aoai_chat_image_ok")
        message = await ask(way, model_of(server))

        assert message.response_metadata["rate_limit"] == {
            "limit_requests": 10,
            "limit_tokens": 10000,
            "remaining_requests": 9,
            "remaining_tokens": 8813,
        }
        assert message.response_metadata["request_id"] == "00000000-0000-4000-8000-000000000004"

    @every_way
    async def test_numbers_are_numbers_and_the_rest_is_text(self, server, way):
        server.default = json_reply(
            {"output": "A"}, x_ratelimit_reset_tokens="6m0s", X_RateLimit_Remaining_Tokens="7", x_ratelimit_odd=""
        )
        metadata = (await ask(way, model_of(server, SCORE))).response_metadata

        assert metadata["rate_limit"] == {"reset_tokens": "6m0s", "remaining_tokens": 7, "odd": ""}

    @every_way
    async def test_where_the_headers_tell_nothing_nothing_is_told(self, server, way):
        server.default = json_reply({"output": "A"})
        message = await ask(way, model_of(server, SCORE))

        assert not {"rate_limit", "request_id", "dropped_parameters"} & message.response_metadata.keys()


class Listener(BaseCallbackHandler):
    def __init__(self):
        self.results = []

    def on_llm_end(self, response, **_):
        self.results.append(response)


class TestSameForAllWays:
    @every_way
    async def test_an_answer_tells_the_same_however_it_was_asked_for(self, server, way):
        usage = {"prompt_tokens": 2, "completion_tokens": 3, "total_tokens": 5}
        shared = {"usage": usage, "model": "gpt", "system_fingerprint": "fp", "service_tier": "default", "id": "x"}
        server.default = both({"content": "A"}, {"role": "assistant", "content": ""}, {"content": "A"}, **shared)
        message = await ask(way, model_of(server))

        assert message.response_metadata == {
            "finish_reason": "stop",
            "model_name": "gpt",
            "system_fingerprint": "fp",
            "service_tier": "default",
        }
        assert message.usage_metadata == {"input_tokens": 2, "output_tokens": 3, "total_tokens": 5}

    @every_whole
    async def test_a_listener_hears_which_model_answered(self, server, way):
        server.default = sample_reply("maas_chat_ok")
        listener = Listener()
        await ask(way, model_of(server), config={"callbacks": [listener]})

        assert listener.results[0].llm_output == {"model_name": "mistral-large-2411"}

    @every_whole
    async def test_an_id_is_the_servers_if_it_is_one(self, server, way):
        for given in ("x", "", None, 7):
            server.default = json_reply({"id": given, "choices": [{"message": {"content": "A"}}]})
            message = await ask(way, model_of(server))

            assert (message.id == "x") is (given == "x")
            assert isinstance(message.id, str)


class TestCacheKey:
    @every_whole
    @pytest.mark.parametrize(
        "other",
        [
            {"path": SCORE},
            {"path": f"{CHAT}?api-version=1"},
            {"deployment_name": "green"},
            {"model": "green"},
            {"model_kwargs": {"temperature": 0.1}},
            {"temperature": 0.1},
            {"max_tokens": 7},
            {"stop": ["END"]},
            {"seed": 1},
            {"extra_parameters": "drop"},
            {"content_formatter": type("Other", (CustomOpenAIChatContentFormatter,), {})},
        ],
        ids=str,
    )
    async def test_models_that_differ_do_not_answer_for_each_other(self, server, way, other):
        server.default = sample_reply("maas_chat_ok")
        cache = InMemoryCache()
        one, another = model_of(server, cache=cache), model_of(server, cache=cache, **other)
        for _ in range(2):
            await ask(way, one)
            await ask(way, another)

        assert len(server.requests) == 2

    @every_whole
    async def test_nor_do_calls_that_differ(self, server, way):
        server.default = sample_reply("maas_chat_ok")
        model = model_of(server, cache=InMemoryCache())
        tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
        for _ in range(2):
            await ask(way, model)
            await ask(way, model, temperature=0.1)
            await ask(way, model, stop=["END"])
            await ask(way, model.bind_tools(tools))
            await ask(way, model, "Another")

        assert len(server.requests) == 5

    @every_whole
    async def test_the_same_model_made_twice_answers_for_itself(self, server, way):
        server.default = sample_reply("maas_chat_ok")
        cache = InMemoryCache()
        for _ in range(2):
            message = await ask(way, model_of(server, cache=cache, temperature=0.5))

        assert len(server.requests) == 1
        assert message.content == "There are 5,280 feet in a mile."

    def test_the_key_is_no_part_of_it(self, server):
        model = model_of(server, default_headers={"x-sub": KEY})

        assert KEY not in str(model._get_llm_string(stop=None))


class TestAboutItself:
    @pytest.mark.parametrize(
        ("arguments", "called", "name"),
        [
            ({}, {}, "AzureMLChatOnlineEndpoint"),
            ({"deployment_name": "blue"}, {}, "blue"),
            ({"deployment_name": "blue", "model": "llama"}, {}, "llama"),
            ({"model_kwargs": {"model": "phi"}}, {}, "phi"),
            ({"deployment_name": "blue"}, {"model": "phi"}, "phi"),
            ({"path": "/openai/deployments/gpt-4o"}, {}, "gpt-4o"),
        ],
    )
    def test_traces_have_the_models_name(self, server, arguments, called, name):
        params = model_of(server, temperature=0.5, max_tokens=7, **arguments)._get_ls_params(**called)

        assert (params["ls_provider"], params["ls_model_name"], params["ls_model_type"]) == ("azureml", name, "chat")
        assert (params["ls_temperature"], params["ls_max_tokens"]) == (0.5, 7)

    def test_what_it_is_made_of_can_be_written_down(self, server):
        model = model_of(server, credential=None, default_headers={"x-sub": KEY}, temperature=0.5)
        written = model.model_dump_json()

        assert '"temperature":0.5' in written
        assert "CustomOpenAIChatContentFormatter" in written
        assert KEY not in written

    def test_help_begins_with_what_to_do(self):
        lines = pydoc.plain(pydoc.render_doc(AzureMLChatOnlineEndpoint)).splitlines()
        # Above the words is the signature, which Python 3.13 and later write with a line for each argument.
        first = AzureMLChatOnlineEndpoint.__doc__.splitlines()[0]
        start = next(number for number, line in enumerate(lines) if first in line)
        top = "\n".join(lines[start : start + 60])

        for words in ("Setup:", "AZUREML_ENDPOINT_API_KEY", "Tools and structured output:", "Entra ID", "Raises:"):
            assert words in top

    @every_way
    async def test_what_is_configured_later_makes_a_model_of_its_own(self, answering, way):
        model = model_of(answering, temperature=0.5).configurable_fields(
            temperature=ConfigurableField(id="temperature"), endpoint_url=ConfigurableField(id="url")
        )
        await ask(way, model)
        later = {"temperature": 0.1, "url": answering.url + SCORE}
        await ask(way, model.with_config(configurable=later))

        first, second = answering.requests
        assert (first.path, first.json["temperature"]) == (CHAT, 0.5)
        assert (second.path, second.json["input_data"]["parameters"]) == (SCORE, {"temperature": 0.1})
        assert second.headers["api-key"] == KEY

    async def test_several_threads_ways_and_loops_share_one_model(self, answering):
        model = model_of(answering)
        messages = model.batch(["Q"] * 8, config={"max_concurrency": 8})
        messages += await model.abatch(["Q"] * 8)
        for way in WAYS:
            messages.append(await ask(way, model, [HumanMessage("Q")]))

        assert {message.content for message in messages} == {"an answer"}
        await model.aclose()
        model.close()


def test_a_reply_without_a_model_tells_an_empty_name(server):
    server.default = whole({"content": "A"}, model="")

    assert model_of(server).invoke("Q").response_metadata["model_name"] == ""
