"""skops vouches for the estimators of our pipelines alone, and a process that loads a model imports no more for it.

Each in a process of its own: skops asks as it is imported, and another test may have done that.
"""

import subprocess
import sys

SHOWN = """
import sys
from shotclock.store.versions.vouching import ESTIMATORS, skops
from skops.io import _trusted_types
import sklearn.utils

vouched = set(_trusted_types.SKLEARN_ESTIMATOR_TYPE_NAMES)
assert vouched == {f"{one.__module__}.{one.__name__}" for one in ESTIMATORS}, vouched
assert not {"pytest", "sklearn.utils._testing", "sklearn.gaussian_process"} & set(sys.modules), "all were imported"
assert len(sklearn.utils.all_estimators()) > 150, "what scikit-learn says to others is as it was"
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


def ran(script: str, *arguments: str) -> str:
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def test_skops_asks_for_the_estimators_of_our_pipelines_and_nobody_else_is_told_so() -> None:
    assert ran(SHOWN) == ""


def test_a_file_that_holds_another_estimator_is_not_read(tmp_path) -> None:
    assert ran(REFUSED, str(tmp_path)) == ""
