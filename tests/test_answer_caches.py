"""Where answers are cached: each place finds what was kept, forgets what is too old, and keeps no more than it may."""

import os
import secrets
from contextlib import ExitStack, closing

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.outputs import Generation

from app import _answer_cache
from chatbot import answer_caches
from chatbot.answer_caches import RedisAnswers, SQLiteAnswers, cache_named
from chatbot.settings import Settings

REDIS = os.environ.get("CHATBOT_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


@pytest.fixture
def redis_url(monkeypatch):
    redis = pytest.importorskip("redis", reason="the package redis is an extra")
    client = redis.Redis.from_url(REDIS, socket_connect_timeout=1)
    try:
        client.ping()
    except redis.ConnectionError:
        client.close()
        pytest.skip("no Redis answers; CHATBOT_TEST_REDIS_URL may name one")
    prefix = f"chatbot-test-{secrets.token_hex(4)}:"
    monkeypatch.setattr(RedisAnswers, "PREFIX", prefix)
    yield REDIS
    for key in client.scan_iter(f"{prefix}*"):
        client.delete(key)
    client.close()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def name(request, tmp_path):
    if request.param == "redis":
        return request.getfixturevalue("redis_url")
    return "memory" if request.param == "memory" else f"sqlite:///{tmp_path}/deep/down/answers.db"


@pytest.fixture
def cache(name):
    cache = cache_named(name, seconds=60, most=100)
    yield cache
    if isinstance(cache, RedisAnswers):
        cache.close()


def kept(text):
    return [Generation(text=text)]


async def test_what_is_kept_is_found_by_both_parts_of_its_key_and_replaced(cache):
    assert await cache.alookup("a", "b") is None
    await cache.aupdate("a", "b", kept("one é \0 漢"))
    assert await cache.alookup("a", "b") == kept("one é \0 漢")
    for other in (("a", "c"), ("c", "b"), ("ab", ""), ("", "ab")):
        assert await cache.alookup(*other) is None
    await cache.aupdate("a", "b", kept("two"))
    assert await cache.alookup("a", "b") == kept("two")
    await cache.aclear()
    assert await cache.alookup("a", "b") is None


async def test_another_process_finds_what_is_in_a_file_or_in_redis(name, cache):
    await cache.aupdate("a", "b", kept("one"))
    other = cache_named(name, seconds=60, most=100)
    # Memory is a process's own.
    assert await other.alookup("a", "b") == (None if name == "memory" else kept("one"))
    if isinstance(other, RedisAnswers):
        other.close()


def test_a_file_holds_no_more_than_it_may_and_nothing_that_is_too_old(tmp_path, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(answer_caches.time, "time", lambda: now)
    cache = SQLiteAnswers(tmp_path / "answers.db", 60, 3)
    for number in range(5):
        now += 1
        cache.update(str(number), "", kept(str(number)))
    assert [number for number in range(5) if cache.lookup(str(number), "")] == [2, 3, 4]
    now += 59
    assert [number for number in range(5) if cache.lookup(str(number), "")] == [4]
    cache.update("new", "", kept("new"))
    now = 0.0
    assert [number for number in range(5) if cache.lookup(str(number), "")] == [4], "what is too old is still there"


def test_memory_holds_no_more_than_it_may():
    cache = cache_named("memory", seconds=60, most=3)
    assert isinstance(cache, InMemoryCache)
    for number in range(5):
        cache.update(str(number), "", kept(str(number)))
    assert [number for number in range(5) if cache.lookup(str(number), "")] == [2, 3, 4]


def test_redis_is_told_how_long_to_keep_it(redis_url):
    cache = RedisAnswers(redis_url, 60)
    cache.update("a", "b", kept("one"))
    [key] = cache._redis.scan_iter(f"{cache.PREFIX}*")
    assert 0 < cache._redis.ttl(key) <= 60
    cache.close()


@pytest.mark.parametrize(
    "name", ["memory2", "sqlite://", "sqlite:///", "postgresql://localhost/x", "redis", "redis://u:secret@h:port/0"]
)
def test_a_name_that_is_none_is_refused_without_repeating_it(name):
    with pytest.raises(ValueError) as refused:
        cache_named(name, seconds=60, most=3)
    assert "secret" not in str(refused.value)


def test_a_file_that_cannot_be_one_is_refused_at_once(tmp_path):
    (tmp_path / "a file").write_text("no database, and long enough not to be taken for an empty one" * 100)
    for name in ("a file", "a file/below.db"):
        with pytest.raises(ValueError, match="cannot be used"):
            cache_named(f"sqlite:///{tmp_path}/{name}", seconds=60, most=3)


async def test_the_application_lets_go_of_a_redis_when_it_ends(redis_url, monkeypatch):
    name = f"chatbot-test-{secrets.token_hex(4)}"
    monkeypatch.setenv("CHATBOT_ANSWER_CACHE", f"{redis_url}?client_name={name}")

    def connected():
        with closing(RedisAnswers(redis_url, 60)) as other:
            return [each for each in other._redis.client_list() if each["name"] == name]

    with ExitStack() as stack:
        cache = _answer_cache(Settings.load(None), stack)
        await cache._cache.alookup("a", "b")
        assert connected()
    assert not connected()
