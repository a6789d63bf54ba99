"""The tables of a new SQLite file are copied: all migrations are a good part of what a test of the store costs."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from chatbot.conversation.store import database
from chatbot.conversation.store.engine import is_exclusive, make_engine


@pytest.fixture(scope="session", autouse=True)
def _tables_are_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What is opened in this process finds a file that was migrated, and looks itself whether it was."""
    made = tmp_path_factory.mktemp("tables") / "made.db"
    is_made = False
    migrate = database.migrate

    async def migrate_a_copy(engine: AsyncEngine) -> None:
        nonlocal is_made
        file = engine.url.database if engine.dialect.name == "sqlite" and not is_exclusive(engine) else None
        if file and file != ":memory:":
            if not is_made:
                first = make_engine(f"sqlite+aiosqlite:///{made}")
                await migrate(first)
                await first.dispose()
                is_made = True
            await asyncio.to_thread(_copy, made, Path(file))
        await migrate(engine)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "migrate", migrate_a_copy)
        yield


def _copy(made: Path, file: Path) -> None:
    """At once or not at all: two stores may open one file at the same moment."""
    if not file.exists():
        copy = file.with_name(f"{file.name}.{token_hex(4)}")
        shutil.copyfile(made, copy)
        with suppress(FileExistsError):
            os.link(copy, file)
        copy.unlink()
