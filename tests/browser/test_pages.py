"""Every page that people open, wide and narrow, light and dark: it fits, axe-core finds nothing, its links lead somewhere.

After the journeys, on what they have left; run alone, on the like of it. With `SCREENSHOTS=folder` a picture of each is kept
there.
"""

import os
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Response, expect

from shotclock import flows
from shotclock.judging.policies import Aged, Comparison, Replayed
from shotclock.reading import health
from shotclock.store import history, queries, records
from shotclock.store.run import Run
from shotclock.store.tracking import tracked
from shotclock.words import comparisons
from shotclock_launcher.running.services import dashboard_service

ROOT = Path(__file__).parents[2]
PROJECT = "approving"
LOOKS = ((1440, "light"), (1440, "dark"), (390, "dark"), (390, "light"))  # one thing changes at a time: charts are slow
STANDARD = ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]
PATIENCE = 90_000  # milliseconds
REDRAWN = 10_000  # milliseconds in which charts have taken on another width
FOLDER = os.environ.get("SCREENSHOTS", "")
ASKED = ("Is the model fit for use?", "Since when not?", "What is being done about it?")

Named = dict[str, str]


def _judged_window() -> Named:
    window = next(one for one in health.details(PROJECT).windows if one.figure("log_loss"))
    return {"champion": window.champion, "window": window.id}


def _drawn() -> str:
    checks = (window.drift for window in health.details(PROJECT).windows)
    return next(check.mlflow_run_id for check in checks if check and check.has_report)


def _earlier() -> str:
    return next(number for number in ("1", "2") if number != history.decisions(PROJECT)[0].champion)


def _promotion() -> str:
    return next(one.id for one in history.decisions(PROJECT) if one.outcome == "promote")


def _won() -> str:
    gates = queries.newest(PROJECT, records.Gate, most=20)
    return next(one.id for one in gates if one.record.outcome == "promote")


ROUTES: dict[str, Callable[[], Named]] = {  # in Airflow, each with what stands for the names in its braces
    "/states": dict,
    "/health": dict,
    "/health/{project}": dict,
    "/health/{project}/alerts/{run_id}": lambda: {"run_id": history.alerts(PROJECT)[0].id},
    "/health/{project}/windows/{champion}/{window}": _judged_window,
    "/health/{project}/gates/{run_id}": lambda: {"run_id": queries.newest(PROJECT, records.Gate)[0].id},
    "/health/{project}/gates/{run_id}/card": lambda: {"run_id": _won()},
    "/health/{project}/versions/{number}": lambda: {"number": _earlier()},
    "/health/{project}/years/{chosen}": lambda: {"chosen": "newest"},
    "/health/{project}/cards/{number}": lambda: {"number": "2"},
    "/health/{project}/decisions/{run_id}": lambda: {"run_id": _promotion()},
    "/health/{project}/report/{run_id}": lambda: {"run_id": _drawn()},
    "/summary/{dag_id}/{run_id}": dict,
    "/summary/{dag_id}/{run_id}/{task_id}/{map_index}": dict,
}
NO_PAGES = {"/tiles.js", "/dag/{dag_id}"}  # a script, and a way to a page
AGAIN = "/report/{dag_id}/{run_id}/{task_id}/{map_index}"  # the drift report once more, by the task that made it
VIEWS = {  # of the dashboard, each with its title and what it says once it is there
    "quality": ("Quality", "Quality over time"),
    "data": ("Data", "A window against the reference"),
    "retrainings": ("Retrainings", "What caused each retraining"),
    "policies": ("When to retrain", "Regret against trainings"),
    "trial": ("Try it", "Try a prediction"),
}
OTHERS = {  # what axe-core finds in elements of others, by rule and by what marks such an element
    ("button-name", "Mui"): "Evidently's switch between light and dark has a picture only",
    ("color-contrast", "Mui-selected"): "Evidently's chosen tab has a contrast of 4.1 in the dark",
}


# What there is to see


@pytest.fixture(scope="module")
def story(airflow: SimpleNamespace) -> SimpleNamespace:
    """Something to see on each page, and a loop that is held."""
    expect.set_options(timeout=PATIENCE)
    airflow.stack.start([dashboard_service(airflow.stack.layout, airflow.stack.login)])
    for flow in ("inference", "retraining"):
        airflow.api.patch(f"/dags/{PROJECT}.{flow}", {"is_paused": True})
    if not history.alerts(PROJECT):
        _tell(airflow)
    _compare_policies()
    _until(lambda: _checked(airflow))
    return airflow


