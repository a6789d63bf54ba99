"""A request that is refused for a parameter: mended and repeated where that changes no meaning, and logged once."""

import asyncio
import logging
import threading

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from pydantic import ValidationError

from chatbot.azureml import AzureMLChatOnlineEndpoint, AzureMLInvalidRequestError
from chatbot.azureml.request_repair import (
    MAX_REPAIRS,
    REMEMBERED_SECONDS,
    Refusal,
    RefusalMemory,
    RepairableRequest,
)
from chatbot.emulator import Emulator
from chatbot.emulator.model.demo_model import MODEL_NAME
from tests.support.asking import CHAT, FINISH, KEY, STREAMS, WAYS, ask, every_way, failure, model_of
from tests.support.completions import whole
from tests.support.wire import DONE, event, json_reply, sample_reply, stream_reply

INFERENCE = "/chat/completions"


def extra(*names):
    """The recorded refusal, for other names."""
    words = f"Extra parameters {list(names)} are not allowed when extra-parameters is not set or set to be 'error'."
    return json_reply({"detail": f"{words} Set extra-parameters to 'pass-through' to pass to the model."}, 400)


def good(way):
    return stream_reply(event("yes"), FINISH, DONE) if way in STREAMS else whole({"content": "yes"})


REFUSALS = {
    "the recorded sentence": extra("top_k"),
    "the sentence with double quotes": json_reply({"detail": 'Extra parameters ["top_k"] are not allowed.'}, 400),
    "an object, 422": json_reply(
        {"status": 422, "code": "parameter_not_supported", "detail": {"loc": ["body", "top_k"], "input": 3}}, 422
    ),
    "a list, 422": json_reply(
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "top_k"], "msg": "Extra inputs are not permitted"}]},
        422,
    ),
    "OpenAI's error": json_reply({"error": {"code": "unknown_parameter", "param": "top_k", "message": "Odd."}}, 400),
    "the container's, as 424": json_reply(
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "top_k"], "msg": "Extra inputs are not permitted"}]},
        424,
        ms_azureml_model_error_statuscode="422",
        ms_azureml_model_error_reason="model_error",
    ),
    "the sentence, as 424": json_reply(
        {"detail": "Extra parameters ['top_k'] are not allowed."}, 424, ms_azureml_model_error_statuscode="400"
    ),
}
every_refusal = pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)


@every_way
@every_refusal
async def test_what_is_refused_is_left_out_and_the_request_sent_again(server, way, refusal):
    server.script(refusal, good(way))
    message = await ask(way, model_of(server, INFERENCE, model_kwargs={"top_k": 3, "temperature": 0.5}))

    first, second = (request.json for request in server.requests)
    assert first.pop("top_k") == 3
    assert first == second
    assert message.content == "yes"
    assert message.response_metadata["dropped_parameters"] == ["top_k"]


@every_way
async def test_the_log_says_what_was_left_out_and_nothing_of_what_was_said(server, way, caplog):
    server.script(extra("top_k", "user"), good(way))
    with caplog.at_level(logging.DEBUG, logger="chatbot"):
        await ask(way, model_of(server, INFERENCE), "what the person said", top_k=3, user="somebody")

    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == "The endpoint takes no top_k, user: the request is repeated without."
    assert not any(secret in caplog.text for secret in (KEY, "what the person said", "somebody"))


@every_way
async def test_several_are_left_out_at_once(server, way):
    server.script(extra("logprobs", "n"), good(way))
    message = await ask(way, model_of(server, INFERENCE), n=2, logprobs=True, seed=1)

    assert {"n", "logprobs"}.isdisjoint(server.requests[1].json)
    assert server.requests[1].json["seed"] == 1
    assert message.response_metadata["dropped_parameters"] == ["logprobs", "n"]


@pytest.mark.parametrize("way", STREAMS)
async def test_counts_that_a_stream_cannot_be_asked_for_are_not_asked_for(server, way):
    server.script(sample_reply("extra_params_400"), good(way))
    message = await ask(way, model_of(server, INFERENCE, stream_usage=True))

    asked, again = (request.json for request in server.requests)
    assert asked["stream_options"] == {"include_usage": True}
    assert again == {"messages": asked["messages"], "stream": True}
    assert message.response_metadata["dropped_parameters"] == ["stream_options"]


