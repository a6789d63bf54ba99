"""How long it takes until one can type, and what is sent: our page beside Gradio's own ChatInterface, in one run.

    python benchmarks/page_load.py [ROUNDS]

Needs Chromium and tests/requirements.txt. Each round opens both pages once, in a browser context that has cached
nothing, the one first that was second in the round before. Told are medians, and of the pairs of each round the median
ratio: a machine that has other things to do slows both down. The first time is from the navigation until there is a box
to type into: of our page the early one, whose words are handed over (chatbot/ui/early_box.py). The second is until
the page's own box is there, which can send. The bytes are those that came over the wire by then and within two seconds
after it, headers among them.
"""

import statistics
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from page_requests import gradios, ours
from playwright.sync_api import Browser, sync_playwright

from tests.support.browser import CHROMIUM_ARGUMENTS, chromium

ROUNDS = 7
OURS, GRADIOS = "this application", "gr.ChatInterface"

WATCH = """(() => {
  const usable = (box) => box && box.offsetParent && !box.disabled;
  const look = () => {
    const own = document.querySelector("#box textarea, .gradio-container:not(:has(#talk)) textarea");
    if (document.querySelector("#early textarea") || usable(own)) window.typedInAt ??= performance.now();
    if (!usable(own)) return requestAnimationFrame(look);
    window.usableAt = performance.now();
  };
  look();
})()"""


@dataclass(frozen=True)
class Load:
    """One opening of a page.

    Attributes:
        typed_in: Seconds until it could be typed into.
        seconds: Until its own box could be.
        kilobytes: What came over the wire.
        requests: In how many replies.
    """

    typed_in: float
    seconds: float
    kilobytes: float
    requests: int


def load(browser: Browser, url: str) -> Load:
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.add_init_script(WATCH)
    page.goto(url)
    page.wait_for_function("window.usableAt")
    typed_in, seconds = (page.evaluate(f"window.{moment}") / 1000 for moment in ("typedInAt", "usableAt"))
    page.wait_for_timeout(2_000)
    context.close()
    return Load(typed_in, seconds, sum(sizes) / 1000, len(sizes))


def table(loads: Mapping[str, list[Load]]) -> str:
    """Return the medians of each page, and of the ratios within the rounds."""
    lines = ["| page | can be typed into after | its own box after | kB | requests |", "|---|---|---|---|---|"]
    for name, several in loads.items():
        typed_in, seconds, size, count = (
            statistics.median(getattr(each, what) for each in several)
            for what in ("typed_in", "seconds", "kilobytes", "requests")
        )
        lines.append(f"| {name} | {typed_in:.2f} s | {seconds:.2f} s | {size:,.0f} | {count:.0f} |")
    pairs = list(zip(loads[OURS], loads[GRADIOS], strict=True))
    sooner, slower, larger = (
        statistics.median(getattr(one, what) / getattr(other, what) for one, other in pairs)
        for what in ("typed_in", "seconds", "kilobytes")
    )
    return "\n".join([*lines, f"| ratio within a round | {sooner:.2f} | {slower:.2f} | {larger:.2f} | |"])


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    loads: dict[str, list[Load]] = {OURS: [], GRADIOS: []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        urls = {OURS: stack.enter_context(ours(folder)), GRADIOS: stack.enter_context(gradios())}
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium(), args=CHROMIUM_ARGUMENTS)
        for url in urls.values():
            load(browser, url)  # what a server makes once is made by now
        for number in range(rounds):
            for name in list(urls)[:: 1 if number % 2 else -1]:
                loads[name].append(load(browser, urls[name]))
        browser.close()
    print(table(loads))


if __name__ == "__main__":
    main()
