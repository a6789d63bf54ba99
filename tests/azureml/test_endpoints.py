"""Which URL a person may paste, where the request then goes, and with which quirks of the place."""

import pytest

from chatbot.azureml import AzureMLEndpointApiType
from chatbot.azureml.endpoints import COGNITIVE_SCOPE, FOUNDRY_SCOPE, ML_SCOPE, Endpoint, resolve_endpoint
from tests.support.asking import KEY, STREAMS, ask, every_way, model_of

DEDICATED = "https://ep.eastus.inference.ml.azure.com"
SERVERLESS = "https://dep.eastus2.models.ai.azure.com"
OLD_SERVERLESS = "https://dep-serverless.eastus2.inference.ai.azure.com"
FOUNDRY = "https://res.services.ai.azure.com"
AZURE_OPENAI = "https://res.openai.azure.com"
COGNITIVE = "https://res.cognitiveservices.azure.com"
LOCAL = "http://127.0.0.1:8000"
CHAT = "/v1/chat/completions"
PREVIEW = "api-version=2024-05-01-preview"
DEPLOYMENT = "/openai/deployments/gpt-4o"

URLS = [
    # the host alone
    (DEDICATED, None, f"{DEDICATED}/score", "score"),
    (f"{DEDICATED}/", None, f"{DEDICATED}/score", "score"),
    (SERVERLESS, None, SERVERLESS + CHAT, "openai"),
    (f"{SERVERLESS}/", None, SERVERLESS + CHAT, "openai"),
    (OLD_SERVERLESS, None, OLD_SERVERLESS + CHAT, "openai"),
    ("https://dep.inference.ai.azure.com", None, f"https://dep.inference.ai.azure.com{CHAT}", "openai"),
    (DEDICATED.upper(), None, "https://EP.EASTUS.INFERENCE.ML.AZURE.COM/score", "score"),
    (SERVERLESS.upper(), None, f"https://DEP.EASTUS2.MODELS.AI.AZURE.COM{CHAT}", "openai"),
    (FOUNDRY, None, f"{FOUNDRY}/openai{CHAT}", "openai"),
    (f"{FOUNDRY}/", None, f"{FOUNDRY}/openai{CHAT}", "openai"),
    (FOUNDRY.upper(), None, f"https://RES.SERVICES.AI.AZURE.COM/openai{CHAT}", "openai"),
    (AZURE_OPENAI, None, f"{AZURE_OPENAI}/openai{CHAT}", "openai"),
    (f"{COGNITIVE}/", None, f"{COGNITIVE}/openai{CHAT}", "openai"),
    (LOCAL, "dedicated", f"{LOCAL}/score", "score"),
    (LOCAL, "realtime", f"{LOCAL}/score", "score"),
    (LOCAL, "serverless", LOCAL + CHAT, "openai"),
    # the beginning of a route
    (f"{LOCAL}/v1", None, LOCAL + CHAT, "openai"),
    (f"{LOCAL}/v1/", None, LOCAL + CHAT, "openai"),
    (f"{DEDICATED}/v1", None, DEDICATED + CHAT, "openai"),
    (f"{FOUNDRY}/models", None, f"{FOUNDRY}/models/chat/completions?{PREVIEW}", "openai"),
    (f"{FOUNDRY}/models/", None, f"{FOUNDRY}/models/chat/completions?{PREVIEW}", "openai"),
    (f"{FOUNDRY}/openai", None, f"{FOUNDRY}/openai{CHAT}", "openai"),
    (f"{FOUNDRY}/openai/v1", None, f"{FOUNDRY}/openai{CHAT}", "openai"),
    (f"{AZURE_OPENAI}/openai/v1/", None, f"{AZURE_OPENAI}/openai{CHAT}", "openai"),
    (f"{AZURE_OPENAI}/openai/deployments", None, f"{AZURE_OPENAI}/openai{CHAT}", "openai"),
    (f"{FOUNDRY}/api/projects/demo", None, f"{FOUNDRY}/openai{CHAT}", "openai"),
    (f"{FOUNDRY}/api/projects/demo/", None, f"{FOUNDRY}/openai{CHAT}", "openai"),
    (
        f"{AZURE_OPENAI}{DEPLOYMENT}",
        None,
        f"{AZURE_OPENAI}{DEPLOYMENT}/chat/completions?api-version=2024-10-21",
        "openai",
    ),
    # the whole route
    (f"{DEDICATED}/score", None, f"{DEDICATED}/score", "score"),
    (f"{DEDICATED}/score/", None, f"{DEDICATED}/score", "score"),
    (f"{DEDICATED}{CHAT}", None, DEDICATED + CHAT, "openai"),
    (f"{DEDICATED}/chat/completions", None, f"{DEDICATED}/chat/completions?{PREVIEW}", "openai"),
    (SERVERLESS + CHAT, None, SERVERLESS + CHAT, "openai"),
    (f"{SERVERLESS}{CHAT}/", None, SERVERLESS + CHAT, "openai"),
    (f"{SERVERLESS}/chat/completions", None, f"{SERVERLESS}/chat/completions?{PREVIEW}", "openai"),
    (f"{FOUNDRY}/models/chat/completions", None, f"{FOUNDRY}/models/chat/completions?{PREVIEW}", "openai"),
    (f"{FOUNDRY}/openai{CHAT}", None, f"{FOUNDRY}/openai{CHAT}", "openai"),
    (f"{LOCAL}/behind/a/proxy/score", None, f"{LOCAL}/behind/a/proxy/score", "score"),
    (f"{LOCAL}//score", None, f"{LOCAL}/score", "score"),
    (f"  {LOCAL}/score\n", None, f"{LOCAL}/score", "score"),
    # a gateway's: its query is its own
    (f"{LOCAL}/nexus/chat/completions", None, f"{LOCAL}/nexus/chat/completions", "openai"),
    # the text route of the same deployment
    (f"{SERVERLESS}/completions", None, SERVERLESS + CHAT, "openai"),
    (f"{SERVERLESS}/v1/completions", None, SERVERLESS + CHAT, "openai"),
    (f"{LOCAL}/proxy/v1/completions", None, f"{LOCAL}/proxy{CHAT}", "openai"),
    (f"{AZURE_OPENAI}/openai/v1/completions", None, f"{AZURE_OPENAI}/openai{CHAT}", "openai"),
    # other pages of the same endpoint
    (f"{DEDICATED}/swagger.json", None, f"{DEDICATED}/score", "score"),
    (f"{DEDICATED}/info", None, f"{DEDICATED}/score", "score"),
    (f"{SERVERLESS}/info?{PREVIEW}", None, f"{SERVERLESS}{CHAT}?{PREVIEW}", "openai"),
    (f"{FOUNDRY}/openai/responses?api-version=2025-04-01-preview", None, f"{FOUNDRY}/openai{CHAT}", "openai"),
    (f"{AZURE_OPENAI}/openai/v1/responses", None, f"{AZURE_OPENAI}/openai{CHAT}", "openai"),
    # the path beats the type: the published examples hold this very pair
    (f"{DEDICATED}/score", "serverless", f"{DEDICATED}/score", "score"),
    (SERVERLESS + CHAT, "dedicated", SERVERLESS + CHAT, "openai"),
    (FOUNDRY, "dedicated", f"{FOUNDRY}/openai{CHAT}", "openai"),
    # a container with a route of its own
    (f"{LOCAL}/predict", "dedicated", f"{LOCAL}/predict", "score"),
    (f"{LOCAL}/predict", AzureMLEndpointApiType.realtime, f"{LOCAL}/predict", "score"),
    (f"{LOCAL}/predict", "serverless", f"{LOCAL}/predict", "openai"),
    # the query is kept, the fragment is for browsers
    (f"{LOCAL}/score?api-version=1&a=b", None, f"{LOCAL}/score?api-version=1&a=b", "score"),
    (f"{SERVERLESS}?api-version=1", None, f"{SERVERLESS}{CHAT}?api-version=1", "openai"),
    (f"{LOCAL}/predict?a=b", "dedicated", f"{LOCAL}/predict?a=b", "score"),
    (f"{LOCAL}/score#consume", None, f"{LOCAL}/score", "score"),
    # a version that is given is kept, a missing one is added
    (
        f"{FOUNDRY}/models/chat/completions?api-version=2025-04-01",
        None,
        f"{FOUNDRY}/models/chat/completions?api-version=2025-04-01",
        "openai",
    ),
    (f"{SERVERLESS}/chat/completions?a=b", None, f"{SERVERLESS}/chat/completions?a=b&{PREVIEW}", "openai"),
    (
        f"{AZURE_OPENAI}{DEPLOYMENT}/chat/completions?{PREVIEW}",
        None,
        f"{AZURE_OPENAI}{DEPLOYMENT}/chat/completions?{PREVIEW}",
        "openai",
    ),
    # OpenAI's v1 route refuses dated versions
    (f"{FOUNDRY}/openai{CHAT}?{PREVIEW}&a=b", None, f"{FOUNDRY}/openai{CHAT}?a=b", "openai"),
    (
        f"{AZURE_OPENAI}/openai/v1?api-version=preview",
        None,
        f"{AZURE_OPENAI}/openai{CHAT}?api-version=preview",
        "openai",
    ),
]


