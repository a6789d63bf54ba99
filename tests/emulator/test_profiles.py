"""Which routes each kind of endpoint has, who is let in, and what is refused in whose words."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from chatbot.emulator import Emulator
from chatbot.emulator.model.demo_model import MODEL_NAME
from tests.support.wire import sample

Ask = Callable[..., Any]
Endpoints = dict[str, Emulator]

INFERENCE = "?api-version=2024-05-01-preview"
CLASSIC = "?api-version=2024-10-21"
CHAT = {
    "demo": ["/v1/chat/completions"],
    "dedicated": ["/v1/chat/completions", "/chat/completions"],
    "serverless": ["/v1/chat/completions", "/chat/completions"],
    "foundry": [
        f"/models/chat/completions{INFERENCE}",
        "/openai/v1/chat/completions",
        f"/openai/deployments/{MODEL_NAME}/chat/completions{CLASSIC}",
    ],
    "azure-openai": ["/openai/v1/chat/completions", f"/openai/deployments/{MODEL_NAME}/chat/completions{CLASSIC}"],
}
ROUTES = [(profile, path) for profile, paths in CHAT.items() for path in paths]
INFERENCE_API = [
    ("serverless", "/chat/completions"),
    ("dedicated", "/chat/completions"),
    ("foundry", f"/models/chat/completions{INFERENCE}"),
]
BAD_KEY = {
    "dedicated": "score_401_key",
    "serverless": "maas_401_bad_key",
    "foundry": "aoai_401",
    "azure-openai": "aoai_401",
}
AZURE_NOT_FOUND = {"error": {"code": "404", "message": "Resource not found"}}


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(ValueError, match="no profile 'azure'; there are demo, dedicated, serverless, foundry"):
        Emulator("azure")


@pytest.mark.parametrize(("profile", "path"), ROUTES)
@pytest.mark.parametrize("stream", [False, True])
def test_every_chat_route_answers(ask: Ask, profile: str, path: str, stream: bool) -> None:
    asked = ask(profile, "repeat Hé, Ada", path=path, stream=stream)
    assert asked.status == 200
    if stream:
        assert asked.reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert "".join(choice["delta"].get("content") or "" for choice in asked.choices) == "Hé, Ada"
    else:
        assert asked.message["content"] == "Hé, Ada"
    assert asked.reply.headers["x-request-id"]


def test_the_addresses_of_a_profile(endpoints: Endpoints) -> None:
    foundry, dedicated = endpoints["foundry"], endpoints["dedicated"]
    assert foundry.chat_url == f"{foundry.base_url}/models/chat/completions{INFERENCE}"
    assert foundry.openai_url == f"{foundry.base_url}/openai/v1"
    assert dedicated.score_url == f"{dedicated.base_url}/score"
    assert dedicated.openai_url == f"{dedicated.base_url}/v1"
    with pytest.raises(RuntimeError, match="foundry has no /score"):
        _ = foundry.score_url


@pytest.mark.parametrize(("profile", "path"), ROUTES)
def test_a_wrong_key(endpoints: Endpoints, client: httpx.Client, profile: str, path: str) -> None:
    reply = client.post(endpoints[profile].base_url + path, json={}, headers={"Authorization": "Bearer wrong"})
    expected = sample(BAD_KEY.get(profile, "maas_401_bad_key"))["response"]
    assert reply.status_code == 401
    if "text" in expected:
        assert reply.text == expected["text"]
    else:
        assert reply.json() == expected["json"]


@pytest.mark.parametrize("profile", ["foundry", "azure-openai"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"api-key": "{key}"}, 200),
        ({"Authorization": "Bearer {key}"}, 200),
        ({"Authorization": "Bearer {key}", "api-key": "{key}"}, 200),
        ({"Authorization": "{key}"}, 401),
        ({}, 401),
    ],
)
def test_a_resource_takes_its_key_in_two_headers(
    endpoints: Endpoints, client: httpx.Client, profile: str, headers: dict[str, str], status: int
) -> None:
    emulator = endpoints[profile]
    body = {"model": MODEL_NAME, "messages": [{"role": "user", "content": "hello"}]}
    filled = {name: value.format(key=emulator.key) for name, value in headers.items()}
    assert client.post(emulator.chat_url, json=body, headers=filled).status_code == status


# Addresses.


@pytest.mark.parametrize("profile", ["demo", "serverless"])
def test_an_unknown_address_of_a_deployment(ask: Ask, profile: str) -> None:
    asked = ask(profile, path="/embeddings")
    expected = sample("maas_404_wrong_modality")["response"]
    assert (asked.status, asked.reply.text) == (404, expected["text"])
    assert asked.reply.headers["ms-azureml-model-error-statuscode"] == "404"


def test_an_unknown_address_of_a_container_fails_behind_the_front(ask: Ask) -> None:
    asked = ask("dedicated", path="/embeddings")
    assert (asked.status, asked.reply.text) == (424, "NOT FOUND")
    assert asked.reply.headers["ms-azureml-model-error-statuscode"] == "404"


@pytest.mark.parametrize("profile", ["foundry", "azure-openai"])
@pytest.mark.parametrize("path", ["/score", "/v1/chat/completions", "/info"])
def test_an_unknown_address_of_a_resource(ask: Ask, profile: str, path: str) -> None:
    asked = ask(profile, path=path)
    assert (asked.status, asked.body) == (404, AZURE_NOT_FOUND)


@pytest.mark.parametrize(
    ("profile", "path"), [("serverless", "/info"), ("dedicated", "/info"), ("foundry", "/models/info")]
)
def test_info_has_the_recorded_shape(endpoints: Endpoints, client: httpx.Client, profile: str, path: str) -> None:
    emulator = endpoints[profile]
    reply = client.get(emulator.base_url + path + INFERENCE, headers={"Authorization": f"Bearer {emulator.key}"})
    expected = sample("maas_info_ok")["response"]["json"]
    assert reply.json().keys() == expected.keys()
    assert reply.json()["model_type"] == "chat-completion"
    assert client.get(emulator.base_url + path).status_code == 401


@pytest.mark.parametrize(
    ("profile", "path", "names"),
    [
        ("dedicated", "/v1/models", [MODEL_NAME]),
        ("serverless", "/v1/models", [MODEL_NAME]),
        ("foundry", "/openai/v1/models", [MODEL_NAME, f"{MODEL_NAME}-2"]),
        ("azure-openai", "/openai/v1/models", [MODEL_NAME, f"{MODEL_NAME}-2"]),
    ],
)
def test_models_are_listed(
    endpoints: Endpoints, client: httpx.Client, profile: str, path: str, names: list[str]
) -> None:
    emulator = endpoints[profile]
    reply = client.get(emulator.base_url + path, headers={"Authorization": f"Bearer {emulator.key}"})
    assert [model["id"] for model in reply.json()["data"]] == names


def test_a_scoring_container_describes_itself(endpoints: Endpoints, client: httpx.Client) -> None:
    emulator = endpoints["dedicated"]
    url = f"{emulator.base_url}/swagger.json"
    assert "/score" in client.get(url, headers={"Authorization": f"Bearer {emulator.key}"}).json()["paths"]
    assert client.get(url).text == "key_auth_access_denied"


@pytest.mark.parametrize("path", ["/completions", "/v1/completions"])
def test_a_chat_model_does_not_complete_texts(ask: Ask, path: str) -> None:
    served, contained = ask("serverless", path=path), ask("dedicated", path=path)
    assert served.status == 400
    assert "send 'messages' to /v1/chat/completions" in served.body["error"]["message"]
    assert contained.status == 424
    assert contained.reply.headers["ms-azureml-model-error-statuscode"] == "400"
    assert "send 'messages'" in contained.body["message"]


# Versions, models and deployments.


@pytest.mark.parametrize("path", ["/models/chat/completions", f"/openai/deployments/{MODEL_NAME}/chat/completions"])
def test_a_version_is_needed(ask: Ask, path: str) -> None:
    missing, wrong = ask("foundry", path=path), ask("foundry", path=f"{path}?api-version=latest")
    assert (missing.status, missing.body) == (404, AZURE_NOT_FOUND)
    assert (wrong.status, wrong.body["error"]["message"]) == (400, "API version not supported")


def test_the_inference_api_of_a_resource_needs_a_model(ask: Ask) -> None:
    missing, unknown = ask("foundry", model=None), ask("foundry", model="nope")
    expected = sample("gateway_400_unknown_model")["response"]
    assert (missing.status, missing.reply.headers["x-ms-error-code"]) == (400, "no_model_name")
    assert (unknown.status, unknown.body) == (400, expected["json"])
    assert unknown.reply.headers["x-ms-error-code"] == expected["headers"]["x-ms-error-code"]


@pytest.mark.parametrize("profile", ["foundry", "azure-openai"])
def test_the_v1_api_needs_a_model(ask: Ask, profile: str) -> None:
    path = "/openai/v1/chat/completions"
    missing, unknown = ask(profile, path=path, model=None), ask(profile, path=path, model="nope")
    assert (missing.status, missing.body["error"]["message"]) == (400, "you must provide a model parameter")
    assert (unknown.status, unknown.body["error"]["code"]) == (404, "DeploymentNotFound")


def test_a_classic_deployment_is_in_the_address(ask: Ask) -> None:
    known = ask("azure-openai", path=f"/openai/deployments/{MODEL_NAME}-2/chat/completions{CLASSIC}", model="ignored")
    unknown = ask("azure-openai", path=f"/openai/deployments/nope/chat/completions{CLASSIC}")
    assert (known.status, known.body["model"]) == (200, f"{MODEL_NAME}-2")
    assert (unknown.status, unknown.body["error"]["code"]) == (404, "DeploymentNotFound")


@pytest.mark.parametrize(("profile", "model"), [("foundry", f"{MODEL_NAME}-2"), ("azure-openai", f"{MODEL_NAME}-2")])
def test_the_model_that_was_asked_for_answers(ask: Ask, profile: str, model: str) -> None:
    assert ask(profile, model=model).body["model"] == model
    assert {event["model"] for event in ask(profile, model=model, stream=True).events} == {"", model}


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/chat/completions"])
def test_a_serverless_deployment_has_one_model_whatever_its_name(ask: Ask, path: str) -> None:
    assert ask("serverless", path=path, model="anything").body["model"] == MODEL_NAME


def test_a_vllm_container_knows_its_model(ask: Ask) -> None:
    unknown = ask("dedicated", model="nope")
    assert (unknown.status, unknown.reply.headers["ms-azureml-model-error-statuscode"]) == (424, "404")
    assert unknown.body == {
        "object": "error",
        "message": "The model `nope` does not exist.",
        "type": "NotFoundError",
        "param": None,
        "code": 404,
    }
    assert ask("dedicated", model=None).status == 200


@pytest.mark.parametrize("path", ["/score", "/v1/chat/completions", "/chat/completions"])
def test_deployments_of_a_dedicated_endpoint(ask: Ask, path: str) -> None:
    data = {"input_data": {"input_string": [{"role": "user", "content": "hello"}]}}
    body = data if path == "/score" else {}
    name = "azureml-model-deployment"

    def named(deployment: str | None) -> Any:
        headers = {name: deployment} if deployment else {}
        # The scoring route does not look at the rest; the Model Inference API would refuse it.
        return ask("dedicated", path=path, headers={**headers, "extra-parameters": "drop"}, **body)

    assert named(None).reply.headers[name] == "blue"
    assert named("green").reply.headers[name] == "green"
    assert (named("red").status, name in named("red").reply.headers) == (404, False)


def test_deployments_of_ones_own(client: httpx.Client) -> None:
    with Emulator("azure-openai", deployments=["gpt-4o"]) as emulator:
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hello"}]}
        headers = {"api-key": emulator.key}
        assert client.post(emulator.chat_url, json=body, headers=headers).json()["model"] == "gpt-4o"
        assert client.post(emulator.chat_url, json={**body, "model": MODEL_NAME}, headers=headers).status_code == 404


def test_a_dedicated_endpoint_takes_so_many_requests_at_a_time(client: httpx.Client) -> None:
    with Emulator("dedicated", token_delay=600, max_pending=1) as emulator:
        headers = {"Authorization": f"Bearer {emulator.key}"}
        body = {"messages": [{"role": "user", "content": "hello"}]}
        with client.stream("POST", emulator.chat_url, json={**body, "stream": True}, headers=headers) as stream:
            assert stream.status_code == 200
            refused = client.post(emulator.chat_url, json=body, headers=headers)
    expected = sample("score_429_too_many_pending")["response"]
    assert (refused.status_code, refused.text) == (expected["status"], expected["text"])
    assert refused.headers["ms-azureml-model-error-reason"] == "too_many_pending_request"
    assert "retry-after" not in refused.headers


# Extra parameters of the Model Inference API.


@pytest.mark.parametrize(("profile", "path"), INFERENCE_API)
def test_extra_parameters_are_refused(ask: Ask, profile: str, path: str) -> None:
    asked = ask(profile, path=path, stream=True, stream_options={"include_usage": True})
    expected = sample("extra_params_400")["response"]
    status = 424 if profile == "dedicated" else 400
    assert (asked.status, asked.body) == (status, expected["json"])


@pytest.mark.parametrize(("profile", "path"), INFERENCE_API)
def test_extra_parameters_are_dropped_or_passed(ask: Ask, profile: str, path: str) -> None:
    dropped = ask(profile, path=path, n=2, top_k=3, headers={"extra-parameters": "drop"})
    passed = ask(profile, path=path, n=2, top_k=3, headers={"extra-parameters": "pass-through"})
    assert (len(dropped.body["choices"]), len(passed.body["choices"])) == (1, 2)
    named = ask(profile, path=path, n=2, top_k=3).body["detail"]
    assert "Extra parameters ['n', 'top_k'] are not allowed" in named


def test_an_unknown_option_for_extra_parameters(ask: Ask) -> None:
    asked = ask("serverless", path="/chat/completions", headers={"extra-parameters": "ignore"})
    assert (asked.status, asked.body) == (400, sample("extra_params_bad_option_400")["response"]["json"])


@pytest.mark.parametrize(
    ("profile", "path"),
    [route for route in ROUTES if route not in INFERENCE_API],
)
def test_other_routes_take_all_parameters(ask: Ask, profile: str, path: str) -> None:
    assert ask(profile, path=path, n=2, user="me", seed=1, top_k=3, logit_bias={}).status == 200


# Bodies that cannot be used.


@pytest.mark.parametrize(("profile", "path"), ROUTES)
def test_a_bad_body_is_refused_in_the_service_s_own_words(ask: Ask, profile: str, path: str) -> None:
    asked = ask(profile, path=path, messages=[])
    message = "'messages' must be a list of at least one message."
    if profile == "dedicated":
        assert (asked.status, asked.reply.headers["ms-azureml-model-error-statuscode"]) == (424, "400")
    else:
        assert asked.status == 400
    if (profile, path) == ("dedicated", "/v1/chat/completions"):
        assert asked.body == {
            "object": "error",
            "message": message,
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        }
    elif profile in {"foundry", "azure-openai"}:
        assert asked.body == {
            "error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        }
    else:
        assert asked.body == {"error": {"code": "invalid_request", "message": message}}
