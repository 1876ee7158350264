"""Five people, each from where their question begins, by real clicks. One story, in order.

What holds of every page is asked in `test_pages.py`, of what this story has left.
"""

import re
import time
from collections.abc import Callable
from types import SimpleNamespace
from urllib.parse import quote

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, FrameLocator, Page, expect

from shotclock.config import settings
from shotclock.judging.alerts import Decision
from shotclock.judging.figure import Figure
from shotclock.judging.verdict import against_base_rate
from shotclock.reading import health
from shotclock.reading.model import year
from shotclock.reading.model.year import NEWEST
from shotclock.store import history, queries, records
from shotclock_launcher.commands import demo

from .reader import in_airflow

Browse = Callable[..., Page]

PROJECT = "approving"
MARKED = "Shots <script>"
PATIENCE = 90_000  # milliseconds
QUESTION = "Both side by side, and your answer"
CLICKS = (
    "addEventListener('click', e => e.isTrusted && (sessionStorage.clicks = +sessionStorage.clicks + 1 || 1), true)"
)


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


def until(found: Callable[[], object]) -> object:
    """What comes about in the background, a whole retraining say."""
    end = time.monotonic() + 4 * PATIENCE / 1000
    while not (seen := found()):
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.3)
    return seen


def link_of_message(airflow: SimpleNamespace, subject: str, before: str) -> str:
    """Where the message of that subject leads: the address behind these words."""
    message = until(lambda: next((one for one in airflow.inbox.bodies if subject in one["subject"]), None))
    return re.search(rf"{before}: (http\S+)", message["body"])[1]  # type: ignore[index]


def shows(page: Page | FrameLocator, figures: dict[str, Figure]) -> None:
    """Each tile holds the store's figure with its interval."""
    for label, figure in figures.items():
        tile = page.locator(".tiles > div").filter(has_text=re.compile(rf"^{label}")).first
        expect(tile).to_contain_text(f"{figure.value:.4f} {figure.interval()}")


def of_check(champion: str) -> dict[str, Figure]:
    """What the newest check of this version has left in MLflow."""
    kept = queries.newest(PROJECT, records.Performance, where={"champion": champion})[0].record.figures
    names = {
        "Skill": "log_loss_skill",
        "Log loss": "log_loss",
        "ROC AUC": "roc_auc",
        "Calibration error": "calibration_error",
    }
    found = {label: Figure.among(kept, name) for label, name in names.items()}
    return {label: figure for label, figure in found.items() if figure}


def opens(page: Page, place: Page | FrameLocator, link: str, said: str | re.Pattern[str]) -> None:
    """A link that leads to a page of its own, in a sandbox, which says this."""
    with page.context.expect_page() as opening:
        place.get_by_role("link", name=link).first.click()
    expect(opening.value.locator("body")).to_contain_text(said)
    assert opening.value.evaluate("origin") == "null"  # no cookie, no request in the user's name
    opening.value.close()


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


def test_airflows_first_page_and_each_dags_page_tell_the_models_state(browse: Browse) -> None:
    page = browse()
    page.goto("/")
    tile = page.frame_locator("iframe[title='Model health']").locator(".states li").first
    expect(tile).to_contain_text("Shots")
    expect(tile.locator(".level")).to_be_visible()
    page.goto(f"/dags/{PROJECT}.training")
    page.get_by_role("link", name="Model health").last.click()
    expect(page.frame_locator("iframe").locator(".fit h2, h1").first).to_be_visible()


def test_nobody_is_shown_anything_without_a_login(chromium, airflow: SimpleNamespace) -> None:
    context = chromium.new_context(base_url=airflow.address)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    for place in ("", f"/{PROJECT}", f"/{PROJECT}/report/{'0' * 32}", f"/{PROJECT}/alerts/{'0' * 32}"):
        answer = page.goto(f"/shotclock/health{place}")
        assert answer is not None
        assert "/auth/login" in page.url, "a page leads to the login"
        assert PROJECT not in page.locator("body").inner_text()
    context.close()


def test_who_may_only_look_is_told_so_and_nothing_happens(browse: Browse, airflow: SimpleNamespace) -> None:
    frame = of_project(browse("viewer"))
    give_reason(frame, "Retrain now", "I would like to", "Retrain")
    expect(frame.get_by_role("alert").locator("visible=true")).to_contain_text("Airflow gives your user no right to it")
    assert all(run["run_type"] != "manual" for run in _retrainings(airflow))


