"""Settings: what the environment and the file may say, and how it is told when they say something wrong."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from chatbot.settings import Settings, SettingsError, variable

ROOT = Path(__file__).parents[1]
ENV_EXAMPLE = ROOT / ".env.example"


def problems(env_file: Path | None = None, **kwargs) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as refused:
        Settings.load(env_file, **kwargs)
    return refused.value.problems


def test_nothing_set_is_a_working_configuration():
    settings = Settings.load(None)
    assert (settings.endpoint_url, settings.endpoint_api_key, settings.memory_turns) == (None, None, 5)


def test_langchain_communitys_names_are_read(monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", " https://ep.inference.ml.azure.com/score ")
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "key\n")
    monkeypatch.setenv("AZUREML_ENDPOINT_API_TYPE", "dedicated")
    monkeypatch.setenv("AZUREML_DEPLOYMENT_NAME", "blue")
    monkeypatch.setenv("AZUREML_CONTENT_FORMATTER", "hf")
    monkeypatch.setenv("AZUREML_TIMEOUT", "12.5")
    settings = Settings.load(None)
    assert settings.endpoint_url == "https://ep.inference.ml.azure.com/score"
    assert settings.endpoint_api_key.get_secret_value() == "key"
    assert (settings.endpoint_api_type, settings.deployment_name, settings.timeout) == ("dedicated", "blue", 12.5)
    assert settings.content_formatter == "hf"


def test_the_file_is_read_and_the_environment_wins(tmp_path, monkeypatch):
    file = tmp_path / ".env"
    file.write_text('CHATBOT_TITLE="Aus der Datei: ü"\nCHATBOT_MEMORY_TURNS=3\nCHATBOT_TOP_P=\n', encoding="utf-8")
    monkeypatch.setenv("CHATBOT_MEMORY_TURNS", "7")
    settings = Settings.load(file)
    assert (settings.title, settings.memory_turns, settings.top_p) == ("Aus der Datei: ü", 7, None)


def test_all_problems_are_told_together_each_with_its_variable(tmp_path, monkeypatch):
    file = tmp_path / ".env"
    file.write_text("CHATBOT_MEMORY_TURN=3\nCHATBOT_PORT=70000\n")
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", "not a url")
    monkeypatch.setenv("CHATBOT_TEMPERATURE", "hot")

    def refuse(_):
        raise ValueError("there is no such database")

    found = problems(file, checks={"store_url": refuse})
    assert len(found) == 6
    for start in (
        "CHATBOT_MEMORY_TURN is no setting of this application: did you mean CHATBOT_MEMORY_TURNS?",
        "AZUREML_ENDPOINT_API_KEY is not set although AZUREML_ENDPOINT_URL is",
        "AZUREML_ENDPOINT_URL=not a url: is no web address; it starts with https://",
        "CHATBOT_TEMPERATURE=hot: input should be a valid number",
        "CHATBOT_PORT=70000: input should be less than or equal to 65535. Without it, 7860 is used.",
        "CHATBOT_STORE_URL: there is no such database.",
    ):
        assert any(problem.startswith(start) for problem in found), start


def test_a_key_without_a_url_is_told(monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "key")
    assert "AZUREML_ENDPOINT_URL is not set although AZUREML_ENDPOINT_API_KEY is" in problems()[0]


def test_a_check_of_a_value_that_is_wrong_anyway_is_not_made(monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", "nonsense")
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "key")
    assert len(problems(checks={"endpoint_url": lambda _: 1 / 0})) == 1


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "clé"])
def test_a_key_no_header_can_hold_is_refused_without_repeating_it(monkeypatch, key):
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", "https://ep.inference.ml.azure.com/score")
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", key)
    (problem,) = problems()
    assert problem.startswith("AZUREML_ENDPOINT_API_KEY: ")
    assert key not in problem


def test_secrets_are_in_no_repr(monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", "https://ep.inference.ml.azure.com/score")
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "hunter2")
    monkeypatch.setenv("CHATBOT_STORE_URL", "postgresql://user:hunter2@host/db")
    settings = Settings.load(None)
    assert "hunter2" not in repr(settings) + str(settings) + str(settings.model_dump()) + settings.model_dump_json()


def test_env_example_is_equal_to_the_settings():
    """Every setting stands in the file, with its description above it and its default, and nothing else does."""
    lines = ENV_EXAMPLE.read_text(encoding="utf-8").splitlines()
    found = {}
    for place, line in enumerate(lines):
        if match := re.fullmatch(r"# ?([A-Z_]+)=(.*)", line):
            comment = []
            while lines[place - 1 - len(comment)].startswith("# "):
                comment.insert(0, lines[place - 1 - len(comment)][2:])
            found[match[1]] = (" ".join(comment), match[2])
    expected = {}
    for name, field in Settings.model_fields.items():
        if field.exclude:
            continue  # the host sets it, not a person
        default = field.default.get_secret_value() if hasattr(field.default, "get_secret_value") else field.default
        example = default if default not in (None, "") else (field.examples or [""])[0]
        expected[variable(name)] = (field.description, f"{example:g}" if isinstance(example, float) else str(example))
    assert found == expected


def test_the_manual_is_made_from_the_settings():
    command = [sys.executable, str(ROOT / ".ci" / "configuration.py")]
    printed = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    assert (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8") == printed


@pytest.mark.parametrize(
    ("space", "url", "keeps"),
    [
        ("", "sqlite:///data/conversations.db", True),
        ("ada/chat", "sqlite:///data/conversations.db", False),
        ("ada/chat", "sqlite:////data/conversations.db", True),
        ("ada/chat", "postgresql+psycopg://user@host/db", True),
    ],
)
def test_a_space_without_a_disk_keeps_nothing(monkeypatch, space, url, keeps):
    monkeypatch.setenv("SPACE_ID", space)
    monkeypatch.setenv("CHATBOT_STORE_URL", url)
    assert Settings.load(None).keeps_conversations is keeps


@pytest.mark.parametrize(
    ("named", "sources"),
    [
        (None, ("'self'", "https://huggingface.co", "https://*.hf.space")),
        ("*", ("*",)),
        ("none", ("'none'",)),
        ("'self', https://www.example.com/", ("'self'", "https://www.example.com")),
        ("https://*.Example.com http://localhost:8080", ("https://*.example.com", "http://localhost:8080")),
    ],
)
def test_who_may_frame_the_page_is_written_as_a_policy_does(monkeypatch, named, sources):
    if named is not None:
        monkeypatch.setenv("CHATBOT_FRAME_ANCESTORS", named)
    assert Settings.load(None).frame_sources == sources


@pytest.mark.parametrize(
    ("named", "fault"),
    [
        ("www.example.com", "www.example.com is no origin; write https:// and a host without a path"),
        ("self,https://www.example.com/page", "https://www.example.com/page is no origin"),
        ("https://a.com; script-src *", "https://a.com; is no origin"),
        ("https:", "https: is no origin"),
        ("https://münchen.de", "https://münchen.de is no origin"),
        ("none,https://www.example.com", "names origins, or * or none alone"),
        (" , ", "names origins, or * or none alone"),
    ],
)
def test_who_cannot_frame_the_page_is_told(monkeypatch, named, fault):
    monkeypatch.setenv("CHATBOT_FRAME_ANCESTORS", named)
    (problem,) = problems()
    assert problem.startswith(f"CHATBOT_FRAME_ANCESTORS={named}: {fault}")
    assert problem.endswith("Without it, self,https://huggingface.co,https://*.hf.space is used.")


def test_env_example_as_it_is_changes_nothing():
    assert Settings.load(ENV_EXAMPLE) == Settings.load(None)


def test_the_application_refuses_to_start_in_words(tmp_path):
    """Exit code 2, each problem on a line of standard error, no traceback."""
    ended = subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        cwd=tmp_path,
        env={
            "PATH": "",
            "CHATBOT_PORT": "x",
            "AZUREML_ENDPOINT_URL": "https://host/nowhere",
            "CHATBOT_STORE_URL": "x",
            "AZUREML_CONTENT_FORMATTER": "odd",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    listed = [line for line in ended.stderr.splitlines() if line.startswith("  - ")]
    assert len(listed) == 5
    [formatter] = [line for line in listed if "AZUREML_CONTENT_FORMATTER" in line]
    assert "there is no content formatter 'odd'; choose one of chat, openai" in formatter
    assert "Traceback" not in ended.stderr
