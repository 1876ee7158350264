"""A leaf that has seen one outcome only is not certain of it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from shotclock.models.candidates import Entry, Plan, Search, fit, rows_of
from shotclock.models.candidates.algorithms import ALGORITHMS, SPACES, Inputs
from shotclock.models.candidates.leaves import smoothed
from shotclock.models.candidates.recalibration import recalibrate
from shotclock.models.searched import Tried

ROWS = pd.DataFrame({"x": np.repeat([0.0, 1.0, 2.0], 100)})
LABELS = np.array([0] * 100 + [1] * 100 + [0, 1] * 50)


def tree():
    return Pipeline([("model", DecisionTreeClassifier(random_state=0))]).fit(ROWS, LABELS)


def test_a_pure_leaf_says_what_laplaces_rule_says_and_a_mixed_one_what_it_has_seen():
    answered = smoothed(tree()).predict_proba(ROWS)[::100, 1]
    assert answered == pytest.approx([1 / 102, 101 / 102, 0.5])
    assert smoothed(tree()).predict_proba(ROWS).sum(axis=1) == pytest.approx(np.ones(300))


def test_every_split_and_every_other_model_stays_as_it_was():
    one, other = tree(), smoothed(tree())
    np.testing.assert_array_equal(one[-1].tree_.threshold, other[-1].tree_.threshold)
    np.testing.assert_array_equal(one.predict(ROWS), other.predict(ROWS))
    mixed = Pipeline([("model", DecisionTreeClassifier(max_depth=1, min_samples_leaf=150))]).fit(
        ROWS[50:250], LABELS[50:250]
    )
    before = mixed.predict_proba(ROWS)
    np.testing.assert_array_equal(smoothed(mixed).predict_proba(ROWS), before)
    regression = Pipeline([("model", LogisticRegression())]).fit(ROWS, LABELS)
    assert smoothed(regression) is regression


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_candidate_is_certain_of_rows_whose_text_gives_their_outcome_away(algorithm):
    labels, inputs = np.repeat([0, 1], 150), Inputs(categories=(0,), numbers=(1,), missing=(0, 1))
    features = pd.DataFrame({"town": np.where(labels, "Oslo", "Bergen"), "x": np.where(labels, np.nan, 1.0)})
    plan = Plan(algorithm, folds=2, iterations=1, seed=0, inputs=inputs)
    entry = Entry(algorithm, plan, rows_of(features, pd.Series(labels, name="y"), 2, inputs))
    boldest = {"min_samples_leaf": 20} | {
        name: space[-1] for name, space in SPACES[algorithm].items() if "leaf" not in name
    }
    folds = [dict.fromkeys(("log_loss", "roc_auc", "accuracy", "f1"), 0.5)] * 2
    model = fit(entry, Search("scikit-learn", (Tried(_of(plan, boldest), (0.5, 0.5)),), 0, folds)).model
    for one in (model, recalibrate(model, entry.rows, folds=2, seed=0).model):
        probabilities = one.predict_proba(features)[:, 1]
        assert 0 < probabilities.min() < 0.1
        assert 0.9 < probabilities.max() < 1


def _of(plan, settings):
    return {name: value for name, value in settings.items() if name in plan.defaults}
