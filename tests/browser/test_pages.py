"""Every page that people open, wide and narrow, light and dark: it fits, axe-core finds nothing, its links lead somewhere.

After the journeys, on what they have left; run alone, on the like of it. The question to an approver does not outlast them,
so it is looked at among them.
"""

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
from playwright.sync_api import Browser, Page, expect

from shotclock import flows
from shotclock.judging.policies import Aged, Comparison, Replayed
from shotclock.reading import health
from shotclock.store import history, queries, records
from shotclock.store.run import Run
from shotclock.store.tracking import tracked
from shotclock.words import comparisons
from shotclock_launcher.running.services import dashboard_service

from . import reader
from .reader import LOOKS, PATIENCE, Reader

ROOT = Path(__file__).parents[2]
PROJECT = "approving"
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


_WRONG = """<html lang="en"><title>Wrong</title><body style="margin: 0">
<p style="color: #999; width: 1500px">faint, and wide</p><a href="/gone">away</a> <a href="#nowhere">down</a>
<script src="http://elsewhere.example/one.js"></script><script>console.error("of its own")</script>"""


def test_what_is_wrong_with_a_page_is_found(chromium: Browser, inbox: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for setting, value in {"REDRAWN": 0, "FOLDER": ""}.items():
        monkeypatch.setattr(reader, setting, value)
    here = f"http://127.0.0.1:{inbox.server_address[1]}"  # it has no pages
    with chromium.new_context() as context:
        found, page = Reader(context, here), context.new_page()
        context.route("**/one.js", lambda route: route.fulfill(status=404, body="nothing"))
        context.route("**/wrong", lambda route: route.fulfill(content_type="text/html", body=_WRONG))
        page.goto(f"{here}/wrong")
        found.look(page, "wrong")
        found.follow(page)
    told = "\n".join(found.faults)
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
    with reader.in_airflow(chromium, story.address, log_in("admin")) as reading:
        yield reading


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


def test_on_a_phone_what_is_not_first_is_folded_and_on_a_desk_no_table_is_cut(
    in_airflow: Reader, story: SimpleNamespace
) -> None:
    page = in_airflow.context.new_page()
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(_address("/health/{project}", story))
    expect(page.locator("details.part")).not_to_have_count(0)
    expect(page.locator("details.part[open]")).to_have_count(0)
    expect(page.locator(".timeline")).to_be_visible()
    page.set_viewport_size({"width": 1440, "height": 900})
    page.reload()
    expect(page.locator("details.part:not([open])")).to_have_count(0)
    assert (
        page.evaluate("[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth).length") == 0
    )
    page.close()


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
