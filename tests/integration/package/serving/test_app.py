"""The endpoint against a client in the same process: MLflow's addresses, the version in each answer, what is refused."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient, set_tracking_uri
from mlflow.pyfunc import load_model, scoring_server
from starlette.testclient import TestClient

from shotclock.config import settings
from shotclock.errors import StoreError
from shotclock.serving import app as endpoint
from shotclock.serving import service as serving
from shotclock.store.versions import registry

FEATURES = ["lat", "lon", "minutes_remaining", "period", "playoffs", "shot_distance"]
SHOT = {"lat": 34.0, "lon": -118.2, "minutes_remaining": 3, "period": 1, "playoffs": 0, "shot_distance": 24}
ONE = {"dataframe_records": [SHOT]}


@pytest.fixture
def service():
    return serving.Service("shots")


@pytest.fixture
def client(service):
    return TestClient(endpoint.make(service), raise_server_exceptions=False)


@pytest.fixture
def serves(at, service, client):
    """`serves("rested")`: the client, once the champion of that stage answers."""

    def ready(stage):
        at(stage)
        service.look()
        return client

    return ready


def stored(version):
    """The folder of a version's files."""
    found = MlflowClient(settings().tracking_uri).get_model_version("shots", version)
    source = (
        MlflowClient(settings().tracking_uri).get_logged_model(found.source.removeprefix("models:/")).artifact_location
    )
    return Path(source.removeprefix("file://"))


# What is answered


@pytest.mark.parametrize("path", ["/invocations", "/projects/shots/invocations"])
def test_an_answer_holds_the_champions_probabilities_and_its_version(serves, path):
    told = serves("rested").post(path, json=ONE)
    expected = registry.require_champion("shots").load().predict_proba(pd.DataFrame([SHOT])[FEATURES])
    assert told.status_code == 200
    assert told.json() == {"predictions": expected.tolist(), "model_version": "2"}
    assert (told.headers["x-model-name"], told.headers["x-model-version"]) == ("shots", "2")


@pytest.mark.parametrize("stage", ["trained", "rested"])
@pytest.mark.parametrize("rows", [1, 7, 2000])
def test_the_probabilities_are_bit_for_bit_those_of_mlflows_own_server(serves, prod, stage, rows):
    client = serves(stage)
    shots = prod[FEATURES].head(rows)
    body = json.dumps({"dataframe_split": shots.to_dict(orient="split")}).encode()
    set_tracking_uri(settings().tracking_uri)  # MLflow itself asks whichever store was named last
    model = load_model(registry.require_champion("shots").uri)
    theirs = scoring_server.invocations(body, "application/json", model, model.metadata.get_input_schema())
    ours = client.post("/invocations", content=body, headers={"Content-Type": "application/json"})
    assert ours.json()["predictions"] == json.loads(theirs.response)["predictions"]


def test_a_csv_file_is_answered_too(serves, prod):
    client, shots = serves("rested"), prod[FEATURES].head(50)
    told = client.post("/invocations", content=shots.to_csv(index=False), headers={"Content-Type": "text/csv"})
    expected = registry.require_champion("shots").load().predict_proba(shots)
    np.testing.assert_array_equal(told.json()["predictions"], expected)


def test_ping_health_and_version_answer_as_mlflow_has_them_with_the_version_in_the_headers(serves):
    client = serves("rested")
    assert (client.get("/ping").status_code, client.get("/ping").text) == (200, "\n")
    assert client.get("/version").text == scoring_server.VERSION
    health = client.get("/projects/shots/health").json()
    assert (health["status"], health["model_uri"], health["features"]) == ("ok", "models:/shots/2", FEATURES)
    assert (health["refused"], health["store"]) == (None, "ok")
    for path in ("/ping", "/health", "/version"):
        assert client.get(path).headers["x-model-version"] == "2"


def test_the_start_page_explains_itself_with_a_request_that_works(serves):
    client = serves("rested")
    said = client.get("/").text
    assert "shots                    version 2 answers" in said
    example = said.split("-d '")[1].split("'")[0]
    assert client.post("/invocations", json=json.loads(example)).status_code == 200


# What is refused


def test_a_wrong_column_or_value_is_400_with_its_name_and_the_version(serves):
    client = serves("rested")
    for row, said in (
        ({**SHOT, "period": "first"}, "column 'period': row 0 is \"first\", expected a number"),
        ({name: SHOT[name] for name in FEATURES[1:]}, "missing column 'lat' in row 0"),
    ):
        told = client.post("/invocations", json={"dataframe_records": [row]})
        assert (told.status_code, told.headers["x-model-version"]) == (400, "2")
        assert told.json()["error_code"] == "BAD_REQUEST" and told.json()["model_version"] == "2"
        assert told.json()["message"].startswith(said)


@pytest.mark.parametrize("headers", [{"Content-Type": "text/plain"}, {}])
def test_an_unknown_content_type_is_415(serves, headers):
    told = serves("rested").post("/invocations", content=b"1", headers=headers)
    assert told.status_code == 415 and "allowed: application/json, text/csv" in told.json()["message"]


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_413(serves, monkeypatch, declared):
    client = serves("rested")
    monkeypatch.setattr(endpoint, "MOST_BYTES", 1000)
    body = b" " * 1001
    content = body if declared else iter([body[:600], body[600:]])
    told = client.post("/invocations", content=content, headers={"Content-Type": "application/json"})
    assert told.status_code == 413 and "allowed are 1,000" in told.json()["message"]


