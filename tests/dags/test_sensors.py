"""The sensors outside the loop's own DAGs. How they wait in a real triggerer is told in `tests/integration/test_loop.py`."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

KINDS = ("drift", "degradation", "new_records")  # that ask for a retraining


@pytest.fixture
def sensor(_airflow):
    """`sensor("drift", wait=False)`: one that watches the project `shots`."""
    from shotclock_airflow import sensors

    classes = {
        "drift": sensors.DriftSensor,
        "degradation": sensors.MetricDegradationSensor,
        "new_records": sensors.NewRecordsSensor,
        "demotion": sensors.DemotionSensor,
    }
    return lambda kind="drift", **options: classes[kind](task_id=f"until_{kind}", project="shots", **options)


@pytest.fixture
def deferred(sensor):
    """`deferred(…)`: what a sensor that waits hands over to the triggerer."""
    from airflow.sdk.exceptions import TaskDeferred

    def look(kind="drift", call="execute", **options):
        waiting = sensor(kind, **options)
        with pytest.raises(TaskDeferred) as found:
            waiting.execute({}) if call == "execute" else waiting.resumed({}, {"reason": "seen"}, call)
        return found.value

    return look


@pytest.mark.parametrize("kind", KINDS)
def test_a_condition_that_holds_succeeds_at_once_and_says_why_and_writes_nothing(at, sensor, kind):
    from shotclock.store import history

    at("alerted")
    before = history.alerts("shots")
    told = sensor(kind).execute({})
    assert told["fires"]
    assert told["reason"] and told["window"]
    assert history.alerts("shots") == before


@pytest.mark.parametrize("kind", (*KINDS, "demotion"))
def test_one_that_must_not_wait_is_skipped_with_the_reason(at, sensor, kind):
    from airflow.sdk.exceptions import AirflowSkipException

    at("rested")
    with pytest.raises(AirflowSkipException) as reason:
        sensor(kind, wait=False).execute({})
    assert str(reason.value).startswith(("ok: ", "insufficient data: ", "answered for this window "))


@pytest.mark.parametrize("stage", ("empty", "trained"))
def test_before_anything_was_promoted_or_checked_it_waits_or_is_skipped(at, sensor, deferred, stage):
    from airflow.sdk.exceptions import AirflowSkipException

    at(stage)
    said = {"empty": "has no champion yet", "trained": "no window of champion v1 was checked yet"}[stage]
    with pytest.raises(AirflowSkipException, match=said):
        sensor(wait=False).execute({})
    assert asyncio.run(first(deferred().trigger, seconds=0.2)) is None


def test_an_unknown_project_is_an_error_and_not_something_to_wait_for(at, _airflow):
    from shotclock.errors import ConfigError
    from shotclock_airflow.sensors import DriftSensor

    at("trained")
    with pytest.raises(ConfigError, match=r"allowed: shots\.yaml"):
        DriftSensor(task_id="until", project="shoots").execute({})


async def first(trigger, seconds):
    """The trigger's first event, or None if there is none within `seconds`."""
    events = trigger.run()
    try:
        return await asyncio.wait_for(anext(events), seconds)
    except TimeoutError:
        return None


def test_what_waits_in_the_triggerer_survives_being_stored_and_fires_with_the_reason(at, deferred):
    from airflow.sdk._shared.module_loading import import_string

    at("rested")
    waiting = deferred(poke_interval=0.05).trigger
    path, arguments = waiting.serialize()
    assert arguments == {"project": "shots", "kind": "drift", "seconds": 0.05}
    restored = import_string(path)(**arguments)
    assert asyncio.run(first(restored, seconds=0.5)) is None
    at("alerted")
    event = asyncio.run(first(restored, seconds=30))
    assert "5 of 6" in event.payload["reason"]


def test_the_timeout_holds_for_the_whole_wait_also_when_it_is_taken_up_again(at, deferred):
    at("rested")
    fresh = deferred(timeout=600)
    assert fresh.timeout == timedelta(seconds=600)
    assert fresh.method_name == "resumed"
    end = datetime.fromisoformat(fresh.kwargs["until"])
    assert abs(end - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(seconds=60)
    soon = (datetime.now(UTC) + timedelta(seconds=200)).isoformat()
    again = deferred(timeout=600, call=soon)
    assert timedelta(seconds=100) < again.timeout <= timedelta(seconds=200)
    assert again.kwargs == {"until": soon}
    late = (datetime.now(UTC) - timedelta(seconds=5)).isoformat()
    assert deferred(timeout=600, call=late).timeout == timedelta(0)


@pytest.mark.parametrize("soft_fail", (False, True))
def test_a_wait_that_ends_in_vain_fails_or_with_soft_fail_is_skipped(at, sensor, soft_fail):
    from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException

    with pytest.raises(AirflowSkipException if soft_fail else AirflowSensorTimeout):
        sensor(soft_fail=soft_fail).resume_execution("__fail__", {"error": "Trigger timeout"}, {})


DAG_OF_SOMEBODY_ELSE = """
from airflow.sdk import DAG, Asset
from shotclock_airflow.sensors import DriftSensor, MetricDegradationSensor, NewRecordsSensor

with DAG("somebody.watch"):
    DriftSensor(task_id="drift", project="shots", outlets=[Asset("somebody/drifted")])
    MetricDegradationSensor(task_id="degradation", project="shots")
    NewRecordsSensor(task_id="new_records", project="shots", wait=False)
"""


def test_in_somebody_elses_dag_an_alert_with_an_outlet_is_carried_and_stands_once(at, run, bag, tmp_path):
    from airflow.dag_processing.dagbag import sync_bag_to_db

    from shotclock.store import history

    at("alerted")
    (tmp_path / "watch.py").write_text(DAG_OF_SOMEBODY_ELSE, "utf-8")
    theirs = bag(tmp_path)
    assert theirs.import_errors == {}
    sync_bag_to_db(theirs, "dags-folder", None)
    before = {alert.id for alert in history.alerts("shots")}
    found = run("watch", dag=theirs.dags["somebody.watch"])
    assert set(found.states.values()) == {"success"}
    (extra,) = found.events().values()
    assert {"reason", "figures", "window", "champion", "alert"} <= extra.keys()
    assert extra["alert"] in before == {alert.id for alert in history.alerts("shots")}