@pytest.mark.parametrize(("given", "api_type", "url", "body"), URLS)
def test_a_url_leads_to_its_surface(given, api_type, url, body):
    endpoint = resolve_endpoint(given, api_type)

    assert (endpoint.url, endpoint.body) == (url, body)


@pytest.mark.parametrize(("given", "api_type"), [line[:2] for line in URLS])
def test_the_url_of_a_surface_leads_to_the_same_surface(given, api_type):
    endpoint = resolve_endpoint(given, api_type)

    assert resolve_endpoint(endpoint.url, api_type) == endpoint


@pytest.mark.parametrize("pasted", ["", "/", "?", "#top"])
@pytest.mark.parametrize(
    ("url", "quirks"),
    [
        (f"{DEDICATED}/score", {"body": "score"}),
        (f"{DEDICATED}{CHAT}", {"usage_on_request": True}),
        (f"{DEDICATED}/chat/completions", {}),
        (f"{SERVERLESS}{CHAT}", {"takes_model": True, "needs_max_tokens": True}),
        (f"{OLD_SERVERLESS}{CHAT}", {"takes_model": True, "needs_max_tokens": True}),
        (f"{SERVERLESS}/chat/completions", {"takes_model": True}),
        (f"{FOUNDRY}/models/chat/completions", {"scope": COGNITIVE_SCOPE, "needs_model": True, "takes_model": True}),
        (
            f"{FOUNDRY}/openai{CHAT}",
            {"scope": FOUNDRY_SCOPE, "needs_model": True, "takes_model": True, "usage_on_request": True},
        ),
        (
            f"{AZURE_OPENAI}{DEPLOYMENT}/chat/completions",
            {"scope": COGNITIVE_SCOPE, "takes_model": True, "usage_on_request": True, "deployment": "gpt-4o"},
        ),
    ],
)
def test_every_endpoint_has_its_quirks(url, quirks, pasted):
    endpoint = resolve_endpoint(url + pasted)

    assert endpoint == Endpoint(**{"url": endpoint.url, "body": "openai", "scope": ML_SCOPE, **quirks})
    assert endpoint.routes_by_header is (endpoint.scope == ML_SCOPE)


