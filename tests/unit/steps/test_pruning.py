"""What goes of a project's past, and that nothing which anybody still needs goes with it."""

from datetime import UTC, datetime, timedelta

import pytest

from shotclock import flows, registry, storage
from shotclock.config import settings
from shotclock.runs import Run
from shotclock.steps import chronicle, pruning
from shotclock.steps.rollback import rollback

LATER = datetime.now(UTC) + timedelta(days=3650)
ALL = {"older_than_days": 0, "keep": 0, "now": LATER}


def places(done):
    return sorted((run["flow"], run["run"]) for run in done["runs"])


@pytest.fixture
def rested(at):
    """After a training, an alarm, a retraining and a rescoring, all of it checked."""
    at("rested")
    return settings().data / "shots"


def everything(folder, mlflow_runs, published):
    return published(), sorted(str(path) for path in folder.rglob("*")), mlflow_runs()


def test_without_being_told_to_it_only_says_what_would_go(rested, mlflow_runs, published):
    before = everything(rested, mlflow_runs, published)
    done = pruning.prune("shots", **ALL)
    assert places(done) == [("inference", "s1")]
    assert (done["removed"], done["summary"].startswith("would go: 1 folder(s)")) == (False, True)
    assert everything(rested, mlflow_runs, published) == before


def test_the_bytes_said_are_the_bytes_freed(rested):
    def used():
        folders = (rested, settings().home / "artifacts")
        return sum(p.stat().st_size for f in folders for p in f.rglob("*") if p.is_file() and not p.is_symlink())

    flows.check("shots", "m3")
    before = used()
    done = pruning.prune("shots", **ALL, remove=True)
    assert places(done) == [("inference", "s1"), ("monitoring", "m2")]
    assert done["bytes"] == before - used() > 4_000_000  # the report, twice


def test_a_second_time_there_is_nothing_left_to_remove(rested):
    assert pruning.prune("shots", **ALL, remove=True)["runs"]
    assert pruning.prune("shots", **ALL)["runs"] == []


def test_what_is_young_or_among_the_newest_stays(rested):
    assert pruning.prune("shots", older_than_days=0, keep=0)["runs"] == []  # begun a moment ago
    assert pruning.prune("shots", **ALL | {"keep": 2})["runs"] == []
    assert pruning.prune("shots", **ALL | {"older_than_days": 5000})["runs"] == []


def test_published_state_history_and_batches_are_what_they_were(rested, published):
    before = published(), chronicle.decisions("shots"), chronicle.standing("shots"), chronicle.batches("shots")
    pruning.prune("shots", **ALL, remove=True)
    after = published(), chronicle.decisions("shots"), chronicle.standing("shots"), chronicle.batches("shots")
    assert after == before


def test_the_loop_goes_on_and_goes_back_to_the_first_champion(rested):
    pruning.prune("shots", **ALL, remove=True)
    assert not flows.check("shots", "m3")["drift"]["fires"]
    rollback(Run("shots", "rollback", "b1"), "a trial of going back")
    assert registry.require_champion("shots").number == "1"
    flows.score("shots", "s3")
    assert flows.check("shots", "m4")["drift_check"]["verdict"] == "alert"
    assert "skip" not in flows.retrain("shots", "r2", reason="a trial")


def test_an_open_alert_keeps_its_checks_its_report_and_its_predictions(at):
    at("alerted")
    assert pruning.prune("shots", **ALL)["runs"] == []
    flows.check("shots", "m2")
    assert pruning.prune("shots", **ALL)["runs"] == []  # both have raised alerts that nobody has answered


def test_the_files_of_a_retraining_that_kept_the_champion_go_and_its_records_stay(rested, mlflow_runs):
    assert flows.retrain("shots", "r2", reason="a trial")["decision"] == "keep"
    before = [run for run in mlflow_runs() if "/r2/" in run[0]]
    assert ("retraining", "r2") in places(pruning.prune("shots", **ALL, remove=True))
    assert not (rested / "runs" / "retraining" / "r2").exists()
    assert [run for run in mlflow_runs() if "/r2/" in run[0]] == before


def test_a_folder_that_no_run_speaks_of_goes(rested):
    storage.write_table(
        storage.read_table(rested / "champion" / "reference.parquet"), rested / "runs/training/x/y.parquet"
    )
    assert ("training", "x") in places(pruning.prune("shots", **ALL, remove=True))
    assert not (rested / "runs" / "training" / "x").exists()


def test_a_call_that_was_killed_is_finished_by_the_next(rested, monkeypatch, mlflow_runs):
    whole = pruning.prune("shots", **ALL)

    def killed(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(registry, "remove", killed)
        with pytest.raises(KeyboardInterrupt):
            pruning.prune("shots", **ALL, remove=True)
    again = pruning.prune("shots", **ALL, remove=True)
    assert places(again) == places(whole)
    assert not any("inference/s1/score" in key for key, _, _ in mlflow_runs())


def test_a_project_without_any_run_has_nothing_to_remove(at):
    at("empty")
    assert pruning.prune("shots", **ALL)["runs"] == []
