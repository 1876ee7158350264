"""No winner sits at the edge of its space unless nothing beyond is better."""

import numpy as np
import pandas as pd
import pytest

from shotclock.models.candidates import algorithms, compare, rows_of
from shotclock.models.candidates.algorithms import ALGORITHMS, LADDERS, SPACES, Entry, Plan, at_edge
from shotclock.models.candidates.sklearn_backend import ScikitLearn
from shotclock.models.candidates.widening import MOST_STEPS, widened


def entry(algorithm, chance, iterations=10):
    random = np.random.default_rng(11)
    features = pd.DataFrame({f"x{i}": random.normal(size=1500) for i in range(4)})
    target = pd.Series((random.random(1500) < chance(features)).astype(int), name="y")
    plan = Plan(algorithm, folds=2, iterations=iterations, seed=1)
    return Entry(algorithm, plan, rows_of(features, target, 2))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_space_lies_on_its_ladder_with_room_on_both_sides(algorithm):
    for name, space in SPACES[algorithm].items():
        ladder = LADDERS[algorithm][name]
        assert space == ladder[ladder.index(space[0]) : ladder.index(space[-1]) + 1]
        assert ladder == sorted(ladder)
        assert ladder[0] < space[0] < space[-1] < ladder[-1]


def test_a_search_whose_best_is_at_the_edge_goes_on_as_long_as_it_gains(monkeypatch):
    monkeypatch.setitem(algorithms.SPACES, "logistic_regression", {"C": [10.0, 30.0]})
    noise = entry("logistic_regression", lambda x: np.full(len(x), 0.5))
    found = compare([noise], ScikitLearn())[0]
    wider = widened(noise, found)
    assert wider.settings["C"] < found.settings["C"]
    assert wider.tried[: len(found.tried)] == found.tried
    assert not wider.cut_short
    assert len(wider.tried) <= len(found.tried) + MOST_STEPS
    assert np.mean([fold["log_loss"] for fold in wider.folds]) == pytest.approx(wider.tried[wider.best].log_loss)


def test_a_search_of_one_draw_goes_on_for_two_settings_and_no_more(monkeypatch):
    monkeypatch.setitem(algorithms.SPACES, "logistic_regression", {"C": [10.0, 30.0]})
    noise = entry("logistic_regression", lambda x: np.full(len(x), 0.5), iterations=1)
    found = compare([noise], ScikitLearn())[0]
    wider = widened(noise, found)
    assert [one.settings["C"] for one in wider.tried[len(found.tried) :]] == [0.3, 0.1]
    assert wider.cut_short


def test_a_search_whose_best_is_inside_stays_as_it_is():
    clear = entry("logistic_regression", lambda x: 1 / (1 + np.exp(-x["x0"])))
    found = compare([clear], ScikitLearn())[0]
    assert 0.001 < found.settings["C"] < 100
    assert widened(clear, found) == found


@pytest.mark.parametrize(
    ("algorithm", "settings", "expected"),
    [
        ("logistic_regression", {"C": "10000.0"}, ["C"]),
        ("logistic_regression", {"C": 100.0}, []),
        ("decision_tree", {"max_depth": "15", "min_samples_leaf": "10"}, ["max_depth", "min_samples_leaf"]),
        ("decision_tree", {"max_depth": "None", "min_samples_leaf": "1"}, []),
        ("decision_tree", {"max_depth": "1", "min_samples_leaf": "2000"}, ["min_samples_leaf"]),
        ("gradient_boosting", {"max_leaf_nodes": 2, "max_iter": 1600, "learning_rate": 0.1}, ["max_iter"]),
        ("recalibrated_champion", {"slope": "1"}, []),
    ],
)
def test_a_setting_at_the_end_of_its_ladder_is_named(algorithm, settings, expected):
    assert at_edge(algorithm, settings) == expected