@every_way
async def test_an_answer_that_needed_no_mending_says_nothing_of_it(answering, way):
    message = await ask(way, model_of(answering, INFERENCE), top_k=3)

    assert "dropped_parameters" not in message.response_metadata


@every_way
async def test_what_is_refused_after_that_is_left_out_too(server, way):
    server.script(extra("top_k"), extra("user"), good(way))
    message = await ask(way, model_of(server, INFERENCE), top_k=3, user="u", seed=1)

    assert [request.json.keys() & {"top_k", "user", "seed"} for request in server.requests] == [
        {"top_k", "user", "seed"},
        {"user", "seed"},
        {"seed"},
    ]
    assert message.response_metadata["dropped_parameters"] == ["top_k", "user"]


@every_way
async def test_a_refusal_of_what_was_left_out_already_is_told(server, way):
    server.default = extra("top_k")
    error = await failure(way, model_of(server, INFERENCE), AzureMLInvalidRequestError, top_k=3, user="u")

    assert len(server.requests) == 2
    assert error.refused_parameters == ("top_k",)
    assert "Take top_k out of the model's parameters." in str(error)


@every_way
async def test_a_server_that_refuses_everything_is_not_asked_for_ever(server, way):
    server.default = lambda request: extra(sorted(request.json.keys() - {"messages", "stream"})[0])
    odd = {f"odd_{number:02}": number for number in range(20)}
    await failure(way, model_of(server, INFERENCE), AzureMLInvalidRequestError, **odd)

    assert len(server.requests) == 1 + MAX_REPAIRS


@every_way
async def test_a_refusal_of_what_was_never_sent_is_told_at_once(server, way):
    server.default = extra("top_k")
    await failure(way, model_of(server, INFERENCE), AzureMLInvalidRequestError)

    assert len(server.requests) == 1


@every_way
@pytest.mark.parametrize("name", ["tools", "tool_choice", "response_format", "model", "messages", "stream"])
async def test_what_the_answer_would_be_wrong_without_is_never_left_out(server, way, name):
    server.default = extra(name)
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    model = model_of(server, INFERENCE, deployment_name="blue")
    parameters = {"tools": tools, "tool_choice": "auto", "response_format": {"type": "json_object"}}
    error = await failure(way, model, AzureMLInvalidRequestError, **parameters)

    assert len(server.requests) == 1
    assert "Extra parameters" in str(error)


@every_way
async def test_where_such_a_one_is_refused_leaving_out_the_rest_is_not_tried(server, way):
    server.default = extra("tools", "top_k")
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    error = await failure(way, model_of(server, INFERENCE), AzureMLInvalidRequestError, tools=tools, top_k=3)

    assert len(server.requests) == 1
    assert error.refused_parameters == ("tools", "top_k")


@every_way
async def test_a_format_that_the_model_does_not_know_is_told(server, way):
    server.default = sample_reply("parameter_not_supported_422")
    error = await failure(
        way, model_of(server, INFERENCE), AzureMLInvalidRequestError, response_format={"type": "json_object"}
    )

    assert (error.status, error.code, error.param) == (422, "parameter_not_supported", "response_format")
    assert len(server.requests) == 1


@every_way
@pytest.mark.parametrize("wanted", ["error", "pass-through"])
async def test_who_says_what_to_do_with_extras_gets_no_mending(server, way, wanted):
    server.default = extra("top_k")
    error = await failure(
        way, model_of(server, INFERENCE, extra_parameters=wanted), AzureMLInvalidRequestError, top_k=3
    )

    assert len(server.requests) == 1
    assert server.requests[0].headers["extra-parameters"] == wanted
    assert error.refused_parameters == ("top_k",)


@every_way
async def test_who_wants_extras_dropped_has_them_dropped_by_either_side(server, way):
    server.script(REFUSALS["a list, 422"], good(way))
    message = await ask(way, model_of(server, INFERENCE, extra_parameters="drop"), top_k=3)

    assert [request.headers["extra-parameters"] for request in server.requests] == ["drop", "drop"]
    assert message.response_metadata["dropped_parameters"] == ["top_k"]


@every_way
async def test_without_a_wish_the_header_is_not_sent(answering, way):
    await ask(way, model_of(answering, INFERENCE))

    assert "extra-parameters" not in answering.requests[0].headers


def test_another_wish_than_the_documented_ones_is_refused(answering):
    with pytest.raises(ValidationError, match="'error', 'drop' or 'pass-through'"):
        model_of(answering, INFERENCE, extra_parameters="ignore")


