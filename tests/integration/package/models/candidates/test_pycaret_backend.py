"""The real PyCaret, in its own environment: it tries what it is given, and nothing else comes back.

What both backends find on the real rows is asked in this one file, so that one worker searches, and once.
"""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from pandas import Categorical, DataFrame, Series, array
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from shotclock.errors import SearchError
from shotclock.models.candidates import Entry, Plan, compare, pycaret_backend, rows_of
from shotclock.models.candidates.algorithms import MODEL, SPACES, Rows
from shotclock.models.candidates.pycaret_backend import installed
from shotclock.models.candidates.sklearn_backend import ScikitLearn

PROGRAM = Path(pycaret_backend.__file__).with_name("pycaret_program.py")
CLOSE = 1e-6  # nats a row: what another release of scikit-learn may differ by
# 1.4 cuts features of more than 255 values at quantiles by `method="midpoint"`, 1.9 by "averaged_inverted_cdf".
CLOSE_IN_BOOSTING = 5e-3

# by algorithm: settings, cross-validated log loss, log loss on base_test
EXPECTED = {
    "decision_tree": ({"max_depth": 3, "min_samples_leaf": 250}, 0.6740, 0.6739),
    "logistic_regression": ({"C": 0.1}, 0.6779, 0.6750),
}


@pytest.fixture(params=["pycaret", "scikit-learn"])
def backend(request):
    return request.param


def test_make_env_has_made_the_environment(pycaret):
    assert installed(pycaret.python) == "PyCaret 3.3.2"


# The same search on both sides


def agree(found, expected, close=CLOSE):
    assert [one.settings for one in found.tried] == [one.settings for one in expected.tried]
    for one, other in zip(found.tried, expected.tried, strict=True):
        assert one.log_losses == pytest.approx(other.log_losses, abs=close), one.settings
    if close == CLOSE:
        assert found.settings == expected.settings
        for one, other in zip(found.folds, expected.folds, strict=True):
            assert one == pytest.approx(
                other, abs=10 * close
            )  # two rows with nearly the same probability change places


@pytest.mark.parametrize("algorithm", SPACES)
def test_both_backends_agree_in_each_setting_and_fold_of_the_real_rows(searched, algorithm):
    (_, found), (_, expected) = (searched(backend, algorithm) for backend in ("pycaret", "scikit-learn"))
    assert (found.backend, expected.backend) == ("pycaret", "scikit-learn")
    agree(found, expected, CLOSE_IN_BOOSTING if algorithm == "gradient_boosting" else CLOSE)


def test_pycaret_finds_the_examples_champion(searched):
    _, tree = searched("pycaret", "decision_tree")
    _, logistic = searched("pycaret", "logistic_regression")
    assert tree.settings == {"max_depth": 3, "min_samples_leaf": 250}
    assert tree.tried[tree.best].log_loss == pytest.approx(0.67404479, abs=CLOSE)
    assert logistic.settings == {"C": 0.1}
    assert logistic.tried[logistic.best].log_loss == pytest.approx(0.67786560, abs=CLOSE)


@pytest.mark.parametrize("algorithm", EXPECTED)
def test_figures_on_the_real_data(backend, algorithm, trained, real):
    _, _, test_features, test_target = real
    settings, cross_validated, on_test = EXPECTED[algorithm]
    result = trained(backend, algorithm)
    assert result.params == settings
    assert round(result.cv["log_loss"], 4) == cross_validated
    assert round(log_loss(test_target, result.model.predict_proba(test_features)), 4) == on_test


def test_the_tree_beats_the_logistic_regression_and_the_promised_log_loss(backend, trained, real):
    _, _, test_features, test_target = real
    tree = trained(backend, "decision_tree")
    assert tree.cv["log_loss"] < trained(backend, "logistic_regression").cv["log_loss"]
    assert log_loss(test_target, tree.model.predict_proba(test_features)) < 0.676


def test_the_log_loss_is_of_probabilities_and_not_of_labels(backend, trained):
    assert all(fold["log_loss"] < 0.7 for fold in trained(backend, "decision_tree").folds)


def test_the_untuned_tree_is_in_the_record_with_its_log_loss_of_more_than_13(backend, trained):
    assert trained(backend, "decision_tree").search[0]["log_loss"] == pytest.approx(13.7202, abs=1e-4)


class Mixed(Plan):
    """A plan over columns of several types, with missing values among them."""

    def pipeline(self, settings):
        texts = Pipeline([("fill", SimpleImputer(strategy="most_frequent")), ("code", OneHotEncoder())])
        numbers = ColumnTransformer([("texts", texts, [1, 2]), ("rest", SimpleImputer(), [0, 3, 4])])
        model = LogisticRegression(max_iter=1000) if "C" in self._space else DecisionTreeClassifier(random_state=1)
        made = Pipeline([("columns", numbers), (MODEL, model)])
        return made.set_params(**{f"{MODEL}__{name}": value for name, value in settings.items()})


