"""An earlier version goes back into service, once for each time that somebody asked for it."""

import shutil
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from shotclock.errors import ConfigError, StoreError
from shotclock.files import storage
from shotclock.steps.rollback import rollback
from shotclock.store import history, queries, records
from shotclock.store.run import Run
from shotclock.store.server.client import connect
from shotclock.store.versions import registry


def asked(run_id, at=None):
    return Run("shots", "rollback", run_id, asked=at or datetime.now(UTC))


def in_service():
    return [registry.by_alias("shots", alias).number for alias in (registry.CHAMPION, registry.PREVIOUS)]


def outcomes():
    return [(done.outcome, done.champion) for done in history.decisions("shots")]


def skips():
    return queries.newest("shots", records.Decision, where={"decision": "skip"}, most=9)


def test_the_previous_version_goes_back_and_the_champion_becomes_the_previous_one(at):
    at("rested")
    done = rollback(asked("b1"), "complaints")
    assert (done.version, in_service(), outcomes()[0]) == ("1", ["1", "2"], ("rollback", "1"))


def test_of_two_asked_for_at_once_the_second_does_not_undo_the_first_and_says_why(at):
    at("rested")
    first, second = (asked(name) for name in ("b1", "b2"))
    rollback(first, "complaints")
    done = rollback(second, "the same complaints")
    assert in_service() == ["1", "2"]
    assert "v1 has come into service since this rollback was asked for (rollback `b1`: complaints)" in done.skip
    (skip,) = skips()
    assert (skip.record.reason, skip.run_id) == (done.skip, "b2")
    assert rollback(second, "the same complaints").skip == done.skip, "nor when it is tried again"
    assert len(skips()) == 1


def test_nor_where_it_comes_between_the_firsts_choice_and_its_end(at, monkeypatch):
    at("rested")
    moved, done = threading.Event(), {}
    first, second = (asked(name) for name in ("b1", "b2"))
    promote = registry.promote

    def slowly(version, *, expected):
        promote(version, expected=expected)
        moved.set()
        time.sleep(1)  # the alias stands there, and the decision is not ended yet

    monkeypatch.setattr(registry, "promote", slowly)
    runs = [
        threading.Thread(target=lambda r=run: done.update({r.id: rollback(r, "complaints")})) for run in (first, second)
    ]
    runs[0].start()
    assert moved.wait(60)
    runs[1].start()
    for run in runs:
        run.join()
    assert (in_service(), done["b1"].decision, done["b2"].decision) == (["1", "2"], "rollback", "skip")


def test_what_is_shown_as_champion_is_the_version_in_service_whatever_moved_the_alias(at, published):
    folder = at("rested") / "data" / "shots"

    def shown():
        return storage.digest((folder / "champion" / registry.MODEL_FILE).resolve())

    models = {number: registry.version("shots", number).origin.model_sha256 for number in ("1", "2")}
    assert shown() == models["2"]
    rollback(asked("b1"), "complaints")
    assert shown() == models["1"]
    connect().set_registered_model_alias("shots", registry.CHAMPION, "2")  # by hand, in MLflow
    registry.show_champion("shots")
    assert shown() == models["2"]
    before = (folder / "champion").readlink()
    (folder / "champion").unlink()  # a call that was killed in between
    registry.promote(registry.version("shots", "2"), expected="1")
    assert (folder / "champion").readlink() == before


def test_of_a_version_whose_files_are_gone_nothing_is_shown_rather_than_another(at, caplog):
    folder = at("rested") / "data" / "shots"
    first = registry.version("shots", "1").origin
    shutil.rmtree(folder / "runs" / first.flow / storage.folder_name(first.run))
    rollback(asked("b1"), "complaints")
    assert not (folder / "champion").is_symlink()
    assert "nothing is shown as champion" in caplog.text


def test_nor_does_it_undo_a_promotion_that_came_after_it_was_asked_for(at, promote_r1):
    at("gated")
    early = asked("b1")
    promote_r1()
    done = rollback(early, "complaints about version 1")
    assert in_service() == ["2", "1"]
    assert "v2 has come into service since this rollback was asked for (retraining `r1`: gain over" in done.skip


def test_one_that_is_asked_for_after_another_has_ended_goes_back_again(at):
    at("rested")
    rollback(asked("b1"), "complaints")
    later = asked("b2", datetime.now(UTC) + timedelta(milliseconds=2))
    assert rollback(later, "it was not the model").version == "2"
    assert in_service() == ["2", "1"]


def test_a_version_that_is_named_is_meant_whatever_came_meanwhile(at):
    at("rested")
    early = asked("b2")
    rollback(asked("b1"), "complaints")
    assert rollback(early, "it was not the model", version=2).version == "2"


def test_a_second_try_of_one_that_has_moved_the_alias_changes_nothing(at):
    at("rested")
    run = asked("b1")
    first = rollback(run, "complaints")
    assert rollback(run, "complaints") == first
    assert (in_service(), len(outcomes())) == (["1", "2"], 3)


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_it_needs_a_reason(at, reason):
    at("rested")
    with pytest.raises(ConfigError, match="reason: found nothing"):
        rollback(asked("b1"), reason)
    assert in_service() == ["2", "1"]


def test_behind_the_first_champion_there_is_nothing(at):
    at("trained")
    with pytest.raises(StoreError, match="no earlier champion to go back to; v1 is the first"):
        rollback(asked("b1"), "complaints")


@pytest.mark.parametrize("version", [2, 9], ids=["in service already", "not there"])
def test_what_is_refused_leaves_no_decision_that_failed(at, mlflow_runs, version):
    at("rested")
    before = mlflow_runs()
    with pytest.raises(StoreError) as refused:
        rollback(asked("b1"), "complaints", version=version)
    assert mlflow_runs() == before
    assert version == 2 or "which has v2, v1" in str(refused.value)
