"""The guard has stopped: people are told once for each window, not at each monitoring."""

import pytest

from shotclock.judging.alerts import KINDS
from shotclock.steps import sensing
from shotclock.store import history, queries, records, tracking
from shotclock.store.run import Run


@pytest.fixture
def stopped(at, performed):
    """Three retrainings in a row have found nothing better, and hardly a row has come since."""
    at("alerted")
    for number in range(3):
        with tracking.tracked(Run("shots", "retraining", f"k{number}"), "decision", records.Decision) as run:
            run.write(records.Decision(decision="keep", reason="no gain", after="1", flow="retraining"))
    performed("m1", history.findings("shots", "drift", "1", 1)[0].window, "alert", {"rows_new": 10})


def news(run_id, *kinds):
    return [sensing.sense(Run("shots", "monitoring", run_id), kind).news for kind in kinds or KINDS]


def test_the_first_of_the_sensors_tells_and_the_next_monitoring_is_silent(stopped):
    assert news("m2") == [True, False, False, False]
    assert not any(news("m3"))
    (said,) = queries.newest("shots", records.Stopped, most=9)
    assert said.record.reason.startswith("STOPPED: the last 3 retrainings")


def test_the_same_task_tried_again_tells_again(stopped):
    assert news("m2", "degradation") == [True]
    assert news("m2", "degradation", "drift") == [True, False]


def test_another_window_is_told_of_anew(stopped, performed):
    assert news("m2", "degradation") == [True]
    performed("m3", "w2", "alert", {"rows_new": 10})
    assert news("m3", "degradation") == [True]


def test_who_is_stopped_still_fires_nothing_and_is_skipped_with_the_reason(stopped):
    found = sensing.sense(Run("shots", "monitoring", "m2"), "drift")

    assert not found.fires
    assert found.skip.startswith("STOPPED: ")


def test_a_finding_that_is_silent_for_another_reason_is_no_stop(at):
    at("rested")

    assert not sensing.sense(Run("shots", "monitoring", "m3"), "drift").stopped