def _tell(airflow: SimpleNamespace) -> None:
    """What matters here of the journeys: alerts, a second version, its windows."""
    airflow.api.trigger(f"{PROJECT}.monitoring")
    _until(lambda: _checked(airflow))
    flows.retrain(PROJECT, "cli__second", reason="so that there are two versions")
    flows.score(PROJECT, "cli__second")
    flows.check(PROJECT, "cli__second")


def _checked(airflow: SimpleNamespace) -> str:
    """The first monitoring run that has ended well."""
    runs = airflow.api.listed(f"/dags/{PROJECT}.monitoring/dagRuns", "dag_runs")
    return next((str(run["dag_run_id"]) for run in runs if run["state"] == "success"), "")


def _until(found: Callable[[], object]) -> None:
    end = time.monotonic() + 4 * PATIENCE / 1000
    while not found():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.3)


def _compare_policies() -> None:
    """As a replay would leave it, which takes a minute."""
    replayed = tuple(
        Replayed(kind, 0.62 + place / 100, place / 100, 9 - place, 1, f"{kind}: {{}}", kind, 99.5)
        for place, kind in enumerate(comparisons.SIGNS)
    )
    aged = tuple(Aged(blocks, 900 - blocks, blocks / 1000) for blocks in range(4))
    found = Comparison(PROJECT, 900, 10, "season", "2015-01-01", "2016-03-31", replayed, aged)
    by_name = {name: {one.name: getattr(one, name) for one in replayed} for name in ("log_loss", "regret", "trainings")}
    written = records.Policies(cut_by="season", begin=found.begin, end=found.end, rows=900, blocks=10, **by_name)
    with tracked(Run(PROJECT, "policies", "cli__replayed"), "replay", records.Policies) as record:
        record.write(written)
        record.json(asdict(found), records.COMPARISON)


# Who looks


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


_WRONG = """<html lang="en"><title>Wrong</title><body style="margin: 0">
<p style="color: #999; width: 1500px">faint, and wide</p><a href="/gone">away</a> <a href="#nowhere">down</a>
<script src="http://elsewhere.example/one.js"></script><script>console.error("of its own")</script>"""


def test_what_is_wrong_with_a_page_is_found(chromium: Browser, inbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for setting, value in {"REDRAWN": 0, "FOLDER": ""}.items():
        monkeypatch.setitem(globals(), setting, value)
    here = f"http://127.0.0.1:{inbox.server_address[1]}"  # it has no pages
    with chromium.new_context() as context:
        reader, page = Reader(context, here), context.new_page()
        context.route("**/one.js", lambda route: route.fulfill(status=404, body="nothing"))
        context.route("**/wrong", lambda route: route.fulfill(content_type="text/html", body=_WRONG))
        page.goto(f"{here}/wrong")
        reader.look(page, "wrong")
        reader.follow(page)
    told = "\n".join(reader.faults)
    for fault in (
        "1440 light: 60 pixels",
        "390 dark: 1110 pixels",
        "color-contrast",
        f"link leads to {here}",
        "nowhere",
    ):
        assert fault in told
    for fault in ("another host: http://elsewhere", "one.js answers 404", "console says of its own"):
        assert fault in told


# Pages in Airflow


@pytest.fixture(scope="module")
def in_airflow(chromium: Browser, story: SimpleNamespace, log_in: Callable[[str], object]) -> Iterator[Reader]:
    with chromium.new_context(base_url=story.address, storage_state=log_in("admin")) as context:
        context.add_init_script("setInterval = () => 0")  # a page looks again by itself
        yield Reader(context, story.address)


@pytest.mark.parametrize("route", ROUTES)
def test_a_page_in_airflow_fits_is_accessible_and_leads_somewhere(
    route: str, in_airflow: Reader, story: SimpleNamespace
) -> None:
    in_airflow.faults.clear()
    page = in_airflow.context.new_page()
    answer = page.goto(_address(route, story))
    assert answer is not None and answer.ok
    page.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true })")
    in_airflow.look(page, re.sub(r"\W+", "-", route).strip("-"))
    in_airflow.follow(page)
    page.close()
    assert not in_airflow.faults, "\n".join(in_airflow.faults)


