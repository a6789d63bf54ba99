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
    # A test shows the application, which is on this machine, in a frame on a public site.
    "--disable-features=LocalNetworkAccessChecks",
]


def chromium() -> str | None:
    """The browser on the PATH, by one of its names."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
