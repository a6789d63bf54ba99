"""From whatever people paste to a real chat, with nothing but what the doctor says and writes."""

import io
import json
import sys

import pytest
from langchain_core.messages import HumanMessage

from chatbot.azureml import AzureMLChatOnlineEndpoint
from chatbot.doctor.__main__ import main
from chatbot.settings import Settings
from tests.doctor.conftest import HOSTS, KEY

DEDICATED, SERVERLESS = f"https://{HOSTS['dedicated']}", f"https://{HOSTS['serverless']}"
FOUNDRY, OPENAI = f"https://{HOSTS['foundry']}", f"https://{HOSTS['azure-openai']}"

CURL = rf"""curl --request POST '{SERVERLESS}/v1/chat/completions' \
  --header 'Authorization: Bearer {KEY}' \
  --header 'Content-Type: application/json' \
  --data '{{"messages":[{{"role":"user","content":"Hi"}}],"max_tokens":50}}'"""

CURL_OF_FOUNDRY = rf"""curl -X POST "{FOUNDRY}/models/chat/completions?api-version=2024-05-01-preview" \
    -H "Content-Type: application/json" -H "api-key: {KEY}" \
    -d '{{"messages": [{{"role": "user", "content": "Hi"}}], "model": "built-in-demo"}}'"""

PYTHON = f"""import urllib.request
url = '{DEDICATED}/score'
# Replace this with the primary/secondary key
api_key = '{KEY}'
headers = {{'Authorization':('Bearer '+ api_key), 'azureml-model-deployment': 'blue'}}"""

SHOWN = json.dumps(
    {
        "auth_mode": "key",
        "name": "chat",
        "openapi_uri": f"{DEDICATED}/swagger.json",
        "scoring_uri": f"{DEDICATED}/score",
        "tags": {},
    }
)
CREDENTIALS = json.dumps({"endpoint": f"{DEDICATED}/score", "primaryKey": "0ther" + KEY[5:], "secondaryKey": KEY})

STUDIO = "https://ml.azure.com/endpoints/realtime/chat/detail?wsid=/subscriptions/0/resourcegroups/r/workspaces/w&tid=0"
PORTAL = (
    "https://ai.azure.com/resource/deployments/%2Fsubscriptions%2F0%2FresourceGroups%2Fr%2Fproviders%2F"
    "Microsoft.CognitiveServices%2Faccounts%2Fcontoso%2Fdeployments%2Fbuilt-in-demo?tid=0"
)
SAFELINK = (
    "https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fchat.westeurope.inference.ml.azure.com%2Fscore"
    "&data=05%7C01"
)

WRONG = "k7Wq2ZxV9bN4mL8sTc1RyD6fGh3JpKa5"

