"""What training does to its process and folder, seen from processes of their own."""

import hashlib
import os
import pickle
import subprocess
import sys

import pytest

from shotclock.models.pickling import pickled

CHOICE = {"folds": 3, "iterations": 3, "seed": 42}
FEATURES = ["lat", "lon", "minutes_remaining", "period", "playoffs", "shot_distance"]
TARGET = "shot_made_flag"
ALGORITHMS = ["decision_tree", "logistic_regression", "gradient_boosting"]

TRAIN = """
import hashlib, pickle, sys, warnings
from datetime import timedelta
from shotclock.config import settings
from shotclock.models.candidates import Entry, Plan, compare, fit, rows_of
from shotclock.models.candidates.pycaret_backend import PyCaret
from shotclock.models.candidates.sklearn_backend import ScikitLearn
from shotclock.models.pickling import pickled

with open(sys.argv[1], "rb") as file:
    rows = rows_of(*pickle.load(file), 3)
backend = PyCaret(settings({}).pycaret_python, timedelta(minutes=10)) if sys.argv[2] == "pycaret" else ScikitLearn()
entries = [Entry(algorithm, Plan(algorithm, folds=3, iterations=3, seed=42), rows) for algorithm in sys.argv[3:]]
for entry, found in zip(entries, compare(entries, backend)):
    print(hashlib.sha256(pickled(fit(entry, found).model)).hexdigest())
print(sorted({name.split(".")[0] for name in sys.modules} & {"pycaret", "lightgbm", "evidently"}))
"""

PREDICT = """
import pickle, sys
for name in ("pycaret", "shotclock", "imblearn", "lightgbm"):
    sys.modules[name] = None  # an import of it now fails
with open(sys.argv[1], "rb") as file:
    model, features, expected = pickle.load(file)
assert (model.predict_proba(features) == expected).all()
print("same")
"""


def run(code, *arguments, folder):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.fixture(scope="module")
def rows(_dev):
    """3,000 real rows, as training gets them."""
    some = _dev.dropna(subset=[TARGET])[:3000]
    return some[FEATURES], some[TARGET]


@pytest.fixture
def rows_file(rows, tmp_path):
    path = tmp_path / "rows.pickle"
    path.write_bytes(pickle.dumps(rows))
    return path


@pytest.fixture
def empty(tmp_path):
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("backend", ["pycaret", "scikit-learn"])
def test_another_process_gives_the_same_bytes_and_loads_no_pycaret(backend, rows, rows_file, empty, train):
    *digests, loaded = run(TRAIN, rows_file, backend, *ALGORITHMS, folder=empty)

    here = [train(*rows, algorithm, **CHOICE) for algorithm in ALGORITHMS]
    assert digests == [hashlib.sha256(pickled(one.model)).hexdigest() for one in here]
    assert loaded == "[]"
    assert list(empty.iterdir()) == []


def test_a_model_loads_and_predicts_where_neither_pycaret_nor_shotclock_can_be_imported(rows, tmp_path, train):
    model = train(*rows, "decision_tree", **CHOICE).model
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps((model, rows[0], model.predict_proba(rows[0]))))
    assert run(PREDICT, path, folder=tmp_path) == ["same"]