@every_way
async def test_other_errors_of_the_request_are_told_and_not_mended(server, way):
    server.default = sample_reply("extra_params_bad_option_400")
    await failure(way, model_of(server, INFERENCE), AzureMLInvalidRequestError, top_k=3)

    assert len(server.requests) == 1


async def test_every_repetition_has_an_id_of_its_own(server):
    for way in WAYS:
        server.script(extra("top_k"), good(way))
        await ask(way, model_of(server), top_k=3)

    assert len({request.headers["x-ms-client-request-id"] for request in server.requests}) == 8
    assert {request.path for request in server.requests} == {CHAT}


# Reasoning models refuse one parameter at a time, and a value by another code.


THINKER = "/openai/deployments/o1/chat/completions"


def refusal(param, code="unsupported_parameter", message="Not here."):
    error = {"param": param, "code": code, "message": message, "type": "invalid_request_error"}
    return json_reply({"error": error}, 400)


def reasoning(request):
    """What a reasoning model of Azure OpenAI takes."""
    asked = request.json
    for name in ("max_tokens", "top_p", "presence_penalty", "logprobs", "stop", "parallel_tool_calls"):
        if name in asked:
            return refusal(name, message=f"Unsupported parameter: '{name}' is not supported with this model.")
    for name, default in (("temperature", 1), ("n", 1)):
        if asked.get(name, default) != default:
            words = f"Unsupported value: '{name}' does not support {asked[name]} with this model. Only the default "
            return refusal(name, "unsupported_value", f"{words}({default}) value is supported.")
    return good("stream" if asked.get("stream") else "invoke")


def sent(server):
    return [
        {name: request.json[name] for name in request.json.keys() - {"messages", "stream", "stream_options"}}
        for request in server.requests
    ]


@pytest.fixture
def thinker(server):
    server.default = reasoning
    return server


@every_way
@pytest.mark.parametrize(
    ("given", "arrives", "dropped"),
    [
        ({"max_tokens": 100}, {"max_completion_tokens": 100}, None),
        ({"max_tokens": 100, "temperature": 0.7}, {"max_completion_tokens": 100}, ["temperature"]),
        ({"max_tokens": 100, "top_p": 0.9}, {"max_completion_tokens": 100}, ["top_p"]),
        ({"temperature": 0.7}, {}, ["temperature"]),
        ({"temperature": 1, "n": 1}, {"temperature": 1, "n": 1}, None),
        ({"logprobs": True, "top_logprobs": 2, "seed": 1}, {"seed": 1}, ["logprobs", "top_logprobs"]),
        (
            {"max_tokens": 9, "top_p": 0.5, "temperature": 0, "presence_penalty": 1, "stop": ["x"], "n": 2},
            {"max_completion_tokens": 9},
            ["top_p", "presence_penalty", "stop", "temperature", "n"],
        ),
    ],
)
async def test_a_reasoning_model_is_asked_until_it_answers_and_then_as_it_likes(thinker, way, given, arrives, dropped):
    model = model_of(thinker, THINKER, model_kwargs=given)
    for _ in range(2):
        message = await ask(way, model)
        assert message.content == "yes"
        assert message.response_metadata.get("dropped_parameters") == dropped

    assert sent(thinker)[-2:] == [arrives, arrives]
    assert len(thinker.requests) <= 2 + MAX_REPAIRS


@every_way
async def test_the_log_says_it_once_for_a_conversation(thinker, way, caplog):
    model = model_of(thinker, THINKER, max_tokens=100, temperature=0.7)
    with caplog.at_level(logging.DEBUG, logger="chatbot"):
        for _ in range(3):
            await ask(way, model)

    assert [record.getMessage() for record in caplog.records] == [
        "The endpoint takes no temperature: the request is repeated without.",
        "The endpoint takes no max_tokens: it is sent as max_completion_tokens.",
    ]


@every_way
async def test_a_limit_goes_under_the_older_name_where_only_that_is_known(server, way):
    words = "Unrecognized request argument supplied: max_completion_tokens"
    server.script(json_reply({"error": {"message": words, "param": None, "code": None}}, 400), good(way), good(way))
    model = model_of(server, THINKER, model_kwargs={"max_completion_tokens": 7})
    for _ in range(2):
        message = await ask(way, model)

    assert sent(server) == [{"max_completion_tokens": 7}, {"max_tokens": 7}, {"max_tokens": 7}]
    assert "dropped_parameters" not in message.response_metadata


