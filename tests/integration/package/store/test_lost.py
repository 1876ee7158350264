"""A lost database is no fresh start: whoever looks is told, with the way back, and nothing published changes."""

import dataclasses
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from shotclock.errors import StoreError
from shotclock.projects import doctor
from shotclock.reading import health, status
from shotclock.reading.status import summary
from shotclock.serving import app as endpoint
from shotclock.serving import service as serving
from shotclock.steps import inference, retraining
from shotclock.store.run import Run
from shotclock.store.server import database
from shotclock.store.versions import registry

LOST = "the store was lost, or is another one. Restore its database from a backup"
FRESH = "project 'shots' has no champion yet; trigger shots.training first"


@pytest.fixture(params=["an empty database", "no database"])
def lost(at, request, monkeypatch) -> Path:
    folder = at("rested")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/{request.param.replace(' ', '_')}.db")
    # each of another name: MLflow's client keeps a file open that was removed, and goes on with it
    if request.param == "an empty database":
        database.prepare_store()
    return folder


def test_every_reader_tells_a_lost_store_and_the_way_back(lost):
    links = {link.name for link in (lost / "data" / "shots").iterdir() if link.is_symlink()}
    assert {"champion", "predictions"} <= links
    service = serving.Service("shots")
    service.look()
    answer = TestClient(endpoint.make(service)).get("/ping")
    assert (answer.status_code, LOST in answer.json()["message"]) == (503, True)
    (told,) = [finding for finding in doctor.store() if finding.state == "broken"]
    assert "knows no champion" in told.found
    assert told.remedy.startswith("Restore its database from a backup")
    assert LOST in summary.summarise(status.status("shots"))
    (row,) = health.Projects().overview().projects
    assert LOST in row.fitness.doing
    assert LOST in retraining.decide(Run("shots", "retraining", "r9"), "scheduled").skip
    assert LOST in inference.publish(Run("shots", "inference", "s9"), None).skip
    with pytest.raises(StoreError, match="Restore its database from a backup"):
        registry.require_champion("shots")
    assert {link.name for link in (lost / "data" / "shots").iterdir() if link.is_symlink()} == links


def test_before_the_first_training_nobody_speaks_of_a_loss(at):
    at("empty")
    assert registry.nobody("shots") == status.status("shots").nobody == FRESH
    assert [finding for finding in doctor.store() if finding.state == "broken"] == []
    (row,) = health.Projects().overview().projects
    assert row.fitness.verdict == "No model is in service yet"


def test_with_a_champion_nothing_is_said(at):
    at("rested")
    assert dataclasses.asdict(status.status("shots"))["nobody"] == ""
    assert [finding for finding in doctor.store() if finding.state == "broken"] == []
