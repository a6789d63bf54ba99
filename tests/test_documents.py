"""The documents tell the truth: their commands are the ones CI runs, and what they name exists."""

import ast
import asyncio
import importlib
import re
import shlex
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path

import grimp
import pytest

from chatbot.config_files import DeploymentEntry, read_deployments, read_prompts
from chatbot.conversation import Conversation, ConversationStore, TurnStatus
from chatbot.conversation.parts import text_parts
from chatbot.deploy_space.__main__ import deploy_arguments
from chatbot.emulator import Emulator
from chatbot.settings import Settings, variable
from chatbot.settings.limits import LimitSettings
from tests.conversation.store.talk import begin

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
    # Microsoft's package is not among ours; the page's readers have it.
    identity = types.ModuleType("azure.identity")
    identity.DefaultAzureCredential = type("DefaultAzureCredential", (), {"get_token": lambda *_: None})
    monkeypatch.setitem(sys.modules, "azure.identity", identity)
    with Emulator(token_delay=0) as emulator:
        names: dict[str, object] = {"endpoint": emulator.chat_url, "key": emulator.key}
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
    assert set(re.findall(r"^```(\w+)$", OPERATING, re.MULTILINE)) == {"sh", "nginx"}


async def test_the_backup_command_copies_a_store_that_is_open(tmp_path):
    [backup] = re.findall(r"<!-- command: backup -->\n```sh\n(.+?)\n```", OPERATING)
    store = ConversationStore(f"sqlite:///{tmp_path}/data/conversations.db")
    try:
        turn, _ = await begin(store, Conversation("c1", "ada", title="Hello"), 0, "hello")
        await store.end("c1", replace(turn, answer=text_parts("Hello, Ada."), status=TurnStatus.COMPLETE))
        [program, *arguments] = shlex.split(backup)
        assert program == "python"
        await asyncio.to_thread(subprocess.run, [sys.executable, *arguments], cwd=tmp_path, check=True)
    finally:
        await store.aclose()
    copy = ConversationStore(f"sqlite:///{tmp_path}/backup.db")
    try:
        assert [turn.answer_text for turn in await copy.turns("c1")] == ["Hello, Ada."]
    finally:
        await copy.aclose()


def test_the_operators_page_sets_only_what_can_be_set():
    lines = [line for block in blocks("sh") for line in block.splitlines() if re.match(r"[A-Z_]+=", line)]
    assert lines
    known = {variable(name) for name in Settings.model_fields}
    for line in lines:
        name, _, value = line.partition("=")
        assert name in known
        if name == "CHATBOT_STORE_URL":
            ConversationStore(value)
    named = set(re.findall(r"\b(?:CHATBOT|AZUREML)_[A-Z_]+\b", OPERATING))
    assert named - known == set()


def test_the_limits_of_the_operators_page_can_be_set(tmp_path):
    [block] = [block for block in blocks("sh") if "CHATBOT_VISITOR_TOKENS" in block]
    (tmp_path / ".env").write_text(block, encoding="utf-8")
    settings = Settings.load(tmp_path / ".env")
    assert settings.rates("visitor_messages") == [(20, "hour"), (100, "day")]
    assert set(LimitSettings.model_fields) <= settings.model_fields_set, "the example sets them all"


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
    # As ruff does: constants, classes, functions.
    assert found.__all__ == sorted(found.__all__, key=lambda name: (not name.isupper(), not name[0].isupper(), name))
    assert all(hasattr(found, name) for name in found.__all__)


ROOMS = re.compile(r"^ {4}(\w+)(?:\[.*\])? --> (\w+)", re.MULTILINE)
OUTSIDE = ("gradio", "sqlalchemy", "langchain_core", "aiohttp", "urllib3", "starlette", "uvicorn")


def test_the_picture_of_the_architecture_shows_what_imports_what():
    picture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("```mermaid")[1].split("```")[0]
    shown = set(ROOMS.findall(picture))
    graph = grimp.build_graph("chatbot", include_external_packages=True, cache_dir=None)
    imports = [(one, other) for one in graph.modules for other in graph.find_modules_directly_imported_by(one)]
    app = ast.walk(ast.parse((ROOT / "app.py").read_text(encoding="utf-8")))
    imports += [("app", each.module) for each in app if isinstance(each, ast.ImportFrom) and each.module]
    found = {(room(one), room(other)) for one, other in imports}
    # Composing needs a type of each library, and pages and stores are served through others' packages as well.
    beside = {("app", "langchain_core"), ("ui", "starlette"), ("server", "starlette")}
    rooms = {name for pair in shown for name in pair}
    assert shown == {(one, other) for one, other in found - beside if one != other and {one, other} <= rooms}


