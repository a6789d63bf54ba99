"""Make the pictures in assets/screenshots: ``python .ci/screenshots.py``, with what the tests need installed.

With a folder (``python .ci/screenshots.py FOLDER``), pictures of every state of the page go there instead, to be looked
at; with names of modules of ``pictures`` behind it, of those alone. The application is used in Chromium as its visitors
do: as anybody starts it, in front of an endpoint that fails when it is told to, and with all that an owner can set.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from pictures import access, answers, chats, compare, demo, elsewhere, files, owner, rules, welcome
from pictures.studio import Studio
from playwright.async_api import async_playwright, expect

from tests.support.browser import CHROMIUM_ARGUMENTS, chromium

FOLDER: Final = Path(__file__).parents[1] / "assets" / "screenshots"
ALL: Final[dict[str, Callable[[Studio], Awaitable[None]]]] = {
    module.__name__.rpartition(".")[2]: module.take
    for module in (welcome, answers, chats, compare, files, rules, access, owner, demo, elsewhere)
}


async def main(folder: Path | None, names: list[str]) -> None:
    """Take the pictures of these names; of no name, all of them."""
    if unknown := set(names) - ALL.keys():
        sys.exit(f"There are no pictures named {', '.join(sorted(unknown))}; there are {', '.join(ALL)}.")
    executable = chromium()
    if executable is None:
        sys.exit("There is no Chromium on the PATH (Debian and Ubuntu: apt-get install chromium).")
    (folder or FOLDER).mkdir(exist_ok=True, parents=True)
    # On a machine that has others to serve, too.
    expect.set_options(timeout=60_000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
        for name in names or (ALL if folder else ["welcome"]):
            await ALL[name](Studio(browser, folder or FOLDER))
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else None, sys.argv[2:]))