def test_an_address_that_does_not_exist_and_a_wrong_verb_are_told_as_json(serves):
    client = serves("rested")
    assert (
        client.post("/projects/tennis/invocations", json=ONE).json()["message"]
        == "there is no project 'tennis'; found shots"
    )
    assert client.get("/nowhere").json()["error_code"] == "NOT_FOUND"
    assert client.get("/invocations").status_code == 405


def test_what_nobody_thought_of_is_500_without_its_details(serves, service, monkeypatch):
    client = serves("rested")
    service.served().current = replace(service.served().current, predict=lambda rows: 1 / 0)
    told = client.post("/invocations", json=ONE)
    assert (told.status_code, told.headers["x-model-version"]) == (500, "2")
    assert told.json()["message"] == "ZeroDivisionError; the log of the server says more"


# Which version answers


def test_before_the_first_champion_it_says_so_and_then_begins_by_itself(serves, at, service):
    client = serves("empty")
    for told in (client.get("/ping"), client.post("/invocations", json=ONE)):
        assert told.status_code == 503 and told.headers["retry-after"] == "1"
        assert told.json()["message"] == "project 'shots' has no champion yet; trigger shots.training first"
    assert (client.get("/health").status_code, client.get("/health").json()["status"]) == (503, "no champion")
    at("trained")
    service.look()
    assert client.post("/invocations", json=ONE).json()["model_version"] == "1"


def test_without_a_store_nothing_is_made_and_nothing_fails(service, client, tmp_path, at, monkeypatch):
    at("empty")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none.db")
    service.look()
    assert client.get("/health").json()["store"] == "ok"
    assert not list(tmp_path.iterdir())


def test_a_promotion_and_a_rollback_are_taken_over(serves, service):
    client = serves("rested")
    one, two = registry.version("shots", "1"), registry.version("shots", "2")
    registry.promote(one, expected="2")
    assert client.get("/ping").headers["x-model-version"] == "2"  # until it has looked
    service.look()
    assert client.post("/invocations", json=ONE).json()["model_version"] == "1"
    registry.promote(two, expected="1")
    service.look()
    assert client.post("/invocations", json=ONE).json()["model_version"] == "2"


def test_a_version_whose_files_were_changed_is_refused_and_the_old_one_goes_on(serves, service, promote_r1, caplog):
    client = serves("gated")
    promote_r1()
    with (stored("2") / "model.skops").open("ab") as file:
        file.write(b"x")
    with caplog.at_level(logging.ERROR):
        service.look()
    assert client.post("/invocations", json=ONE).json()["model_version"] == "1"
    health = client.get("/health").json()
    assert (health["status"], health["model_version"]) == ("champion refused", "1")
    assert health["refused"]["model_version"] == "2" and "the stored files have sha256" in health["refused"]["reason"]
    assert "models:/shots/2 is not taken over, models:/shots/1 goes on answering" in caplog.text


def test_a_refused_version_is_tried_again_only_after_a_while_and_then_forgotten(serves, service, monkeypatch):
    client = serves("rested")
    tries, load = [], serving.load

    def fails(version):
        tries.append(version.number)
        raise StoreError("away")

    monkeypatch.setattr(serving, "load", fails)
    registry.promote(registry.version("shots", "1"), expected="2")
    service.look()
    service.look()
    assert tries == ["1"]
    monkeypatch.setattr(serving, "_AGAIN", 0.0)
    service.served().refused = None
    service.look()
    monkeypatch.setattr(serving, "load", load)
    service.look()
    health = client.get("/health").json()
    assert (health["status"], health["model_version"], health["refused"]) == ("ok", "1", None)


def test_a_model_that_gives_no_probabilities_for_its_example_is_refused(at, monkeypatch):
    at("rested")
    version = registry.require_champion("shots")
    monkeypatch.setattr(serving, "_predictor", lambda model, features: lambda rows: np.full((len(rows), 2), 0.7))
    with pytest.raises(StoreError, match="models:/shots/2: gives no probabilities of two labels"):
        serving.load(version)


def test_a_store_that_is_away_for_a_while_does_not_stop_the_answers(serves, service, monkeypatch, caplog):
    client = serves("rested")
    with monkeypatch.context() as patch:
        patch.setattr(registry, "champion", lambda project: (_ for _ in ()).throw(OSError("gone")))
        service.look()
        service.look()
        assert client.post("/invocations", json=ONE).status_code == 200
        assert client.get("/health").json()["store"] == "OSError: gone"
    service.look()
    assert client.get("/health").json()["store"] == "ok"
    assert caplog.text.count("the store cannot be asked") == 1


def test_without_a_project_it_says_so_and_explains_itself(at):
    folder = at("empty") / "projects"
    (folder / "shots.yaml").unlink()
    service = serving.Service()
    service.look()
    client = TestClient(endpoint.make(service))
    assert client.get("/ping").status_code == 503
    assert "there is no project file yet" in client.get("/ping").json()["message"]
    assert "(none yet)" in client.get("/").text


def test_a_project_file_that_is_added_is_served_without_a_restart(serves, service):
    client = serves("rested")
    (settings().projects / "tennis.yaml").write_text("not even right", "utf-8")
    service.look()
    assert client.get("/projects/tennis/ping").status_code == 503
    assert "tennis                   no champion yet" in client.get("/").text
