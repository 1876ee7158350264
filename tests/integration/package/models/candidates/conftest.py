"""Real training rows, what both backends found on them once a session, and a candidate's whole way in one call."""

from datetime import timedelta
from functools import cache

import numpy as np
import pytest
from pandas import DataFrame, Series
from sklearn.model_selection import train_test_split

from shotclock.config import settings
from shotclock.models import candidates
from shotclock.models.candidates import Entry, Plan, rows_of
from shotclock.models.candidates.algorithms import SPACES
from shotclock.models.candidates.pycaret_backend import PyCaret
from shotclock.models.candidates.sklearn_backend import ScikitLearn

FEATURES = ["lat", "lon", "minutes_remaining", "period", "playoffs", "shot_distance"]
TARGET = "shot_made_flag"


@pytest.fixture(scope="session")
def real(_dev):
    """16,228 training and 4,057 test rows, split as the project's `split` says."""
    rows = _dev.dropna(subset=[TARGET]).sort_values(["game_date", "shot_id"])
    fit, test = train_test_split(rows, test_size=0.2, stratify=rows[TARGET], random_state=42)
    return fit[FEATURES], fit[TARGET], test[FEATURES], test[TARGET]


@pytest.fixture(scope="session")
def pycaret():
    """The backend in the environment that `make env` makes for the example."""
    return PyCaret(settings({}).pycaret_python, timedelta(minutes=10))


@pytest.fixture(scope="session")
def searched(real, pycaret):
    """`searched("pycaret", algorithm)`: entry and search, on the real rows; 5 folds, seed 42, 10 iterations.

    Of boosting, whose fits take as long as all others, three. PyCaret's process imports for seconds: it searches all at once.
    """
    rows, tried = rows_of(real[0], real[1], 5), {"gradient_boosting": 3}
    plans = [Plan(algorithm, folds=5, iterations=tried.get(algorithm, 10), seed=42) for algorithm in SPACES]
    entries = {plan.algorithm: Entry(plan.algorithm, plan, rows) for plan in plans}

    @cache
    def by_pycaret():
        return dict(zip(entries, candidates.compare(list(entries.values()), pycaret), strict=True))

    @cache
    def by_scikit_learn(algorithm):
        (found,) = candidates.compare([entries[algorithm]], ScikitLearn())
        return found

    return lambda backend, algorithm: (
        entries[algorithm],
        by_pycaret()[algorithm] if backend == "pycaret" else by_scikit_learn(algorithm),
    )


@pytest.fixture(scope="session")
def trained(searched):
    """`trained(backend, algorithm)`: the candidate fitted on the real rows."""
    return cache(lambda backend, algorithm: candidates.fit(*searched(backend, algorithm)))


@pytest.fixture
def train():
    """`train(features, target, "decision_tree", folds=3, iterations=2, seed=1)`: search with scikit-learn, and fit."""

    def train(features, target, algorithm, *, folds, iterations, seed):
        plan = Plan(algorithm, folds=folds, iterations=iterations, seed=seed)
        entry = Entry(algorithm, plan, rows_of(features, target, folds))
        (found,) = candidates.compare([entry], ScikitLearn())
        return candidates.fit(entry, found)

    return train


@pytest.fixture
def shots():
    """600 rows whose label depends on `near`; `noise` says nothing."""
    random = np.random.default_rng(7)
    near = random.uniform(0, 1, 600)
    label = (random.uniform(0, 1, 600) < 0.2 + 0.6 * near).astype(int)
    return DataFrame({"near": near, "noise": random.integers(0, 5, 600)}), Series(label, name="made")
