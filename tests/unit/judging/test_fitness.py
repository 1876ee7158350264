"""The three answers, from what happened."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shotclock.config import RetrainingRules
from shotclock.judging import fitness
from shotclock.judging.alerts import Alert, Decision
from shotclock.judging.fitness import Check, WindowHealth
from shotclock.judging.verdict import BASE_RATE_ALONE, UNLIKE

NOW = datetime(2026, 3, 10, tzinfo=UTC)
BEGIN = NOW - timedelta(days=9)
NEXT = datetime(2026, 4, 1, tzinfo=UTC)


def window(number, quality="ok", drift="ok", broken="", **metrics):
    """The window of day `number`."""
    at = BEGIN + timedelta(days=number)

    def check(status, name):
        return Check(status, f"{name} reason", at, "m", "d", "r", metrics, broken if name == "drift" else "")

    return WindowHealth(f"w{number}", "1", at, (f"b{number}",), False, check(drift, "drift"), check(quality, "quality"))


def judge(windows, **options):
    given = {"champion": "1", "decisions": [], "open_alerts": [], "rules": RetrainingRules()}
    return fitness.judge(windows, now=NOW, next_retraining=NEXT, **(given | options))


def alert(kind="drift"):
    return Alert("a1", kind, "w1", "1", "because", NOW)


def test_without_a_champion_nobody_can_tell_and_a_training_is_what_helps():
    found = judge([], champion=None)
    assert (found.level, found.verdict, found.since) == ("unknown", "No model is in service yet", None)
    assert found.doing == "Nothing: trigger the training"
    assert judge([], champion=None, activity="training").doing == "A training is under way"


def test_a_champion_without_a_window_is_not_judged_yet():
    assert judge([]).verdict == "v1 has not been judged yet"


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({}, "fit"),
        ({"drift": "warning"}, "fit"),
        ({"drift": "insufficient data"}, "fit"),
        ({"drift": "alert"}, "watch"),
        ({"quality": "warning"}, "watch"),
        ({"quality": "alert"}, "unfit"),
        ({"quality": "alert", "drift": "ok"}, "unfit"),
        ({"quality": "insufficient data"}, "unknown"),
        ({"quality": "insufficient data", "drift": "alert"}, "unknown"),
        ({"broken": "lat"}, "unfit"),
    ],
)
def test_quality_decides_drift_alone_is_a_warning_and_without_labels_nobody_can_tell(given, level):
    found = judge([window(1, **given)])
    assert found.level == level
    assert (found.since is None) == (level == "fit")


@pytest.mark.parametrize(
    ("low", "high", "level"), [(0.001, 0.02, "fit"), (0.0, 0.02, "watch"), (-0.02, -0.001, "unfit")]
)
def test_a_window_is_never_fit_where_the_interval_of_its_skill_holds_0_whatever_was_said_of_it_then(low, high, level):
    ends = {"log_loss_skill_low": low, "log_loss_skill_high": high}
    assert window(1, log_loss_skill=(low + high) / 2, **ends).level == level


def test_a_window_is_called_by_its_batches():
    named = [replace(window(1), batches=batches).name for batches in ((), ("a",), ("a", "b", "c"))]
    assert named == ["w1", "a", "a … c (3 batches)"]


@pytest.mark.parametrize(
    ("metrics", "drifted"),
    [
        ({"drift_score_a": 0.1}, ("a",)),
        ({"drift_score_a": 0.09, "drift_score_b": 0.3}, ("b",)),
        ({"drift_score_a": 0.0, "drift_missing_a": 0.1}, ("a",)),
        ({"drift_score_a": 0.0, "drift_missing_a": 0.09}, ()),
        ({"drift_missing_b": 0.5, "drift_score_a": 0.5}, ("a", "b")),
    ],
)
def test_a_column_has_drifted_by_its_values_or_by_how_many_are_missing(metrics, drifted):
    assert window(1, **metrics).drifted({"a": 0.1, "b": 0.2}, 0.1) == drifted


def test_where_the_base_rate_alone_serves_every_verdict_begins_with_it():
    for windows in ([], [window(1)], [window(1, quality="alert")]):
        plain, labelled = judge(windows), judge(windows, base_rate=True)
        assert labelled == replace(plain, verdict=f"{BASE_RATE_ALONE}. {plain.verdict}")


def test_since_is_the_first_of_the_windows_in_a_row_that_stand_as_the_newest():
    windows = [window(1, "alert"), window(2), window(3, "alert"), window(4, "alert")]
    found = judge(windows)
    assert (found.since, found.from_start) == (windows[2].at, False)
    assert judge(windows[2:]).from_start


def test_a_window_that_is_fit_again_ends_it():
    assert judge([window(1, "alert"), window(2)]).since is None


def test_the_verdict_names_the_quality_and_the_drift_beside_it():
    assert judge([window(1, "alert", "alert")]).verdict == f"Quality reason; {UNLIKE}"
    assert judge([window(1, drift="alert")]).verdict == f"Good where it can be measured, but {UNLIKE}: quality reason"
    assert judge([window(1, broken="lat, lon")]).verdict == "The feed looks broken: lat, lon stood still"


@pytest.mark.parametrize(
    ("activity", "said"),
    [
        ("approval", "A new version waits for a person's approval"),
        ("retraining", "A retraining is under way"),
        ("rollback", "A rollback is under way"),
    ],
)
def test_what_the_orchestrator_is_at_goes_before_all_else(activity, said):
    assert judge([window(1, "alert")], open_alerts=[alert()], activity=activity).doing == said


def test_that_the_version_before_comes_back_is_said_before_what_a_retraining_has_to_answer():
    found = [alert("drift"), replace(alert("demotion"), reason="v1 has done better: it comes back")]
    assert judge([window(1, "alert")], open_alerts=found).doing == "v1 has done better: it comes back"


def test_open_alerts_wait_for_a_retraining_and_a_paused_one_is_said():
    found = [alert("new_records"), alert("drift")]
    assert judge([window(1, "alert")], open_alerts=found).doing == "A retraining has to answer: drift and new records"
    assert "paused" in judge([window(1, "alert")], open_alerts=found, activity="paused").doing


def test_when_all_is_well_the_schedule_is_told():
    assert judge([window(1)]).doing == "Nothing is needed: the next scheduled retraining is on 2026-04-01"
    assert judge([window(1, "warning")]).doing.startswith("No alert, so nothing now")


def test_what_the_guard_holds_back_says_until_when():
    kept = Decision("d", "keep", "no gain", "1", NOW - timedelta(days=2), window="w0")
    said = judge([window(1, "alert")], decisions=[kept]).doing
    assert said.startswith("cool-down after 'keep' on 2026-03-08: silent until 2026-04-07")
    assert "The finding" not in said


def test_a_stopped_loop_is_said():
    kept = [Decision(f"d{n}", "keep", "no gain", "1", NOW - timedelta(days=n)) for n in range(3)]
    assert judge([window(1, "alert")], decisions=kept).doing.startswith(
        "STOPPED: the last 3 retrainings changed nothing"
    )


def test_a_finding_that_nothing_holds_back_leads_to_an_alert():
    assert judge([window(1, "alert")]).doing.startswith("The next monitoring raises an alert")


def test_a_windows_figures_come_with_their_interval_or_not_at_all():
    found = window(1, log_loss=0.6, log_loss_low=0.5, log_loss_high=0.7, drift_share=0.5, drift_score_lat=2.0, rows=9)
    assert str(found.figure("log_loss")) == "0.6000 [0.5000, 0.7000]"
    assert found.figure("f1") is None
    assert (found.drift_share, found.scores, found.judged_rows) == (0.5, {"lat": 2.0}, 9)