def room(module: str) -> str:
    head, _, rest = module.partition(".")
    return rest.partition(".")[0] if head == "chatbot" else head


def test_the_rooms_of_the_picture_are_all_there_are():
    picture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r'\["chatbot\.(\w+)<br>', picture))
    assert named == {each.stem for each in (ROOT / "chatbot").iterdir() if each.suffix == ".py" or each.is_dir()} - {
        "__init__",
        "__main__",
        "__pycache__",
    }


def test_every_file_the_architecture_names_exists():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:ui|conversation|azureml|emulator)/[\w./]+)`", page):
        assert (ROOT / "chatbot" / name).exists(), name


DEPLOYMENTS = (ROOT / "docs" / "deployments.md").read_text(encoding="utf-8")


def test_the_files_of_the_deployments_page_can_be_used(tmp_path):
    deployments, prompts = re.findall(r"```toml\n(.+?)```", DEPLOYMENTS, re.DOTALL)
    (tmp_path / "deployments.toml").write_text(deployments, encoding="utf-8")
    (tmp_path / "prompts.toml").write_text(prompts, encoding="utf-8")
    keys = dict.fromkeys(re.findall(r'api_key_variable = "(\w+)"', deployments), "key")
    entries = read_deployments(tmp_path / "deployments.toml", keys)
    assert [entry.name for entry in entries] == ["Llama, fast", "Mistral Large", "GPT at OpenAI"]
    assert len(read_prompts(tmp_path / "prompts.toml").preset) == 1


def test_the_deployments_page_tells_every_field_and_names_only_settings():
    told = set(re.findall(r"`(\w+)`", DEPLOYMENTS.split("| field | what |")[1].split("\n\n")[0]))
    assert DeploymentEntry.model_fields.keys() - {"api_key"} <= told
    assert {name.partition("=")[0] for name in re.findall(r"`((?:CHATBOT|AZUREML)_[A-Z_]+)", DEPLOYMENTS)} <= {
        variable(name) for name in Settings.model_fields
    }
    assert re.findall(r"```sh\n(.+?)\n```", DEPLOYMENTS, re.DOTALL) == ["python -m chatbot.feedback > feedback.jsonl"]


def test_the_two_lines_of_the_readme_point_at_an_endpoint(tmp_path):
    [lines] = [block for block in re.findall(r"```sh\n(.+?)```", README, re.DOTALL) if "AZUREML_ENDPOINT_URL" in block]
    (tmp_path / ".env").write_text(lines.replace("the key from the endpoint's Consume page", "a-key"), encoding="utf-8")
    settings = Settings.load(tmp_path / ".env")
    assert settings.endpoint_url == "https://name.region.inference.ml.azure.com/score"
    assert settings.endpoint_api_key.get_secret_value() == "a-key"


def test_the_commands_of_the_spaces_page_are_taken():
    page = (ROOT / "docs" / "spaces.md").read_text(encoding="utf-8")
    commands = re.findall(r"^python -m chatbot\.deploy_space (.+)$", page, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        assert deploy_arguments(shlex.split(command)).space == "my-chat"


async def test_the_commands_of_the_spaces_page_push_the_application(tmp_path):
    page = (ROOT / "docs" / "spaces.md").read_text(encoding="utf-8")
    [commands] = [block for block in re.findall(r"```sh\n(.+?)```", page, re.DOTALL) if "git push" in block]
    script = re.sub(r"https://huggingface\.co/spaces/\S+", str(tmp_path / "space.git"), commands)
    assert script != commands
    prepare = f"git init -q --bare {tmp_path}/space.git && git clone -q {ROOT} {tmp_path}/clone && cd {tmp_path}/clone"
    await asyncio.to_thread(subprocess.run, f"{prepare} && set -e\n{script}", shell=True, check=True)
    pushed = ["git", "-C", str(tmp_path / "space.git"), "show", "main:README.md"]
    shown = await asyncio.to_thread(subprocess.run, pushed, capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("---\ntitle:")