@pytest.mark.parametrize(
    ("path", "api_type", "endpoint"),
    [
        (CHAT, "dedicated", {"usage_on_request": True}),
        (CHAT, "realtime", {"usage_on_request": True}),
        (CHAT, "serverless", {"takes_model": True, "needs_max_tokens": True}),
        (CHAT, None, {"takes_model": True, "needs_max_tokens": True}),
        ("/chat/completions", "dedicated", {}),
        ("/chat/completions", None, {"takes_model": True}),
    ],
)
def test_where_the_host_is_unknown_the_type_tells_whose_route_it_is(path, api_type, endpoint):
    found = resolve_endpoint(LOCAL + path, api_type)

    assert found == Endpoint(url=found.url, body="openai", **endpoint)


def test_where_the_host_is_known_it_tells_more_than_the_type():
    assert resolve_endpoint(DEDICATED + CHAT, "serverless") == resolve_endpoint(DEDICATED + CHAT)
    assert resolve_endpoint(SERVERLESS + CHAT, "dedicated") == resolve_endpoint(SERVERLESS + CHAT)


@pytest.mark.parametrize(
    ("body", "streams", "api_type"), [("openai", True, "serverless"), ("score", False, "dedicated")]
)
def test_only_the_chat_route_streams(body, streams, api_type):
    endpoint = Endpoint(LOCAL, body)

    assert endpoint.streams is streams
    assert endpoint.api_type is AzureMLEndpointApiType(api_type)


