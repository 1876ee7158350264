"""Who looks at a page: wide and narrow, light and dark, with axe-core.

With `SCREENSHOTS=folder` a picture of each is kept there.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect

LOOKS = ((1440, "light"), (1440, "dark"), (390, "dark"), (390, "light"))  # one thing changes at a time: charts are slow
STANDARD = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
PATIENCE = 90_000  # milliseconds
REDRAWN = 10_000  # milliseconds in which charts have taken on another width
FOLDER = os.environ.get("SCREENSHOTS", "")
OTHERS = {  # what axe-core finds in elements of others, by rule and by what marks such an element
    ("button-name", "Mui"): "Evidently's switch between light and dark has a picture only",
    ("color-contrast", "Mui-selected"): "Evidently's chosen tab has a contrast of 4.1 in the dark",
}


class Reader:
    """A browser that takes down whatever goes wrong on the pages that it opens. Their clocks stand still."""

    def __init__(self, context: BrowserContext, host: str) -> None:
        context.set_default_timeout(PATIENCE)
        context.on("console", self._said)
        context.on("weberror", lambda error: self._note(True, f"a script fails: {error.error}"))
        context.on("requestfailed", lambda asked: self._note(True, f"{asked.url}: {asked.failure}"))
        context.on("request", lambda asked: self._note(self._leaves(asked.url), f"asks another host: {asked.url}"))
        context.on("response", self._answered)
        self.context, self.host, self.faults = context, host, list[str]()
        self._looked_up: dict[str, int] = {}

    def look(self, page: Page, name: str) -> None:
        """At each width and in each theme: what is too wide, what axe-core finds."""
        page.evaluate(Axe().axe_script)
        for width, theme in LOOKS:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=theme)
            found = [*_too_wide(page), *_against_the_standard(page)]
            self.faults += [f"{width} {theme}: {fault}" for fault in found]
            if FOLDER:
                _keep(page, Path(FOLDER) / f"{name}-{width}-{theme}.png")

    def follow(self, page: Page) -> None:
        """Its links to this host, each once, and those to a place on the page itself."""
        for address in page.evaluate(_LINKS):
            if not self._leaves(address):
                self._note(self._status(address) >= 400, f"a link leads to {address}: {self._status(address)}")
        self.faults += [f"no place on the page is called {name}" for name in page.evaluate(_ASTRAY)]

    def _status(self, address: str) -> int:
        if address not in self._looked_up:
            self._looked_up[address] = self.context.request.get(_asked_of(address)).status
        return self._looked_up[address]

    def _said(self, message: ConsoleMessage) -> None:
        self._note(message.type == "error", f"the console says {message.text}")

    def _answered(self, answer: Response) -> None:
        self._note(answer.status >= 400, f"{answer.url} answers {answer.status}")

    def _note(self, it_is: bool, fault: str) -> None:
        self.faults += [fault] if it_is else []

    def _leaves(self, address: str) -> bool:
        return not address.startswith((self.host, "data:", "blob:", "about:"))


_LINKS = """() => [...document.querySelectorAll("a[href]:not([href^='#']), [data-goes] option")].map(
  one => new URL(one.getAttribute("href") ?? one.value, document.baseURI).href)"""
_ASTRAY = """() => [...document.querySelectorAll("a[href^='#']")].map(one => one.getAttribute("href").slice(1))
  .filter(name => name && !document.getElementById(name))"""
_WIDER = """() => ["html", "[data-testid=stMain]"].map(name => document.querySelector(name)).filter(
  box => box && box.scrollWidth > box.clientWidth).map(box => `${box.scrollWidth - box.clientWidth} pixels too wide`)"""
_HEIGHT = """() => document.querySelector("dialog[open]") ? 0 : Math.max(
  ...["html", "[data-testid=stMain]"].map(name => document.querySelector(name)?.scrollHeight ?? 0))"""


def _asked_of(address: str) -> str:
    """Airflow's UI answers at every address, so what it is to show is asked of its API."""
    return re.sub(r"/dags/([^/]+)/runs/", r"/api/v2/dags/\1/dagRuns/", address)


def _too_wide(page: Page) -> list[str]:
    wider: list[str] = page.evaluate(_WIDER)
    end = time.monotonic() + REDRAWN / 1000
    while wider and time.monotonic() < end:
        page.wait_for_timeout(100)
        wider = page.evaluate(_WIDER)
    return wider


def _against_the_standard(page: Page) -> list[str]:
    """What still is so at a second look: the dashboard draws itself anew every few seconds, faint for a moment on purpose."""
    return _found_by_axe(page) and _found_by_axe(page)


def _found_by_axe(page: Page) -> list[str]:
    expect(page.locator("[data-stale=true]")).to_have_count(0)
    asked = {"runOnly": STANDARD, "resultTypes": ["violations"]}
    rules = page.evaluate("async asked => (await axe.run(asked)).violations", asked)
    found = ((rule["id"], node) for rule in rules for node in rule["nodes"])
    return [f"{rule}: {node['failureSummary']} {node['html']}" for rule, node in found if not _is_others(rule, node)]


def _is_others(rule: str, node: dict[str, Any]) -> bool:
    return any(rule == known and mark in node["html"] for known, mark in OTHERS)


def _keep(page: Page, picture: Path) -> None:
    """The whole page, also where a part of it scrolls."""
    seen = page.viewport_size
    assert seen is not None
    page.set_viewport_size({**seen, "height": max(seen["height"], page.evaluate(_HEIGHT))})
    page.screenshot(path=picture)
    page.set_viewport_size(seen)


@contextmanager
def in_airflow(chromium: Browser, address: str, state: Any) -> Iterator[Reader]:
    """Of Airflow's own pages; `state` is what a browser keeps of a login."""
    with chromium.new_context(base_url=address, storage_state=state) as context:
        context.add_init_script("setInterval = () => 0")  # a page looks again by itself
        yield Reader(context, address)
