"""URLs as hosts hand them out: taken where they mean the same, refused in words that hold no password."""

import pytest

from chatbot.conversation.store import ConversationStore
from chatbot.conversation.store.engine import make_engine
from tests.conversation.store.talk import talk, texts

SECRET = "hunter2"


@pytest.mark.parametrize(
    "scheme",
    [
        "postgres",
        "postgresql",
        "pgsql",
        "POSTGRES",
        "postgresql+psycopg",
        "postgresql+psycopg_async",
        "postgresql+psycopg2",
        "postgresql+psycopg2cffi",
        "postgresql+asyncpg",
        "postgresql+pg8000",
        "postgres+asyncpg",
    ],
)
def test_every_name_of_postgresql_is_taken(scheme):
    url = make_engine(f" {scheme}://u:p%40ss%2F@db.example.com:5433/chat?application_name=x\n").url
    assert url.drivername == "postgresql+psycopg"
    assert (url.username, url.password, url.host, url.port, url.database) == (
        "u",
        "p@ss/",
        "db.example.com",
        5433,
        "chat",
    )
    assert url.query["application_name"] == "x"


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite3", "sqlite+pysqlite", "sqlite+aiosqlite"])
def test_every_name_of_sqlite_is_taken(scheme, tmp_path):
    url = make_engine(f"{scheme}:///{tmp_path}/chat.db").url
    assert (url.drivername, url.database) == ("sqlite+aiosqlite", f"{tmp_path}/chat.db")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sslmode=require", {"sslmode": "require"}),
        ("ssl=true", {"sslmode": "require"}),
        ("ssl=verify-full", {"sslmode": "verify-full"}),
        ("ssl=False", {"sslmode": "disable"}),
        ("sslmode=require&channel_binding=require", {"sslmode": "require", "channel_binding": "require"}),
        ("prepared_statement_cache_size=0&ssl=require", {"sslmode": "require"}),
        ("options=-csearch_path%3Da&connect_timeout=3", {"options": "-csearch_path=a", "connect_timeout": "3"}),
    ],
)
def test_parameters_of_other_drivers_are_translated(query, expected):
    assert make_engine(f"postgresql+asyncpg://u:p@127.0.0.1/d?{query}").url.query == expected


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"postgres://u:p@{SECRET}@host/db", "%40 for @"),
        (f"postgres://u:p@ss:{SECRET}@host/db", "%40 for @"),
        (f"postgres://u:{SECRET}@host:port/db", "no database URL that can be used here"),
        (f"postgres:u:{SECRET}@host/db", "no database URL that can be used here"),
        (f"u:{SECRET}@host/db", "no database URL that can be used here"),
        (f"postgres://u:{SECRET}@host/db?pgbouncer=true", "no parameter “pgbouncer”, leave it out"),
        (f"mysql://u:{SECRET}@host/db", r"“mysql” .*write sqlite:///"),
        (f"mysql+pymysql://u:{SECRET}@host/db", "write sqlite:///"),
        (f"mariadb://u:{SECRET}@host/db", "write sqlite:///"),
        (f"mongodb://u:{SECRET}@host/db", "“mongodb” .*write sqlite:///"),
        (f"mssql+pyodbc://u:{SECRET}@host/db", "write sqlite:///"),
        (f"redis://:{SECRET}@host/0", "write sqlite:///"),
        ("sqlite://chat.db", "three slashes"),
        ("sqlite+pysqlcipher:///chat.db", "write sqlite:///"),
        ("data/chat.db", "write sqlite:///"),
        ("", "write sqlite:///"),
    ],
)
def test_what_cannot_be_used_is_told_with_what_to_write_and_without_the_password(url, words):
    with pytest.raises(ValueError, match=words) as refused:
        make_engine(url)
    assert SECRET not in str(refused.value)
    assert "NoSuchModuleError" not in str(refused.value)


async def test_a_store_on_a_url_of_another_driver_works(postgresql_url):
    url = postgresql_url.replace("postgresql+psycopg", "postgres")
    store = ConversationStore(f"{url}&ssl=prefer")
    await talk(store, "hello")
    assert await texts(store) == ["hello"]
    await store.aclose()
