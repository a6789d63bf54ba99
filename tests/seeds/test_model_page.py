"""Documents 001, 002 and 004: one notebook about the chat model, in three languages."""

from collections.abc import Sequence

import pytest
from langchain_core.messages import AIMessage

from tests.seeds.notebook import Ran

CHAT, SCORE = "/v1/chat/completions", "/score"

pytestmark = pytest.mark.needs_seed_documents


@pytest.fixture(scope="module", params=["001", "002", "004"])
def cells(request, run) -> Sequence[Ran]:
    return run(request.param).ran


@pytest.mark.parametrize(("place", "path"), [(1, SCORE), (2, CHAT), (4, CHAT)])
def test_each_endpoint_is_asked_once_on_its_route_and_its_answer_shown(cells, place, path):
    [request] = cells[place].requests

    assert request.path == path
    assert cells[place].question in cells[place].cell.source
    assert isinstance(cells[place].value, AIMessage)
    assert cells[place].value.content


def test_a_call_without_parameters_sends_none_to_a_dedicated_endpoint(cells):
    assert cells[1].requests[0].body["input_data"]["parameters"] == {}


def test_the_models_parameters_and_the_calls_are_sent_together(cells):
    assert cells[3].requests == []
    assert {"temperature": 0.8, "max_tokens": 512}.items() <= cells[4].requests[0].body.items()
