"""What goes of a project's past, and that nothing which anybody still needs goes with it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from yaml import safe_dump, safe_load

from shotclock import config, flows
from shotclock.config import settings
from shotclock.files import storage
from shotclock.projects import prune
from shotclock.reading import history
from shotclock.reading.status import status
from shotclock.steps.rollback import rollback
from shotclock.store.run import Run
from shotclock.store.server import artifacts
from shotclock.store.versions import registry
from shotclock.store.window import Window, recent_rows

LATER = datetime.now(UTC) + timedelta(days=3650)
ALL = {"older_than_days": 0, "keep": 0, "now": LATER}


def places(done):
    return sorted((run.flow, run.run) for run in done.runs)


def standing():
    """How the project stands, without what each run has left: of a pruned one that is less."""
    return replace(status("shots"), stories=())


@pytest.fixture
def rested(at):
    """After a training, an alarm, a retraining and a rescoring, all of it checked."""
    at("rested")
    return settings().data / "shots"


def everything(folder, mlflow_runs, published):
    return published(), sorted(str(path) for path in folder.rglob("*")), mlflow_runs()


def test_without_being_told_to_it_only_says_what_would_go(rested, mlflow_runs, published):
    before = everything(rested, mlflow_runs, published)
    done = prune.prune("shots", **ALL)
    assert places(done) == [("inference", "s1")]
    assert (done.removed, done.summary.startswith("would go: 1 folder(s)")) == (False, True)
    assert everything(rested, mlflow_runs, published) == before


def test_the_bytes_said_are_the_bytes_freed(rested):
    def used():
        folders = (rested, settings().home / "artifacts")
        return sum(p.stat().st_size for f in folders for p in f.rglob("*") if p.is_file() and not p.is_symlink())

    flows.check("shots", "m3")
    before = used()
    done = prune.prune("shots", **ALL, remove=True)
    assert places(done) == [("inference", "s1"), ("monitoring", "m2")]
    assert done.bytes == before - used() > 4_000_000  # the report, twice


def test_a_second_time_there_is_nothing_left_to_remove(rested):
    assert prune.prune("shots", **ALL, remove=True).runs
    assert prune.prune("shots", **ALL).runs == ()


def test_what_is_young_or_among_the_newest_stays(rested):
    assert prune.prune("shots", older_than_days=0, keep=0).runs == ()  # begun a moment ago
    assert prune.prune("shots", **ALL | {"keep": 2}).runs == ()
    assert prune.prune("shots", **ALL | {"older_than_days": 5000}).runs == ()


def test_published_state_history_and_batches_are_what_they_were(rested, published):
    before = published(), history.decisions("shots"), standing(), history.batches("shots")
    prune.prune("shots", **ALL, remove=True)
    after = published(), history.decisions("shots"), standing(), history.batches("shots")
    assert after == before


def test_the_loop_goes_on_and_goes_back_to_the_first_champion(rested):
    prune.prune("shots", **ALL, remove=True)
    assert not flows.check("shots", "m3").sensors["drift"].fires
    rollback(Run("shots", "rollback", "b1"), "a trial of going back")
    assert registry.require_champion("shots").number == "1"
    flows.score("shots", "s3")
    assert flows.check("shots", "m4").drift_check.verdict == "alert"
    assert not flows.retrain("shots", "r2", reason="a trial").skip


def test_of_many_batches_those_stay_that_the_next_check_and_retraining_read(at, monkeypatch):
    """Ten batches of 500 rows: a window of 1,000, a retraining of 2,000 labelled ones, nothing lent by older batches."""
    at("trained")
    monkeypatch.setattr(prune, "MOST_FOR_LABELS", 0)
    path = settings().projects / "shots.yaml"
    rules = safe_load(path.read_text("utf-8"))
    rules["data"]["batches"], rules["retraining"]["recent_rows"] = "arrivals", 2000
    path.write_text(safe_dump(rules), "utf-8")
    config.project.cache_clear()
    rows = storage.read_table(settings().data / "raw" / "dataset_kobe_prod.parquet")
    for number in range(10):
        storage.write_table(rows.slice(500 * number, 500), settings().data / "raw" / "arrivals" / f"{number}.parquet")
        flows.score("shots", f"s{number}")
    champion = registry.require_champion("shots")
    before = recent_rows("shots"), Window.newest("shots", champion).batches
    assert len(before[0].parts) == 5  # of which a sixth is unlabelled
    done = prune.prune("shots", **ALL, remove=True)
    assert places(done) == [("inference", f"s{number}") for number in range(5)]
    assert (recent_rows("shots"), Window.newest("shots", champion).batches) == before
    assert [line.rows for line in history.batches("shots")] == [500] * 10
    assert flows.score("shots", "s10").skip  # no batch is taken in again


def test_an_open_alert_keeps_its_checks_its_report_and_its_predictions(at):
    at("alerted")
    assert prune.prune("shots", **ALL).runs == ()
    flows.check("shots", "m2")
    assert prune.prune("shots", **ALL).runs == ()  # both have raised alerts that nobody has answered


def test_the_files_of_a_retraining_that_kept_the_champion_go_and_its_records_stay(rested, mlflow_runs):
    assert flows.retrain("shots", "r2", reason="a trial").decision == "keep"
    before = [run for run in mlflow_runs() if "/r2/" in run[0]]
    assert ("retraining", "r2") in places(prune.prune("shots", **ALL, remove=True))
    assert not (rested / "runs" / "retraining" / "r2").exists()
    assert [run for run in mlflow_runs() if "/r2/" in run[0]] == before


def test_a_folder_that_no_run_speaks_of_goes(rested):
    storage.write_table(
        storage.read_table(rested / "champion" / "reference.parquet"), rested / "runs/training/x/y.parquet"
    )
    assert ("training", "x") in places(prune.prune("shots", **ALL, remove=True))
    assert not (rested / "runs" / "training" / "x").exists()


def test_a_call_that_was_killed_is_finished_by_the_next(rested, monkeypatch, mlflow_runs):
    whole = prune.prune("shots", **ALL)

    def killed(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            prune.prune("shots", **ALL, remove=True)
    again = prune.prune("shots", **ALL, remove=True)
    assert places(again) == places(whole)
    assert not any("inference/s1/score" in key for key, _, _ in mlflow_runs())


def test_a_project_without_any_run_has_nothing_to_remove(at):
    at("empty")
    assert prune.prune("shots", **ALL).runs == ()
