"""A model's bytes do not tell what its process did before; seen from processes of their own."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from shotclock.models.pickling import pickled

FIT = """
import hashlib, pickle, sys
from pathlib import Path
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from shotclock.models.pickling import pickled
from shotclock.store.versions import portable

if sys.argv[2:]:
    portable.read(Path(sys.argv[2]), 'a model')
rows = np.random.default_rng(1).normal(size=(200, 3))
model = make_pipeline(DecisionTreeClassifier(max_depth=3, random_state=0)).fit(rows, rows[:, 0] > 0)
print(hashlib.sha256(pickled(model) if sys.argv[1] == "ours" else pickle.dumps(model)).hexdigest())
"""


@pytest.fixture
def model():
    rows = np.random.default_rng(1).normal(size=(200, 3))
    return make_pipeline(DecisionTreeClassifier(max_depth=3, random_state=0)).fit(rows, rows[:, 0] > 0)


@pytest.mark.parametrize(("way", "same"), [("ours", True), ("plain", False)])
def test_a_fit_after_a_model_was_read_has_the_bytes_of_one_before_it(model, tmp_path, way, same):
    """The second of these is why there is the first."""
    import skops.io

    skops.io.dump(model, tmp_path / "model.skops")

    def fit(*read):
        command = [sys.executable, "-W", "ignore", "-c", FIT, way, *map(str, read)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert (fit() == fit(tmp_path / "model.skops")) == same


def test_what_is_read_back_predicts_the_same(model):
    rows = np.random.default_rng(2).normal(size=(50, 3))
    read = pickle.loads(pickled(model))
    assert (read.predict_proba(rows) == model.predict_proba(rows)).all()
    assert pickled(read) == pickled(model)
