"""Document 000. Its URL's path is one route and its type another: some readers keep the path, some bring their own."""

import pytest

from tests.seeds import stand_ins

CHAT, SCORE = "/v1/chat/completions", "/score"

pytestmark = pytest.mark.needs_seed_documents


@pytest.fixture(scope="module", params=[SCORE, CHAT])
def guide(request, run):
    return run("000", None if request.param == SCORE else request.param)


@pytest.fixture
def streams(guide):
    return guide.reader.url is not None


@pytest.mark.parametrize(
    "heading", ["Basic Usage", "Streaming Responses", "Error Handling with Fallbacks", "Retry Logic"]
)
def test_every_way_to_ask_sends_the_conversation_once(guide, streams, heading):
    [cell] = guide.under(heading)
    [request] = cell.requests
    system, human = cell.names["messages"]

    assert request.path == (CHAT if streams else SCORE)
    assert request.headers["azureml-model-deployment"] == cell.names["azure_chat"].deployment_name
    assert cell.asked == [[("system", system.content), ("user", human.content)]]
    assert cell.names["response"].content


def test_a_stream_says_what_the_whole_answer_said(guide):
    [whole], [streamed] = guide.under("Basic Usage"), guide.under("Streaming Responses")

    assert streamed.printed == whole.names["response"].content


def test_a_stream_comes_in_pieces_where_the_route_has_streams(guide, streams):
    [cell] = guide.under("Streaming Responses")

    assert (len(cell.pieces) > 1) is streams


def test_a_batch_is_answered_question_by_question(guide):
    [cell] = guide.under("Batch Processing")
    sets = [[("user", message.content) for message in messages] for messages in cell.names["message_sets"]]

    assert sorted(cell.asked) == sorted(sets)
    assert cell.printed == "".join(f"{result.content}\n" for result in cell.names["results"])


def test_the_fallback_answers_where_the_model_fails(guide):
    [cell] = guide.under("Error Handling with Fallbacks")
    robust = cell.names["robust_chat"]

    assert cell.names["response"].content != stand_ins.FALLBACK
    assert robust.invoke(cell.names["messages"], max_tokens=-1).content == stand_ins.FALLBACK


def test_a_structured_answer_has_its_fields(guide):
    [cell] = guide.under("Integrating with Schema Validation")
    result = cell.names["result"]

    assert isinstance(result, cell.names["RestaurantRecommendation"])
    assert result.reasons
    assert [line.split(maxsplit=1)[1] for line in cell.printed.splitlines() if not line.endswith(":")] == [
        result.name,
        result.cuisine,
        result.price_range,
        *result.reasons,
    ]


def test_callbacks_may_be_an_argument_of_the_call(guide):
    called, _ = guide.under("Monitoring and Tracing")

    assert len(called.requests) == 1
    assert called.names["response"].content


def test_events_tell_the_beginning_the_pieces_and_the_end(guide, streams):
    _, watched = guide.under("Monitoring and Tracing")
    first, *told, last = watched.pieces

    assert (first, last) == ("Model execution started", "Model execution completed")
    assert all(text.startswith("Received chunk: ") for text in told)
    assert len(told) > 2 if streams else told


def test_what_was_retrieved_reaches_the_model(guide):
    [cell] = guide.under("Building Complex Applications")

    assert stand_ins.STORED in cell.question
    assert cell.printed == cell.names["response"].content + "\n"


def test_tokens_are_counted_without_asking_anyone(guide):
    [cell] = guide.under("Token Management")

    assert cell.requests == []
    assert 10 < cell.names["token_count"] < 100
    assert str(cell.names["token_count"]) in cell.printed


def test_the_production_example_streams_from_the_environments_endpoint(guide, streams):
    [cell] = guide.under("Example: Production-Ready Chat Application")
    [request] = cell.requests
    [[(first, _), (last, text)]] = cell.asked

    assert (first, last, text) == ("system", "user", cell.names["user_input"])
    assert request.headers["azureml-model-deployment"] == "green"
    assert (len(cell.pieces) > 1) is streams
    assert cell.names["azure_chat"].timeout == 30
    assert cell.names["logger"].logged == ["start", "end"]
