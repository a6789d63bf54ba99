"""A request that is refused for a parameter: repeated once without it where that changes no meaning, and said so."""

import logging

import pytest
from pydantic import ValidationError

from chatbot.azureml import AzureMLInvalidRequestError
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
async def test_nothing_is_left_out_of_the_next_request(server, way):
    server.script(extra("top_k"), good(way), good(way))
    model = model_of(server, INFERENCE, model_kwargs={"top_k": 3})
    for _ in range(2):
        await ask(way, model)

    assert ["top_k" in request.json for request in server.requests] == [True, False, True]


@every_way
async def test_a_second_refusal_is_told(server, way):
    server.default = extra("top_k")
    server.script(extra("top_k"), extra("user"))
    error = await failure(way, model_of(server, INFERENCE), AzureMLInvalidRequestError, top_k=3, user="u")

    assert len(server.requests) == 2
    assert error.refused_parameters == ("user",)
    assert "Take user out of the model's parameters." in str(error)


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