@pytest.mark.parametrize(
    "given",
    [
        "",
        "nonsense",
        "/score",
        "ep.eastus.inference.ml.azure.com/score",
        "ftp://ep.eastus.inference.ml.azure.com/score",
        "https://",
        "https:///score",
        "https://:443/score",
        "https://host:99999/score",
        "https://host:port/score",
        "https://[::1/score",
        "https://two words/score",
        "https://two\nlines/score",
    ],
)
def test_what_is_no_web_address_is_refused_as_such(given):
    with pytest.raises(ValueError, match="must be a web address such as https://") as caught:
        resolve_endpoint(given)

    assert given not in str(caught.value) or given in ("", "/score", "https://")


def test_an_unknown_route_is_refused_and_the_known_ones_are_named():
    with pytest.raises(ValueError, match=r"'/predict'.*/score.*/v1/chat/completions.*'dedicated'.*'serverless'"):
        resolve_endpoint(f"{LOCAL}/predict")


def test_a_host_that_does_not_tell_asks_for_the_path_or_the_type():
    with pytest.raises(ValueError, match=r"no path.*/score or /v1/chat/completions.*'dedicated' or 'serverless'"):
        resolve_endpoint(LOCAL)


@pytest.mark.parametrize(
    "given",
    [
        f"{SERVERLESS}/embeddings?{PREVIEW}",
        f"{SERVERLESS}/images/embeddings",
        f"{AZURE_OPENAI}{DEPLOYMENT}/embeddings",
        f"{FOUNDRY}/models/embeddings",
        f"{AZURE_OPENAI}/openai/v1/images/generations",
        f"{AZURE_OPENAI}{DEPLOYMENT}/audio/transcriptions/",
    ],
)
@pytest.mark.parametrize("api_type", [None, "dedicated", "serverless"])
def test_a_route_that_is_not_for_chat_is_refused_whatever_the_type(given, api_type):
    with pytest.raises(ValueError, match="which is not for chat: take the chat route"):
        resolve_endpoint(given, api_type)


@pytest.mark.parametrize(
    "given", ["https://someone:hush@ep.eastus.inference.ml.azure.com/score", "http://hush@host/v1"]
)
def test_a_url_with_a_password_is_refused_and_the_password_is_not_repeated(given):
    with pytest.raises(ValueError, match="must not hold a user or a password") as caught:
        resolve_endpoint(given)

    assert "hush" not in str(caught.value)


SENT = {
    # endpoint: path, type; where it goes; what only it gets
    "D1": ("/score", None, "/score", {"header"}),
    "D2": (CHAT, "dedicated", CHAT, {"header", "counts"}),
    "D3": ("/chat/completions", "dedicated", f"/chat/completions?{PREVIEW}", {"header"}),
    "S1": (CHAT, None, CHAT, {"header", "model", "limit"}),
    "S2": ("/chat/completions", None, f"/chat/completions?{PREVIEW}", {"header", "model"}),
    "F1": ("/models/chat/completions", None, f"/models/chat/completions?{PREVIEW}", {"model"}),
    "F2": (f"/openai{CHAT}", None, f"/openai{CHAT}", {"model", "counts"}),
    "F3": (DEPLOYMENT, None, f"{DEPLOYMENT}/chat/completions?api-version=2024-10-21", {"model", "counts"}),
}
every_surface = pytest.mark.parametrize("name", SENT)


