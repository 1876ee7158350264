"""The blend competes in a retraining on the real rows, takes over on its record, is refitted, scores, and is told of."""

import numpy as np
import pandas as pd
import pytest

from shotclock import config, flows
from shotclock.config import BLEND, RECALIBRATED, settings
from shotclock.judging import gate as gates
from shotclock.judging.slices.shares import mixed
from shotclock.steps.recipes import record
from shotclock.store import history
from shotclock.store.versions import registry
from shotclock.words.cards.contents import MODEL_CARD


@pytest.fixture
def blending(at):
    """The project `shots` at the stage where a retraining is asked for, with the blend among its candidates."""
    at("alerted")
    path = settings().projects / "shots.yaml"
    path.write_text(path.read_text("utf-8").replace("\ntraining:", "\ntraining:\n  blend: true", 1), "utf-8")
    config.project.cache_clear()
    assert config.project("shots").training.blend


def retrained(run="r1"):
    told = {}
    done = flows.retrain(
        "shots", run, by="manual", reason="blend", note=lambda step, result: told.update({step: result})
    )
    return done, told


def losses(rows):
    p, y = rows["probability"].to_numpy(), rows["shot_made_flag"].to_numpy()
    return -np.log(np.where(y == 1, p, 1 - p))


def test_its_record_is_what_the_recipes_gave_weighed_by_the_blocks_before(blending):
    _, told = retrained()
    selection = told["select"]
    recipes = [name for name in selection.candidates if name not in (BLEND, RECALIBRATED)]
    assert len(recipes) == 4
    given = {name: pd.read_parquet(selection.candidates[name].record) for name in recipes}
    own = pd.read_parquet(selection.candidates[BLEND].record)
    block = record.blocks_of(own)
    labels = own["shot_made_flag"].to_numpy(dtype=float)
    weights = mixed(np.array([given[name]["probability"] for name in recipes]), labels, block)
    expected = sum(weights[block, place] * given[name]["probability"] for place, name in enumerate(recipes))
    np.testing.assert_allclose(own["probability"], expected, rtol=1e-12)
    assert own["shot_id"].tolist() == given[recipes[0]]["shot_id"].tolist()
    best = min(losses(rows).mean() for rows in given.values())
    assert losses(own).mean() < best + 0.001, "it follows whoever is best"


def test_it_takes_over_on_its_record_and_ships_as_the_mean_of_the_recipes_fitted_on_everything(
    blending, monkeypatch, stored_runs
):
    monkeypatch.setattr("shotclock.models.candidates.select", _for(BLEND))
    done, told = retrained()
    assert (done.decision, done.version, told["refit"].recipe) == ("promote", "2", BLEND)
    champion = registry.require_champion("shots")
    assert champion.origin.algorithm == BLEND
    model = champion.load()
    parts = [part.estimator for part in model[-1].estimators_]
    rows = pd.read_parquet(told["split"].train)[list(model.feature_names_in_)]
    expected = np.average([part.predict_proba(rows)[:, 1] for part in parts], axis=0, weights=model[-1].weights)
    np.testing.assert_allclose(model.predict_proba(rows)[:, 1], expected, rtol=1e-12)
    learnt = set(pd.read_parquet(champion.training_ids())["shot_id"])
    assert learnt == set(pd.read_parquet(told["split"].all)["shot_id"])

    card = (settings().data / "shots" / "champion" / MODEL_CARD).read_text("utf-8")
    for name, weight in zip((name for name, _ in model[-1].estimators), model[-1].weights, strict=True):
        assert f"weight of {name}</td><td>{round(weight, 4)}" in card
    assert flows.score("shots", "i2").version == "2"
    (kept,) = [run for run in stored_runs("candidate") if run.info.run_name == BLEND]
    assert kept.data.metrics["validation_log_loss"] == told["select"].candidates[BLEND].score.log_loss


def test_in_service_it_is_refitted_like_any_recipe(blending, monkeypatch):
    monkeypatch.setattr("shotclock.models.candidates.select", _for(BLEND))
    retrained()
    flows.score("shots", "i2")
    monkeypatch.setattr(gates, "decide", lambda *given: ("keep", "no gain"))
    monkeypatch.setattr(record, "unlearnt", lambda version, columns, rows: np.ones(len(rows["shot_id"]), dtype=bool))
    done, told = retrained("r2")
    assert (told["gate"].ruling.outcome, told["refit"].recipe) == ("keep", BLEND)
    assert (done.decision, done.version) == ("promote", "3")
    assert history.decisions("shots")[0].reason.startswith(
        "the recipe in service stays, refitted: blend, fitted on all"
    )


def test_exactly_the_measured_blend_ships_where_the_project_says_so(blending, monkeypatch):
    monkeypatch.setattr("shotclock.models.candidates.select", _for(BLEND))
    path = settings().projects / "shots.yaml"
    path.write_text(path.read_text("utf-8").replace("ships: refit", "ships: measured"), "utf-8")
    config.project.cache_clear()
    done, told = retrained()
    assert (done.decision, done.version) == ("promote", "2")
    rows = pd.read_parquet(told["gate"].scores)
    model = registry.require_champion("shots").load()
    np.testing.assert_allclose(
        model.predict_proba(rows[list(model.feature_names_in_)])[:, 1], rows["probability"], rtol=0, atol=1e-12
    )


def test_it_does_not_compete_where_the_project_wants_one_plain_model(at):
    at("alerted")
    _, told = retrained()
    assert BLEND not in told["select"].candidates


def _for(name):
    """Selection, as if this candidate had the lowest loss."""
    from shotclock.models.candidates import select

    return lambda results: select({other: loss + (0 if other == name else 9) for other, loss in results.items()})
