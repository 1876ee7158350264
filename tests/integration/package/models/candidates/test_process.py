"""What training does to its process and folder, seen from processes of their own."""

import hashlib
import os
import pickle
import subprocess
import sys

import matplotlib
import numpy as np
import pytest
import sklearn

from shotclock.models.candidates import train

CHOICE = {"folds": 3, "iterations": 3, "seed": 42}
FEATURES = ["lat", "lon", "minutes_remaining", "period", "playoffs", "shot_distance"]
TARGET = "shot_made_flag"
ALGORITHMS = ["decision_tree", "logistic_regression", "gradient_boosting"]

TRAIN = """
import hashlib, pickle, sys, warnings
import pandas
from shotclock.models.candidates import train

with open(sys.argv[1], "rb") as file:
    features, target = pickle.load(file)
for algorithm in sys.argv[3:]:
    model = train(features, target, algorithm, backend=sys.argv[2], folds=3, iterations=3, seed=42).model
    print(hashlib.sha256(pickle.dumps(model)).hexdigest())
loaded = {name.split(".")[0] for name in sys.modules}
print("pycaret" in loaded, "evidently" in loaded)
print(warnings.showwarning.__module__)  # PyCaret puts its own in its place
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


@pytest.mark.parametrize(("backend", "libraries"), [("pycaret", "True False"), ("scikit-learn", "False False")])
def test_another_process_gives_the_same_bytes_and_stays_as_it_was(backend, libraries, rows, rows_file, empty):
    *digests, has_pycaret, has_evidently, shows_warnings = run(TRAIN, rows_file, backend, *ALGORITHMS, folder=empty)

    here = [pickle.dumps(train(*rows, algorithm, backend=backend, **CHOICE).model) for algorithm in ALGORITHMS]
    assert digests == [hashlib.sha256(model).hexdigest() for model in here]
    assert f"{has_pycaret} {has_evidently}" == libraries
    assert shows_warnings == "warnings"
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize("algorithm", ["decision_tree", "logistic_regression"])
def test_a_model_from_pycaret_loads_and_predicts_where_pycaret_cannot_be_imported(algorithm, rows, tmp_path):
    model = train(*rows, algorithm, backend="pycaret", **CHOICE).model
    path = tmp_path / "model.pickle"
    path.write_bytes(pickle.dumps((model, rows[0], model.predict_proba(rows[0]))))
    assert run(PREDICT, path, folder=tmp_path) == ["same"]


def test_pycaret_leaves_settings_random_state_and_output_as_they_were(rows, capfd):
    np.random.seed(3)
    settings, state = sklearn.get_config(), np.random.get_state()[1].copy()

    train(*rows, "decision_tree", backend="pycaret", **CHOICE)

    assert sklearn.get_config() == settings
    assert matplotlib.rcParams["font.sans-serif"] == matplotlib.rcParamsDefault["font.sans-serif"]
    assert np.array_equal(np.random.get_state()[1], state)
    assert capfd.readouterr() == ("", "")


def test_pycaret_lets_the_garbage_collector_see_everything_again(rows):
    import gc

    before = gc.get_freeze_count()
    train(*rows, "decision_tree", backend="pycaret", **CHOICE)
    assert gc.get_freeze_count() == before
