"""What an owner sets of the doors, and what is said where it cannot work."""

import pytest

from app import _check_door, _provider
from chatbot.settings import Settings, SettingsError
from tests.support.app_process import refused

SPACE = {
    "SPACE_ID": "ada/chat",
    "SPACE_HOST": "ada-chat.hf.space,chat.example.com",
    "OAUTH_CLIENT_ID": "space-client",
    "OAUTH_CLIENT_SECRET": "space-secret",
    "OAUTH_SCOPES": "openid profile",
    "OPENID_PROVIDER_URL": "https://huggingface.co",
}
OIDC = {"CHATBOT_DOOR": "oidc", "CHATBOT_OIDC_ISSUER": "https://id.example/v2.0/", "CHATBOT_OIDC_CLIENT_ID": "chat"}


def load(monkeypatch, **variables):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings.load(None, checks={"door": _check_door})


def test_nothing_set_is_an_open_door_and_a_proxy_on_this_machine():
    settings = Settings.load(None)
    assert (settings.door, settings.trusted_proxies) == ("open", "127.0.0.1,::1")
    assert _provider(settings) is None


def test_on_a_space_everybody_is_a_proxy_unless_they_are_named(monkeypatch):
    assert load(monkeypatch, **SPACE).trusted_proxies == "*"
    assert load(monkeypatch, CHATBOT_TRUSTED_PROXIES="10.0.0.0/8").trusted_proxies == "10.0.0.0/8"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"CHATBOT_DOOR": "password"}, "this door needs CHATBOT_PASSWORD_HASH"),
        ({"CHATBOT_DOOR": "oidc"}, "this door needs CHATBOT_OIDC_ISSUER, CHATBOT_OIDC_CLIENT_ID"),
        ({"CHATBOT_DOOR": "huggingface"}, "OAUTH_CLIENT_ID"),
        ({"CHATBOT_DOOR": "huggingface"}, "hf_oauth: true"),
        ({"CHATBOT_DOOR": "proxy"}, "this door needs CHATBOT_PROXY_HEADERS"),
        (
            {"CHATBOT_DOOR": "proxy", "CHATBOT_PROXY_HEADERS": "azure", "CHATBOT_TRUSTED_PROXIES": "*"},
            "CHATBOT_TRUSTED_PROXIES has to name the proxy's addresses",
        ),
        ({"CHATBOT_DOOR": "ajar"}, "CHATBOT_DOOR=ajar: input should be 'open', 'password'"),
        ({"CHATBOT_SESSION_SECRET": "short"}, "CHATBOT_SESSION_SECRET: "),
        ({"CHATBOT_PUBLIC_URL": "https://chat.example.com/path"}, "CHATBOT_PUBLIC_URL="),
    ],
)
def test_what_cannot_work_is_told_with_the_mend(monkeypatch, variables, words):
    with pytest.raises(SettingsError) as refused:
        load(monkeypatch, **variables)
    [problem] = refused.value.problems
    assert words in problem
    assert "short" not in problem


def test_a_provider_is_as_it_was_set(monkeypatch):
    provider = _provider(load(monkeypatch, **OIDC, CHATBOT_PUBLIC_URL="https://chat.example.com/"))
    assert (provider.issuer, provider.client_secret) == ("https://id.example/v2.0", None)
    assert (provider.hosts, provider.callback) == (("chat.example.com",), "/sign-in/callback")
    assert provider.signs_out
    assert not _provider(load(monkeypatch, CHATBOT_OIDC_PROVIDER_SIGN_OUT="false")).signs_out


def test_a_space_is_known_to_hugging_face_by_what_it_was_given(monkeypatch):
    provider = _provider(load(monkeypatch, **SPACE, CHATBOT_DOOR="huggingface"))
    assert (provider.issuer, provider.client_id) == ("https://huggingface.co", "space-client")
    assert (provider.callback, provider.groups_claim) == ("/login/callback", "orgs")
    assert provider.hosts == ("ada-chat.hf.space", "chat.example.com")
    assert not provider.signs_out, "nobody leaves the whole of Hugging Face with one Space"


def test_no_secret_of_a_door_is_in_a_repr(monkeypatch, password_hash):
    settings = load(
        monkeypatch,
        **{**SPACE, **OIDC},
        CHATBOT_OIDC_CLIENT_SECRET="hunter2",
        CHATBOT_SESSION_SECRET="hunter2" * 5,
        CHATBOT_PASSWORD_HASH=password_hash,
    )
    shown = repr(settings) + str(settings.model_dump()) + settings.model_dump_json()
    for secret in ("hunter2", "space-secret", password_hash):
        assert secret not in shown


def test_the_application_does_not_start_with_half_a_door(tmp_path):
    ended = refused(
        tmp_path,
        CHATBOT_DOOR="password",
        CHATBOT_PASSWORD_HASH="a password in clear",
        CHATBOT_TRUSTED_PROXIES="proxy.example",
    )
    assert ended.returncode == 2
    assert "python -m chatbot.hash_password makes one" in ended.stderr
    assert "“proxy.example” is neither an address" in ended.stderr
    assert "a password in clear" not in ended.stderr
