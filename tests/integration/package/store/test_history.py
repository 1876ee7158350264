"""What happened to a project, read from MLflow as values."""

import time
from datetime import UTC, datetime, timedelta

from shotclock.judging.alerts import KINDS, unanswered
from shotclock.store import history, records, tracking
from shotclock.store.run import Run


def decision(number, outcome, **given):
    told = {"reason": "why", "after": "1", "flow": "retraining", "window": "w", "answers": ()} | given
    run = Run("shots", "retraining", f"r{number}")
    with tracking.tracked(run, "decision", records.Decision, name=f"Decision: {outcome}") as opened:
        opened.write(records.Decision(decision=outcome, **told))
    time.sleep(0.002)  # MLflow knows milliseconds
    return opened.id


def test_a_project_without_a_past_has_none(store):
    assert history.decisions("shots") == history.alerts("shots") == history.findings("shots", "drift", "1", 3) == []


def test_decisions_come_newest_first_with_what_they_answered(store):
    first = decision(1, "promote", answers=("a", "b"), after="2", window="w1")
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
    opened = tracking.open_run(Run("shots", "retraining", "r1"), "decision", records.Decision)
    opened.write(records.Decision(decision="promote", reason="why", after="2"))
    assert history.decisions("shots") == []


def test_a_window_that_was_checked_again_counts_once_with_its_newest_verdict(checked):
    checked("shots", 1, window="w1", verdict="alert", figures={"drift_share": 0.8})
    checked("shots", 2, window="w2")
    checked("shots", 3, window="w1", figures={"drift_share": 0.1})
    found = history.findings("shots", "drift", "1", 5)
    assert [(finding.window, finding.verdict.status) for finding in found] == [("w1", "ok"), ("w2", "ok")]
    assert found[0].verdict.figures == {"drift_share": 0.1}


def test_a_window_that_was_checked_many_times_does_not_hide_the_one_before(checked):
    checked("shots", 0, window="w1")
    for number in range(1, 10):
        checked("shots", number, window="w2")
    assert [finding.window for finding in history.findings("shots", "drift", "1", 2)] == ["w2", "w1"]


def test_findings_are_about_one_champion_and_one_kind_of_check(checked):
    checked("shots", 1, records.Performance, window="w1")
    checked("shots", 2, window="w1", champion="2")
    assert [found.kind for found in history.findings("shots", "degradation", "1", 5)] == ["degradation"]
    assert history.findings("shots", "drift", "1", 5) == []


def test_alerts_whose_events_were_lost_are_found_and_open(at):
    at("alerted")
    alerts = history.alerts("shots")
    assert sorted(alert.kind for alert in alerts) == sorted({*KINDS} - {"demotion"})
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


def test_what_ended_far_ahead_was_written_before_the_clock_was_set_back_and_has_not_come_since(store):
    asked = datetime.now(UTC)
    for number, ahead in ((1, timedelta(seconds=30)), (2, timedelta(days=1))):
        done = decision(number, "promote", after=str(number))
        store.set_terminated(done, end_time=int((asked + ahead).timestamp() * 1000))
        assert history.replaced_since("shots", asked).champion == "1"