@every_way
async def test_a_limit_that_is_known_by_no_name_is_left_out(server, way):
    server.script(refusal("max_tokens"), refusal("max_completion_tokens"), good(way))
    message = await ask(way, model_of(server, THINKER, max_tokens=7))

    assert sent(server) == [{"max_tokens": 7}, {"max_completion_tokens": 7}, {}]
    assert message.response_metadata["dropped_parameters"] == ["max_tokens"]


@every_way
async def test_of_two_limits_the_one_that_is_taken_stays(server, way):
    words = "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
    server.script(refusal("max_tokens", "invalid_parameter_combination", words), good(way))
    await ask(way, model_of(server, THINKER, model_kwargs={"max_tokens": 7, "max_completion_tokens": 8}))

    assert sent(server)[-1] == {"max_completion_tokens": 8}


@every_way
async def test_behind_one_address_a_limit_may_change_its_name_again(server, way):
    server.script(refusal("max_tokens"), good(way), refusal("max_completion_tokens"), good(way), good(way))
    model = model_of(server, THINKER, max_tokens=7)
    for _ in range(3):
        await ask(way, model)

    assert [next(iter(each)) for each in sent(server)] == [
        "max_tokens",
        "max_completion_tokens",
        "max_completion_tokens",
        "max_tokens",
        "max_tokens",
    ]


@every_way
async def test_a_value_that_is_refused_says_nothing_of_the_value_that_is_taken(thinker, way):
    model = model_of(thinker, THINKER)
    for temperature in (0.7, 0.2, 1, 1.0, 0.7):
        await ask(way, model, temperature=temperature)

    assert [each.get("temperature") for each in sent(thinker)] == [0.7, None, None, 1, 1.0, None]


@every_way
async def test_where_no_better_value_is_told_another_is_tried(server, way):
    server.script(refusal("reasoning_effort", "unsupported_value"), good(way), good(way), good(way))
    model = model_of(server, THINKER)
    for effort in ("minimal", "low", "minimal"):
        await ask(way, model, reasoning_effort=effort)

    assert [each.get("reasoning_effort") for each in sent(server)] == ["minimal", None, "low", None]


@every_way
async def test_what_one_model_refuses_another_is_asked(server, way):
    server.script(extra("top_k"), good(way), good(way), good(way))
    first, second = model_of(server, THINKER), model_of(server, THINKER)
    await ask(way, first, top_k=1)
    await ask(way, second, top_k=1)
    await ask(way, first, top_k=1, model="another")

    assert ["top_k" in each for each in sent(server)] == [True, False, True, True]


@every_way
async def test_only_what_helped_is_remembered(server, way):
    server.script(extra("top_k"), json_reply({"detail": "No."}, 400), good(way))
    model = model_of(server, THINKER)
    await failure(way, model, AzureMLInvalidRequestError, top_k=1)
    await ask(way, model, top_k=1)

    assert ["top_k" in each for each in sent(server)] == [True, False, True]


async def test_what_one_way_of_asking_learned_the_others_know(thinker):
    model = model_of(thinker, THINKER, temperature=0.7)
    for way in WAYS:
        await ask(way, model)

    assert ["temperature" in each for each in sent(thinker)] == [True, False, False, False, False]


async def test_many_that_ask_at_once_all_get_their_answer(thinker, caplog):
    model = model_of(thinker, THINKER, max_tokens=5, temperature=0.7)
    got = []

    def talk():
        got.append(model.invoke("Q").content)
        got.append("".join(chunk.text for chunk in model.stream("Q")))
        got.append(asyncio.run(model.ainvoke("Q")).content)

    threads = [threading.Thread(target=talk) for _ in range(8)]
    for each in threads:
        each.start()
    answers = await asyncio.gather(*(model.ainvoke("Q") for _ in range(8)))
    for each in threads:
        await asyncio.to_thread(each.join)
    asked = len(thinker.requests)
    await model.ainvoke("Q")

    assert {answer.content for answer in answers} | set(got) == {"yes"}
    assert len(thinker.requests) == asked + 1


