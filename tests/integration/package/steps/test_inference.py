"""Batch inference: every production row scored, published all at once."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from shotclock import flows
from shotclock.config import settings
from shotclock.errors import ContractError, StoreError
from shotclock.handoff import ValidBatch
from shotclock.steps import inference
from shotclock.store.run import Run
from shotclock.store.versions import registry

S1 = Run("shots", "inference", "s1")
FEATURES = ["lat", "lon", "minutes_remaining", "period", "playoffs", "shot_distance"]


def result():
    return pq.read_table(settings().data / "shots" / "predictions" / "resultado_pipeline.parquet")


def test_every_production_row_is_scored_labelled_or_not(at, prod):
    at("alerted")
    found = result()
    assert found.num_rows == 6_426
    outputs = ["probability", "prediction", "model_version"]
    assert found.column_names == ["shot_id", "game_date", *FEATURES, "shot_made_flag", *outputs]
    assert found["shot_id"].to_pylist() == prod["shot_id"].tolist()
    assert prod["shot_made_flag"].isna().sum() == 1_014


def test_the_probabilities_are_the_champions(at, prod):
    at("alerted")
    found, model = result(), registry.require_champion("shots").load()
    np.testing.assert_array_equal(found["probability"].to_numpy(), model.predict_proba(prod[FEATURES])[:, 1])
    np.testing.assert_array_equal(found["prediction"].to_numpy(), found["probability"].to_numpy() >= 0.5)
    assert set(found["model_version"].to_pylist()) == {"1"}


def test_a_new_champion_scores_the_same_rows_again(at):
    at("rested")
    assert set(result()["model_version"].to_pylist()) == {"2"}
    assert result().num_rows == 6_426


def test_scoring_is_the_mlflow_run_that_people_know(at, stored_runs):
    at("alerted")
    (run,) = stored_runs("application")
    assert run.info.run_name == "PipelineAplicacao"
    assert run.data.params["model_version"] == "1"
    assert {name: run.data.metrics[name] for name in ("rows", "rows_scored", "rows_quarantined")} == {
        "rows": 6_426,
        "rows_scored": 6_426,
        "rows_quarantined": 0,
    }
    assert [data.dataset.name for data in run.inputs.dataset_inputs] == ["production"]


def test_the_same_run_again_leaves_the_same_bytes_and_one_run(at, published, mlflow_runs, files):
    folder = at("alerted")
    before = published(), mlflow_runs(), files(folder / "data")
    flows.score("shots", "s1")
    assert (published(), mlflow_runs(), files(folder / "data")) == before


def test_a_try_that_meets_a_new_champion_goes_on_with_it(at, mlflow_runs, stored_runs):
    at("rested")
    runs = mlflow_runs()
    flows.score("shots", "s1")  # the first try scored with version 1
    assert set(result()["model_version"].to_pylist()) == {"2"}
    assert mlflow_runs() == runs
    assert {run.data.params["model_version"] for run in stored_runs("application")} == {"2"}


def test_bad_rows_are_set_aside_and_the_rest_is_scored(at, prod, put):
    at("trained")
    prod.loc[[7, 8], "shot_distance"] = -1
    done = flows.score("shots", "s1", path=put(prod))
    folder = settings().data / "shots" / "predictions"
    assert (done.rows, result().num_rows) == (6_424, 6_424)
    aside = pq.read_table(folder / "quarantine.parquet")
    assert aside["shot_id"].to_pylist() == prod.loc[[7, 8], "shot_id"].tolist()
    assert set(aside["reason"].to_pylist()) == {"shot_distance: below 0"}


def test_a_run_whose_input_went_bad_after_it_was_published_leaves_what_was_published(at, prod, put, published):
    at("trained")
    flows.score("shots", "s1", path=put(prod))
    before = published()
    put(prod.assign(period=prod["period"] + 90))
    with pytest.raises(ContractError, match="column 'period': 6,426 above 12"):
        flows.score("shots", "s1", path="given.parquet")
    assert published() == before


def test_nothing_to_score_is_said_and_publishes_nothing(at, published):
    at("alerted")
    before = published()
    assert inference.publish(S1, None).skip.startswith("nothing new to score")
    assert published() == before


def test_before_the_first_promotion_there_is_nothing_to_score_with(at):
    at("empty")
    with pytest.raises(StoreError, match=r"has no champion yet; trigger shots\.training first"):
        flows.score("shots", "s1")


def test_synthetic_rows_are_marked_in_mlflow(at, prod, put, stored_runs):
    at("trained")
    path = str(settings().data / "raw" / put(prod))
    inference.score(S1, ValidBatch(number=1, name="x", path=path, sha256="0", rows=len(prod), synthetic=True))
    (run,) = stored_runs("application")
    assert run.data.tags["shotclock.synthetic"] == "True"
