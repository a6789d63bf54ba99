"""Which URL a person may paste, and where the request then goes."""

import pytest

from chatbot.azureml import AzureMLEndpointApiType
from chatbot.azureml.surfaces import Surface, resolve

DEDICATED = "https://ep.eastus.inference.ml.azure.com"
SERVERLESS = "https://dep.eastus2.models.ai.azure.com"
OLD_SERVERLESS = "https://dep-serverless.eastus2.inference.ai.azure.com"
LOCAL = "http://127.0.0.1:8000"
CHAT = "/v1/chat/completions"


@pytest.mark.parametrize(
    ("given", "api_type", "url", "body"),
    [
        # the host alone
        (DEDICATED, None, f"{DEDICATED}/score", "score"),
        (f"{DEDICATED}/", None, f"{DEDICATED}/score", "score"),
        (SERVERLESS, None, SERVERLESS + CHAT, "openai"),
        (f"{SERVERLESS}/", None, SERVERLESS + CHAT, "openai"),
        (OLD_SERVERLESS, None, OLD_SERVERLESS + CHAT, "openai"),
        (DEDICATED.upper(), None, "https://EP.EASTUS.INFERENCE.ML.AZURE.COM/score", "score"),
        (LOCAL, "dedicated", f"{LOCAL}/score", "score"),
        (LOCAL, "realtime", f"{LOCAL}/score", "score"),
        (LOCAL, "serverless", LOCAL + CHAT, "openai"),
        (f"{LOCAL}/v1", None, LOCAL + CHAT, "openai"),
        (f"{LOCAL}/v1/", None, LOCAL + CHAT, "openai"),
        (f"{DEDICATED}/v1", None, DEDICATED + CHAT, "openai"),
        # the whole route
        (f"{DEDICATED}/score", None, f"{DEDICATED}/score", "score"),
        (f"{DEDICATED}/score/", None, f"{DEDICATED}/score", "score"),
        (SERVERLESS + CHAT, None, SERVERLESS + CHAT, "openai"),
        (f"{SERVERLESS}{CHAT}/", None, SERVERLESS + CHAT, "openai"),
        (f"{LOCAL}/chat/completions", None, f"{LOCAL}/chat/completions", "openai"),
        (f"{LOCAL}/models/chat/completions", None, f"{LOCAL}/models/chat/completions", "openai"),
        (f"{LOCAL}/behind/a/proxy/score", None, f"{LOCAL}/behind/a/proxy/score", "score"),
        (f"  {LOCAL}/score\n", None, f"{LOCAL}/score", "score"),
        # the text route of the same deployment
        (f"{SERVERLESS}/completions", None, SERVERLESS + CHAT, "openai"),
        (f"{SERVERLESS}/v1/completions", None, SERVERLESS + CHAT, "openai"),
        (f"{LOCAL}/proxy/v1/completions", None, f"{LOCAL}/proxy{CHAT}", "openai"),
        # the path beats the type: the published examples hold this very pair
        (f"{DEDICATED}/score", "serverless", f"{DEDICATED}/score", "score"),
        (SERVERLESS + CHAT, "dedicated", SERVERLESS + CHAT, "openai"),
        # a container with a route of its own
        (f"{LOCAL}/predict", "dedicated", f"{LOCAL}/predict", "score"),
        (f"{LOCAL}/predict", AzureMLEndpointApiType.realtime, f"{LOCAL}/predict", "score"),
        # the query is kept, the fragment is for browsers
        (f"{LOCAL}/score?api-version=1&a=b", None, f"{LOCAL}/score?api-version=1&a=b", "score"),
        (f"{SERVERLESS}?api-version=1", None, f"{SERVERLESS}{CHAT}?api-version=1", "openai"),
        (f"{LOCAL}/predict?a=b", "dedicated", f"{LOCAL}/predict?a=b", "score"),
        (f"{LOCAL}/score#consume", None, f"{LOCAL}/score", "score"),
    ],
)
def test_a_url_leads_to_its_surface(given, api_type, url, body):
    assert resolve(given, api_type) == Surface(url, body)


@pytest.mark.parametrize(
    ("body", "streams", "api_type"), [("openai", True, "serverless"), ("score", False, "dedicated")]
)
def test_only_the_chat_route_streams(body, streams, api_type):
    surface = Surface(LOCAL, body)

    assert surface.streams is streams
    assert surface.api_type is AzureMLEndpointApiType(api_type)


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
    ],
)
def test_what_is_no_web_address_is_refused_as_such(given):
    with pytest.raises(ValueError, match="must be a web address such as https://") as caught:
        resolve(given)

    assert repr(given) in str(caught.value)


@pytest.mark.parametrize("api_type", [None, "serverless"])
def test_an_unknown_route_is_refused_and_the_known_ones_are_named(api_type):
    with pytest.raises(ValueError, match=r"'/predict'.*/score.*/v1/chat/completions.*'dedicated'"):
        resolve(f"{LOCAL}/predict", api_type)


def test_a_host_that_does_not_tell_asks_for_the_path_or_the_type():
    with pytest.raises(ValueError, match=r"no path.*/score or /v1/chat/completions.*'dedicated' or 'serverless'"):
        resolve(LOCAL)
