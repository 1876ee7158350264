"""The browser of this machine: Debian's Chromium, without a window."""

import shutil

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
_NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """Where it is, or None."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)
