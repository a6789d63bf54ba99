"""The documents tell the truth: their commands are the ones CI runs, and what they name exists."""

import asyncio
import importlib
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from chatbot.conversation import Conversation, ConversationStore, TurnStatus
from chatbot.emulator import Emulator
from chatbot.settings import Settings, variable
from chatbot.ui.serving import CLOSE_SECONDS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
USERS_PACKAGES = ["gradio", "langchain", "langchain-community", "langchain-core", "python-dotenv", "pytest"]


def command(name: str) -> str:
    printed = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "readme_command.py"), name], capture_output=True, text=True, check=True
    )
    return printed.stdout.strip()


def test_the_two_commands_are_one_line_of_plain_pip_and_python():
    assert command("run") == "python -m pip install -r requirements.txt && python app.py"
    assert command("test") == "python -m pip install -r tests/requirements.txt && python -m pytest"


def test_every_file_the_readme_links_to_exists():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_every_path_of_the_readmes_tree_exists():
    tree = README.split("## How it is built")[1].split("```")[1]
    folder = ROOT
    for line in filter(None, tree.splitlines()):
        name = line.split()[0]
        folder = ROOT / "chatbot" if line.startswith("  ") else ROOT
        assert (folder / name).exists(), name


def test_the_readmes_python_runs_as_far_as_it_can_without_an_endpoint():
    (block,) = re.findall(r"```python\n(.+?)```", README, re.DOTALL)
    construction = block.split("for chunk")[0]
    names: dict[str, object] = {}
    exec(compile(construction, "README.md", "exec"), names)
    assert type(names["model"]).__name__ == "AzureMLChatOnlineEndpoint"


def test_the_python_of_the_chat_models_page_runs_from_top_to_bottom(monkeypatch, capsys):
    page = (ROOT / "docs" / "chat-model.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    with Emulator(token_delay=0) as emulator:
        monkeypatch.setenv("AZUREML_ENDPOINT_URL", emulator.chat_url)
        monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", emulator.key)
        for block in re.findall(r"```python\n(.+?)```", page, re.DOTALL):
            exec(compile(block, "chat-model.md", "exec"), names)
    printed = capsys.readouterr().out
    for told in ("'name': 'add'", "name='", "did not accept the key"):
        assert told in printed


OPERATING = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")


def blocks(language):
    found = re.findall(rf"```{language}\n(.+?)```", OPERATING, re.DOTALL)
    assert found, f"docs/operating.md has no {language} block"
    return found


def test_the_operators_page_has_no_block_that_nothing_checks():
    # The nginx block is what tests/replicas runs.
    assert set(re.findall(r"^```(\w+)$", OPERATING, re.MULTILINE)) == {"sh", "nginx", "yaml"}


async def test_the_backup_command_copies_a_store_that_is_open(tmp_path):
    [backup] = re.findall(r"<!-- command: backup -->\n```sh\n(.+?)\n```", OPERATING)
    store = ConversationStore(f"sqlite:///{tmp_path}/data/conversations.db")
    try:
        turn, _ = await store.begin(Conversation("c1", "ada", title="Hello"), 0, "hello")
        await store.end("c1", replace(turn, assistant="Hello, Ada.", status=TurnStatus.COMPLETE))
        [program, *arguments] = shlex.split(backup)
        assert program == "python"
        await asyncio.to_thread(subprocess.run, [sys.executable, *arguments], cwd=tmp_path, check=True)
    finally:
        await store.aclose()
    copy = ConversationStore(f"sqlite:///{tmp_path}/backup.db")
    try:
        assert [turn.assistant for turn in await copy.turns("c1")] == ["Hello, Ada."]
    finally:
        await copy.aclose()


def test_the_operators_page_sets_only_what_can_be_set():
    lines = [line for block in blocks("sh") for line in block.splitlines() if re.match(r"[A-Z_]+=", line)]
    assert lines
    for line in lines:
        name, _, value = line.partition("=")
        assert name == "CHATBOT_STORE_URL"
        ConversationStore(value)
    known = {*(variable(name) for name in Settings.model_fields), "FORWARDED_ALLOW_IPS"}
    named = set(re.findall(r"\b(?:CHATBOT|AZUREML)_[A-Z_]+\b|\bFORWARDED_[A-Z_]+\b", OPERATING))
    assert named - known == set()


def test_the_manifests_of_the_operators_page_are_whole():
    kubernetes, azure = (list(yaml.safe_load_all(block)) for block in blocks("yaml"))
    by_kind = {each["kind"]: each for each in kubernetes}
    assert set(by_kind) == {"Deployment", "Service", "Ingress"}
    pod = by_kind["Deployment"]["spec"]["template"]
    assert pod["metadata"]["labels"] == by_kind["Service"]["spec"]["selector"]
    assert pod["spec"]["terminationGracePeriodSeconds"] > CLOSE_SECONDS
    annotations = by_kind["Ingress"]["metadata"]["annotations"]
    assert all(isinstance(value, str) for value in annotations.values()), "Kubernetes takes strings only"
    assert annotations["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"
    [container_app] = azure
    ingress = container_app["properties"]["configuration"]["ingress"]
    assert ingress["stickySessions"] == {"affinity": "sticky"}
    template = container_app["properties"]["template"]
    secrets = {each["name"] for each in container_app["properties"]["configuration"]["secrets"]}
    [container] = template["containers"]
    assert {each["secretRef"] for each in container["env"] if "secretRef" in each} == secrets
    assert template["terminationGracePeriodSeconds"] > CLOSE_SECONDS


def test_requirements_name_the_users_packages_first():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    names = [re.split(r"[<>=\[]", line)[0] for line in lines if line and not line.startswith("#")]
    assert names[:6] == USERS_PACKAGES


def test_every_required_package_has_a_reason():
    decisions = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    reasons = decisions.split("Why each package")[1]
    for file in ("requirements.txt", "tests/requirements.txt"):
        for line in (ROOT / file).read_text(encoding="utf-8").splitlines():
            if line and not line.startswith(("#", "-r")):
                name = re.split(r"[<>=\[]", line)[0]
                assert re.search(rf"\b{name}\b", reasons), f"{name} has no reason in docs/decisions.md"


@pytest.mark.parametrize("module", ["chatbot.azureml", "chatbot.conversation", "chatbot.emulator", "chatbot.ui"])
def test_public_names_are_sorted_and_there(module):
    found = importlib.import_module(module)
    assert found.__all__ == sorted(found.__all__)
    assert all(hasattr(found, name) for name in found.__all__)
