"""Our chat model against servers that others wrote: Microsoft's inference server and LiteLLM's proxy."""

import hashlib
import json

import pytest
from langchain_core.exceptions import ModelError, ModelInvalidRequestError, ModelNotFoundError
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from chatbot.azureml import AzureMLChatOnlineEndpoint
from tests.third_party.fixtures import ANSWER

pytestmark = pytest.mark.timeout(1800)

ODD_TEXT = (
    ' \n\t Blanks first, "quotes", \'quotes\', a back\\slash, a \\n that is none, \\"both\\", {"json": [null]},\r\n'
    "<script>alert('&amp;')</script>, \x00\x1f\x7f, é é, 漢字, \u2028, 😀 👩‍👩‍👧, \ufeff and blanks last \n"
)


async def invoke(model, messages):
    return [model.invoke(messages)]


async def stream(model, messages):
    return list(model.stream(messages))


async def ainvoke(model, messages):
    return [await model.ainvoke(messages)]


async def astream(model, messages):
    return [chunk async for chunk in model.astream(messages)]


@pytest.fixture(params=[invoke, stream, ainvoke, astream], ids=lambda way: way.__name__)
def ask(request):
    """One of LangChain's four ways to ask, as a coroutine that returns the pieces of the answer."""
    return request.param


@pytest.fixture
async def endpoint():
    """Makes models that are not patient with failures, and lets go of their connections."""
    models = []

    def make(**arguments):
        models.append(AzureMLChatOnlineEndpoint(max_retries=0, **arguments))
        return models[-1]

    yield make
    for model in models:
        model.close()
        await model.aclose()


@pytest.fixture
def dedicated(endpoint, azureml_inference_server):
    def make(**arguments):
        server = {"endpoint_url": azureml_inference_server.url, "endpoint_api_key": azureml_inference_server.key}
        return endpoint(**{**server, "endpoint_api_type": "dedicated", **arguments})

    return make


@pytest.fixture
def serverless(endpoint, litellm_proxy):
    def make(**arguments):
        server = {"endpoint_url": litellm_proxy.url, "endpoint_api_key": litellm_proxy.key}
        return endpoint(
            **{**server, "endpoint_api_type": "serverless", "deployment_name": litellm_proxy.model, **arguments}
        )

    return make


def text_of(pieces):
    return "".join(piece.text for piece in pieces)


class TestInferenceServer:
    async def test_answers_from_the_whole_conversation(self, ask, dedicated):
        conversation = [SystemMessage("Be brief."), HumanMessage("hi"), AIMessage("hello"), HumanMessage("and?")]
        pieces = await ask(dedicated(), conversation)
        assert text_of(pieces) == " I saw 4 messages. The last one says: and?"
        assert len([piece for piece in pieces if piece.text]) == 1

    async def test_odd_text_arrives_byte_for_byte(self, ask, dedicated):
        arrived = text_of(await ask(dedicated(), [HumanMessage(f"digest:{ODD_TEXT}")]))
        assert arrived == hashlib.sha256(ODD_TEXT.encode()).hexdigest()

    async def test_odd_text_comes_back_as_it_was(self, ask, dedicated):
        assert text_of(await ask(dedicated(), [HumanMessage(f"echo:{ODD_TEXT}")])) == ODD_TEXT

    async def test_parameters_arrive_under_the_names_containers_know(self, ask, dedicated):
        model = dedicated(model_kwargs={"temperature": 0.5, "max_tokens": 7})
        arrived = text_of(await ask(model, [HumanMessage("parameters")]))
        assert json.loads(arrived) == {"temperature": 0.5, "max_new_tokens": 7}

    async def test_a_script_that_raises_is_told_in_the_servers_words(self, ask, dedicated):
        with pytest.raises(ModelError, match="An unexpected error occurred in scoring script") as caught:
            await ask(dedicated(), [HumanMessage("raise")])
        assert caught.value.status == 500
        assert caught.value.request_id

    async def test_a_wrong_route_is_told_in_the_servers_words(self, ask, dedicated, azureml_inference_server):
        nowhere = azureml_inference_server.url.removesuffix("/score") + "/nowhere"
        with pytest.raises(ModelNotFoundError, match="The requested URL was not found on the server"):
            await ask(dedicated(endpoint_url=nowhere), [HumanMessage("hi")])


class TestLiteLLM:
    async def test_answers_as_it_was_told_to(self, ask, serverless, litellm_proxy):
        pieces = await ask(serverless(), [SystemMessage("Be brief."), HumanMessage(ODD_TEXT)])
        assert text_of(pieces) == ANSWER
        told = {name: value for piece in pieces for name, value in piece.response_metadata.items()}
        assert told["finish_reason"] == "stop"
        assert told["model_name"] == litellm_proxy.model

    async def test_a_whole_answer_tells_its_tokens(self, serverless):
        usage = (await serverless().ainvoke([HumanMessage("hi")])).usage_metadata
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0

    @pytest.mark.parametrize("ask", [stream, astream])
    async def test_a_streamed_answer_comes_in_pieces(self, ask, serverless):
        pieces = await ask(serverless(), [HumanMessage("hi")])
        assert len([piece for piece in pieces if piece.text]) > 1

    async def test_a_model_answers_again_on_the_same_connections(self, ask, serverless):
        model = serverless()
        for _ in range(3):
            assert text_of(await ask(model, [HumanMessage("hi")])) == ANSWER

    async def test_a_wrong_key_is_told_in_the_servers_words(self, ask, serverless):
        # Without a database, LiteLLM answers a key that it does not know with 400 instead of 401.
        with pytest.raises(ModelError, match="No connected db") as caught:
            await ask(serverless(endpoint_api_key="sk-wrong"), [HumanMessage("hi")])
        assert caught.value.status == 400

    @pytest.mark.parametrize("name", ["", "unknown"])
    async def test_a_model_it_does_not_have_is_told_in_the_servers_words(self, ask, name, serverless):
        with pytest.raises(ModelInvalidRequestError, match=f"Invalid model name passed in model={name or None}"):
            await ask(serverless(deployment_name=name), [HumanMessage("hi")])
