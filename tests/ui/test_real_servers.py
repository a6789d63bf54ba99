"""The same application in front of servers we did not write: it chats, it streams, it remembers."""

import pytest
from playwright.async_api import expect

from tests.support.app_process import AppProcess

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(1800)]


async def test_microsofts_inference_server(azureml_inference_server, tmp_path, visit):
    settings = {
        "AZUREML_ENDPOINT_URL": azureml_inference_server.url,
        "AZUREML_ENDPOINT_API_KEY": azureml_inference_server.key,
    }
    with AppProcess(tmp_path, settings) as app:
        async with visit(app.url) as visitor:
            # The system prompt and the question; then also the first turn.
            assert await visitor.ask("hello") == "I saw 2 messages. The last one says: hello"
            assert await visitor.ask("again") == "I saw 4 messages. The last one says: again"
            await visitor.say("raise")
            await expect(visitor.notes).to_contain_text("unexpected error occurred in scoring script")
            await visitor.settled()
            assert "I saw 6 messages" in await visitor.ask("on we go")


async def test_a_litellm_proxy(litellm_proxy, tmp_path, visit):
    settings = {
        "AZUREML_ENDPOINT_URL": litellm_proxy.url,
        "AZUREML_ENDPOINT_API_KEY": litellm_proxy.key,
        "AZUREML_DEPLOYMENT_NAME": litellm_proxy.model,
    }
    with AppProcess(tmp_path, settings) as app:
        async with visit(app.url) as visitor:
            assert (await visitor.ask("hello")).endswith("Sentence 40 of a long answer.")
            await expect(visitor.memory).to_have_text("Remembering turn 1 of 1")
