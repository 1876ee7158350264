"""What a person does on the Model health pages, in Airflow's UI, in a real browser. The tests tell one story, in order."""

import re
import time
from collections.abc import Callable
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from shotclock.judging.alerts import Decision
from shotclock.store import history, records
from shotclock.store.run import Run
from shotclock.store.tracking import tracked

Browse = Callable[..., Page]

PROJECT = "approving"
MARKED = "Shots <script>"
PATIENCE = 300_000  # milliseconds


@pytest.fixture(autouse=True)
def _patient() -> None:
    expect.set_options(timeout=PATIENCE)


def model_health(page: Page) -> FrameLocator:
    """The page as the navigation opens it, inside Airflow's UI."""
    page.goto("/")
    page.get_by_role("link", name="Model health").click()
    return page.frame_locator("iframe")


def of_project(page: Page) -> FrameLocator:
    frame = model_health(page)
    frame.get_by_role("link", name=MARKED).click()
    return frame


def give_reason(frame: FrameLocator, opens: str, reason: str, button: str) -> None:
    frame.get_by_role("button", name=opens).click()
    dialog = frame.get_by_role("dialog")
    dialog.get_by_label("Reason").fill(reason)
    dialog.get_by_role("button", name=button, exact=True).click()


def newest() -> Decision:
    return history.decisions(PROJECT)[0]


def test_whoever_logs_in_finds_every_model_in_the_navigation_with_the_three_answers_in_order(browse: Browse) -> None:
    page = browse()
    frame = model_health(page)
    row = frame.locator(".model")
    expect(row).to_have_count(1)
    text = row.inner_text()
    places = [text.index(said) for said in ("Unknown", "v1 has not been judged yet", "Nothing yet: the next batch")]
    assert places == sorted(places)
    assert MARKED in text
    assert page.title() != "run"


def test_nobody_is_shown_anything_without_a_login(chromium, airflow: SimpleNamespace) -> None:
    context = chromium.new_context(base_url=airflow.address)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    for place in ("", f"/{PROJECT}", f"/{PROJECT}/report/{'0' * 32}", f"/{PROJECT}/alerts/{'0' * 32}"):
        answer = page.goto(f"/shotclock/health{place}")
        assert answer is not None
        assert answer.status == 401
    context.close()


def test_who_may_only_look_is_told_so_and_nothing_happens(browse: Browse, airflow: SimpleNamespace) -> None:
    frame = of_project(browse("viewer"))
    give_reason(frame, "Retrain now", "I would like to", "Retrain")
    expect(frame.get_by_role("alert").locator("visible=true")).to_contain_text("Airflow gives your user no right to it")
    assert all(run["run_type"] != "manual" for run in _retrainings(airflow))


def _retrainings(airflow: SimpleNamespace) -> list[dict[str, str]]:
    return list(airflow.api.listed(f"/dags/{PROJECT}.retraining/dagRuns", "dag_runs"))


def test_a_retraining_is_started_by_keyboard_approved_with_a_reason_and_the_new_champion_stands_on_the_page(
    browse: Browse, airflow: SimpleNamespace
) -> None:
    page = browse()
    frame = of_project(page)
    button = frame.get_by_role("button", name="Retrain now")
    button.focus()
    page.keyboard.press("Enter")
    expect(frame.get_by_label("Reason").locator("visible=true")).to_be_focused()
    page.keyboard.press("Escape")
    expect(frame.get_by_role("dialog")).to_have_count(0)
    button.focus()
    page.keyboard.press("Enter")
    page.keyboard.type("three-point shots are another game")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(frame.get_by_role("status")).to_contain_text("on its way")

    expect(frame.get_by_text("A new version waits for a person's approval")).to_be_visible()
    (run,) = (run for run in _retrainings(airflow) if run["run_type"] == "manual")
    assert run["conf"] == {"reason": "three-point shots are another game"}
    _let_the_scheduler_know(airflow, run["dag_run_id"])
    frame.get_by_role("button", name="Approve").click()
    dialog = frame.get_by_role("dialog")
    expect(dialog).to_contain_text("gain over the champion")
    expect(dialog).to_contain_text("are predicted otherwise than by v1, at a probability of 0.5")
    dialog.get_by_label("Reason").fill("looks right")
    dialog.get_by_role("button", name="Approve", exact=True).click()

    expect(frame.locator("header")).to_contain_text(re.compile(r"v2.*in service since"))
    assert (newest().outcome, newest().champion, newest().by) == ("promote", "2", "admin")
    assert newest().reason.startswith("approved by admin (looks right); gain over the champion ")
    expect(frame.locator(".decisions li").first).to_contain_text("three-point shots are another game")
    assert page.title() != "run"


def _let_the_scheduler_know(airflow: SimpleNamespace, run: str) -> None:
    """An answer within a second of the question would come before the scheduler knows that the task has asked."""
    log = airflow.stack.layout.logs / "scheduler.log"
    line = f"TaskInstance Finished: dag_id={PROJECT}.retraining, task_id=approve, run_id={run},"
    until = time.monotonic() + PATIENCE / 1000
    while line not in log.read_text("utf-8", errors="replace"):
        assert time.monotonic() < until
        time.sleep(0.2)


