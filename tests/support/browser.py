"""Where Chromium is, and how it is started so that it talks to nobody."""

import shutil

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The first: a test shows the application, which is on this machine, in a frame on a public site. The others: each
    # window would draw a page of its own for the address bar, unseen and a quarter of what a test costs.
    "--disable-features=LocalNetworkAccessChecks,AimEnabled,WebUIOmniboxPopup,WebUIOmniboxAimPopup",
]


def chromium() -> str | None:
    """The browser on the PATH, by one of its names."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
