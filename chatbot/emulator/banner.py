"""The texts of the command line: where the emulator listens, how to call it, and which faults it has."""

import json
import shlex
import textwrap
from collections.abc import Iterator

from chatbot.emulator.faults import FAULTS
from chatbot.emulator.faults.middleware import HEADER
from chatbot.emulator.model.demo_model import MODEL_NAME
from chatbot.emulator.profiles import PROFILES, SCORE_PATH
from chatbot.emulator.server import Emulator


def banner(emulator: Emulator) -> str:
    """Return the text for the moment when the emulator listens."""
    profile = PROFILES[emulator.profile]
    routes = "\n".join(f"  {line}" for line in _routes(emulator))
    return f"""\
{profile.about[0].upper()}{profile.about[1:]} is listening on this machine. Ctrl-C stops it.

{routes}

  key  {emulator.key}

Try it:

  {_curl(emulator)}

Let one request fail, or start with --fault (--list-faults shows what there is):

  -H '{HEADER}: rate-limit:2'

{_connections(emulator)}
"""


def fault_list() -> str:
    """Return all faults with what they do."""
    width = max(map(len, FAULTS)) + 2
    lines = []
    for fault in FAULTS.values():
        value = f"{fault.value:g}" if isinstance(fault.value, float) else fault.value
        default = "" if fault.value is None else f" [:{value}]"
        lines += textwrap.wrap(
            f"{fault.name:{width}}{fault.about}{default}", 120, initial_indent="  ", subsequent_indent=" " * (width + 2)
        )
    faults = "\n".join(lines)
    return f"""\
Ask for one with its name, for several with commas in between. Some take a value behind a colon; what they take for it
otherwise is in brackets. In a request: the header {HEADER}: no-done,delay:0.5

{faults}"""


def _routes(emulator: Emulator) -> Iterator[str]:
    profile = PROFILES[emulator.profile]
    if profile.scores:
        yield f"POST {emulator.score_url}"
    for path, dialect in profile.chat.items():
        version = f"?api-version={dialect.api_version}" if dialect.api_version else ""
        yield f"POST {emulator.base_url}{path.replace('{deployment}', MODEL_NAME)}{version}"
    for path in (*profile.info, *profile.models):
        yield f"GET  {emulator.base_url}{path}"


def _curl(emulator: Emulator) -> str:
    body = {"model": MODEL_NAME, "messages": [{"role": "user", "content": "Hello"}], "stream": True}
    headers = ("Content-Type: application/json", f"Authorization: Bearer {emulator.key}")
    words = ["curl", "-N", emulator.chat_url, *(word for header in headers for word in ("-H", header))]
    return shlex.join([*words, "-d", json.dumps(body)])


def _connections(emulator: Emulator) -> str:
    profile = PROFILES[emulator.profile]
    dedicated = emulator.profile == "dedicated"
    url, kind = (emulator.score_url, "dedicated") if dedicated else (emulator.chat_url, "serverless")
    text = f"""\
Connect the application, or anything else that speaks to Azure ML:

  AZUREML_ENDPOINT_URL={shlex.quote(url)}
  AZUREML_ENDPOINT_API_KEY={shlex.quote(emulator.key)}
  AZUREML_ENDPOINT_API_TYPE={kind}

OpenAI's clients take {emulator.openai_url} as their base URL, and {MODEL_NAME} as the model."""
    if profile.scores and kind == "serverless":
        text += f"\nFor {SCORE_PATH} the URL is {emulator.score_url} and the type is dedicated."
    return text
