"""What happened, asked from MLflow: the newest of a kind, what has ended since, every run there is."""

import time
from datetime import UTC, datetime

import pytest
from mlflow import MlflowClient

from shotclock.errors import StoreError
from shotclock.store import queries, records, tracking
from shotclock.store.run import Run
from shotclock.store.server import tables


@pytest.fixture(params=["tables", "client"], autouse=True)
def way(request, monkeypatch):
    """The store answers the same, whether its tables are read or its client is asked."""
    if request.param == "client":
        monkeypatch.setattr(tables, "KNOWN", ("another version", ""))
    return request.param


def windows(found):
    return [stored.record.window for stored in found]


def test_the_newest_come_first_and_only_those_that_carry_the_tags(checked):
    for number in range(4):
        checked("shots", number, champion=str(number % 2))
    assert windows(queries.newest("shots", records.Drift, most=3)) == ["w3", "w2", "w1"]
    assert windows(queries.newest("shots", records.Drift, where={"champion": "0"})) == ["w2"]
    assert windows(queries.newest("shots", records.Drift, where={"champion": "0", "window": "w0"})) == ["w0"]
    assert queries.newest("shots", records.Performance) == []


def test_a_run_is_told_with_what_made_it_and_when(checked):
    before = datetime.now(UTC)
    made = checked("shots", 7)
    (found,) = queries.newest("shots", records.Drift)
    assert (found.id, found.name, found.kind, found.parent) == (made, "Drift", "drift", "")
    assert (found.dag_id, found.run_id, found.flow) == ("shots.monitoring", "m7", "monitoring")
    assert found.place == ("shots.monitoring", "m7")
    assert found.key == "shots/monitoring/m7/drift"
    assert before.replace(microsecond=before.microsecond // 1000 * 1000) <= found.at <= found.ended <= datetime.now(UTC)


def test_a_field_that_the_kind_has_not_or_keeps_otherwise_is_refused_before_anything_is_asked(store):
    with pytest.raises(KeyError, match="champoin"):
        queries.newest("shots", records.Drift, where={"champoin": "1"})
    with pytest.raises(KeyError, match=r"Drift\.threshold_share is not kept as a tag"):
        queries.newest("shots", records.Drift, unless={"threshold_share": "0.6"})


def test_those_below_a_run_are_found_by_it(store):
    run = Run("shots", "training", "t1")
    parent = tracking.open_run(run, "training", records.Training)
    for name, above in (("tree", parent.id), ("line", parent.id), ("alone", "")):
        with tracking.tracked(run, f"train/{name}", records.Candidate, name=name, parent=above) as child:
            child.write(records.Candidate(algorithm=name, backend="scikit-learn", seed=1, settings={}, cv={}))
    found = queries.newest("shots", records.Candidate, parent=parent.id, most=9)
    assert {(stored.name, stored.parent) for stored in found} == {("tree", parent.id), ("line", parent.id)}


def test_every_run_is_found_over_many_pages(checked, monkeypatch):
    for number in range(5):
        checked("shots", number)
    paged = MlflowClient.search_runs
    monkeypatch.setattr(MlflowClient, "search_runs", lambda self, *a, **kw: paged(self, *a, **kw | {"max_results": 2}))
    assert windows(queries.newest("shots", records.Drift, most=100)) == ["w4", "w3", "w2", "w1", "w0"]
    assert [record.window for _, record in queries.traces("shots")] == ["w4", "w3", "w2", "w1", "w0"]


def test_the_pulse_changes_whenever_a_run_ends_and_asking_for_it_makes_nothing(store, runs):
    assert queries.pulse("shots") == ""
    assert runs() == []
    assert store.get_experiment_by_name("shots") is None
    seen = []
    for step in ("a", "b", "a"):
        with tracking.tracked(Run("shots", "training", "t9"), step, records.Drift):
            pass
        seen.append(queries.pulse("shots"))
        time.sleep(0.002)  # the store's clock counts milliseconds
    assert len(set(seen)) == 3


# Several projects


def by_project(found):
    return {project: windows(stored) for project, stored in found.items()}


def test_the_newest_runs_of_several_projects_come_together_also_of_one_that_is_crowded_out(checked):
    checked("quiet", 1)
    for number in range(2, 7):
        checked("busy", number)
    found = queries.newest_of(["quiet", "busy", "unknown"], records.Drift, each=2)
    assert by_project(found) == {"quiet": ["w1"], "busy": ["w6", "w5"], "unknown": []}


def test_runs_with_an_unwanted_tag_are_left_out(checked):
    checked("one", 1, verdict="ok")
    checked("one", 2, verdict="alert")
    found = queries.newest_of(["one"], records.Drift, each=5, unless={"verdict": "alert"})
    assert by_project(found) == {"one": ["w1"]}
    assert windows(queries.newest("one", records.Drift, unless={"verdict": "alert"}, most=5)) == ["w1"]


def test_what_has_finished_since_a_moment_is_found_of_every_kind(checked):
    checked("one", 1)
    time.sleep(0.02)
    moment = datetime.now(UTC)
    checked("one", 2)
    checked("one", 3, records.Performance)
    tracking.open_run(Run("one", "monitoring", "m4"), "drift", records.Drift)  # it has not finished
    found = queries.ended_since(["one", "unknown"], moment)
    assert by_project(found) == {"one": ["w3", "w2"]}
    assert [type(stored.record) for stored in found["one"]] == [records.Performance, records.Drift]


# Every run


def test_a_run_that_has_not_finished_or_is_of_no_known_kind_is_told_without_a_record(store, checked):
    checked("shots", 1)
    tracking.open_run(Run("shots", "monitoring", "m2"), "drift", records.Drift)
    store.create_run(store.get_experiment_by_name("shots").experiment_id, run_name="by hand")
    found = {trace.name + trace.run_id: record and record.window for trace, record in queries.traces("shots")}
    assert found == {"Driftm1": "w1", "Driftm2": None, "by hand": None}


def test_a_run_is_looked_up_in_its_own_project_only(at):
    at("alerted")
    (drift,) = queries.newest("shots", records.Drift)
    assert queries.look_up("shots", drift.id).kind == "drift"
    assert queries.look_up("other", drift.id) is None
    assert queries.look_up("shots", "0" * 32) is None


# What is not whole


def test_a_run_that_lacks_what_its_kind_must_have_is_named_with_its_kind_and_the_tag(store, checked):
    made = checked("shots", 1)
    store.delete_tag(made, "shotclock.verdict")
    said = rf"^MLflow run {made} \(Drift\) of the kind 'drift': no tag shotclock\.verdict; it was changed or written by"
    for ask in (
        lambda: queries.newest("shots", records.Drift),
        lambda: queries.newest_of(["shots"], records.Drift, each=1),
        lambda: queries.ended_since(["shots"], datetime(2020, 1, 1, tzinfo=UTC)),
    ):
        with pytest.raises(StoreError, match=said):
            ask()


def test_a_run_that_holds_a_word_which_its_kind_does_not_know_is_named_with_what_was_found(store, checked):
    made = checked("shots", 1)
    store.set_tag(made, "shotclock.verdict", "fine")
    with pytest.raises(StoreError, match=rf"MLflow run {made} .*: verdict: found 'fine': Input should be 'ok', 'warn"):
        queries.newest("shots", records.Drift)


def test_of_a_series_that_a_second_try_has_written_again_the_newer_values_are_told(store):
    with tracking.tracked(Run("shots", "training", "t1"), "training", records.Training) as kept:
        kept.series("loss", [3.0, 2.0])
        time.sleep(0.002)  # MLflow knows milliseconds
        kept.series("loss", [1.0, 4.0])
    assert queries.series(kept.id, "loss") == [1.0, 4.0]
    assert queries.series(kept.id, "gain") == []
