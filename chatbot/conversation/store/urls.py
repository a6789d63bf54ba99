"""Database URLs as hosts hand them out, brought to the one driver for each database that is installed. Pure.

Nothing that is said about a URL repeats a part of it that could hold a password.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

SQLITE: Final = "sqlite+aiosqlite"
POSTGRESQL: Final = "postgresql+psycopg"

_WRITE: Final = "write sqlite:///data/conversations.db or postgresql://user:password@host:5432/database"
_SCHEME: Final = re.compile(r"\s*([A-Za-z][\w.+-]{0,40}):")
_POSTGRESQL_NAMES: Final = ("postgres", "postgresql", "pgsql", "psql")
_SQLITE_NAMES: Final = ("sqlite", "sqlite3")
_SQLITE_DRIVERS: Final = ("", "pysqlite", "aiosqlite")

_SSL_MODES: Final[Mapping[str, str]] = {
    "true": "require",
    "on": "require",
    "1": "require",
    "yes": "require",
    "false": "disable",
    "off": "disable",
    "0": "disable",
    "no": "disable",
}
"""What other drivers call libpq's ``sslmode``; its own values mean themselves."""

_OF_OTHER_DRIVERS: Final = frozenset(
    ["prepared_statement_cache_size", "statement_cache_size", "prepared_statement_name_func", "async_fallback"]
)
"""Parameters that only tell another driver how to go about its own work."""


def database_url(text: str) -> URL:
    """Return a database URL with the driver that speaks to its database here.

    Args:
        text: A SQLAlchemy URL, or one as Heroku, Render, Azure and others hand them out.

    Raises:
        ValueError: It is none, or names a database or parameter that cannot be used; says what to write.
    """
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        # Their messages may repeat the URL.
        raise ValueError(f"this is no database URL that can be used here: {_unreadable(text)}") from None
    if "@" in (url.host or ""):
        raise ValueError(f"this is no database URL that can be used here: {_IN_PERCENT}")
    database, _, driver = url.drivername.lower().partition("+")
    if database in _POSTGRESQL_NAMES:
        return url.set(drivername=POSTGRESQL, query=_libpq(url.query))
    if database in _SQLITE_NAMES and driver in _SQLITE_DRIVERS:
        if url.host:
            raise ValueError(
                "this is no database URL that can be used here: sqlite:// takes three slashes before a relative path, "
                "four before an absolute one"
            )
        return url.set(drivername=SQLITE)
    return url


_IN_PERCENT: Final = (
    "characters of a password that mean something in a URL are written in percent: %40 for @, %2F for /, %3A for :, "
    "%23 for #, %3F for ?, %25 for %"
)


def _unreadable(text: str) -> str:
    if "@" in text:
        return f"{_IN_PERCENT}; {_WRITE}"
    found = _SCHEME.match(text)
    return f"“{found[1]}:” is not followed by //; {_WRITE}" if found and "://" not in text else _WRITE


def unusable(url: URL, error: Exception) -> str:
    """Return why no engine could be made of a URL, in words."""
    if isinstance(error, ImportError):
        return f"the driver of “{url.drivername}” is missing ({error}); {_WRITE}"
    return f"“{url.drivername}” is no database and asynchronous driver that is known; {_WRITE}"


def _libpq(query: Mapping[str, Any]) -> dict[str, Any]:
    """A PostgreSQL URL's parameters as libpq knows them."""
    from psycopg.pq import Conninfo  # only where such a database is used

    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    translated: dict[str, Any] = {}
    for name, value in query.items():
        if name in ("ssl", "sslmode"):
            mode = str(value if isinstance(value, str) else value[-1]).lower()
            translated["sslmode"] = _SSL_MODES.get(mode, mode)
        elif name in known:
            translated[name] = value
        elif name not in _OF_OTHER_DRIVERS:
            raise ValueError(
                "this is no database URL that can be used here: PostgreSQL's client library knows no parameter "
                f"“{name}”, leave it out"
            )
    return translated