def _retrainings(airflow: SimpleNamespace) -> list[dict[str, str]]:
    return list(airflow.api.listed(f"/dags/{PROJECT}.retraining/dagRuns", "dag_runs"))


def test_on_call_a_message_is_understood_by_one_click_and_acted_on_by_two(
    browse: Browse, airflow: SimpleNamespace
) -> None:
    airflow.api.patch(f"/dags/{PROJECT}.retraining", {"is_paused": True})  # so that nothing answers by itself
    airflow.api.trigger(f"{PROJECT}.monitoring")
    link = link_of_message(airflow, "degradation alert", "What it means and what you can do")
    page = browse()
    page.add_init_script(CLICKS)
    page.goto(link)  # the first click, in the message
    told = next(one for one in history.alerts(PROJECT) if one.kind == "degradation")
    skill = Figure.among(told.figures, "log_loss_skill")
    assert skill is not None
    assert link.endswith(told.id)
    expect(page.locator(".meaning")).to_have_text(f"The model is {against_base_rate(skill)}.")
    expect(page.locator(".advice")).to_contain_text(f"Measured on {told.figures['rows']:,.0f} rows")
    expect(page.locator(".three")).to_contain_text("Not fit for use")
    since = health.details(PROJECT).summary.fitness.since
    expect(page.locator(".three")).to_contain_text(f"{since:%Y-%m-%d %H:%M} UTC")
    expect(page.locator(".three")).to_contain_text("are open, but the retraining's DAG is paused")
    expect(page.locator(".recommended")).to_contain_text("Recommended: retrain, since the retraining's DAG is paused")
    expect(page.locator(".choices dt")).to_have_text(["Wait", "Approve", "Retrain", "Roll back", "Mend the feed"])
    shows(page, of_check("1"))
    page.get_by_role("button", name="Retrain now").click()  # the second one
    expect(page.get_by_role("status")).to_contain_text("on its way")
    assert page.evaluate("+sessionStorage.clicks") == 1
    assert not airflow.api.get(f"/dags/{PROJECT}.retraining")["is_paused"]
    (run,) = (run for run in _retrainings(airflow) if run["run_type"] == "manual")
    assert run["conf"]["reason"].startswith("Degradation alert of ")
    opens(page, page, "Card of v1", "Is it fit for use?")
    opens(page, page, "Drift report", "columns drifted")


def test_a_newcomer_reads_the_demo_s_end_and_finds_the_same_on_the_page(
    browse: Browse, airflow: SimpleNamespace, capsys: pytest.CaptureFixture[str]
) -> None:
    demo.print_summary(airflow.stack.layout, PROJECT)
    told = capsys.readouterr().out.strip()
    story, _, addresses = told.partition("champion's artefacts")
    assert [line for line in story.splitlines() if len(line) > 80] == []
    title, answer = story.split("\n\n")[:2]
    assert title.endswith(f"({PROJECT})")
    assert answer.startswith("✖ Not fit for use since ")
    assert "Worse than guessing the base rate, by " in answer
    happened = re.findall(r"^\d+\. (\w+)", told.partition("What happened, oldest first")[2], re.MULTILINE)
    started = [flow for flow in happened if flow != "retraining"]  # which the schedule starts when it likes
    assert started[:3] == ["training", "inference", "monitoring"]
    assert told.index("ALERT  ") > told.index(". monitoring")
    assert {line.partition(":")[0].strip() for line in told.partition("\nWords\n")[2].splitlines()} >= {
        "log loss",
        "skill",
        "drift",
    }
    page = browse()
    page.goto(re.search(r"To look around: make up, then (\S+)", addresses)[1])  # type: ignore[index]
    verdict = page.frame_locator("iframe").locator(".model .verdict")
    assert " ".join(answer.split()).endswith(f"{verdict.inner_text()}.")


def test_the_question_to_an_approver_fits_is_accessible_and_leads_somewhere(
    chromium: Browser, airflow: SimpleNamespace, log_in: Callable[[str], object]
) -> None:
    link = link_of_message(airflow, "approval asked", QUESTION)
    with in_airflow(chromium, airflow.address, log_in("admin")) as reader:
        page = reader.context.new_page()
        page.goto(link)
        expect(page.get_by_role("button", name="Approve")).to_be_visible()
        reader.look(page, "question")
        reader.follow(page)
    assert not reader.faults, "\n".join(reader.faults)


