"""The two servers as pytest fixtures, one of each per session, for every test that asks.

A test that uses them may have to wait for an installation: mark it ``pytest.mark.timeout(1800)``.
"""

import json
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.installing import environment
from tests.third_party.servers import HOST, Server, free_port, running

HERE = Path(__file__).parent

MODEL = "mock-chat"
ANSWER = (
    " Blank first, then \"quotes\", 'quotes', a back\\slash, a \\n that is none,\nline\n\nbreaks, "
    "\ttab, <b>markup</b>, é, 漢字, 😀 and 👩‍👩‍👧. "
) + " ".join(f"Sentence {number} of a long answer." for number in range(1, 41))
"""What the mock model behind LiteLLM always says; long enough to arrive in several pieces."""

# The command line itself, but on the loopback: it offers no flag for the address and would listen on all of them.
AZMLINFSRV = f"from azureml_inference_server_http import amlserver as s; s.DEFAULT_HOST = {HOST!r}; s.run()"


@pytest.fixture(scope="session")
def azureml_inference_server(third_party_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Microsoft's inference server with our ``score.py``; it takes any key, as its front in Azure checks them."""
    python = _installed("azureml_inference_server", third_party_cache)
    port = free_port()
    arguments = ["-c", AZMLINFSRV, "--entry_script", str(HERE / "score.py"), "--port", str(port)]
    work = tmp_path_factory.mktemp("azureml_inference_server")
    # The socket's path may be longer than macOS allows.
    variables = {"GUNICORN_CMD_ARGS": "--no-control-socket"}
    with running(python, arguments, port=port, health="/", work=work, variables=variables):
        yield Server(url=f"http://{HOST}:{port}/score", key="any-key", model="")


@pytest.fixture(scope="session")
def litellm_proxy(third_party_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """LiteLLM's proxy with a master key and one model, which always says ``ANSWER``."""
    python = _installed("litellm_proxy", third_party_cache)
    port = free_port()
    key = f"sk-{secrets.token_hex(16)}"
    work = tmp_path_factory.mktemp("litellm_proxy")
    config = work / "config.yaml"
    model = {"model": f"openai/{MODEL}", "api_key": "unused", "mock_response": ANSWER}
    settings = {
        "model_list": [{"model_name": MODEL, "litellm_params": model}],
        "general_settings": {"master_key": key},
    }
    # JSON is YAML, save for escaped pairs of surrogates.
    config.write_text(json.dumps(settings, ensure_ascii=False), encoding="utf-8")
    variables = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else importing it downloads the prices of all models
        "LITELLM_MODE": "PRODUCTION",  # else it reads the .env of any directory above its own, ours among them
        "LITELLM_DONT_SHOW_FEEDBACK_BOX": "true",
    }
    arguments = ["-m", "litellm.proxy.proxy_cli", "--config", str(config), "--host", HOST, "--port", str(port)]
    with running(python, arguments, port=port, health="/health/liveliness", work=work, variables=variables):
        yield Server(url=f"http://{HOST}:{port}/v1/chat/completions", key=key, model=MODEL)


@pytest.fixture(scope="session")
def third_party_cache(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the virtual environments are kept: pytest's cache, or nowhere for long when that is switched off."""
    cache = getattr(request.config, "cache", None)
    return cache.mkdir("third_party") if cache else tmp_path_factory.mktemp("third_party")


def _installed(server: str, cache: Path) -> Path:
    return environment(server, sys.executable, [["-r", HERE / f"{server}.txt"]], cache)
