"""What is tried, and on which folds: decided once, for every backend."""

import json

import numpy as np
import pytest
from sklearn.model_selection import StratifiedKFold

from shotclock.models.candidates.algorithms import SPACES, Plan

SIZES = {"decision_tree": 24, "logistic_regression": 9, "gradient_boosting": 107}  # without the library's defaults


def plan(algorithm, iterations=10, seed=42, folds=5):
    return Plan(algorithm, folds=folds, iterations=iterations, seed=seed)


def texts(settings):
    return [json.dumps(one) for one in settings]


@pytest.mark.parametrize("seed", [0, 1, 42, 2**32 - 1])
@pytest.mark.parametrize("iterations", [1, 2, 5, 10, 500])
@pytest.mark.parametrize("algorithm", SPACES)
def test_the_defaults_come_first_and_no_setting_twice(algorithm, iterations, seed):
    asked = plan(algorithm, iterations, seed)
    assert asked.settings[0] == asked.defaults
    assert len(asked.settings) == 1 + min(iterations, SIZES[algorithm])
    assert len(set(texts(asked.settings))) == len(asked.settings)
    for settings in asked.settings[1:]:
        assert all(settings[name] in values for name, values in SPACES[algorithm].items())


@pytest.mark.parametrize("algorithm", SPACES)
def test_more_iterations_add_settings_and_change_none(algorithm):
    few, many = plan(algorithm, 3).settings, plan(algorithm, 8).settings
    assert many[: len(few)] == few


def test_the_seed_moves_the_draw_and_the_same_seed_does_not():
    assert plan("decision_tree").settings == plan("decision_tree").settings
    assert plan("decision_tree", seed=1).settings != plan("decision_tree", seed=2).settings


def test_the_draws_by_the_examples_seed_are_the_same_on_every_machine():
    drawn = {(one["max_depth"], one["min_samples_leaf"]) for one in plan("decision_tree").settings[1:]}
    assert drawn == {
        (2, 200), (3, 50), (3, 100), (3, 250), (4, 150), (5, 50), (5, 100), (5, 150), (5, 250), (5, 300),
    }  # fmt: skip
    assert [one["C"] for one in plan("logistic_regression", 3).settings] == [1.0, 10.0, 0.1, 30.0]


def test_settings_are_plain_numbers_of_the_type_that_the_space_has():
    for settings in plan("gradient_boosting").settings:
        assert {type(value) for value in settings.values()} <= {int, float}


def test_each_row_is_held_out_once_in_the_folds_of_a_stratified_shuffled_split():
    labels = np.array([0, 1, 1] * 20)
    found = plan("decision_tree", folds=4, seed=7).held_out(labels)
    splitter = StratifiedKFold(4, shuffle=True, random_state=7)
    for number, (_, held) in enumerate(splitter.split(labels, labels)):
        assert np.flatnonzero(found == number).tolist() == held.tolist()
    assert sorted(set(found)) == [0, 1, 2, 3]
