"""The pipeline of each algorithm: it takes rows as they are kept, and is read back from data alone."""

import warnings

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.pipeline import Pipeline

from shotclock.config import ALGORITHMS, Feature
from shotclock.models.candidates.algorithms import Inputs, Plan
from shotclock.store.versions.portable import TRUSTED

FEATURES = {
    "size": Feature(type="number", missing="allowed"),
    "count": Feature(type="integer"),
    "flag": Feature(type="boolean", missing="allowed"),
    "town": Feature(type="category", missing="allowed"),
    "code": Feature(type="category"),
}


def rows(many, levels=300):
    random = np.random.default_rng(3)
    found = pd.DataFrame(
        {
            "size": random.normal(size=many),
            "count": random.integers(0, 9, many),
            "flag": random.choice([0, 1, np.nan], many),
            "town": random.choice(np.array(["a", "b", "c", None], dtype=object), many),
            "code": random.integers(0, levels, many).astype(str).astype(object),
        }
    )
    found.loc[::5, "size"] = np.nan
    chance = 0.2 + 0.5 * (found["town"] == "a") + 0.2 * found["size"].isna()
    return found, (random.random(many) < chance).astype(int)


def pipeline(algorithm, features=FEATURES):
    settings = {"decision_tree": {"max_depth": 3, "min_samples_leaf": 20}}.get(algorithm, {})
    return Plan(algorithm, folds=3, iterations=1, seed=1, inputs=Inputs.of(features)).pipeline(settings)


@pytest.fixture(scope="module", params=ALGORITHMS)
def fitted(request):
    return pipeline(request.param).fit(*rows(3000))


def test_it_learns_from_levels_and_from_what_is_missing(fitted):
    found, _ = rows(3000)
    probability = pd.Series(fitted.predict_proba(found)[:, 1])
    assert probability[found["town"] == "a"].mean() > probability[found["town"] == "b"].mean() + 0.3
    assert probability[found["size"].isna()].mean() > probability[found["size"].notna()].mean() + 0.1


@pytest.mark.parametrize("change", [{"town": "new"}, {"code": "new"}, {"town": None}, {"size": np.nan, "flag": np.nan}])
def test_it_answers_for_a_level_never_seen_and_for_every_gap(fitted, change):
    found, _ = rows(50)
    with (
        warnings.catch_warnings()
    ):  # of this call: a mark would take in what other tests left for the garbage collection
        warnings.simplefilter("error")
        answered = fitted.predict_proba(found.assign(**change))[:, 1]
    assert ((answered > 0) & (answered < 1)).all()


def test_an_unseen_level_is_like_the_rare_ones_and_moves_nothing_else(fitted):
    found, _ = rows(200)
    one, other = (fitted.predict_proba(found.assign(code=level)) for level in ("new", "newer"))
    np.testing.assert_array_equal(one, other)


def test_it_is_read_back_as_data_with_the_same_answers(fitted, tmp_path):
    found, _ = rows(400)
    skops.io.dump(fitted, tmp_path / "model.skops")
    again = skops.io.load(tmp_path / "model.skops", trusted=list(TRUSTED))
    unseen = found.assign(code="new")
    for table in (found, unseen):
        np.testing.assert_array_equal(again.predict_proba(table), fitted.predict_proba(table))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_rows_of_numbers_without_gaps_go_through_the_steps_that_they_always_went_through(algorithm):
    plain = {"size": Feature(type="number"), "count": Feature(type="integer"), "flag": Feature(type="boolean")}
    steps = pipeline(algorithm, plain).named_steps
    assert list(steps) == (["scale", "model"] if algorithm == "logistic_regression" else ["model"])


def test_boosting_takes_gaps_as_they_are():
    gaps = {"size": Feature(type="number", missing="allowed")}
    made = pipeline("gradient_boosting", gaps)
    assert list(made.named_steps) == ["model"]
    assert isinstance(made, Pipeline)


def test_thousands_of_levels_are_few_columns():
    found, target = rows(4000, levels=100_000)
    for algorithm in ("logistic_regression", "gradient_boosting"):
        encoded = pipeline(algorithm).fit(found, target)[0].transform(found)
        width = encoded.shape[1] if algorithm == "logistic_regression" else encoded[:, 1].max()
        assert width < 300
