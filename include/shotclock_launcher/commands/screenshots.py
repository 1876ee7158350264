"""`screenshots`: the pictures of README and docs, taken from the running system.

Another page joins them by one more `Picture`: an address, what has to be there before it is taken, and how it looks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from playwright.sync_api import Browser, Page, sync_playwright

from shotclock_launcher.commands.browser import FLAGS, chromium
from shotclock_launcher.console import say
from shotclock_launcher.errors import LaunchError
from shotclock_launcher.following.api import Api, ApiError
from shotclock_launcher.layout import CHECKOUT, Layout
from shotclock_launcher.running import credentials

FOLDER = CHECKOUT / "docs" / "images"
_WIDTH = 1280
_PATIENCE = 60_000  # milliseconds


@dataclass(frozen=True)
class Picture:
    """One file `docs/images/<name>.png`.

    Attributes:
        address: the whole address, or a path on Airflow's own host.
        awaited: a CSS selector of what is there once the page is complete.
        frame: whether that lies in the frame in which Airflow shows a plugin's page.
        height: in pixels.
    """

    name: str
    address: str
    awaited: str
    frame: bool = False
    height: int = 800


def pictures(project: str, dashboard: str) -> list[Picture]:
    page = f"/shotclock/health/{project}"
    return [
        Picture("model-health", "/plugin/model-health", ".model .verdict", frame=True, height=420),
        Picture("model-page", page, ".decisions", height=1360),
        Picture("drift-report", f"{page}#report", ".shotclock li", height=980),
        Picture("dashboard", f"{dashboard}/trial?project={project}", ".heatmaplayer image", height=1900),
    ]


def screenshots(layout: Layout, project: str) -> None:
    """Take every picture.

    Raises:
        LaunchError: there is no Chromium, or Airflow does not run.
    """
    path, login = chromium(), credentials.login(layout.airflow)
    if path is None:
        raise LaunchError("no Chromium on this machine; install it (Debian: apt-get install chromium)")
    try:
        Api(layout.address, login).health()
    except ApiError as error:
        raise LaunchError(f"{error}; start it first: make up") from error
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        _take(browser, layout.address, login, pictures(project, layout.dashboard_address))
        browser.close()


def _take(browser: Browser, address: str, login: credentials.Login, wanted: Sequence[Picture]) -> None:
    context = browser.new_context(base_url=address, viewport={"width": _WIDTH, "height": 800}, color_scheme="light")
    context.set_default_timeout(_PATIENCE)
    page = context.new_page()
    _log_in(page, login)
    for picture in wanted:
        page.set_viewport_size({"width": _WIDTH, "height": picture.height})
        _open(page, picture, login.password)
        target = FOLDER / f"{picture.name}.png"
        page.screenshot(path=target)
        say(f"{target.relative_to(CHECKOUT)}  {target.stat().st_size / 1000:.0f} KB")


def _log_in(page: Page, login: credentials.Login) -> None:
    page.goto("/")
    page.locator("input[name=username]").fill(login.user)
    page.locator("input[type=password]").fill(login.password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name="Dags").first.wait_for()


def _open(page: Page, picture: Picture, password: str) -> None:
    """The dashboard asks for a password of its own.

    `#report` stands for the drift report of the window that the page's first alert is about."""
    address, _, report = picture.address.partition("#")
    page.goto(address)
    if picture.name == "dashboard":
        page.locator("input[type=password]").fill(password)
        page.get_by_role("button", name="Log in").click()
    if report:
        page.goto(page.locator("a[href*='/alerts/']").first.get_attribute("href") or "")
        page.goto(page.get_by_role("link", name="Drift report").first.get_attribute("href") or "")
    place = page.frame_locator("iframe").locator(picture.awaited) if picture.frame else page.locator(picture.awaited)
    place.first.wait_for()
    page.wait_for_timeout(1500)  # what a report draws by itself
