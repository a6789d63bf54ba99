"""The application without a key: it signs in with Microsoft Entra ID, as whoever it runs as.

What stands in for Microsoft is an App Service's own endpoint for tokens, which azure-identity asks over a socket.
"""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import expect

from tests.support.app_process import refused
from tests.support.wire import DONE, WireServer, event, json_reply, sample_reply, stream_reply, text_reply

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOOD = stream_reply(event("All is well."), event(finish_reason="stop"), DONE)
HEADER = "a-header-that-nobody-may-see"
SHORT = 200
"""Seconds: a token is replaced five minutes before its end."""


class Identities:
    """Gives a token for each request, with its number, that lives for so many seconds."""

    def __init__(self):
        self.lives = 3600
        self.given = 0

    def __call__(self, request):
        if request.headers["X-IDENTITY-HEADER"] != HEADER:
            return text_reply("", 401)
        self.given += 1
        token = f"token-nobody-may-see-{self.given}"
        return json_reply({"access_token": token, "expires_on": str(int(time.time() + self.lives)), "resource": "r"})


@pytest.fixture
def identities():
    return Identities()


@pytest.fixture
def entra(identities):
    with WireServer(identities) as server:
        yield server


@pytest.fixture
def wire():
    with WireServer(GOOD) as server:
        yield server


@pytest.fixture
def keyless(app, wire, entra):
    def start(**settings):
        return app(
            AZUREML_ENDPOINT_URL=f"{wire.url}/v1/chat/completions",
            AZUREML_AUTH="entra",
            IDENTITY_ENDPOINT=f"{entra.url}/msi/token",
            IDENTITY_HEADER=HEADER,
            AZURE_TOKEN_CREDENTIALS="ManagedIdentityCredential",
            **settings,
        )

    return start


def shown(wire):
    return [request.headers["Authorization"] for request in wire.requests]


async def test_a_token_is_fetched_once_and_replaced_in_mid_conversation_before_it_ends(
    keyless, wire, entra, identities, visit
):
    identities.lives = SHORT
    process = keyless(AZURE_CLIENT_ID="00000000-0000-0000-0000-00000000000a")
    async with visit(process.url) as visitor:
        await visitor.ask("one")
        identities.lives = 3600
        await visitor.ask("two")
        await visitor.ask("three")
        assert shown(wire) == [f"Bearer token-nobody-may-see-{number}" for number in (1, 2, 2)]
        assert all("api-key" not in request.headers for request in wire.requests)
        asked = parse_qs(urlsplit(entra.requests[0].path).query)
        assert asked["resource"] == ["https://ml.azure.com"]
        assert asked["client_id"] == ["00000000-0000-0000-0000-00000000000a"]
        assert "nobody-may-see" not in await visitor.page.content()
    assert "nobody-may-see" not in process.log


async def test_where_no_token_can_be_had_the_page_says_what_to_do_and_it_works_once_there_is_one(
    keyless, wire, entra, identities, visit
):
    process = keyless()
    entra.default = json_reply({"error": "invalid_request", "error_description": f"No identity. {HEADER}"}, 400)
    async with visit(process.url) as visitor:
        await visitor.say("my precious words")
        await expect(visitor.notes).to_contain_text("Signing in to the endpoint failed")
        await expect(visitor.notes).to_contain_text("Whoever runs this application has to check the identity")
        await expect(visitor.notes.locator(".detail")).to_contain_text("Microsoft Entra ID gave no token")
        assert wire.requests == []
        assert HEADER not in await visitor.page.content()
        await visitor.settled()
        entra.default = identities
        await visitor.press("Retry")
        await expect(visitor.answers.last).to_have_text("All is well.")
    assert "Traceback" not in process.log


@pytest.mark.exhaustive
async def test_a_token_that_the_endpoint_refuses_is_about_the_identity(keyless, wire, visit):
    process = keyless()
    wire.default = sample_reply("aoai_401")
    async with visit(process.url) as visitor:
        await visitor.say("hello")
        await expect(visitor.notes).to_contain_text("Signing in to the endpoint failed")
        await expect(visitor.notes.locator(".detail")).to_contain_text("that it has a role on the endpoint")
        assert len(wire.requests) == 2, "it is asked once more with another token"
        assert "nobody-may-see" not in await visitor.page.content()


@pytest.mark.exhaustive
async def test_a_key_of_another_deployment_never_goes_along(wire, entra, app, tmp_path, visit):
    """The endpoint of the file signs in; the other one's key is in the environment."""
    (tmp_path / "deployments.toml").write_text(
        f'[[deployment]]\nname = "keyless"\nauth = "entra"\nendpoint_url = "{wire.url}/v1/chat/completions"\n'
    )
    process = app(
        AZUREML_ENDPOINT_URL="http://127.0.0.1:9/v1/chat/completions",
        AZUREML_ENDPOINT_API_KEY="key-nobody-may-see",
        CHATBOT_DEPLOYMENTS_FILE="deployments.toml",
        CHATBOT_FALLBACK="keyless",
        IDENTITY_ENDPOINT=f"{entra.url}/msi/token",
        IDENTITY_HEADER=HEADER,
        AZURE_TOKEN_CREDENTIALS="ManagedIdentityCredential",
    )
    async with visit(process.url) as visitor:
        assert await visitor.ask("hello") == "All is well."
        await expect(visitor.notes).to_contain_text("Answered by keyless. 127.0.0.1 cannot be reached")
    assert shown(wire) == ["Bearer token-nobody-may-see-1"]
    assert "key-nobody-may-see" not in str(wire.requests[0].headers)


def refusal(folder, **settings):
    ended = refused(folder, CHATBOT_PORT="0", **settings)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr


async def test_without_the_package_the_start_says_how_to_get_it(tmp_path):
    missing = tmp_path / "missing" / "azure" / "identity"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("raise ImportError")
    said = refusal(
        tmp_path,
        PYTHONPATH=str(tmp_path / "missing"),
        AZUREML_ENDPOINT_URL="https://name.westeurope.inference.ml.azure.com/score",
        AZUREML_AUTH="entra",
    )
    assert "needs the package azure-identity: python -m pip install -r requirements-entra.txt." in said


@pytest.mark.parametrize(
    ("fallback", "words"),
    [("bakcup", "falls back on “bakcup”, which is no deployment; did you mean “backup”"), ("backup", "on itself")],
)
async def test_a_fallback_that_cannot_be_is_told_at_the_start(tmp_path, fallback, words):
    (tmp_path / "deployments.toml").write_text(
        '[[deployment]]\nname = "backup"\nendpoint_url = "https://b/score"\napi_key_variable = "K"\n'
        'fallback = ["a.inference.ml.azure.com"]\n'
    )
    said = refusal(
        tmp_path,
        AZUREML_ENDPOINT_URL="https://a.inference.ml.azure.com/score",
        AZUREML_ENDPOINT_API_KEY="key",
        K="key",
        CHATBOT_DEPLOYMENTS_FILE="deployments.toml",
        CHATBOT_FALLBACK=fallback,
    )
    assert words in said


async def test_a_fallback_of_nothing_is_told_at_the_start(tmp_path):
    assert "AZUREML_ENDPOINT_URL is not set" in refusal(tmp_path, CHATBOT_FALLBACK="backup")
