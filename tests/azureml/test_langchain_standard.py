"""LangChain's own suite for chat models, with every capability claimed, against the emulator over a real socket."""

from contextlib import ExitStack

import httpx
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_tests.integration_tests import ChatModelIntegrationTests
from langchain_tests.unit_tests import ChatModelUnitTests

from chatbot.azureml import AzureMLChatOnlineEndpoint
from chatbot.emulator import Emulator

ENVIRONMENT = {
    "AZUREML_ENDPOINT_URL": "https://name.region.models.ai.azure.com/v1/chat/completions",
    "AZUREML_ENDPOINT_API_KEY": "a-key",
    "AZUREML_DEPLOYMENT_NAME": "blue",
}


class TestUnit(ChatModelUnitTests):
    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return AzureMLChatOnlineEndpoint

    @property
    def chat_model_params(self) -> dict:
        return {"endpoint_url": ENVIRONMENT["AZUREML_ENDPOINT_URL"], "api_key": "a-key", "model": "m"}

    @property
    def init_from_env_params(self) -> tuple[dict, dict, dict]:
        attributes = {name.removeprefix("AZUREML_").lower(): value for name, value in ENVIRONMENT.items()}
        return ENVIRONMENT, {}, attributes


@pytest.fixture(scope="module")
def emulators():
    profiles = ("azure-openai", "serverless")
    with ExitStack() as stack:
        yield {name: stack.enter_context(Emulator(profile=name, token_delay=0)) for name in profiles}


class _Integration(ChatModelIntegrationTests):
    """Every capability flag that the suite has is on."""

    profile: str

    @pytest.fixture(autouse=True)
    def _endpoint(self, emulators, monkeypatch):
        emulator = emulators[self.profile]
        monkeypatch.setenv("AZUREML_ENDPOINT_URL", emulator.chat_url)
        monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", emulator.key)

    @pytest.fixture(autouse=True)
    def _no_downloads(self, monkeypatch):
        """The suite fetches its pictures and papers from public servers; bytes of ours do as well."""
        monkeypatch.setenv("LANGCHAIN_TESTS_USER_AGENT", "none is sent")
        monkeypatch.setattr(httpx, "get", lambda url, **_: httpx.Response(200, content=f"the file {url}".encode()))

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return AzureMLChatOnlineEndpoint

    @property
    def chat_model_params(self) -> dict:
        return {"model": "built-in-demo"}

    @property
    def standard_chat_model_params(self) -> dict:
        # The suite's own limit of 100 tokens would cut the demo model's answers short.
        return {"temperature": 0, "timeout": 60, "stop": [], "max_retries": 2}

    supports_json_mode = True
    supports_image_inputs = True
    supports_image_urls = True
    supports_pdf_inputs = True
    supports_audio_inputs = True
    supports_video_inputs = True
    supports_anthropic_inputs = True
    supports_image_tool_message = True
    supports_pdf_tool_message = True


@pytest.mark.filterwarnings("ignore:OpenAI may require a filename")
class TestAzureOpenAI(_Integration):
    profile = "azure-openai"
    supports_model_override = True
    model_override_value = "built-in-demo-2"


@pytest.mark.filterwarnings("ignore:OpenAI may require a filename")
class TestServerless(_Integration):
    """One deployment answers here, whatever model is named."""

    profile = "serverless"
    supports_model_override = False
