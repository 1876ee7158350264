"""A candidate's search and fit with scikit-learn. What both backends find on the real rows: see `test_pycaret_backend.py`."""

import json
import pickle

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline

from shotclock.models.candidates.algorithms import MODEL, SPACES, Plan

SMALL = {"folds": 3, "iterations": 2, "seed": 1}


def steps_of(model):
    return {type(step).__module__.split(".")[0] for _, step in model.steps}


# --- the contract, on small data


@pytest.mark.parametrize("algorithm", SPACES)
@pytest.mark.filterwarnings("error::sklearn.exceptions.ConvergenceWarning")
def test_every_algorithm_gives_a_fitted_bare_scikit_learn_pipeline(train, algorithm, shots):
    result = train(*shots, algorithm, **SMALL)

    assert (result.algorithm, result.backend) == (algorithm, "scikit-learn")
    assert type(result.model) is Pipeline
    assert steps_of(result.model) == {"sklearn"}
    assert b"pycaret" not in pickle.dumps(result.model)
    assert list(result.model.feature_names_in_) == ["near", "noise"]
    assert list(result.model.classes_) == [0, 1]


def test_logistic_regression_is_scaled(train, shots):
    features, target = shots
    far_scaled = features.assign(noise=features["noise"] * 1e6)
    one, other = (train(table, target, "logistic_regression", **SMALL) for table in (features, far_scaled))
    assert np.allclose(one.model.predict_proba(features), other.model.predict_proba(far_scaled))


def test_params_are_the_models_own_settings(train, shots):
    result = train(*shots, "gradient_boosting", **SMALL)
    own = result.model[MODEL].get_params()
    assert result.params == {name: own[name] for name in SPACES["gradient_boosting"]}


def test_everything_but_the_model_is_json(train, shots):
    result = train(*shots, "decision_tree", **SMALL)
    parts = [result.params, result.folds, result.cv, result.search]
    assert json.loads(json.dumps(parts)) == parts


def test_the_search_records_the_defaults_first_and_then_every_draw(train, shots):
    result = train(*shots, "decision_tree", folds=3, iterations=4, seed=1)
    defaults, *draws = [{k: v for k, v in one.items() if "log_loss" not in k} for one in result.search]
    assert defaults == {"max_depth": None, "min_samples_leaf": 1}
    assert len({json.dumps(draw) for draw in draws}) == 4
    for draw in draws:
        assert all(value in SPACES["decision_tree"][name] for name, value in draw.items())


def test_a_search_over_a_small_space_tries_each_setting_once(train, shots):
    result = train(*shots, "logistic_regression", folds=3, iterations=500, seed=1)
    assert sorted(one["C"] for one in result.search) == SPACES["logistic_regression"]["C"]  # the default is one of them


def test_the_shipped_settings_are_the_best_of_all_that_were_tried(train, shots):
    result = train(*shots, "decision_tree", folds=3, iterations=6, seed=1)
    best = min(result.search, key=lambda one: one["log_loss"])
    assert result.params.items() <= best.items()
    assert result.cv["log_loss"] == pytest.approx(best["log_loss"], abs=1e-12)


def test_the_defaults_ship_when_no_draw_beats_them(train, shots, monkeypatch):
    monkeypatch.setitem(SPACES, "logistic_regression", {"C": [1e-6, 1e-7]})
    result = train(*shots, "logistic_regression", **SMALL)
    assert result.params == {"C": 1.0}
    assert result.cv["log_loss"] == pytest.approx(result.search[0]["log_loss"], abs=1e-12)
    assert result.model[MODEL].C == 1.0


def test_cv_summarises_the_folds(train, shots):
    result = train(*shots, "decision_tree", folds=4, iterations=1, seed=1)
    losses = [fold["log_loss"] for fold in result.folds]
    assert len(result.folds) == 4
    assert all(set(fold) == {"log_loss", "roc_auc", "accuracy", "f1"} for fold in result.folds)
    assert result.cv["log_loss"] == pytest.approx(np.mean(losses))
    assert result.cv["log_loss_std"] == pytest.approx(np.std(losses))
    assert set(result.cv) == {"log_loss", "roc_auc", "accuracy", "f1", "log_loss_std"}


