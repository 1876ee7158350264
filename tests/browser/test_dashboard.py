"""The dashboard in a real browser: a click on the court shows what the registered models say to that spot."""

import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from yaml import safe_dump, safe_load

from shotclock import config, flows
from shotclock.reading import demonstration
from shotclock.store.server import database
from shotclock.store.versions import verify
from shotclock_launcher.layout import Layout
from shotclock_launcher.running.credentials import Login
from shotclock_launcher.running.services import dashboard_service

ROOT = Path(__file__).parents[2]
PROJECT = "shooting"
_PATIENCE = 300_000  # milliseconds: the first page brings five megabytes of charts along
SIDE, BASELINE, HEIGHT = 25.5, -5.75, 48.0  # of the court as it is drawn, in feet


@pytest.fixture(scope="module")
def store(
    free_tcp_port_factory, tmp_path_factory: pytest.TempPathFactory, dev_path: Path, prod_path: Path
) -> Iterator[Layout]:
    """A project with a champion and a previous version, both of which have scored; made without Airflow."""
    folder = tmp_path_factory.mktemp("dashboard")
    for name in ("projects", "data/raw"):
        (folder / name).mkdir(parents=True)
    for path in (dev_path, prod_path):
        (folder / "data" / "raw" / path.name).symlink_to(path.resolve())
    rules = safe_load((ROOT / "include" / "projects" / "kobe_shots.yaml").read_text("utf-8"))
    rules |= {"name": PROJECT, "training": rules["training"] | {"backend": "scikit-learn", "iterations": 2, "folds": 2}}
    (folder / "projects" / "court").symlink_to(ROOT / "include" / "projects" / "court")
    (folder / "projects" / f"{PROJECT}.yaml").write_text(safe_dump(rules, sort_keys=False), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SHOTCLOCK_DATA", "SHOTCLOCK_DATA_DIR", "SHOTCLOCK_ARTIFACTS", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        patch.setenv("SHOTCLOCK_HOME", str(folder))
        patch.setenv("SHOTCLOCK_PROJECTS", "projects")
        patch.setenv("SHOTCLOCK_DASHBOARD_ALONE", "1")
        patch.setenv("SHOTCLOCK_DASHBOARD_PORT", str(free_tcp_port_factory()))
        config.project.cache_clear()
        database.prepare_store()
        patch.setattr(verify, "verify_apart", verify.verify)  # another process takes seconds
        flows.train(PROJECT, "t1")
        flows.score(PROJECT, "s1")
        flows.retrain(PROJECT, "r1", reason="so that there are two versions")
        flows.score(PROJECT, "s2")
        flows.check(PROJECT, "m2")
        yield Layout.of()
    config.project.cache_clear()


@pytest.fixture(scope="module")
def dashboard(store: Layout) -> Iterator[Layout]:
    """The server, started by the command that the launcher starts it by."""
    store.make_folders()
    log = store.logs / "dashboard.log"
    command = dashboard_service(store, Login("", "")).command
    with log.open("wb") as written:
        server = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT)
        try:
            _wait_for(server, f"{store.dashboard_address}/_stcore/health", log)
            yield store
        finally:
            server.terminate()
            server.wait()


def _wait_for(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    for _ in range(3000):
        assert server.poll() is None, log.read_text("utf-8")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(log.read_text("utf-8"))


@pytest.fixture
def opened(chromium: Browser, dashboard: Layout) -> Iterator[Page]:
    """A browser's page. Whatever it asks of another host makes the test fail."""
    context = chromium.new_context(base_url=dashboard.dashboard_address, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(_PATIENCE)
    expect.set_options(timeout=_PATIENCE)
    page, elsewhere = context.new_page(), []
    page.on("request", lambda asked: elsewhere.append(asked.url) if _leaves(asked.url, dashboard) else None)
    yield page
    context.close()
    assert elsewhere == []


def _leaves(address: str, dashboard: Layout) -> bool:
    return not address.startswith((dashboard.dashboard_address, "data:", "blob:", "about:"))


def test_a_click_on_the_court_shows_the_models_own_probability(opened: Page) -> None:
    opened.goto("/trial")
    court = opened.locator(".stPlotlyChart .nsewdrag").first
    expect(court).to_be_visible()
    for x, y in ((-22, 4), (0, 24), (13, 8)):
        _click(opened, x, y)
        row = {"lon": -118.2698 + x / 100, "lat": 34.0443 - y / 100, "shot_distance": int((x * x + y * y) ** 0.5)}
        row |= _set_inputs(opened)
        for number in ("2", "1"):
            expected = demonstration.load(PROJECT, number).probability([row])[0]
            expect(_metric(opened, f"v{number}")).to_contain_text(f"{expected:.6f}")


def _click(page: Page, x: float, y: float) -> None:
    """Click the spot, in feet from the basket; and wait until the page has understood where that is."""
    court = page.locator(".stPlotlyChart .nsewdrag").first
    court.scroll_into_view_if_needed()
    box = court.bounding_box()
    assert box is not None
    page.mouse.click(
        box["x"] + box["width"] * (x + SIDE) / (2 * SIDE), box["y"] + box["height"] * (1 - (y - BASELINE) / HEIGHT)
    )
    expect(page.get_by_label("feet right of the basket")).to_have_value(f"{x:.1f}")
    expect(page.get_by_label("feet out from the basket")).to_have_value(f"{y:.1f}")


def _set_inputs(page: Page) -> dict[str, float]:
    """Move each slider on by one, with the keyboard: what they and the switch stand at then."""
    found = {}
    for name in ("minutes_remaining", "period"):
        slider = page.get_by_role("slider", name=name.replace("_", " "))
        slider.press("ArrowRight")
        found[name] = float(slider.evaluate("slider => slider.value ?? slider.getAttribute('aria-valuenow')"))
    return found | {"playoffs": float(page.get_by_role("switch", name="playoffs").is_checked())}


def _metric(page: Page, version: str):
    return page.locator("[data-testid=stMetric]").filter(has_text=re.compile(rf"probability: \w+, {version}"))


def test_a_rollback_shows_by_itself(opened: Page) -> None:
    opened.goto("/")
    expect(opened.get_by_text(f"Version 2 of {PROJECT} is in service")).to_be_visible()
    command = [sys.executable, "-m", "shotclock.cli", "rollback", PROJECT, "--reason", "to see it on the page"]
    subprocess.run(command, check=True, capture_output=True)
    expect(opened.get_by_text(f"Version 1 of {PROJECT} is in service")).to_be_visible()