def test_of_the_new_champion_is_said_that_it_has_learnt_from_its_newest_window(browse: Browse) -> None:
    frame = model_health(browse())
    row = frame.locator(".model")
    expect(row).to_contain_text("5,412 labelled rows of this window are those that it has learnt from")
    term = row.locator(".term", has_text="Skill").first
    expect(term.get_by_role("tooltip")).to_be_hidden()
    term.focus()
    expect(term.get_by_role("tooltip")).to_contain_text("How much better the model's log loss is")


def test_the_drift_report_opens_from_the_task_from_the_dag_run_and_from_the_page(
    browse: Browse, airflow: SimpleNamespace
) -> None:
    page = browse()
    run = quote(_checked(airflow), safe="")
    page.goto(f"/dags/{PROJECT}.monitoring/runs/{run}/tasks/drift_check/details")
    page.get_by_role("link", name="Drift report").click()  # Airflow opens what is on its own host in the same tab
    page.wait_for_url("**/shotclock/report/**")
    _is_the_report(page)
    page.goto(f"/dags/{PROJECT}.monitoring/runs/{run}/plugin/run-summary")
    _opens_the_report(page, page.frame_locator("iframe"))
    _opens_the_report(page, of_project(page))


def _checked(airflow: SimpleNamespace) -> str:
    """The first monitoring run that has ended well."""
    until = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < until:
        runs = airflow.api.listed(f"/dags/{PROJECT}.monitoring/dagRuns", "dag_runs")
        for run in runs:
            if run["state"] == "success":
                return str(run["dag_run_id"])
        time.sleep(0.5)
    raise AssertionError("no monitoring run has ended well")


def _opens_the_report(page: Page, frame: FrameLocator) -> None:
    with page.context.expect_page() as opening:
        frame.get_by_role("link", name="Drift report").first.click()
    _is_the_report(opening.value)
    opening.value.close()


def _is_the_report(page: Page) -> None:
    expect(page.locator("body")).to_contain_text("columns drifted")
    assert page.evaluate("origin") == "null"  # in a sandbox: no cookie, no request in the user's name


@pytest.fixture(scope="module")
def alert_page(airflow: SimpleNamespace) -> str:
    """The address that a notification of an alert ends with."""
    figures = {"log_loss_skill": -0.02, "log_loss_skill_low": -0.031, "log_loss_skill_high": -0.012, "rows": 5412.0}
    told = records.Alert(trigger="degradation", reason="the skill fell", window="w", champion="1", figures=figures)
    with tracked(Run(PROJECT, "monitoring", "night"), "alert/degradation", records.Alert) as run:
        run.write(told)
    return f"/shotclock/health/{PROJECT}/alerts/{run.id}"


def test_an_alert_s_message_leads_to_what_it_means_and_from_there_to_what_can_be_done(
    browse: Browse, alert_page: str
) -> None:
    page = browse()
    page.goto(alert_page)  # one step to understand
    expect(page.locator(".meaning")).to_have_text("The model is worse than guessing the base rate, by 1.2% to 3.1%.")
    expect(page.locator(".recommended")).to_contain_text("Recommended:")
    page.get_by_role("button", name="Retrain now").click()  # two to act
    expect(page.get_by_role("dialog").get_by_label("Reason")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Shots").click()
    expect(page.get_by_role("link", name="the skill fell")).to_have_attribute("href", alert_page)


def test_an_alert_s_message_leads_who_is_not_logged_in_through_the_login(
    chromium: Browser, airflow: SimpleNamespace, alert_page: str
) -> None:
    page = chromium.new_context(base_url=airflow.address).new_page()
    page.goto(alert_page)
    page.locator("input[name=username]").fill("viewer")
    page.locator("input[type=password]").fill(airflow.passwords["viewer"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".meaning")).to_have_text("The model is worse than guessing the base rate, by 1.2% to 3.1%.")
    page.context.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_follow_airflows_theme_and_fit_wide_and_narrow_windows(
    browse: Browse, alert_page: str, width: int, theme: str
) -> None:
    page = browse(width=width)
    page.goto("/shotclock/health")
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    for place in ("/shotclock/health", f"/shotclock/health/{PROJECT}", alert_page):
        page.goto(place)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == theme
        bright = sum(map(int, re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))))
        assert (bright > 600) == (theme == "light")


def test_every_control_is_reached_by_keyboard_and_shows_that_it_has_the_focus(browse: Browse) -> None:
    page = browse()
    page.goto(f"/shotclock/health/{PROJECT}")
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim().slice(0, 12)"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert any(name.startswith("Retrain") for name in reached)
    assert any(name.startswith("Roll back") for name in reached)


def test_a_rollback_with_a_reason_puts_the_version_before_back_into_service(browse: Browse) -> None:
    frame = of_project(browse())
    give_reason(frame, "Roll back", "it scores too low", "Roll back")
    expect(frame.locator("header")).to_contain_text(re.compile(r"v1.*in service since"))
    assert (newest().outcome, newest().champion, newest().reason) == ("rollback", "1", "it scores too low")
    expect(frame.locator(".decisions li").first).to_contain_text("it scores too low")


def test_a_pages_policy_allows_nothing_from_another_host(browse: Browse) -> None:
    page = browse()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"/shotclock/health/{PROJECT}")
    host = page.evaluate("location.origin")
    assert asked
    assert all(address.startswith((host, "data:")) for address in asked)
