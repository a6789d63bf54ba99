"""Settings: what the environment and the file may say, and how it is told when they say something wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from chatbot.settings import CONTROLS, Settings, SettingsError, variable
from chatbot.settings.limits import RATES
from tests.support.app_process import ROOT, refused

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


def test_an_endpoint_with_entra_id_needs_no_key_and_takes_none(monkeypatch):
    monkeypatch.setenv("AZUREML_ENDPOINT_URL", "https://ep.inference.ml.azure.com/score")
    monkeypatch.setenv("AZUREML_AUTH", "entra")
    assert Settings.load(None).endpoint_auth == "entra"
    monkeypatch.setenv("AZUREML_ENDPOINT_API_KEY", "key")
    assert problems()[0].startswith("AZUREML_ENDPOINT_API_KEY is set although AZUREML_AUTH is entra")
    monkeypatch.delenv("AZUREML_ENDPOINT_API_KEY")
    monkeypatch.delenv("AZUREML_ENDPOINT_URL")
    assert problems()[0].startswith("AZUREML_ENDPOINT_URL is not set although AZUREML_AUTH is entra")


def test_those_that_stand_in_are_named_with_semicolons(monkeypatch):
    monkeypatch.setenv("CHATBOT_FALLBACK", " Llama, fast ;; Large")
    assert Settings.load(None).stand_ins == ("Llama, fast", "Large")


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


def test_the_manual_and_the_example_are_made_from_the_settings(tmp_path):
    subprocess.run([sys.executable, str(ROOT / ".ci" / "configuration.py"), str(tmp_path)], check=True)
    for file in ("docs/configuration.md", ".env.example"):
        assert (ROOT / file).read_text(encoding="utf-8") == (tmp_path / file).read_text(encoding="utf-8")


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


@pytest.mark.parametrize(
    ("told", "rates"),
    [
        ("", []),
        ("20/hour", [(20, "hour")]),
        ("20/hour,100/day", [(20, "hour"), (100, "day")]),
        (" 5 / Minute , 1000000/DAY, ", [(5, "minute"), (1_000_000, "day")]),
    ],
)
def test_a_rate_is_a_number_and_a_period(monkeypatch, told, rates):
    monkeypatch.setenv("CHATBOT_VISITOR_MESSAGES", told)
    assert Settings.load(None).rates("visitor_messages") == rates


@pytest.mark.parametrize(
    "told", ["20", "0/hour", "20/week", "20/hour 100/day", "-1/day", "1.5/day", "many/day", "٣/day"]
)
@pytest.mark.parametrize("name", RATES)
def test_what_is_no_rate_is_told(monkeypatch, name, told):
    monkeypatch.setenv(variable(name), told)
    (problem,) = problems()
    assert problem.startswith(f"{variable(name)}={told}: should be numbers with /minute, /hour or /day")


@pytest.mark.parametrize(
    ("name", "told"), [("DAILY_TOKENS", "0"), ("DAILY_BUDGET", "0"), ("DAILY_BUDGET", "-1"), ("OVER_BUDGET", "stop")]
)
def test_a_budget_is_more_than_nothing_and_over_it_there_are_two_ways(monkeypatch, name, told):
    monkeypatch.setenv(f"CHATBOT_{name}", told)
    (problem,) = problems()
    assert problem.startswith(f"CHATBOT_{name}={told}: input should be ")


def test_a_budget_in_money_needs_the_prices_of_every_deployment(tmp_path):
    (tmp_path / "deployments.toml").write_text(
        '[[deployment]]\nname = "Free"\nendpoint_url = "https://ep.inference.ml.azure.com/score"\n'
        'api_key_variable = "KEY"\n'
    )
    ended = refused(
        tmp_path,
        KEY="key",
        CHATBOT_PORT="0",
        CHATBOT_DEPLOYMENTS_FILE="deployments.toml",
        CHATBOT_DAILY_BUDGET="5",
    )
    assert ended.returncode == 2
    assert "“Free” needs its prices for CHATBOT_DAILY_BUDGET: input_price, output_price." in ended.stderr
    assert "Traceback" not in ended.stderr


def test_env_example_as_it_is_changes_nothing():
    assert Settings.load(ENV_EXAMPLE) == Settings.load(None)


def test_the_application_refuses_to_start_in_words(tmp_path):
    """Exit code 2, each problem on a line of standard error, no traceback."""
    ended = refused(
        tmp_path,
        CHATBOT_PORT="x",
        AZUREML_ENDPOINT_URL="https://host/nowhere",
        CHATBOT_STORE_URL="x",
        AZUREML_CONTENT_FORMATTER="odd",
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    listed = [line for line in ended.stderr.splitlines() if line.startswith("  - ")]
    assert len(listed) == 5
    [formatter] = [line for line in listed if "AZUREML_CONTENT_FORMATTER" in line]
    assert "there is no content formatter 'odd'; choose one of chat, openai" in formatter
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("named", "unseen", "hidden"),
    [
        ("", set(), set()),
        ("tokens, costs", {"tokens", "costs"}, set()),
        ("panel", {"panel"}, set(CONTROLS) - {"deployment"}),
        ("all", {"panel", "tokens", "costs", "details"}, set(CONTROLS) - {"deployment"}),
    ],
)
def test_parts_of_the_page_are_left_out_and_what_stood_there_cannot_be_chosen(monkeypatch, named, unseen, hidden):
    monkeypatch.setenv("CHATBOT_HIDDEN_PARTS", named)
    settings = Settings.load(None)
    assert (settings.unseen, settings.hidden, settings.locked) == (unseen, hidden, hidden)


def test_a_part_that_the_page_does_not_have_is_named(monkeypatch):
    monkeypatch.setenv("CHATBOT_HIDDEN_PARTS", "panel,header")
    (problem,) = problems()
    assert "knows no header; only panel, tokens, costs, details, all" in problem