def test_the_question_before_a_retraining_is_accessible(in_airflow: Reader, story: SimpleNamespace) -> None:
    in_airflow.faults.clear()
    page = in_airflow.context.new_page()
    page.goto(_address("/health/{project}", story))
    page.get_by_role("button", name="Retrain now").click()
    in_airflow.look(page, "retrain-now")
    page.close()
    assert not in_airflow.faults, "\n".join(in_airflow.faults)


def _address(route: str, story: SimpleNamespace) -> str:
    task = {"dag_id": f"{PROJECT}.monitoring", "run_id": _checked(story), "task_id": "drift_check", "map_index": "-1"}
    named = {"project": PROJECT, **task, **ROUTES.get(route, dict)()}
    return "/shotclock" + route.format_map({name: quote(value, safe="") for name, value in named.items()})


def test_a_task_s_drift_report_is_the_one_of_its_window(in_airflow: Reader, story: SimpleNamespace) -> None:
    report = in_airflow.context.request.get(_address(AGAIN, story)).text()
    windows = queries.newest(PROJECT, records.Drift, most=10)
    route = next(route for route in ROUTES if "/report/" in route)
    kept = [route.format(project=PROJECT, run_id=one.id) for one in windows]
    assert any(in_airflow.context.request.get(f"/shotclock{place}").text() == report for place in kept)


# Pages of the dashboard


@pytest.fixture(scope="module")
def dashboard(chromium: Browser, story: SimpleNamespace) -> Iterator[Reader]:
    address = story.stack.layout.dashboard_address
    _until(lambda: _answers(f"{address}/_stcore/health"))
    with chromium.new_context(base_url=address) as context:
        yield Reader(context, address)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def logged_in(dashboard: Reader, story: SimpleNamespace) -> Page:
    """The dashboard behind its login, which is a page, too."""
    page = dashboard.context.new_page()
    page.goto("/")
    expect(page.get_by_label("Password").first).to_be_visible()
    dashboard.look(page, "dashboard-login")
    assert not dashboard.faults, "\n".join(dashboard.faults)
    _log_in(page, story)
    return page


def _log_in(page: Page, story: SimpleNamespace) -> None:
    page.get_by_label("Password").first.fill(story.stack.login.password)
    page.get_by_role("button", name="Log in").click()


def test_a_link_leads_to_its_page_after_the_login(chromium: Browser, dashboard: Reader, story: SimpleNamespace) -> None:
    with chromium.new_context(base_url=dashboard.host) as context:
        page = context.new_page()
        page.goto(f"/trial?project={PROJECT}")
        expect(page.get_by_role("heading", name="Shotclock")).to_be_visible()
        expect(page.get_by_role("link", name="Retrainings")).to_have_count(0)
        _log_in(page, story)
        expect(page.locator(".stPlotlyChart .nsewdrag").first).to_be_visible()
        assert f"/trial?project={PROJECT}" in page.url


@pytest.mark.parametrize("view", VIEWS)
def test_a_page_of_the_dashboard_begins_with_the_three_answers_fits_and_is_accessible(
    view: str, dashboard: Reader, logged_in: Page
) -> None:
    dashboard.faults.clear()
    title, said = VIEWS[view]
    logged_in.set_viewport_size({"width": LOOKS[0][0], "height": 900})
    logged_in.get_by_role("link", name=title, exact=True).click()
    for text in (*ASKED, said):
        expect(logged_in.get_by_text(text, exact=True)).to_be_visible()
    expect(logged_in.locator(".stPlotlyChart .main-svg").first).to_be_visible()
    assert logged_in.url.endswith(f"/{view}")
    dashboard.look(logged_in, f"dashboard-{view}")
    dashboard.follow(logged_in)
    expect(logged_in.locator("[data-testid=stException]")).to_have_count(0)
    assert not dashboard.faults, "\n".join(dashboard.faults)


def test_no_page_is_left_out() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "plugins" / "shotclock_ui").glob("*.py")]
    doors = [found for text in sources for found in re.findall(r'^@(app|router)\.get\("(.*)"\)$', text, re.MULTILINE)]
    assert {path if door == "app" else f"/health{path}" for door, path in doors} == {*ROUTES, *NO_PAGES, AGAIN}
    views = {path.stem for path in (ROOT / "dashboard" / "shotclock_dashboard" / "views").glob("*.py")}
    assert views == {"start", *VIEWS}  # the first leads to one of the others