@every_way
@pytest.mark.parametrize(
    "refused",
    [
        refusal(
            "messages[0].role", "unsupported_value", "'messages[0].role' does not support 'system' with this model."
        ),
        json_reply({"object": "error", "message": "System role not supported", "type": "BadRequestError"}, 400),
        json_reply({"detail": "Conversation roles must alternate user/assistant/user/assistant/..."}, 422),
    ],
    ids=["o1", "vLLM", "a template"],
)
async def test_where_there_is_no_system_role_its_words_go_into_the_first_question(server, way, refused, caplog):
    server.script(refused, good(way), good(way))
    model = model_of(server, THINKER)
    prompt = [SystemMessage("Be brief."), HumanMessage("One?"), AIMessage("1"), HumanMessage("Two?")]
    for _ in range(2):
        message = await ask(way, model, prompt)

    assert [[each["role"] for each in request.json["messages"]] for request in server.requests] == [
        ["system", "user", "assistant", "user"],
        ["user", "assistant", "user"],
        ["user", "assistant", "user"],
    ]
    assert server.requests[-1].json["messages"][0]["content"] == "Be brief.\n\nOne?"
    assert "dropped_parameters" not in message.response_metadata
    assert [record.getMessage() for record in caplog.records] == [
        "The endpoint takes no system role: the system prompt goes into the first question."
    ]


@every_way
async def test_such_a_refusal_without_a_system_prompt_is_told(server, way):
    server.default = json_reply({"message": "Conversation roles must alternate user/assistant/..."}, 400)
    await failure(way, model_of(server, THINKER), AzureMLInvalidRequestError)

    assert len(server.requests) == 1


@every_way
@pytest.mark.parametrize("name", ["tools", "tool_choice", "response_format", "model", "stream"])
async def test_neither_are_such_left_out_for_their_value_or_in_words(server, way, name):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    parameters = {"tools": tools, "tool_choice": "auto", "response_format": {"type": "json_object"}, "model": "m"}
    for bad in (
        refusal(name, "unsupported_value"),
        json_reply({"error": {"message": f"This model does not support {name}."}}, 400),
    ):
        server.default = bad
        asked = len(server.requests)
        await failure(way, model_of(server, THINKER), AzureMLInvalidRequestError, **parameters)
        assert len(server.requests) == asked + 1


@pytest.mark.parametrize("way", ["invoke", "ainvoke"])
async def test_options_of_streams_are_not_sent_where_there_is_no_stream(answering, way):
    await ask(way, model_of(answering, model_kwargs={"stream_options": {"include_usage": True}}))

    assert "stream_options" not in answering.requests[0].json


@every_way
async def test_a_limit_that_is_too_large_is_told_and_not_left_out(server, way):
    words = "max_tokens is too large: 100000. This model supports at most 16384 completion tokens."
    server.default = refusal("max_tokens", "invalid_value", words)
    error = await failure(way, model_of(server, THINKER, max_tokens=100000), AzureMLInvalidRequestError)

    assert len(server.requests) == 1
    assert str(error).endswith("Ask for a shorter answer: lower max_tokens.")


@pytest.mark.parametrize("profile", ["azure-openai", "dedicated", "serverless"])
async def test_a_conversation_with_the_emulated_reasoning_model_pays_for_it_once(profile):
    with Emulator(profile, token_delay=0) as emulator:
        emulator.fail("reasoning-model", times=None)
        named = {"deployment_name": MODEL_NAME} if profile == "azure-openai" else {}
        model = AzureMLChatOnlineEndpoint(
            endpoint_url=emulator.chat_url, endpoint_api_key=emulator.key, max_tokens=50, temperature=0.7, **named
        )
        for way in WAYS:
            assert (await ask(way, model, "repeat one two")).content == "one two"

        await model.aclose()
        assert len(emulator.requests) == 2 + len(WAYS)


class TestMemory:
    def learned(self, memory, *refusals):
        memory.learn("key", RepairableRequest([], {}, memory.known("key"), refusals))
        return memory.known("key")

    def test_what_was_refused_is_asked_again_after_a_while(self):
        now = 1000.0
        memory = RefusalMemory(lambda: now)
        assert self.learned(memory, Refusal("top_k")) == (Refusal("top_k"),)

        now += REMEMBERED_SECONDS - 1
        assert memory.known("key") == (Refusal("top_k"),)
        now += 1
        assert memory.known("key") == ()

    def test_values_that_are_refused_one_by_one_do_not_fill_it(self):
        memory = RefusalMemory()
        for number in range(1000):
            known = self.learned(memory, Refusal("temperature", True, number / 1000))

        assert len(known) < 100
        assert known[-1].covers(0.999)
