"""skops vouches for the estimators of our pipelines alone, and a process that loads a model imports and asks no more for it.

Each in a process of its own: skops asks as it is imported, and another test may have done that.
"""

import subprocess
import sys

SHOWN = """
import sys
from shotclock.store.versions.vouching import ESTIMATORS, skops
from skops.io import _trusted_types
import scipy.special
import sklearn.utils

vouched = set(_trusted_types.SKLEARN_ESTIMATOR_TYPE_NAMES)
assert vouched == {f"{one.__module__}.{one.__name__}" for one in ESTIMATORS}, vouched
assert not {"pytest", "sklearn.utils._testing", "sklearn.gaussian_process"} & set(sys.modules), "all were imported"
assert _trusted_types.SCIPY_UFUNC_TYPE_NAMES == [], "each of them was looked for in every module"
assert len(sklearn.utils.all_estimators()) > 150, "what scikit-learn says to others is as it was"
assert "expit" in dir(scipy.special), "and what SciPy says"
"""
REFUSED = """
import sys
from pathlib import Path
from sklearn.naive_bayes import GaussianNB
from shotclock.errors import StoreError
from shotclock.store.versions import portable
from shotclock.store.versions.vouching import skops

file = Path(sys.argv[1]) / "model.skops"
skops.dump(GaussianNB(), file)
try:
    portable.read(file, "models:/shots/7")
except StoreError as error:
    assert "sklearn.naive_bayes.GaussianNB" in str(error), error
else:
    raise AssertionError("it was read")
"""

MADE = """
import sys
from itertools import product
from pathlib import Path
import numpy as np
import pandas as pd
from shotclock.config import ALGORITHMS, Feature
from shotclock.models.candidates import Plan, Rows
from shotclock.models.candidates.algorithms import Inputs
from shotclock.models.candidates.base_rate import constant
from shotclock.models.candidates.blend import blended
from shotclock.models.candidates.recalibration import recalibrated
from shotclock.store.versions import portable
from shotclock.store.versions.vouching import skops

random = np.random.default_rng(1)
labels = random.integers(0, 2, 300)
number, town = labels + random.normal(size=300), random.choice(["Bern", "Oslo", "Rome"], 300)
file = Path(sys.argv[1]) / "model.skops"
for algorithm, categories, missing in product(ALGORITHMS, (False, True), ("refused", "allowed")):
    rules = {"number": Feature(type="number", missing=missing)}
    table = pd.DataFrame({"number": np.where(np.arange(300) % 9 == 0, np.nan, number) if missing == "allowed" else number})
    if categories:
        rules["town"], table["town"] = Feature(type="category", missing=missing), town
    rows, plan = Rows(table, labels), Plan(algorithm, folds=2, iterations=1, seed=1, inputs=Inputs.of(rules))
    model = plan.pipeline(plan.defaults).fit(table, labels)
    mean = blended({f"{algorithm}.recent": (0.98, model), "base_rate.recent": (0.02, constant(rows))}, table)
    for one in (model, recalibrated(model, rows), constant(rows), mean, recalibrated(mean, rows)):
        skops.dump(one, file)
        read = portable.read(file, "models:/shots/7")
        assert np.array_equal(read.predict_proba(table), one.predict_proba(table)), (algorithm, categories, missing)
"""


def ran(script: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def test_skops_asks_for_the_estimators_of_our_pipelines_and_nobody_else_is_told_so() -> None:
    assert ran(SHOWN) == ""


def test_a_file_that_holds_another_estimator_is_not_read(tmp_path) -> None:
    assert ran(REFUSED, str(tmp_path)) == ""


def test_each_kind_of_pipeline_that_is_ever_made_is_read(tmp_path) -> None:
    assert ran(MADE, str(tmp_path)) == ""
