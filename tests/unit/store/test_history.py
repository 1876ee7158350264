"""What happened to a project, read from MLflow as values."""

import time

import pytest

from shotclock.judging.alerts import KINDS, unanswered
from shotclock.store import history, tracking
from shotclock.store.run import Run


@pytest.fixture
def store(at):
    at("empty")


def decision(number, outcome, **tags):
    given = {"decision": outcome, "reason": "why", "after": "1", "flow": "retraining", "window": "w", "answers": ""}
    with tracking.tracked(Run("shots", "retraining", f"r{number}"), "decision", "Decision", kind="decision") as run:
        run.record(tags=given | tags)
    time.sleep(0.002)  # MLflow knows milliseconds
    return run.id


def check(number, window, verdict="ok", kind="drift", champion="1", **metrics):
    with tracking.tracked(Run("shots", "monitoring", f"m{number}"), kind, kind, kind=kind) as run:
        run.record(metrics=metrics, tags={"window": window, "verdict": verdict, "reason": "so", "champion": champion})
    time.sleep(0.002)


def test_a_project_without_a_past_has_none(store):
    assert history.decisions("shots") == history.alerts("shots") == history.findings("shots", "drift", "1", 3) == []


def test_decisions_come_newest_first_with_what_they_answered(store):
    first = decision(1, "promote", answers="a,b", after="2", window="w1")
    second = decision(2, "keep", after="2")
    found = history.decisions("shots")
    assert [done.id for done in found] == [second, first]
    assert (found[1].outcome, found[1].answers, found[1].champion, found[1].window) == (
        "promote",
        ("a", "b"),
        "2",
        "w1",
    )


def test_skips_do_not_crowd_out_what_was_decided(store):
    kept = decision(0, "keep")
    for number in range(1, 4):
        decision(number, "skip")
    assert [done.id for done in history.decisions("shots", most=2)] == [kept]


def test_a_decision_that_was_not_finished_is_none(store):
    tracking.open_run(Run("shots", "retraining", "r1"), "decision", "Decision", kind="decision").record(
        tags={"decision": "promote", "after": "2"}
    )
    assert history.decisions("shots") == []


def test_a_window_that_was_checked_again_counts_once_with_its_newest_verdict(store):
    check(1, "w1", "alert", drift_share=0.8)
    check(2, "w2", "ok")
    check(3, "w1", "ok", drift_share=0.1)
    found = history.findings("shots", "drift", "1", 5)
    assert [(finding.window, finding.verdict.status) for finding in found] == [("w1", "ok"), ("w2", "ok")]
    assert found[0].verdict.figures == {"drift_share": 0.1}


def test_a_window_that_was_checked_many_times_does_not_hide_the_one_before(store):
    check(0, "w1")
    for number in range(1, 10):
        check(number, "w2")
    assert [finding.window for finding in history.findings("shots", "drift", "1", 2)] == ["w2", "w1"]


def test_findings_are_about_one_champion_and_one_kind_of_check(store):
    check(1, "w1", kind="performance")
    check(2, "w1", kind="drift", champion="2")
    assert [found.kind for found in history.findings("shots", "degradation", "1", 5)] == ["degradation"]
    assert history.findings("shots", "drift", "1", 5) == []


def test_alerts_whose_events_were_lost_are_found_and_open(at):
    at("alerted")
    alerts = history.alerts("shots")
    assert sorted(alert.kind for alert in alerts) == sorted(KINDS)
    assert unanswered(alerts, history.decisions("shots"), "1") == alerts
    assert {alert.champion for alert in alerts} == {"1"}
    assert all(alert.reason and alert.window for alert in alerts)


def test_the_decision_of_the_retraining_answered_each_of_them(at):
    at("rested")
    alerts, decisions = history.alerts("shots"), history.decisions("shots")
    assert set(decisions[0].answers) == {alert.id for alert in alerts}
    assert unanswered(alerts, decisions, "1") == unanswered(alerts, decisions, "2") == []
    assert [(done.flow, done.outcome, done.champion) for done in decisions] == [
        ("retraining", "promote", "2"),
        ("training", "promote", "1"),
    ]
