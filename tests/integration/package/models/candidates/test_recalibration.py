"""The recalibrated champion."""

import pickle

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline

from shotclock.judging import performance
from shotclock.models.candidates import rows_of
from shotclock.models.candidates.recalibration import recalibrate


@pytest.fixture
def champion(shots):
    return Pipeline([("model", LogisticRegression())]).fit(*shots)


@pytest.fixture
def moved(shots):
    """The same rows after the base rate has fallen: half of the hits became misses."""
    features, label = shots
    misses = np.random.default_rng(3).uniform(size=len(label)) < 0.5
    return features, label.where(~misses, 0)


def refitted(champion, rows, **options):
    given = {"folds": 5, "seed": 1} | options
    return recalibrate(champion, rows_of(*rows, given["folds"]), **given)


def test_a_fallen_base_rate_is_repaired(champion, moved):
    features, label = moved
    old, new = (model.predict_proba(features)[:, 1] for model in (champion, refitted(champion, moved).model))
    assert log_loss(label, new) < log_loss(label, old) - 0.05
    assert new.mean() == pytest.approx(label.mean(), abs=0.01)


def test_the_order_of_the_scores_stays(champion, moved):
    old, new = (m.predict_proba(moved[0])[:, 1] for m in (champion, refitted(champion, moved).model))
    assert roc_auc_score(moved[1], new) == pytest.approx(roc_auc_score(moved[1], old), abs=1e-9)


def test_recalibrating_twice_wraps_the_first_champion_once(champion, shots, moved):
    once = refitted(champion, moved).model
    twice, direct = refitted(once, shots).model, refitted(champion, shots).model
    assert pickle.dumps(twice) == pickle.dumps(direct)


def test_the_champion_itself_is_not_changed(champion, moved):
    before = pickle.dumps(champion)
    refitted(champion, moved)
    assert pickle.dumps(champion) == before


def test_the_same_rows_give_the_same_bytes(champion, moved):
    assert pickle.dumps(refitted(champion, moved).model) == pickle.dumps(refitted(champion, moved).model)


def test_the_two_numbers_are_the_curve_that_the_model_applies(champion, moved):
    trained = refitted(champion, moved)
    score = champion.decision_function(moved[0])
    expected = 1 / (1 + np.exp(-(trained.params["slope"] * score + trained.params["intercept"])))
    np.testing.assert_allclose(trained.model.predict_proba(moved[0])[:, 1], expected, atol=1e-12)


def test_the_folds_are_those_that_were_asked_for(champion, moved):
    trained = refitted(champion, moved, folds=4)
    assert len(trained.folds) == 4
    assert trained.cv["log_loss"] == pytest.approx(np.mean([fold["log_loss"] for fold in trained.folds]))


def test_on_production_it_repairs_most_of_what_the_tree_has_lost(trained, _prod, real):
    tree, columns = trained("scikit-learn", "decision_tree").model, list(real[0].columns)
    rows = _prod.dropna(subset=["shot_made_flag"]).sort_values(["game_date", "shot_id"])
    first, second = rows.iloc[:2706], rows.iloc[2706:]
    new = recalibrate(tree, rows_of(first[columns], first["shot_made_flag"], 5), folds=5, seed=42).model
    skills = [
        performance.measure(second["shot_made_flag"], model.predict_proba(second[columns])[:, 1]).log_loss_skill
        for model in (tree, new)
    ]
    assert skills[0].high < 0
    assert skills[1].value > skills[0].value + 0.02
