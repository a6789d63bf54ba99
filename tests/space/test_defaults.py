"""What the settings are on a Space where nobody set them: reached from outside, and on the disk there is."""

import tempfile

import pytest

from chatbot.settings import Settings, server


@pytest.fixture(autouse=True)
def _a_space(monkeypatch):
    monkeypatch.setenv("SPACE_ID", "ada/chat")


def store() -> str:
    return Settings.load(None).store_url.get_secret_value()


def test_visitors_come_from_outside():
    assert Settings.load(None).host == "0.0.0.0"


def test_without_a_volume_conversations_are_temporary_and_it_is_known(monkeypatch, tmp_path):
    monkeypatch.setattr(server, "SPACE_VOLUME", tmp_path / "missing")
    assert store() == f"sqlite:///{tempfile.gettempdir()}/conversations.db"
    assert not Settings.load(None).keeps_conversations


def test_with_a_volume_they_are_there_and_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(server, "SPACE_VOLUME", tmp_path)
    assert store() == f"sqlite:///{tmp_path}/conversations.db?exclusive=true", "a bucket has no locks"
    assert Settings.load(None).keeps_conversations


def test_what_is_checked_is_what_is_used(monkeypatch, tmp_path):
    monkeypatch.setattr(server, "SPACE_VOLUME", tmp_path)
    checked = []
    Settings.load(None, checks={"store_url": lambda values: checked.append((values["store_url"], values["host"]))})
    assert checked == [(store(), "0.0.0.0")]


def test_what_somebody_sets_wins(monkeypatch):
    monkeypatch.setenv("CHATBOT_HOST", "127.0.0.1")
    monkeypatch.setenv("CHATBOT_STORE_URL", "postgresql+psycopg://user@host:443/db")
    loaded = Settings.load(None)
    assert (loaded.host, loaded.keeps_conversations) == ("127.0.0.1", True)
    assert store() == "postgresql+psycopg://user@host:443/db"