def test_an_approver_compares_both_and_answers_there_with_a_reason(browse: Browse, airflow: SimpleNamespace) -> None:
    link = link_of_message(airflow, "approval asked", QUESTION)
    met = queries.newest(PROJECT, records.Gate)[0]
    gain = Figure.among(vars(met.record), "gain")
    page = browse()
    page.goto(link)
    assert link.endswith(met.id)
    expect(page.locator(".meaning")).to_have_text(
        re.compile(r"^The challenger predicts better than v1, by [\d.]+% to [\d.]+%")
    )
    expect(page.locator(".advice")).to_contain_text(f"gain over the champion {gain} nats per row")
    expect(page.locator(".advice")).to_contain_text(f" on {met.record.rows:,} rows: above 0.001, and the interval")
    expect(page.locator(".advice")).to_contain_text("are predicted otherwise than by v1, at a probability of 0.5")
    losses = page.locator(".sides tr").filter(has_text=re.compile(r"^\s*Log loss")).locator("td")
    expect(losses.nth(0)).to_contain_text(f"{met.record.champion_log_loss:.4f} [")
    expect(losses.nth(1)).to_contain_text(f"{met.record.challenger_log_loss:.4f} [")
    saved = [float(text.split()[0]) for text in page.locator(".pairs td:nth-child(6)").all_inner_texts()]
    assert saved == sorted(saved) and len(saved) > 5
    assert page.locator(".record tbody tr").count() > 1
    opens(page, page, "Card of v1", "Is it fit for use?")
    opens(page, page, "Card of the challenger", "not in service: the gate would promote it in place of v1")
    page.get_by_role("button", name="Approve").click()  # without a reason nothing is asked of Airflow
    assert page.evaluate("document.querySelector('textarea:invalid') === document.activeElement")
    _let_the_scheduler_know(airflow, met.run_id)
    page.get_by_label("Reason").fill("looks right")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_role("link", name="Card of v2").first).to_be_visible()
    assert (newest().outcome, newest().champion, newest().by) == ("promote", "2", "admin")
    assert newest().reason.startswith("approved by admin (looks right); gain over the champion ")
    opens(page, page, "Card of v2", "logistic_regression" if "logistic" in met.record.challenger else "decision_tree")
    opens(page, page, "Page of the decision", "Approved by admin (looks right)")


def _let_the_scheduler_know(airflow: SimpleNamespace, run: str) -> None:
    """An answer within a second of the question would come before the scheduler knows that the task has asked."""
    log = airflow.stack.layout.logs / "scheduler.log"
    line = f"TaskInstance Finished: dag_id={PROJECT}.retraining, task_id=approve, run_id={run},"
    until(lambda: line in log.read_text("utf-8", errors="replace"))


def test_a_data_scientist_sees_where_it_got_worse_and_by_which_rows(browse: Browse) -> None:
    until(lambda: {one.champion for one in health.details(PROJECT).windows} == {"1", "2"})
    page = browse()
    frame = model_health(page)
    frame.get_by_role("link", name="Why this quality?").click()
    expect(frame.locator("main")).to_contain_text("which served before, was judged on them")
    picker = frame.get_by_label("Window")
    expect(picker.locator("option")).to_have_count(2)
    picker.select_option(
        label=next(text for text in picker.locator("option").all_inner_texts() if text.endswith(", v1"))
    )
    expect(frame.locator(".meaning")).to_have_text(
        re.compile("Not fit for use: Worse than guessing the base rate, by .*%")
    )
    shows(frame, of_check("1"))
    changes = frame.locator(".falls td:nth-child(6)").all_inner_texts()
    falls = [float(text.split()[0]) for text in changes if "[" in text]
    assert falls == sorted(falls) and falls[0] < 0
    assert all(re.fullmatch(r"-?[\d.]+ \[-?[\d.]+, -?[\d.]+\]", text) for text in changes if text != "–")
    features = list(health.details(PROJECT).summary.rules.columns.features)
    assert sorted(frame.locator(".worth td:nth-child(1)").all_inner_texts()) == sorted(features)
    dearest = frame.locator(".costly tbody tr").first.locator("td")
    expect(dearest.nth(4)).to_have_text(f"{_largest_loss():.3f}")
    opens(page, frame, "Drift report", "columns drifted")


def _largest_loss() -> float:
    """Of all labelled rows that the first version scored."""
    scored = queries.newest(PROJECT, records.Application, where={"champion": "1"})[0].record
    rows = pd.read_parquet(scored.predictions)
    labels = rows.merge(
        pd.read_parquet(scored.source)[["shot_id", "shot_made_flag"]], on="shot_id", suffixes=("", "_own")
    )
    made = labels["shot_made_flag"].to_numpy(dtype=float)
    known = ~np.isnan(made)
    given = np.where(made == 1, labels["probability"], 1 - labels["probability"])[known]
    return float(-np.log(given.min()))