class TestOnTheWire:
    @every_way
    @every_surface
    async def test_every_surface_gets_what_it_needs_and_nothing_else(self, answering, way, name):
        path, api_type, route, quirks = SENT[name]
        await ask(way, model_of(answering, path, endpoint_api_type=api_type, deployment_name="blue"))

        [request] = answering.requests
        assert (request.method, request.path) == ("POST", route)
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert request.headers["api-key"] == KEY
        assert request.headers["azureml-model-deployment"] == ("blue" if "header" in quirks else None)
        question = [{"role": "user", "content": "Q"}]
        if name == "D1":
            assert request.json == {"input_data": {"input_string": question, "parameters": {}}}
            return
        streamed = way in STREAMS
        assert request.json == {
            "messages": question,
            **({"model": "blue"} if "model" in quirks else {}),
            **({"max_tokens": 1024} if "limit" in quirks else {}),
            **({"stream": True} if streamed else {}),
            **({"stream_options": {"include_usage": True}} if streamed and "counts" in quirks else {}),
        }

    @every_way
    @every_surface
    async def test_a_limit_of_the_callers_is_sent_under_the_name_of_the_place(self, answering, way, name):
        path, api_type, _, _ = SENT[name]
        model = model_of(answering, path, endpoint_api_type=api_type, deployment_name="blue", max_tokens=7)
        await ask(way, model)

        sent = answering.requests[0].json
        limits = {name: sent[name] for name in ("max_tokens", "max_new_tokens") if name in sent}
        assert limits == ({"max_tokens": 7} if name != "D1" else {})
        if name == "D1":
            assert sent["input_data"]["parameters"] == {"max_new_tokens": 7}

    @every_way
    @every_surface
    async def test_without_a_deployment_only_a_place_with_several_asks_for_one(self, answering, way, name):
        path, api_type, _, _ = SENT[name]
        model = model_of(answering, path, endpoint_api_type=api_type)
        if name in ("F1", "F2"):
            with pytest.raises(ValueError, match=r"deployment_name is missing.*AZUREML_DEPLOYMENT_NAME"):
                await ask(way, model)
            assert answering.connections == 0
            return
        await ask(way, model)

        assert "model" not in answering.requests[0].json

    @every_way
    @pytest.mark.parametrize("name", ["F1", "F2"])
    async def test_the_place_with_several_takes_the_name_from_wherever_it_is_given(self, answering, way, name):
        path = SENT[name][0]
        await ask(way, model_of(answering, path, model="green"))
        await ask(way, model_of(answering, path, model_kwargs={"model": "green"}))
        await ask(way, model_of(answering, path), model="green")
        await ask(way, model_of(answering, path, deployment_name="blue", model="green"))

        assert [request.json["model"] for request in answering.requests] == ["green"] * 4

    @every_way
    async def test_a_container_gets_the_name_it_knows_its_model_by(self, answering, way):
        model = model_of(answering, CHAT, endpoint_api_type="dedicated", deployment_name="blue", model="llama")
        await ask(way, model)

        assert answering.requests[0].json["model"] == "llama"
        assert answering.requests[0].headers["azureml-model-deployment"] == "blue"

    @pytest.mark.parametrize("way", STREAMS)
    @pytest.mark.parametrize(
        ("path", "wanted", "sent"),
        [
            ("/chat/completions", True, {"include_usage": True}),
            (CHAT, True, {"include_usage": True}),
            (DEPLOYMENT, False, None),
            (DEPLOYMENT, None, {"include_usage": True}),
            ("/chat/completions", None, None),
        ],
    )
    async def test_streams_are_asked_for_counts_as_the_caller_wants(self, answering, way, path, wanted, sent):
        await ask(way, model_of(answering, path, stream_usage=wanted))

        assert answering.requests[0].json.get("stream_options") == sent

    @pytest.mark.parametrize("way", STREAMS)
    async def test_stream_options_of_the_callers_own_are_left_as_they_are(self, answering, way):
        await ask(way, model_of(answering, DEPLOYMENT), stream_options={"include_usage": False})

        assert answering.requests[0].json["stream_options"] == {"include_usage": False}
