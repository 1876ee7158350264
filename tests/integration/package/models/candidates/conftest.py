"""Real training rows, and candidates trained on them once a session."""

from functools import cache

import numpy as np
import pytest
from pandas import DataFrame, Series
from sklearn.model_selection import train_test_split

from shotclock.models.candidates import train

FEATURES = ["lat", "lon", "minutes_remaining", "period", "playoffs", "shot_distance"]
TARGET = "shot_made_flag"


@pytest.fixture(scope="session")
def real(_dev):
    """16,228 training and 4,057 test rows, split as the project's `split` says."""
    rows = _dev.dropna(subset=[TARGET]).sort_values(["game_date", "shot_id"])
    fit, test = train_test_split(rows, test_size=0.2, stratify=rows[TARGET], random_state=42)
    return fit[FEATURES], fit[TARGET], test[FEATURES], test[TARGET]


@pytest.fixture(scope="session")
def trained(real):
    """`trained(backend, algorithm)`: the candidate on the real rows, 5 folds, 10 iterations, seed 42."""
    features, target, _, _ = real

    @cache
    def fit(backend, algorithm):
        return train(features, target, algorithm, backend=backend, folds=5, iterations=10, seed=42)

    return fit


@pytest.fixture
def shots():
    """600 rows whose label depends on `near`; `noise` says nothing."""
    random = np.random.default_rng(7)
    near = random.uniform(0, 1, 600)
    label = (random.uniform(0, 1, 600) < 0.2 + 0.6 * near).astype(int)
    return DataFrame({"near": near, "noise": random.integers(0, 5, 600)}), Series(label, name="made")
