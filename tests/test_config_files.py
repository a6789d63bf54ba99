"""Files of deployments and prompts: what they may say, and how it is told when they say something wrong."""

from collections import Counter
from pathlib import Path

import pytest

from chatbot.config_files import PROMPTS, read_deployments, read_prompts
from chatbot.ui.i18n import CODES
from chatbot.ui.icons import PATHS

ENDPOINT = 'endpoint_url = "https://e.inference.ml.azure.com/score"\napi_key_variable = "E_KEY"\n'


@pytest.fixture
def file(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "file.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_deployment_is_read_with_its_key(file):
    (entry,) = read_deployments(
        file(f'[[deployment]]\nname = "Llama"\ntemperature = 0\n{ENDPOINT}'), {"E_KEY": " secret\n"}
    )
    assert (entry.name, entry.temperature, entry.api_key.get_secret_value()) == ("Llama", 0, "secret")
    assert "secret" not in repr(entry) + entry.model_dump_json()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "deployment: field required"),
        ("[[deployment", "no TOML file"),
        (f'[[deployment]]\nname = "a"\nport = 1\n{ENDPOINT}', "deployment 1 port: extra inputs"),
        (f'[[deployment]]\nname = "a"\ntemperature = 9\n{ENDPOINT}', "deployment 1 temperature: input should be less"),
        ('[[deployment]]\nname = "a"\n', "deployment 1: needs either an endpoint_url or a model"),
        (f'[[deployment]]\nname = "a"\nmodel = "x:y"\n{ENDPOINT}', "deployment 1: needs either"),
        ('[[deployment]]\nname = "a"\nendpoint_url = "https://e"\n', "needs an api_key_variable"),
        (f'[[deployment]]\nname = "a"\n{ENDPOINT}' * 2, "two deployments are called “a”"),
        (f'[[deployment]]\nname = "a"\nauth = "entra"\n{ENDPOINT}', "deployment 1: has auth = entra and an api_key"),
        ('[[deployment]]\nname = "a"\nauth = "entra"\nmodel = "x:y"\n', "deployment 1: cannot have auth = entra"),
        (f'[[deployment]]\nname = "a"\nauth = "none"\n{ENDPOINT}', "deployment 1 auth: input should be 'key'"),
        (f'[[deployment]]\nname = "a"\ntimeout = 0\n{ENDPOINT}', "deployment 1 timeout: input should be greater"),
        (f'[[deployment]]\nname = "a"\ncontext_size = 1\n{ENDPOINT}', "deployment 1 context_size: input should be"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_and_where(file, text, words):
    path = file(text)
    with pytest.raises(ValueError, match=r"file\.toml") as refused:
        read_deployments(path, {"E_KEY": "k"})
    assert words in str(refused.value)


def test_a_deployment_with_entra_id_has_no_key(file):
    text = '[[deployment]]\nname = "a"\nauth = "entra"\nendpoint_url = "https://e"\nfallback = ["b"]\n'
    (entry,) = read_deployments(file(text), {"AZUREML_ENDPOINT_API_KEY": "secret"})
    assert (entry.auth, entry.api_key, entry.fallback) == ("entra", None, ("b",))


def test_a_key_that_is_not_set_is_named(file):
    with pytest.raises(ValueError, match="E_KEY, the key of “a”, is not set"):
        read_deployments(file(f'[[deployment]]\nname = "a"\n{ENDPOINT}'), {})


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"nowhere.toml cannot be read: No such file"):
        read_deployments(tmp_path / "nowhere.toml", {})


def test_the_projects_own_prompts_can_be_used():
    prompts = read_prompts(PROMPTS)
    assert Counter(each.demo for each in prompts.example) == {True: 4, False: 4}
    assert {each.icon for each in prompts.example} <= PATHS.keys()
    assert len({each.name for each in prompts.preset}) == len(prompts.preset) > 2


def test_the_projects_own_examples_are_in_every_language_of_the_page():
    for each in read_prompts(PROMPTS).example:
        assert each.translations.keys() == set(CODES) - {"en"}


def test_what_the_file_says_of_its_icons_is_true():
    assert f"Icons: {', '.join(sorted(PATHS))}." in PROMPTS.read_text(encoding="utf-8")
