"""Everything that is in a database, as whoever has its file could read it."""

from typing import Any

from sqlalchemy import MetaData, create_engine, select

COUNTS = ("usage", "usage_salt")
"""Tables of numbers, which outlive what they count: nobody's words or name stand in them."""


def dump(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of every table there is, by its name, but for :data:`COUNTS`."""
    engine = create_engine(url)
    metadata = MetaData()
    metadata.reflect(engine)
    with engine.connect() as connection:
        rows = {
            table.name: [tuple(row) for row in connection.execute(select(table))]
            for table in metadata.sorted_tables
            if table.name not in COUNTS
        }
    engine.dispose()
    return rows


def holding(url: str, *words: str) -> list[str]:
    """Return the names of the tables in which one of these words stands anywhere."""
    return [name for name, rows in dump(url).items() if any(word in repr(row) for word in words for row in rows)]
