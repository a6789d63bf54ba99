"""Where answers are cached, as a setting names it: in this process's memory, in an SQLite file, in Redis.

All speak LangChain's cache interface. langchain_community has classes for the last two, which are sunset, take back no
room, and make Python objects of whatever is in the database.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from langchain_core.caches import RETURN_VAL_TYPE, BaseCache, InMemoryCache
from langchain_core.outputs import Generation

from chatbot import install_command

MEMORY: Final = "memory"
SQLITE: Final = "sqlite:///"
REDIS: Final = ("redis://", "rediss://", "unix://")

REPLY_SECONDS: Final = 1.0
"""How long Redis may take: an answer waits for it."""

_TABLE: Final = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, answer TEXT NOT NULL, at REAL NOT NULL)"
_INDEX: Final = "CREATE INDEX IF NOT EXISTS answers_at ON answers (at)"


def cache_named(name: str, *, seconds: float, most: int) -> BaseCache:
    """Return the cache that a setting names.

    Args:
        name: ``memory``, ``sqlite:///`` and a file, or the URL of a Redis.
        seconds: How long an answer is kept.
        most: How many are. Redis has a limit of its own, in bytes.

    Raises:
        ValueError: It cannot be used; says why.
    """
    if name == MEMORY:
        return InMemoryCache(maxsize=most)
    if name.startswith(SQLITE) and len(name) > len(SQLITE):
        return SQLiteAnswers(Path(name.removeprefix(SQLITE)), seconds, most)
    if name.startswith(REDIS):
        return RedisAnswers(name, seconds)
    raise ValueError(f"is none of {MEMORY}, {SQLITE}file.db and redis://host:6379/0")


class SQLiteAnswers(BaseCache):
    """Answers in an SQLite file, which several processes of one machine may share.

    Args:
        file: The file; it and its folder are made if missing.
        seconds: How long an answer is kept.
        most: How many are: the oldest go first.

    Raises:
        ValueError: The file cannot be used, with the database's own words.
    """

    def __init__(self, file: Path, seconds: float, most: int) -> None:
        self._file = file
        self._seconds = seconds
        self._most = most
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as connection, connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute(_TABLE)
                connection.execute(_INDEX)
        except (sqlite3.Error, OSError) as error:
            raise ValueError(f"{file} cannot be used ({error})") from None

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """Return what is kept and not too old."""
        with closing(self._open()) as connection:
            found = connection.execute(
                "SELECT answer FROM answers WHERE key = ? AND at > ?",
                (_key(prompt, llm_string), time.time() - self._seconds),
            ).fetchone()
        return None if found is None else [Generation(text=found[0])]

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep an answer, and remove those that are too old or too many."""
        now = time.time()
        with closing(self._open()) as connection, connection:
            connection.execute(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)",
                (_key(prompt, llm_string), return_val[0].text, now),
            )
            connection.execute("DELETE FROM answers WHERE at <= ?", (now - self._seconds,))
            newest = "SELECT at FROM answers ORDER BY at DESC LIMIT 1 OFFSET ?"
            connection.execute(f"DELETE FROM answers WHERE at <= ({newest})", (self._most,))  # noqa: S608 - all ours

    def clear(self, **_: Any) -> None:
        """Remove all answers."""
        with closing(self._open()) as connection, connection:
            connection.execute("DELETE FROM answers")

    def _open(self) -> sqlite3.Connection:
        # Opened each time, in whatever thread: that takes a fraction of a millisecond, and leaves nothing to close.
        connection = sqlite3.connect(self._file, timeout=REPLY_SECONDS)
        connection.execute("PRAGMA synchronous=OFF")
        return connection


class RedisAnswers(BaseCache):
    """Answers in a Redis, which removes them itself when their time is over.

    Args:
        url: Of the Redis; it need not be there yet.
        seconds: How long an answer is kept.

    Raises:
        ValueError: The package ``redis`` is not installed, or the URL is none.
    """

    PREFIX: Final = "chatbot:answer:"

    def __init__(self, url: str, seconds: float) -> None:
        try:
            import redis  # for those who name one only
        except ImportError:
            raise ValueError(f"needs a package more: {install_command('redis')}") from None
        self._seconds = max(round(seconds), 1)
        try:
            self._redis = redis.Redis.from_url(
                url, socket_timeout=REPLY_SECONDS, socket_connect_timeout=REPLY_SECONDS, decode_responses=True
            )
        except ValueError:
            # Its own words repeat the URL, and a password with it.
            raise ValueError("is no URL of a Redis; redis://:password@host:6379/0 is one") from None

    def lookup(self, prompt: str, llm_string: str) -> RETURN_VAL_TYPE | None:
        """Return what is kept."""
        found = self._redis.get(self.PREFIX + _key(prompt, llm_string))
        return None if found is None else [Generation(text=str(found))]

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """Keep an answer."""
        self._redis.set(self.PREFIX + _key(prompt, llm_string), return_val[0].text, ex=self._seconds)

    def clear(self, **_: Any) -> None:
        """Remove all answers, and nothing else that is in the Redis."""
        for key in self._redis.scan_iter(f"{self.PREFIX}*"):
            self._redis.delete(key)

    def close(self) -> None:
        """Let go of its connections."""
        self._redis.close()


def _key(prompt: str, llm_string: str) -> str:
    return hashlib.sha256(f"{prompt}\0{llm_string}".encode()).hexdigest()
