"""One running Airflow, and a real browser that is logged in to it.

The project `approving` asks a person before a promotion, and tells people by a webhook. Its first champion has scored the
production rows; nobody has checked them yet.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from yaml import safe_dump, safe_load

from shotclock import config, flows
from shotclock.store.server import database
from shotclock.store.versions import verify
from shotclock_launcher.commands.browser import FLAGS
from shotclock_launcher.commands.browser import chromium as chromium_path
from shotclock_launcher.following.api import Api
from shotclock_launcher.following.readiness import wait_for_airflow, wait_for_dags
from shotclock_launcher.layout import Layout
from shotclock_launcher.running.environment import RESTING_PAUSE, airflow_environment
from shotclock_launcher.running.stack import running

ROOT = Path(__file__).parents[2]
PROJECT = "approving"
EVIL = "<script>document.title = 'run'</script>"
CHROMIUM = chromium_path()
PATIENCE = 300_000  # milliseconds for one thing to come about: test machines are slow
COST = {"training": 100.0, "per_nat": 10.0}
USERS = "admin:admin,viewer:viewer"


@pytest.fixture(scope="package", autouse=True)
def _chromium() -> None:
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine: install it (Debian: apt-get install chromium) to run these")


@pytest.fixture(scope="package")
def home(tmp_path_factory: pytest.TempPathFactory, dev_path: Path, prod_path: Path) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("browser")
    for name in ("projects", "data/raw", "var/mlflow"):
        (folder / name).mkdir(parents=True)
    for path in (dev_path, prod_path):
        (folder / "data" / "raw" / path.name).symlink_to(path.resolve())
    rules = safe_load((ROOT / "include" / "projects" / "kobe_shots.yaml").read_text("utf-8"))
    rules |= {"name": PROJECT, "title": f"Shots {EVIL}"}
    rules["training"] |= {"backend": "scikit-learn", "candidates": ["decision_tree"], "iterations": 2, "folds": 2}
    rules["gate"] |= {"mode": "approval"}
    rules |= {"notify": {"webhook": "on_call"}, "cost": COST}
    (folder / "projects" / "court").symlink_to(ROOT / "include" / "projects" / "court")
    (folder / "projects" / f"{PROJECT}.yaml").write_text(safe_dump(rules, sort_keys=False), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SHOTCLOCK_DATA", "SHOTCLOCK_DATA_DIR", "SHOTCLOCK_ARTIFACTS", "MLFLOW_TRACKING_URI"):
            patch.delenv(name, raising=False)
        patch.setenv("SHOTCLOCK_HOME", str(folder))
        patch.setenv("SHOTCLOCK_PROJECTS", "projects")
        config.project.cache_clear()
        database.prepare_store()
        patch.setattr(verify, "verify_apart", verify.verify)  # another process takes seconds
        flows.train(PROJECT, "cli__first")
        flows.score(PROJECT, "cli__first")
        yield folder
    config.project.cache_clear()


@pytest.fixture(scope="package")
def airflow(home: Path, inbox, free_tcp_port_factory) -> Iterator[SimpleNamespace]:
    """The running stack: its address, the users' passwords, its API; and what it tells people, in `inbox`."""
    environment = {
        **os.environ,
        "SHOTCLOCK_PORT": str(free_tcp_port_factory()),
        "SHOTCLOCK_MLFLOW_PORT": str(free_tcp_port_factory()),
        "SHOTCLOCK_DASHBOARD_PORT": str(free_tcp_port_factory()),
    }
    environment.pop("AIRFLOW_HOME", None)
    with (
        pytest.MonkeyPatch.context() as patch,
        _with_a_viewer(patch, inbox),
        running(Layout.of(environment), pause=RESTING_PAUSE) as stack,
    ):
        api = Api(stack.layout.address, stack.login)
        wait_for_airflow(stack, api)
        wait_for_dags(stack, api, PROJECT)
        passwords = json.loads((stack.layout.airflow / "passwords.json").read_text("utf-8"))
        yield SimpleNamespace(stack=stack, api=api, address=stack.layout.address, passwords=passwords, inbox=inbox)


@contextmanager
def _with_a_viewer(patch: pytest.MonkeyPatch, inbox) -> Iterator[None]:
    """Beside the one who may do everything, one who may only look; and somebody who is told."""
    patch.setenv("AIRFLOW_CONN_ON_CALL", inbox.address)

    def both(*arguments: object, **options: object) -> dict[str, str]:
        return airflow_environment(*arguments, **options) | {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": USERS}

    patch.setattr("shotclock_launcher.running.stack.airflow_environment", both)
    yield


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def log_in(chromium: Browser, airflow: SimpleNamespace) -> Callable[[str], object]:
    """`log_in("admin")`: what a browser keeps once this user has come in through Airflow's own form."""

    @lru_cache
    def kept(user: str) -> object:
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.goto(airflow.address)
        page.locator("input[name=username]").fill(user)
        page.locator("input[type=password]").fill(airflow.passwords[user])
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Dags").first.wait_for()
        state = context.storage_state()
        context.close()
        return state

    return kept


@pytest.fixture
def browse(
    chromium: Browser, airflow: SimpleNamespace, log_in: Callable[[str], object]
) -> Iterator[Callable[..., Page]]:
    """`browse("viewer", width=390)`: a page of a browser in which this user is logged in.

    What the browser complains about (an error of a script, something that the pages' policy forbids) fails the test.
    """
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(user: str = "admin", width: int = 1280, **options: object) -> Page:
        context = chromium.new_context(
            base_url=airflow.address,
            viewport={"width": width, "height": 900},
            storage_state=log_in(user),
            **options,
        )
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