def test_a_manager_sees_a_year_with_what_retraining_brought(browse: Browse) -> None:
    frame = model_health(browse())
    frame.get_by_role("link", name="A year at a glance").click()
    days = pd.to_datetime(pd.read_parquet(settings().data / "raw" / "dataset_kobe_prod.parquet")["game_date"])
    shown = year.year(PROJECT, NEWEST)
    assert shown is not None and shown.gained is not None and shown.gained.money is not None
    expect(frame.locator("header")).to_contain_text(f"to {days.max():%Y-%m-%d}, by the days of the data")
    expect(frame.locator(".brought")).to_contain_text(
        "1 retraining, of which 1 brought a new version. Had we never retrained"
    )
    for label, value in {"Days not fit": "365", "Days fit": "0", "Retrainings": "1", "In money": "-100"}.items():
        tile = frame.locator(".tiles > div").filter(has_text=re.compile(rf"^{label}"))
        expect(tile.locator(".value")).to_have_text(value)  # one training, 100, and every row was scored before it
    assert shown.days == {"unfit": 365}
    expect(frame.locator("table")).to_contain_text("The new version predicts better than v1, by ")
    frame.get_by_role("combobox").select_option("2008")
    expect(frame.locator("header")).to_contain_text("2008-01-01 to 2008-12-31")
    expect(frame.locator(".tiles > div").filter(has_text="Retrainings").locator(".value")).to_have_text("0")


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
    expect(page.locator("body")).to_contain_text("columns drifted")
    page.goto(f"/dags/{PROJECT}.monitoring/runs/{run}/plugin/run-summary")
    opens(page, page.frame_locator("iframe"), "Drift report", "columns drifted")
    opens(page, of_project(page), "Drift report", "columns drifted")


def _checked(airflow: SimpleNamespace) -> str:
    """The first monitoring run that has ended well."""
    runs = airflow.api.listed(f"/dags/{PROJECT}.monitoring/dagRuns", "dag_runs")
    return next(str(run["dag_run_id"]) for run in runs if run["state"] == "success")


def test_an_alert_s_message_leads_who_is_not_logged_in_through_the_login(
    chromium: Browser, airflow: SimpleNamespace
) -> None:
    page = chromium.new_context(base_url=airflow.address).new_page()
    page.goto(link_of_message(airflow, "degradation alert", "What it means and what you can do"))
    page.locator("input[name=username]").fill("viewer")
    page.locator("input[type=password]").fill(airflow.passwords["viewer"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".meaning")).to_contain_text("The model is worse than guessing the base rate, by ")
    page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_follow_the_theme_that_is_chosen_in_airflow(browse: Browse, theme: str) -> None:
    page = browse(color_scheme={"light": "dark", "dark": "light"}[theme])  # the system's is the other one
    page.goto("/shotclock/health")
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == theme
    bright = sum(map(int, re.findall(r"\d+", page.evaluate("getComputedStyle(document.body).backgroundColor"))))
    assert (bright > 600) == (theme == "light")


def test_every_control_is_reached_by_keyboard_and_shows_that_it_has_the_focus(browse: Browse) -> None:
    page = browse()
    page.goto(f"/shotclock/health/{PROJECT}")
    reached = []
    for _ in range(14):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent.trim().slice(0, 12)"))
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    assert any(name.startswith("Retrain") for name in reached)
    assert any(name.startswith("Roll back") for name in reached)
    page.get_by_role("button", name="Retrain now").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Reason")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_before_a_rollback_both_stand_side_by_side_and_a_reason_is_asked_for(browse: Browse) -> None:
    frame = of_project(browse())
    frame.get_by_role("link", name="Roll back").click()
    expect(frame.locator(".meaning")).to_have_text(re.compile(r"v1 predicts worse than v2, by [\d.]+% to [\d.]+%"))
    expect(frame.locator(".sides")).to_contain_text("Card of v1")
    frame.get_by_label("Reason").fill("it scores too low")
    frame.get_by_role("button", name="Roll back").click()
    until(lambda: newest().outcome == "rollback")
    assert (newest().champion, newest().reason) == ("1", "it scores too low")
    frame.get_by_role("link", name=MARKED).click()
    expect(frame.locator("header")).to_contain_text(re.compile(r"v1.*in service since"))
    expect(frame.locator(".decisions li").first).to_contain_text("it scores too low")
