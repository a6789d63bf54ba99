"""What LangChain's callbacks are told has no key in it, and a token is as secret as a key once it was fetched."""

import pickle
import time
import traceback
from types import SimpleNamespace

import pytest
from langchain_core.callbacks import BaseCallbackHandler

from chatbot.azureml import AzureMLChatOnlineEndpoint
from chatbot.azureml.errors import AzureMLError
from chatbot.conversation import ConversationStore
from chatbot.redaction import redact
from tests.conversation.conversing import say, service_of
from tests.support.leaks import every_writing, leaks
from tests.support.wire import DONE, WireServer, event, json_reply, stream_reply, text_reply

KEY = "3fK9aZ8QmV3s7yRx2LpT0wBcD5eF6gHjN1oUiYtR4kEwQaZsXdCvBnM9JQQJ99BAACAAAAAAINFRAZML2abc"
IN_QUERY = "Zq8Rt5Yw2Ux7Pv4Ns1Mk6Lj3"
TOKEN = "opaque-Token.of-Entra-4471.99208853xyzXYZ"
GOOD = stream_reply(event("All is well."), event(finish_reason="stop"), DONE, x_request_id=KEY)


class Listener(BaseCallbackHandler):
    """Hears all that a tracer hears."""

    def __init__(self):
        self.heard = []

    def on_chat_model_start(self, serialized, messages, **told):
        self.heard += [serialized, messages, told]

    def on_llm_new_token(self, token, **told):
        self.heard += [token, told]

    def on_llm_end(self, response, **told):
        self.heard += [response, told]

    def on_llm_error(self, error, **told):
        self.heard += [error, vars(error), "".join(traceback.format_exception(error)), pickle.dumps(error), told]

    def on_retry(self, state, **told):
        self.heard += [state, told]


@pytest.fixture
def wire():
    with WireServer(GOOD) as server:
        yield server


@pytest.mark.parametrize(
    "reply",
    [
        GOOD,
        json_reply({"choices": [{"message": {"content": "All is well."}}]}, x_request_id=KEY, x_ratelimit_reset=KEY),
        text_reply(every_writing([KEY]), 401),
        text_reply(every_writing([KEY]), 429, retry_after="0"),
        stream_reply(event("All"), f'data: {{"error": {{"message": "{KEY}"}}}}\n\n'),
    ],
    ids=["stream", "whole", "401", "429", "broken"],
)
@pytest.mark.parametrize("way", ["ainvoke", "astream"])
async def test_a_tracer_hears_no_key(wire, reply, way):
    wire.default = reply
    model = AzureMLChatOnlineEndpoint(
        endpoint_url=f"{wire.url}/v1/chat/completions?code={IN_QUERY}",
        endpoint_api_key=KEY,
        default_headers={"x-gateway": KEY},
        model_kwargs={"gateway_key": KEY},
    )
    listener = Listener()
    try:
        if way == "ainvoke":
            await model.ainvoke("What did I send you?", {"callbacks": [listener]})
        else:
            async for _ in model.astream("What did I send you?", {"callbacks": [listener]}):
                pass
    except AzureMLError:
        assert len(listener.heard) > 3
    finally:
        await model.aclose()
    assert "What did I send you?" in str(listener.heard)
    assert leaks(KEY, str(listener.heard)) == []
    assert leaks(IN_QUERY, str(listener.heard)) == []


@pytest.mark.parametrize(
    "text", [f"You sent {TOKEN}.", f"You sent {every_writing([TOKEN])}."], ids=["plain", "written"]
)
async def test_a_token_that_was_fetched_is_known_everywhere(wire, tmp_path, caplog, text):
    credential = SimpleNamespace(get_token=lambda *_: SimpleNamespace(token=TOKEN, expires_on=time.time() + 3600))
    model = AzureMLChatOnlineEndpoint(endpoint_url=f"{wire.url}/v1/chat/completions", credential=credential)
    store = ConversationStore(f"sqlite:///{tmp_path}/chat.db")
    service = service_of(model, store)
    try:
        conversation = service.begin("ada")
        wire.default = stream_reply(event(text), event(finish_reason="stop"), DONE)
        answered = await say(service, conversation, "What did I send you?")
        assert answered.answer_text.startswith("You sent ***")
        assert leaks(TOKEN, answered.answer_text) == []
        wire.default = text_reply(text, 400)
        conversation = await service.refresh(conversation)
        failed = await say(service, conversation, "And again?")
        assert "You sent ***" in failed.failure.data["detail"]
        assert leaks(TOKEN, f"{failed} {caplog.text}") == []
        assert wire.requests[-1].headers["Authorization"] == f"Bearer {TOKEN}"
    finally:
        await store.aclose()
        await model.aclose()
    assert redact(f"a log line of {TOKEN}") == "a log line of ***"
