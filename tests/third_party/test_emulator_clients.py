"""The emulator under clients that we did not write: OpenAI's SDK and Microsoft's azure-ai-inference.

Both know the services better than we do. Where they are strict, as azure-ai-inference is about the framing of a
stream, the emulator must please them.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from azure.ai.inference import ChatCompletionsClient
from azure.ai.inference.models import (
    ChatCompletionsToolDefinition,
    FunctionDefinition,
    ImageContentItem,
    ImageUrl,
    JsonSchemaFormat,
    TextContentItem,
    ToolMessage,
    UserMessage,
)
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from pydantic import BaseModel

from chatbot.emulator import Emulator

MODEL = "built-in-demo"
PROFILES = ["dedicated", "serverless", "foundry", "azure-openai"]
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "d", "parameters": PARAMETERS}}
WEATHER = "What is the weather in San Francisco?"
IMAGE = "data:image/png;base64,iVBORw0KGgo="


class City(BaseModel):
    name: str
    inhabitants: int


@pytest.fixture(scope="module")
def endpoints() -> Iterator[dict[str, Emulator]]:
    running = {profile: Emulator(profile, token_delay=0) for profile in PROFILES}
    for emulator in running.values():
        emulator.start()
    yield running
    for emulator in running.values():
        emulator.stop()


def said(*texts: str) -> list[Any]:
    return [{"role": "user", "content": text} for text in texts]


class TestOpenAI:
    """`openai.OpenAI` on the v1 routes of all four, and `openai.AzureOpenAI` on the classic one."""

    @pytest.fixture(params=[*PROFILES, "classic"])
    def client(self, request: pytest.FixtureRequest, endpoints: dict[str, Emulator]) -> Iterator[Any]:
        if request.param == "classic":
            emulator = endpoints["azure-openai"]
            made: openai.OpenAI = openai.AzureOpenAI(
                azure_endpoint=emulator.base_url, api_key=emulator.key, api_version="2024-10-21", max_retries=0
            )
        else:
            emulator = endpoints[request.param]
            made = openai.OpenAI(base_url=emulator.openai_url, api_key=emulator.key, max_retries=0)
        with made:
            yield made

    def test_a_question(self, client: openai.OpenAI) -> None:
        answer = client.chat.completions.create(model=MODEL, messages=said("repeat Hé, Ada"), max_tokens=2)
        assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Hé,", "length")
        assert answer.usage.completion_tokens == 2
        assert answer.model == MODEL

    def test_a_stream(self, client: openai.OpenAI) -> None:
        options = {"include_usage": True}
        chunks = list(
            client.chat.completions.create(
                model=MODEL, messages=said("repeat Hé, Ada"), stream=True, stream_options=options
            )
        )
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        assert text == "Hé, Ada"
        assert [chunk.usage.completion_tokens for chunk in chunks if chunk.usage] == [3]

    @pytest.mark.parametrize("profile", ["dedicated", "foundry", "azure-openai"])
    def test_tools_in_a_stream_that_the_sdk_puts_together(self, endpoints: dict[str, Emulator], profile: str) -> None:
        emulator = endpoints[profile]
        with (
            openai.OpenAI(base_url=emulator.openai_url, api_key=emulator.key) as client,
            client.chat.completions.stream(model=MODEL, messages=said(WEATHER), tools=[TOOL]) as stream,
        ):
            message = stream.get_final_completion().choices[0].message
        assert json.loads(message.tool_calls[0].function.arguments) == {"city": "San Francisco"}

    def test_tools_in_a_serverless_stream_have_no_index(self, endpoints: dict[str, Emulator]) -> None:
        emulator = endpoints["serverless"]
        with openai.OpenAI(base_url=emulator.openai_url, api_key=emulator.key) as client:
            chunks = client.chat.completions.create(model=MODEL, messages=said(WEATHER), tools=[TOOL], stream=True)
            (call,) = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
            assert json.loads(call.function.arguments) == {"city": "San Francisco"}
            # By it the SDK puts calls together; without it, as with the real service, it cannot.
            assert call.index is None
            with (
                client.chat.completions.stream(model=MODEL, messages=said(WEATHER), tools=[TOOL]) as stream,
                pytest.raises(TypeError),
            ):
                stream.until_done()

    def test_tools(self, client: openai.OpenAI) -> None:
        messages = said(WEATHER)
        asked = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL]).choices[0].message
        call = asked.tool_calls[0]
        assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "San Francisco"})
        messages += [
            asked.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": call.id, "content": "It is sunny."},
        ]
        answer = client.chat.completions.create(model=MODEL, messages=messages, tools=[TOOL])
        assert answer.choices[0].message.content == "The tool `get_weather` returned: It is sunny."

    def test_structured_output(self, client: openai.OpenAI) -> None:
        answer = client.chat.completions.parse(
            model=MODEL, messages=said("'Oslo' has 700000 inhabitants"), response_format=City
        )
        assert answer.choices[0].message.parsed == City(name="Oslo", inhabitants=700000)

    def test_an_image(self, client: openai.OpenAI) -> None:
        parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": IMAGE}}]
        answer = client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": parts}])
        assert "an image of type image/png, 8 bytes" in answer.choices[0].message.content

    @pytest.mark.parametrize(
        ("fault", "kind"),
        [
            ("content-filter", openai.BadRequestError),
            ("unauthorized-azure", openai.AuthenticationError),
            ("forbidden", openai.PermissionDeniedError),
            ("no-deployment", openai.NotFoundError),
            ("conflict", openai.ConflictError),
            ("parameter-not-supported", openai.UnprocessableEntityError),
            ("rate-limit", openai.RateLimitError),
            ("unavailable", openai.InternalServerError),
            ("hang-up", openai.APIConnectionError),
        ],
    )
    def test_errors_have_their_classes(self, client: openai.OpenAI, fault: str, kind: type[Exception]) -> None:
        with pytest.raises(kind):
            client.chat.completions.create(
                model=MODEL, messages=said("hello"), extra_headers={"x-emulator-fault": fault}
            )

    def test_an_error_in_the_middle_of_a_stream(self, client: openai.OpenAI) -> None:
        stream = client.chat.completions.create(
            model=MODEL,
            messages=said("hello"),
            stream=True,
            extra_headers={"x-emulator-fault": "error-after-events:2"},
        )
        with pytest.raises(openai.APIError, match="The model stopped unexpectedly"):
            list(stream)

    @pytest.mark.parametrize(
        "fault", ["crlf", "cr", "comments", "event-lines", "no-space", "multi-line-data", "byte-by-byte"]
    )
    def test_framings_that_the_sdk_can_read(self, client: openai.OpenAI, fault: str) -> None:
        chunks = client.chat.completions.create(
            model=MODEL, messages=said("repeat Hé, Ada"), stream=True, extra_headers={"x-emulator-fault": fault}
        )
        text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
        assert text == "Hé, Ada"

    def test_a_wrong_key(self, client: openai.OpenAI) -> None:
        with pytest.raises(openai.AuthenticationError):
            client.with_options(api_key="wrong").chat.completions.create(model=MODEL, messages=said("hello"))

    def test_it_tries_again_after_a_rate_limit(self, endpoints: dict[str, Emulator]) -> None:
        emulator = endpoints["serverless"]
        emulator.fail("rate-limit:0.01", times=2)
        with openai.OpenAI(base_url=emulator.openai_url, api_key=emulator.key, max_retries=2) as client:
            answer = client.chat.completions.create(model=MODEL, messages=said("repeat at last"))
        assert answer.choices[0].message.content == "at last"

    @pytest.mark.parametrize("profile", PROFILES)
    def test_models(self, endpoints: dict[str, Emulator], profile: str) -> None:
        emulator = endpoints[profile]
        with openai.OpenAI(base_url=emulator.openai_url, api_key=emulator.key) as client:
            assert MODEL in [model.id for model in client.models.list()]


class TestAzureAIInference:
    """`ChatCompletionsClient` on the Model Inference API of a serverless deployment and of a resource."""

    @pytest.fixture
    def make(self, endpoints: dict[str, Emulator]) -> Iterator[Callable[..., ChatCompletionsClient]]:
        made: list[ChatCompletionsClient] = []

        def client(profile: str, key: str = "", **options: Any) -> ChatCompletionsClient:
            emulator = endpoints[profile]
            route = "/models" if profile == "foundry" else ""
            made.append(
                ChatCompletionsClient(
                    emulator.base_url + route,
                    AzureKeyCredential(key or emulator.key),
                    retry_total=0,
                    **({"model": MODEL} if profile == "foundry" else {}),
                    **options,
                )
            )
            return made[-1]

        yield client
        for each in made:
            each.close()

    @pytest.fixture(params=["serverless", "foundry", "dedicated"])
    def client(self, request: pytest.FixtureRequest, make: Callable[..., ChatCompletionsClient]) -> Any:
        return make(request.param)

    def test_a_question(self, client: ChatCompletionsClient) -> None:
        answer = client.complete(messages=[UserMessage("repeat Hé, Ada")], max_tokens=2)
        assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("Hé,", "length")
        assert answer.usage.completion_tokens == 2

    def test_a_stream_in_the_canonical_framing(self, client: ChatCompletionsClient) -> None:
        updates = list(client.complete(messages=[UserMessage("repeat Hé, Ada")], stream=True))
        text = "".join(choice.delta.content or "" for update in updates for choice in update.choices)
        assert text == "Hé, Ada"
        assert next(choice.finish_reason for update in updates[::-1] for choice in update.choices) == "stop"

    @pytest.mark.parametrize("fault", ["crlf", "comments", "event-lines", "no-space"])
    def test_it_refuses_every_other_framing(self, client: ChatCompletionsClient, fault: str) -> None:
        headers = {"x-emulator-fault": fault}
        stream = client.complete(messages=[UserMessage("hello")], stream=True, headers=headers)
        with pytest.raises(ValueError, match="SSE event not supported"):
            list(stream)

    def test_tools(self, client: ChatCompletionsClient) -> None:
        tool = ChatCompletionsToolDefinition(
            function=FunctionDefinition(name="get_weather", description="d", parameters=PARAMETERS)
        )
        asked = client.complete(messages=[UserMessage(WEATHER)], tools=[tool]).choices[0]
        assert asked.finish_reason == "tool_calls"
        call = asked.message.tool_calls[0]
        assert (call.function.name, json.loads(call.function.arguments)) == ("get_weather", {"city": "San Francisco"})
        # The SDK's own message has fields that are null.
        history = {"role": "assistant", "content": asked.message.content, "tool_calls": [call.as_dict()]}
        result = ToolMessage("It is sunny.", tool_call_id=call.id)
        answer = client.complete(messages=[UserMessage(WEATHER), history, result], tools=[tool])
        assert answer.choices[0].message.content == "The tool `get_weather` returned: It is sunny."

    def test_structured_output(self, client: ChatCompletionsClient) -> None:
        wanted = JsonSchemaFormat(name="City", schema=City.model_json_schema(), strict=True)
        answer = client.complete(messages=[UserMessage("'Oslo' has 700000 inhabitants")], response_format=wanted)
        assert City.model_validate_json(answer.choices[0].message.content) == City(name="Oslo", inhabitants=700000)

    def test_an_image(self, client: ChatCompletionsClient) -> None:
        parts = [TextContentItem(text="What is this?"), ImageContentItem(image_url=ImageUrl(url=IMAGE))]
        answer = client.complete(messages=[UserMessage(parts)])
        assert "an image of type image/png, 8 bytes" in answer.choices[0].message.content

    @pytest.mark.parametrize("profile", ["serverless", "foundry"])
    def test_the_model_is_described(self, make: Callable[..., ChatCompletionsClient], profile: str) -> None:
        info = make(profile).get_model_info()
        assert (info.model_name, info.model_type) == (MODEL, "chat-completion")

    def test_extra_parameters(self, client: ChatCompletionsClient) -> None:
        # The SDK asks for them to be passed through as soon as there are some.
        answer = client.complete(messages=[UserMessage("repeat Hé")], model_extras={"n": 2})
        assert len(answer.choices) == 2

    def test_a_wrong_key(self, make: Callable[..., ChatCompletionsClient]) -> None:
        for profile in ("serverless", "foundry", "dedicated"):
            with pytest.raises(ClientAuthenticationError):
                make(profile, key="wrong").complete(messages=[UserMessage("hello")])

    def test_a_deployment_of_a_dedicated_endpoint(self, make: Callable[..., ChatCompletionsClient]) -> None:
        messages = [UserMessage("repeat hi")]
        green = make("dedicated", headers={"azureml-model-deployment": "green"}).complete(messages=messages)
        assert green.choices[0].message.content == "hi"
        with pytest.raises(ResourceNotFoundError):
            make("dedicated", headers={"azureml-model-deployment": "red"}).complete(messages=messages)

    @pytest.mark.parametrize(
        ("fault", "status", "words"),
        [
            ("content-filter-serverless", 400, "content management policy"),
            ("rate-limit", 429, "Please retry after 43 seconds"),
            ("model-error", 424, "An unexpected error occurred in scoring script"),
            ("bad-gateway", 502, "Bad Gateway"),
        ],
    )
    def test_errors_keep_their_words(self, client: ChatCompletionsClient, fault: str, status: int, words: str) -> None:
        with pytest.raises(HttpResponseError) as failed:
            client.complete(messages=[UserMessage("hello")], headers={"x-emulator-fault": fault})
        assert failed.value.status_code == status
        assert words in failed.value.response.text()