PASTES = {
    # what is pasted, what is typed when asked, and the code of what is wrong with it
    "the page of the studio": (STUDIO, [KEY], "portal-page"),
    "the page of Foundry": (PORTAL, [KEY], "portal-page"),
    "the region is missing": (f"{DEDICATED.replace('.westeurope', '')}/score", [KEY], "region-missing"),
    "the address of the description": (f"{DEDICATED}/swagger.json", [KEY], "swagger"),
    "a slash at the end": (f"{DEDICATED}/score/", [KEY], "slashes"),
    "a whole curl line": (CURL, [], "curl"),
    "a whole curl line of Foundry": (CURL_OF_FOUNDRY, [], "curl"),
    "the sample of the Consume page": (PYTHON, [], "code"),
    "what the command line shows of it": (SHOWN, [KEY], "json"),
    "both keys, the first regenerated": (CREDENTIALS, [], "json"),
    "a line of settings": (f"AZUREML_ENDPOINT_URL={DEDICATED}/score\nAZUREML_ENDPOINT_API_KEY='{KEY}'", [], "lines"),
    "a key of another endpoint": (f"{DEDICATED}/score", [WRONG, KEY], "key-refused"),
    "a key with a line break and quotes": (f"{SERVERLESS}", [f'"{KEY}"'], "key-wrapped"),
    "a key with its header": (f"{SERVERLESS}", [f"Authorization: Bearer {KEY}"], "key-wrapped"),
    "address and key swapped": (KEY, [f"{DEDICATED}/score"], "key-as-address"),
    "no https": (HOSTS["dedicated"] + "/score", [KEY], "scheme"),
    "a misspelled https": (f"htps:/{HOSTS['dedicated']}/score", [KEY], "scheme"),
    "http": (f"http://{HOSTS['dedicated']}/score", [KEY], "http"),
    "a broken line": ("https://chat.westeurope.inference.\n  ml.azure.com/score", [KEY], "broken-line"),
    "a link of a mail program": (SAFELINK, [KEY], "wrapped-address"),
    "the route of embeddings": (f"{SERVERLESS}/v1/embeddings", [KEY], "other-modality"),
    "a curl line with a variable": (CURL.replace(KEY, "$AZURE_KEY"), [KEY], "curl"),
    "a route of nobody's, and another's key": (f"https://{HOSTS['dedicated']}/bogus", [WRONG, KEY], "key-refused"),
    "the wrong route": (f"{SERVERLESS}/score", [KEY], "route-unknown"),
    "a resource without its deployment": (FOUNDRY, [KEY], "deployment-missing"),
    "a misspelled deployment": (f"{OPENAI}/openai/v1 --deployment built_in_demo", [KEY], "deployment-unknown"),
    "a sample's deployment": (
        f"{OPENAI}/openai/deployments/{{deployment-id}}/chat/completions?api-version=2024-10-21",
        [KEY],
        "placeholder",
    ),
    "a version that does not exist": (
        f"{FOUNDRY}/models/chat/completions?api-version=latest --deployment built-in-demo",
        [KEY],
        "api-version",
    ),
    "a version and a deployment that do not exist": (
        f"{FOUNDRY}/models/chat/completions?api-version=latest --deployment demo",
        [KEY],
        "api-version",
    ),
    "a key in the address": (f"{SERVERLESS}/v1/chat/completions?api-key={KEY}", [], "key-in-address"),
    "typographic quotes and dashes": (f"“{SERVERLESS}/v1/chat–completions”", [KEY], "dashes"),
}
"""What was pasted, what is typed when asked, and the code of what is wrong."""

CALM = ("swagger", "slashes")
"""The application takes these as they are: a warning is enough."""


@pytest.mark.parametrize("name", PASTES)
def test_what_the_doctor_says_and_writes_makes_a_chat(name, through_proxy, names, monkeypatch, capsys, tmp_path):
    names.update(HOSTS.values())
    pasted, typed, code = PASTES[name]
    pasted, *options = pasted.split(" --deployment ")
    arguments = ["-", *(["--deployment", *options] if options else []), "--quick", "--json", "--write", ".env"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join([pasted, "", *typed, "y", ""])))

    assert main(arguments) == 0

    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert told["works"] is True
    findings = [each for section in told["sections"] for each in section["findings"]]
    wanted = "warning" if code in CALM else "cross"
    assert next(each for each in findings if each["status"] in (wanted, "cross"))["code"] == code
    assert KEY not in printed.out + printed.err
    assert WRONG not in printed.out + printed.err
    assert answer_with(tmp_path / ".env").text


def test_what_is_no_endpoint_at_all_is_said_without_asking_for_a_key(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    for pasted in ("https://<your-endpoint>.<region>.inference.ml.azure.com/score", "hello", "https://", "{}"):
        monkeypatch.setattr(sys, "stdin", io.StringIO(""))
        assert main([pasted]) == 1
        printed = capsys.readouterr()
        assert "✗" in printed.out
        assert "The key of" not in printed.err


def answer_with(file):
    """Return an answer to the chat model as the application makes it of the file."""
    settings = Settings.load(file)
    model = AzureMLChatOnlineEndpoint(
        endpoint_url=settings.endpoint_url,
        endpoint_api_key=settings.endpoint_api_key,
        endpoint_api_type=settings.endpoint_api_type,
        deployment_name=settings.deployment_name,
    )
    try:
        return model.invoke([HumanMessage("Say something.")])
    finally:
        model.close()
