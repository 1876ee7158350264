"""A project at hand in a notebook: what each method gives is what the store holds, and the example runs from cell to cell."""

import json
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import uvicorn

import shotclock
from shotclock.config import settings
from shotclock.errors import ConfigError, ContractError, StoreError
from shotclock.judging import performance
from shotclock.serving.app import make
from shotclock.serving.service import Service
from shotclock.store import queries, records
from shotclock.store.server.artifacts import artifact

EXAMPLE = Path(__file__).parents[3] / "notebooks" / "kobe_shots.ipynb"
SHOT = {"lat": 34.0, "lon": -118.2, "minutes_remaining": 3, "period": 1, "playoffs": 0, "shot_distance": 24}


def test_whoever_mistypes_a_name_is_told_those_that_there_are(at):
    at("empty")
    with pytest.raises(ConfigError, match="found 'shot', expected one of shots; did you mean 'shots'"):
        shotclock.open("shot")


def test_before_the_first_training_tables_are_empty_and_what_is_not_there_names_the_command(at):
    at("empty")
    p = shotclock.open("shots")
    assert (len(p.windows()), len(p.decisions())) == (0, 0)
    for ask in (p.champion, p.predictions, p.record):
        with pytest.raises(StoreError, match=r"'shots' has no champion yet.*shotclock train shots"):
            ask()


def test_a_store_that_is_not_there_is_not_made(at, monkeypatch, tmp_path):
    at("empty")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    p = shotclock.open("shots")
    assert (len(p.windows()), len(p.decisions())) == (0, 0)
    with pytest.raises(StoreError, match="has no champion yet"):
        p.champion()
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_gives_no_answer_is_said_at_once(at, monkeypatch, free_tcp_port):
    at("empty")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_tcp_port}")
    with pytest.raises(StoreError, match=r"(?s)MLflow's store: .*shotclock doctor"):
        shotclock.open("shots")


def test_a_champion_without_a_window_or_a_retraining_says_what_brings_them(at):
    at("trained")
    p = shotclock.open("shots")
    assert (p.champion().version, p.champion().recipe) == ("1", "decision_tree")
    with pytest.raises(StoreError, match=r"scored nothing yet; trigger shots\.inference"):
        p.predictions()
    with pytest.raises(StoreError, match=r"no track record; .*shotclock retrain shots"):
        p.record()


def test_rows_are_scored_to_the_last_bit_as_the_batch_was_whatever_else_they_hold(at, prod):
    at("rested")
    p = shotclock.open("shots")
    champion, rows = p.champion(), p.predictions()
    assert (champion.version, champion.recipe) == ("2", "logistic_regression.recent")
    assert (set(rows["model_version"]), len(rows), rows["shot_made_flag"].notna().sum()) == ({"2"}, 6426, 5412)
    raw = prod.set_index("shot_id", drop=False)
    given = champion.score(raw)
    assert given.name == "probability"
    np.testing.assert_array_equal(given[rows["shot_id"]], rows["probability"])
    features = champion.features(raw.head(3))
    assert features.index.equals(raw.index[:3])
    np.testing.assert_allclose(champion.model.predict_proba(features)[:, 1], given.head(3), atol=1e-12)
    assert len(champion.score(raw.head(0))) == 0


def test_a_row_that_somebody_thought_up_is_scored_and_one_that_breaks_the_contract_is_refused(at):
    at("rested")
    champion = shotclock.open("shots").champion()
    thought_up = pd.DataFrame([SHOT, SHOT], index=["a", "a"])
    assert champion.score(thought_up).index.tolist() == ["a", "a"]
    with pytest.raises(ContractError, match=r"found 1 of 2 rows .*column 'lat': 1 above 36"):
        champion.score(thought_up.assign(lat=[34.0, 90.0]))
    with pytest.raises(ContractError, match="column 'period' is missing"):
        champion.score(thought_up.drop(columns="period"))
    with pytest.raises(ContractError, match="one type"):
        champion.score(thought_up.assign(period=[1, "second"]))


def test_a_batch_is_named_as_the_command_line_names_it(at):
    at("rested")
    p = shotclock.open("shots")
    assert p.predictions("dataset_kobe_prod").equals(p.predictions())
    with pytest.raises(StoreError, match="no scored batch 'march'; there is dataset_kobe_prod"):
        p.predictions("march")


def test_windows_are_told_with_verdicts_and_intervals_as_each_champion_was_judged(at):
    at("rested")
    first, second = shotclock.open("shots").windows().to_dict("records")
    assert [one["champion"] for one in (first, second)] == ["1", "2"]
    assert (first["performance_verdict"], first["drift_verdict"], first["labelled_rows"]) == ("alert", "alert", 5412)
    assert (second["performance_verdict"], second["drift_verdict"]) == ("insufficient data", "ok")
    (judged,) = queries.newest("shots", records.Performance, where={"champion": "1"})
    for figure in ("log_loss", "log_loss_skill", "log_loss_skill_low", "log_loss_skill_high"):
        assert first[figure] == judged.record.figures[figure]
    assert np.isnan(second["log_loss"])


def test_the_record_is_that_of_the_decision_about_the_champion_best_recipe_first(at):
    at("rested")
    p = shotclock.open("shots")
    found, candidates = p.record(), {run.name: run for run in queries.newest("shots", records.Candidate, most=5)}
    assert found.columns.tolist() == list(range(1, 11))
    chosen_by = [candidates[name].record.validation_log_loss for name in found.index]
    assert chosen_by == sorted(chosen_by) and len(chosen_by) == 5
    assert p.champion().recipe == found.index[0]
    told = pd.read_parquet(artifact(candidates[found.index[0]].id, "track_record.parquet"))
    losses = pd.Series(performance.losses(told["shot_made_flag"].to_numpy(), told["probability"].to_numpy()))
    assert found.iloc[0].tolist() == pytest.approx(losses.groupby(told["shotclock_block"]).mean().tolist())
    assert p.decisions()["outcome"].tolist() == ["promote", "promote"]


@pytest.fixture
def endpoint(at, free_tcp_port, monkeypatch):
    """The endpoint, with the champion of the project `shots`, on the port that the settings name."""
    at("rested")
    monkeypatch.setenv("SHOTCLOCK_SERVING_PORT", str(free_tcp_port))
    service = Service("shots")
    service.look()
    config = uvicorn.Config(make(service), host="127.0.0.1", port=free_tcp_port, log_level="warning")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield
    server.should_exit = True
    thread.join()


def test_the_example_scores_explains_and_asks_the_endpoint_and_writes_nothing(endpoint, published, files):
    data, cells = settings().data, json.loads(EXAMPLE.read_text("utf-8"))["cells"]
    before, names = (published(), files(data)), {}
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert sum(source.count('"kobe_shots"') for source in sources) == 1
    for source in sources:
        exec(compile(source.replace('"kobe_shots"', '"shots"'), EXAMPLE.name, "exec"), names)
    assert names["told"]["model_version"] == names["champion"].version == "2"
    np.testing.assert_allclose(names["both"]["endpoint"], names["both"]["here"], atol=1e-12)
    assert set(names["importance"].index) == set(SHOT)
    assert names["importance"]["worth"].idxmax() == "shot_distance"
    assert (published(), files(data)) == before
