"""The weighed mean of several models, as one pipeline that takes the raw row."""

import copy

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from shotclock.models.candidates.algorithms import Rows
from shotclock.models.candidates.blend import blended
from shotclock.models.candidates.recalibration import recalibrated

ROWS = pd.DataFrame({"x": np.random.default_rng(1).normal(size=300), "y": np.arange(300.0)})
LABELS = (ROWS["x"] + np.random.default_rng(2).normal(size=300) > 0).astype(int).to_numpy()


def fitted(model):
    return Pipeline([("model", model)]).fit(ROWS, LABELS)


PARTS = {
    "tree.older_and_recent": (0.6, fitted(DecisionTreeClassifier(max_depth=2))),
    "logistic.recent": (0.3, fitted(LogisticRegression())),
    "base_rate.recent": (0.1, fitted(DummyClassifier(strategy="prior"))),
}


def test_it_gives_the_weighed_mean_of_what_its_parts_give():
    expected = sum(weight * model.predict_proba(ROWS)[:, 1] for weight, model in PARTS.values())
    np.testing.assert_allclose(blended(PARTS, ROWS).predict_proba(ROWS)[:, 1], expected, rtol=1e-14)


def test_its_parts_stay_as_they_are():
    before = {name: copy.deepcopy(model).predict_proba(ROWS) for name, (_, model) in PARTS.items()}
    blended(PARTS, ROWS)
    for name, (_, model) in PARTS.items():
        np.testing.assert_array_equal(model.predict_proba(ROWS), before[name])


@pytest.mark.parametrize("shown", [ROWS, ROWS.head(2), ROWS.tail(7)])
def test_it_has_the_columns_and_classes_of_a_champion_whatever_rows_it_is_shown(shown):
    made = blended(PARTS, shown)
    assert (list(made.feature_names_in_), made.classes_.tolist()) == (["x", "y"], [0, 1])


def test_it_can_be_recalibrated_like_any_champion():
    made = recalibrated(blended(PARTS, ROWS), Rows(ROWS, LABELS))
    assert abs(made.predict_proba(ROWS)[:, 1].mean() - LABELS.mean()) < 0.01
