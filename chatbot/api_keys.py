"""Make, list and revoke keys of the API: ``python -m chatbot.api_keys create|list|revoke``.

The application may run meanwhile: within two seconds it knows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from chatbot.api import new_key
from chatbot.conversation import ApiKey, ConversationStore
from chatbot.conversation.bearer import hash_of
from chatbot.settings import settings_of_command

MAX_NAME: Final = 100


def table(keys: Sequence[ApiKey]) -> str:
    """Return keys as a table to be read."""
    rows: list[tuple[str, ...]] = [("id", "name", "made", "last used", "revoked", "models")]
    for key in keys:
        times = (_time(each) for each in (key.created_at, key.last_used_at, key.revoked_at))
        rows.append((key.id, key.name, *times, ", ".join(key.deployments) or "all"))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _time(seconds: float | None) -> str:
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


async def _create(store: ConversationStore, told: argparse.Namespace) -> int:
    shown = new_key()
    key = ApiKey(secrets.token_hex(4), told.name, tuple(told.deployment), time.time())
    await store.api_keys.add(key, hash_of(shown))
    print(f"The key {key.id}, “{key.name}”. It is shown this once; what is kept is a hash of it.", file=sys.stderr)
    print(shown)
    return 0


async def _list(store: ConversationStore, told: argparse.Namespace) -> int:
    keys = await store.api_keys.list()
    if told.json:
        for key in keys:
            print(json.dumps(asdict(key), ensure_ascii=False))
    else:
        print(table(keys) if keys else "There is no key: nothing answers under /v1.")
    return 0


async def _revoke(store: ConversationStore, told: argparse.Namespace) -> int:
    if not await store.api_keys.revoke(told.id):
        print(f"There is no key “{told.id}” that lets anybody in; “list” shows them.", file=sys.stderr)
        return 1
    print(f"The key {told.id} lets nobody in any more.", file=sys.stderr)
    return 0


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not 1 <= len(name) <= MAX_NAME:
        raise argparse.ArgumentTypeError(f"a name has 1 to {MAX_NAME} characters")
    return name


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chatbot.api_keys", description="Keys of the API under /v1.")
    commands = parser.add_subparsers(required=True, metavar="create|list|revoke")
    create = commands.add_parser("create", help="make a key and print it, once")
    create.add_argument("name", type=_name, help="who or what it is for")
    create.add_argument(
        "--deployment",
        action="append",
        default=[],
        metavar="NAME",
        help="a model that it may use, by its name on the page; may be given several times. Without it: all that are "
        "for everybody",
    )
    create.set_defaults(do=_create)
    listing = commands.add_parser("list", help="show what keys there are")
    listing.add_argument("--json", action="store_true", help="one object a line, times in seconds since 1970")
    listing.set_defaults(do=_list)
    revoke = commands.add_parser("revoke", help="let nobody in with a key any more")
    revoke.add_argument("id", help="its id, from the list")
    revoke.set_defaults(do=_revoke)
    return parser.parse_args(arguments)


async def _run(url: str, told: argparse.Namespace) -> int:
    store = ConversationStore(url)
    try:
        code: int = await told.do(store, told)
        return code
    finally:
        await store.aclose()


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what is asked in the configured store; return the exit code of the process."""
    told = _arguments(arguments)
    if (settings := settings_of_command()) is None:
        return 2
    return asyncio.run(_run(settings.store_url.get_secret_value(), told))


if __name__ == "__main__":
    sys.exit(main())
