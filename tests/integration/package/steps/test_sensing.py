"""The step behind each sensor."""

import logging

import pytest

from shotclock.errors import StoreError
from shotclock.handoff import Approval
from shotclock.judging.alerts import KINDS
from shotclock.judging.verdict import UNLIKE
from shotclock.reading import findings
from shotclock.steps import monitoring, sensing, training
from shotclock.store import history, records, tracking
from shotclock.store.run import Run

M1 = Run("shots", "monitoring", "m1")


def decide(number, **told):
    """A decision of a retraining that kept the champion, about the window at hand."""
    window = history.findings("shots", "drift", "1", 1)[0].window
    given = {"reason": "gain too small", "after": "1", "flow": "retraining", "window": window}
    with tracking.tracked(Run("shots", "retraining", f"k{number}"), "decision", records.Decision) as run:
        run.write(records.Decision(decision="keep", **given | told))


@pytest.mark.parametrize(
    ("kind", "reason", "figure"),
    [
        ("drift", f"{UNLIKE}: 5 of 6 columns drifted", "drift_share"),
        ("degradation", "worse than guessing the base rate, by 1.9% to 3.5%; log-loss skill -0.0263", "log_loss_skill"),
        ("new_records", "5,412 new labelled rows, 5,000 ask for a retraining", "new_labelled_rows"),
    ],
)
def test_each_alert_carries_reason_figures_window_and_champion(at, kind, reason, figure):
    at("alerted")
    found = sensing.sense(M1, kind)
    assert found.fires and found.reason.startswith(reason)
    assert figure in found.figures
    assert (found.trigger, found.champion) == (kind, "1")
    (alert,) = [alert for alert in history.alerts("shots") if alert.kind == kind]
    assert (alert.id, alert.reason, alert.window) == (found.alert, found.reason, found.window)
    assert figure in alert.figures


def test_a_sensor_that_is_tried_again_has_alerted_once(at, mlflow_runs):
    at("alerted")
    before = mlflow_runs()
    assert sensing.sense(M1, "drift").fires
    assert mlflow_runs() == before


@pytest.mark.parametrize("kind", ["drift", "degradation", "new_records"])
def test_what_was_said_and_is_open_is_said_again_as_the_same_alert(at, kind):
    """By the run after one that was killed between its sensors, or by whoever checks the same rows once more."""
    at("alerted")
    again = Run("shots", "monitoring", "m2")
    monitoring.drift_check(again)
    monitoring.performance_check(again)
    before = {alert.kind: alert for alert in history.alerts("shots")}
    found = sensing.sense(again, kind)
    assert found.fires and found.alert == found.mlflow_run_id == before[kind].id
    assert {alert.kind: alert for alert in history.alerts("shots")} == before and len(before) == 3


def test_other_figures_or_an_answer_make_another_alert(at, performed):
    at("alerted")
    window, before = history.findings("shots", "drift", "1", 1)[0].window, {a.id for a in history.alerts("shots")}
    performed("m2", window, "alert", {"rows": 6000, "rows_new": 6000})
    more = sensing.sense(Run("shots", "monitoring", "m2"), "new_records")
    assert more.fires and more.alert not in before
    decide(1, answers=(more.alert,), window="w")
    performed("m3", window, "alert", {"rows": 6000, "rows_new": 6000})
    after = sensing.sense(Run("shots", "monitoring", "m3"), "new_records")
    assert after.fires and after.alert not in {*before, more.alert}


def test_looking_writes_nothing(at, mlflow_runs):
    at("alerted")
    before = mlflow_runs()
    for kind in KINDS:
        findings.newest("shots", kind)
    assert mlflow_runs() == before


def test_what_does_not_fire_says_why_and_leaves_no_alert(at):
    at("rested")
    for kind in KINDS:
        found = sensing.sense(Run("shots", "monitoring", "m3"), kind)
        assert not found.fires and found.skip == found.reason
    assert len(history.alerts("shots")) == 3


def test_after_keep_the_same_window_is_silent_when_it_is_judged_again(gated):
    training.promote(Run("shots", "retraining", "r1"), **gated(), approval=Approval(approved=False, because="dry run"))
    again = Run("shots", "monitoring", "m2")
    monitoring.drift_check(again)
    assert monitoring.performance_check(again).verdict == "alert"  # the model is still worse than the base rate
    skipped = {kind: sensing.sense(again, kind).skip for kind in KINDS}
    assert skipped["drift"].startswith("ok: 0 of 6 columns drifted")  # the reference has become the window itself
    assert skipped["degradation"].startswith("answered for this window on")
    assert skipped["new_records"].startswith("ok: 0 new labelled rows")


def test_an_alert_about_a_window_that_was_kept_is_answered(at, performed):
    at("alerted")
    decide(1)
    window = history.findings("shots", "drift", "1", 1)[0].window
    performed("m2", window, "alert", {"rows_new": 0, "rows": 5412})
    for kind in ("drift", "degradation"):
        found = sensing.sense(Run("shots", "monitoring", "m3"), kind)
        assert found.skip.startswith("answered for this window on")


def test_after_three_fruitless_retrainings_sensors_stop_and_say_so_loudly(at, performed, caplog):
    at("alerted")
    for number in range(3):
        decide(number, window=f"w{number}", gate_outcome="keep")
    performed("m1", history.findings("shots", "drift", "1", 1)[0].window, "alert", {"rows_new": 10})
    with caplog.at_level(logging.INFO, "shotclock"):
        found = sensing.sense(Run("shots", "monitoring", "m2"), "drift")
    assert found.skip.startswith("STOPPED: the last 3 retrainings changed nothing")
    assert [record.levelname for record in caplog.records if "STOPPED" in record.message] == ["WARNING"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_window_that_was_not_checked_cannot_be_judged(at, kind):
    at("trained")
    with pytest.raises(StoreError, match="'shots': no window of champion v1 was checked yet"):
        sensing.sense(M1, kind)


def test_drift_that_was_not_checked_is_named(at, performed):
    at("trained")
    performed("m1", "w", "ok", {"rows_new": 0})
    with pytest.raises(StoreError, match="the drift of champion v1's windows was not checked yet"):
        sensing.sense(M1, "drift")