def test_fold_figures_are_those_of_the_plans_folds_recomputed_by_hand(train, shots):
    features, target = shots
    result = train(features, target, "decision_tree", **SMALL)
    plan = Plan("decision_tree", **SMALL)
    held_out = plan.held_out(target.to_numpy())
    for number, figures in enumerate(result.folds):
        fit, held = held_out != number, held_out == number
        model = plan.pipeline(result.params).fit(features.iloc[fit], target.iloc[fit])
        truth, probability = target.iloc[held], model.predict_proba(features.iloc[held])[:, 1]
        by_hand = {
            "log_loss": log_loss(truth, probability),
            "roc_auc": roc_auc_score(truth, probability),
            "accuracy": accuracy_score(truth, probability > 0.5),
            "f1": f1_score(truth, probability > 0.5),
        }
        assert figures == pytest.approx(by_hand, abs=1e-6)


def test_the_model_is_fitted_on_all_rows(train, shots):
    features, target = shots
    result = train(features, target, "decision_tree", **SMALL)
    assert result.model[MODEL].tree_.n_node_samples[0] == len(features)


def test_identical_inputs_give_the_identical_model(train, shots):
    one, other = (train(*shots, "decision_tree", **SMALL) for _ in range(2))
    assert pickle.dumps(one.model) == pickle.dumps(other.model)
    assert (one.folds, one.cv, one.search) == (other.folds, other.cv, other.search)


def test_the_seed_moves_the_folds(train, shots):
    one, other = (train(*shots, "logistic_regression", folds=3, iterations=1, seed=seed) for seed in (1, 2))
    assert one.folds != other.folds


def test_the_index_and_the_names_of_the_columns_do_not_matter(train, shots):
    features, target = shots
    index = np.zeros(len(features), dtype=int)  # all rows carry the same label
    renamed = features.set_axis(index).rename(columns={"near": "a b", "noise": "a-b"})
    one = train(features, target, "logistic_regression", **SMALL)
    other = train(renamed, target.set_axis(index), "logistic_regression", **SMALL)
    assert one.folds == other.folds
    assert np.array_equal(one.model.predict_proba(features), other.model.predict_proba(renamed))


def test_the_inputs_stay_as_they_were(train, shots):
    features, target = shots
    before = features.copy(), target.copy()
    train(features, target, "decision_tree", **SMALL)
    assert features.equals(before[0])
    assert target.equals(before[1])


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
def test_a_table_and_its_plain_matrix_score_alike(train, shots):
    features, target = shots
    for algorithm in ("decision_tree", "logistic_regression"):
        model = train(features, target, algorithm, **SMALL).model
        probabilities = model.predict_proba(features)
        assert probabilities.shape == (600, 2)
        assert np.array_equal(probabilities, model.predict_proba(features.to_numpy(dtype=float)))


def test_columns_in_another_order_are_refused_by_the_model(train, shots):
    features, target = shots
    model = train(features, target, "decision_tree", **SMALL).model
    with pytest.raises(ValueError, match="same order"):
        model.predict_proba(features[["noise", "near"]])


# --- the real rows


def test_a_single_draw_never_ends_with_an_unregularised_tree(train, real):
    features, target, _, _ = real
    for seed in range(8):
        result = train(features, target, "decision_tree", folds=2, iterations=1, seed=seed)
        assert result.cv["log_loss"] < 0.685, seed


def test_every_tree_of_the_space_beats_the_constant_predictor(train, real):
    features, target, _, _ = real
    result = train(features, target, "decision_tree", folds=3, iterations=100, seed=0)
    assert len(result.search) == 25
    assert max(one["log_loss"] for one in result.search[1:]) < 0.68


def test_gradient_boosting_on_the_real_data(train, real):
    features, target, test_features, test_target = real
    result = train(features, target, "gradient_boosting", folds=2, iterations=2, seed=42)
    assert result.cv["log_loss"] < 0.678
    assert log_loss(test_target, result.model.predict_proba(test_features)) < 0.676


def test_integer_and_float_columns_give_the_same_folds(train, shots):
    features, target = shots
    one = train(features, target, "logistic_regression", **SMALL)
    other = train(features.astype(float), target.astype(float), "logistic_regression", **SMALL)
    assert one.folds == other.folds
