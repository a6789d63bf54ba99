"""Document 003: from the bare wire over a chain to a page with a memory."""

import json

import langchain_classic  # noqa: F401 - turns its warnings on as it is imported, whatever a test's own filters say
import pytest
from gradio_client import Client

from tests.seeds import stand_ins

pytestmark = [
    pytest.mark.needs_seed_documents,
    # LangChain's own, about the classic chain and memory that the document uses.
    pytest.mark.filterwarnings("ignore::langchain_core._api.deprecation.LangChainDeprecationWarning"),
]


def events(text: str) -> list[str]:
    """The payloads of a stream of events."""
    return [line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:")]


@pytest.fixture(scope="module")
def recipe(run):
    notebook = run("003")
    yield notebook
    app, *_ = notebook.ran[-1].value
    app.get_blocks().close()
    stand_ins.langchain.debug = False


def test_curl_gets_an_answer_within_its_limit(recipe):
    [cell] = recipe.under("Basics")
    reply = json.loads(cell.printed)

    assert reply["choices"][0]["message"]["content"]
    assert reply["usage"]["completion_tokens"] <= cell.requests[0].body["max_tokens"]


def test_curl_gets_a_stream_with_its_end(recipe):
    [cell] = recipe.under("Streaming")
    *told, done = events(cell.printed)

    assert done == "[DONE]"
    assert len(told) > 2
    assert all(json.loads(event)["choices"] for event in told)


def test_curl_gets_an_answer_or_an_explained_refusal_to_a_harmful_question(recipe):
    [cell] = recipe.under("Content Safety Filtering")
    reply = json.loads(cell.printed)

    assert len(cell.requests) == 1
    assert reply.get("error") or reply["choices"][0]["message"]["content"]


def test_urllib_gets_the_stream_as_one_payload(recipe):
    [cell] = recipe.under("HTTP Requests API Usage in Python")

    assert events(cell.names["result"].decode())[-1] == "[DONE]"
    assert cell.requests[0].body == cell.names["data"]


def test_requests_gets_the_stream_line_by_line(recipe):
    [cell] = recipe.under("Streaming in Python")
    status, *lines = cell.printed.splitlines()

    assert status == "200"
    assert len(lines) > 2
    assert lines[-1] == "b'data: [DONE]'"


def test_the_model_is_asked_with_its_parameters(recipe):
    _, _, cell, _ = recipe.under("Use Llama 3.1 API with LangChain")

    assert cell.question in cell.cell.source
    assert {"temperature": 0.6, "max_tokens": 256, "top_p": 0.9}.items() <= cell.requests[0].body.items()
    assert cell.value.content


def test_the_chain_fills_in_its_prompt_and_prints_the_answer(recipe):
    *_, answered, cell = recipe.under("Use Llama 3.1 API with LangChain")

    assert "from English to French" in cell.question
    assert answered.question in cell.question
    assert cell.printed.strip()


@pytest.fixture
def page(recipe):
    """Say something on the page, as a new visitor; return the answer."""
    _, url, _ = recipe.ran[-1].value
    client = Client(url, verbose=False)
    yield lambda text: client.predict(text, api_name="/chat")
    client.close()


def test_the_page_answers_and_its_chain_remembers_five_exchanges(recipe, page, capsys):
    before = len(recipe.emulator.requests)
    answers = [page(f"This is message {number}.") for number in range(1, 8)]
    sent = [request.body["messages"] for request in recipe.emulator.requests[before:]]

    assert all(answers)
    assert [[message["role"] for message in messages] for messages in sent] == [["user"]] * 7
    texts = [messages[0]["content"] for messages in sent]
    assert all(text.endswith(f"question:This is message {number}.") for number, text in enumerate(texts, start=1))
    assert [text.count("User: This is message") for text in texts] == [0, 1, 2, 3, 4, 5, 5]
    assert f"User: This is message 6.\nAssistant: {answers[5]}" in texts[6]
    assert "message 1." not in texts[6]
    shown = capsys.readouterr().out
    assert "[chain:ConversationChain] Entering Chain run" in shown
    assert "[llm/start]" in shown