@pytest.fixture(scope="module")
def tables():
    """Rows that PyCaret would change if it were let: by name, features and labels."""
    random = np.random.default_rng(11)
    near, label = random.uniform(0, 1, 400), random.integers(0, 2, 400)
    fine = DataFrame({"fine": 1e8 + near + label * 0.3, "large": random.integers(0, 2**40, 400), "few": label * 2 + 1})
    names = DataFrame({"a b": near, "a-b": near[::-1], "{}": label * 0.1 + near, "ação": near**2}, index=[3] * 400)
    mixed = DataFrame(
        {
            "near [m]": np.where(near < 0.1, np.nan, near + label * 0.2),
            "side of court": Categorical(random.choice(["left", "right", "top"], 400)),
            "target": np.where(random.uniform(size=400) < 0.6, np.where(label, "x", "ü"), "z"),
            "played": random.integers(0, 2, 400).astype(bool),
            "lat": 34 + near * 1e-7,
        }
    )
    return {"fine": (fine, label), "names": (names, label), "mixed": (mixed, label)}


def test_rows_keep_their_digits_names_and_types_on_the_way(tables, pycaret):
    plans = {"fine": Plan, "names": Plan, "mixed": Mixed}
    entries = [
        Entry(f"{name}.{algorithm}", plans[name](algorithm, folds=3, iterations=2, seed=5), rows)
        for name, rows in ((name, Rows(*table)) for name, table in tables.items())
        for algorithm in ("decision_tree", "logistic_regression")
    ]
    for found, expected in zip(compare(entries, pycaret), compare(entries, ScikitLearn()), strict=True):
        agree(found, expected)


def test_nullable_columns_and_a_label_of_another_type_are_taken(shots, pycaret):
    features, target = shots
    nullable = features.assign(noise=array(features["noise"], dtype="Int64"), near=features["near"].astype("Float64"))
    entries = [
        Entry(name, Plan("decision_tree", folds=2, iterations=1, seed=1), rows_of(table, labels, 2))
        for name, table, labels in (("a", features, target), ("b", nullable, Series(target.astype(float), name="made")))
    ]
    one, other = compare(entries, pycaret)
    assert one == other


# What goes wrong in there


class Failing(Plan):
    def pipeline(self, settings):
        return super().pipeline(settings).set_params(model__criterion="nonsense")


class FailingLater(Plan):
    @property
    def settings(self):
        return [self.defaults, {"max_depth": 2, "min_samples_leaf": -7}]


@pytest.mark.parametrize(("plan", "cause"), [(Failing, "criterion.*nonsense"), (FailingLater, "min_samples_leaf.*-7")])
def test_a_fit_that_fails_is_an_error_with_its_cause_and_no_figure(shots, pycaret, plan, cause):
    entry = Entry("tree", plan("decision_tree", folds=2, iterations=1, seed=1), rows_of(*shots, 2))
    with pytest.raises(SearchError, match=rf"(?s){cause}"):
        compare([entry], pycaret)


def test_beyond_its_limit_it_is_ended(shots, pycaret):
    entry = Entry("tree", Plan("decision_tree", folds=2, iterations=1, seed=1), rows_of(*shots, 2))
    with pytest.raises(SearchError, match=r"took longer than 0:00:00\.2"):
        compare([entry], replace(pycaret, limit=timedelta(seconds=0.2)))


def test_it_ends_when_who_asked_is_killed(pycaret, tmp_path):
    """The request is one that it cannot have done with: the pipe's end is what ends it."""
    rows = DataFrame({"near": np.arange(20000) * 0.1})
    rows.to_parquet(tmp_path / "rows")
    DataFrame({"label": [0, 1] * 10000, "held_out": [0, 0, 1, 1] * 5000}).to_parquet(tmp_path / "labels")
    model = {"class": "sklearn.ensemble.RandomForestClassifier", "settings": {"n_estimators": 100000}}
    candidate = {"name": "long", "table": 0, "pipeline": model, "settings": [{"max_depth": 30}]}
    request = {"tables": [{"rows": "rows", "labels": "labels", "seed": 1}], "candidates": [candidate]}
    (tmp_path / "request.json").write_text(json.dumps(request))
    command = [str(pycaret.python), "-I", str(PROGRAM), str(tmp_path)]
    code = f"""
import subprocess, time
process = subprocess.Popen({command!r}, stdin=subprocess.PIPE, start_new_session=True)
print(process.pid, flush=True)
time.sleep(600)
"""
    asking = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(asking.stdout.readline())
    time.sleep(1)
    os.kill(pid, 0)
    asking.kill()
    asking.communicate()
    for _ in range(600):
        if not Path(f"/proc/{pid}").exists():
            return
        time.sleep(0.1)
    os.kill(pid, signal.SIGKILL)
    pytest.fail("it went on for a minute")


# What PyCaret does not promise, and the program replaces

LOOK = """
import importlib.util, inspect, sys
spec = importlib.util.spec_from_file_location("program", sys.argv[1])
program = importlib.util.module_from_spec(spec)
spec.loader.exec_module(program)
ours, theirs = program.Experiment, program.ClassificationExperiment
sources = "".join(inspect.getsource(base) for base in theirs.__mro__ if base.__module__.startswith("pycaret."))
for name in ("_check_environment", "_get_models", "_clean_column_names"):
    replaced, taken = (list(inspect.signature(getattr(kind, name)).parameters) for kind in (theirs, ours))
    assert replaced == taken, name
    assert f"self.{name}(" in sources, name
import pycaret.internal.preprocess.preprocessor as preprocessor
assert "return df_shrink_dtypes(" in inspect.getsource(preprocessor)
print("as it was read")
"""


def test_what_is_left_out_of_a_setup_is_still_a_part_of_pycarets(pycaret, tmp_path):
    command = [pycaret.python, "-I", "-c", LOOK, PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.stdout == "as it was read\n", done.stderr
