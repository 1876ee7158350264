"""What the process that forks tasks does once: nothing of it stays but what was compiled."""

import os
from pathlib import Path

import mlflow
import pytest
from sqlalchemy.sql.elements import ClauseElement

from shotclock import registry, rehearsal
from shotclock.config import settings
from shotclock.runs import Run


@pytest.fixture
def store(at):
    at("empty")
    return mlflow.MlflowClient(settings().tracking_uri)


@pytest.fixture
def compiled(monkeypatch):
    """The statements that are compiled from now on."""
    statements, compiler = [], ClauseElement._compiler

    def watched(self, *arguments, **options):
        found = compiler(self, *arguments, **options)
        statements.append(str(found))
        return found

    monkeypatch.setattr(ClauseElement, "_compiler", watched)
    return statements


def test_a_task_after_it_compiles_nothing_that_it_asks_or_tells_the_store(store, compiled):
    rehearsal.rehearse()
    assert compiled
    compiled.clear()
    with registry.tracked(Run("hoops", "monitoring", "r1"), "drift", "Drift", kind="drift") as record:
        record.record(params={"share": 0.5}, metrics={"a": 1.0, "b": 2.0}, tags={"verdict": "ok", "reason": "none"})
    registry.newest("hoops", "decision", unless={"decision": "skip"})
    registry.newest("hoops", "drift", tags={"verdict": "ok", "reason": "none"})
    registry.champion("hoops")
    assert compiled == []


def test_it_leaves_nothing_behind(store, caplog):
    caplog.set_level("INFO")
    caplog.clear()
    files, places = set(settings().home.rglob("*")), dict(os.environ)
    rehearsal.rehearse()
    assert set(settings().home.rglob("*")) <= files
    assert dict(os.environ) == places
    assert caplog.messages == []
    assert [found.name for found in store.search_experiments()] == ["Default"]
    assert store.search_registered_models() == []
    assert registry.champion(rehearsal.NOBODY) is None


def test_no_connection_to_the_store_is_left_open_for_a_fork_to_inherit(store):
    rehearsal.rehearse()
    held = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()]
    assert not [target for target in held if "mlflow.db" in target or "elsewhere.db" in target]


def test_it_can_be_done_where_there_is_no_store_yet(monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    rehearsal.rehearse()
    assert list(tmp_path.iterdir()) == []


def test_when_it_breaks_off_the_store_is_the_projects_own_again(store, tmp_path):
    with pytest.raises(ZeroDivisionError), registry.elsewhere(tmp_path):
        registry.experiment_id("hoops")
        1 / 0  # noqa: B018
    assert store.get_experiment_by_name("hoops") is None
