"""The search with PyCaret, run by the Python of PyCaret's own environment, which knows nothing of Shotclock.

    python -I pycaret_program.py FOLDER

`request.json` in that folder names the tables of rows, and for each candidate its pipeline, the settings to try, and which
table it learns from; `answer.json` gets the log loss of each setting in each fold, and every metric of the best. See
`pycaret_backend.py`, which writes the one and reads the other. PyCaret makes up nothing here: no setting, no fold, no
preparation of rows. The process ends as soon as its standard input does, so that it never outlives who asked.
"""

# ruff: noqa: E402, N803  (the version is looked at before anything is imported; PyCaret asks for the names X and y)

import gc
import importlib
import json
import os
import sys
import threading
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

VERSION = "3.3.2"
if version("pycaret") != VERSION:
    sys.exit(f"found PyCaret {version('pycaret')}, expected {VERSION}")
if sys.argv[1:] == ["--check"]:
    print(f"PyCaret {VERSION}")  # noqa: T201
    sys.exit()

gc.disable()  # what is imported stays: with PyCaret's own collections, looking through it takes a quarter of the time

import pandas as pd
import pycaret.internal.preprocess.preprocessor
from pycaret.classification import ClassificationExperiment
from pycaret.internal.logging import captureWarnings
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import PredefinedSplit

gc.freeze()
gc.enable()

METRICS = {"Log Loss": "log_loss", "AUC": "roc_auc", "Accuracy": "accuracy", "F1": "f1"}
UNUSED = ("Recall", "Precision", "Kappa", "MCC")
EVERY_DIGIT = 17  # PyCaret rounds its tables, to 4 decimals by default


class Experiment(ClassificationExperiment):  # type: ignore[misc]
    """PyCaret's experiment without what it does in every setup, and nothing here wants. Read in PyCaret 3.3.2."""

    def _check_environment(self) -> None:
        """Do not import 36 optional libraries only to log their versions: 1.5 seconds."""

    def _get_models(self, raise_errors: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
        """Do not build PyCaret's own model library and its tuning grids: 0.3 seconds. The candidates bring theirs."""
        return {}, {}

    def _clean_column_names(self) -> None:
        """Leave the columns their names."""


class Candidate(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A pipeline whose settings are one parameter: PyCaret's grid is the product of lists, and so the list of settings."""

    def __init__(self, pipeline: Any, settings: dict[str, Any]) -> None:
        self.pipeline = pipeline
        self.settings = settings

    def fit(self, X: pd.DataFrame, y: "pd.Series[int]") -> "Candidate":
        self.fitted_ = clone(self.pipeline).set_params(**self.settings).fit(X, y)
        self.classes_ = self.fitted_.classes_
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        return self.fitted_.predict(X)

    def predict_proba(self, X: pd.DataFrame) -> Any:
        return self.fitted_.predict_proba(X)


def made(described: Any) -> Any:
    """What `pycaret_backend` has described as data."""
    if isinstance(described, list):
        return [made(one) for one in described]
    if not isinstance(described, dict):
        return described
    if "tuple" in described:
        return tuple(made(described["tuple"]))
    module, _, name = described["class"].rpartition(".")
    return getattr(importlib.import_module(module), name)(**{k: made(v) for k, v in described["settings"].items()})


def experiment(folder: Path, table: dict[str, Any]) -> Experiment:
    """An experiment over all rows of a table.

    PyCaret insists on a holdout. It gets one row of each class, copied from the training rows: all rows stay in
    training, no row from outside comes in, and nothing here ever asks for a holdout figure.
    """
    rows = pd.read_parquet(folder / table["rows"])
    known = pd.read_parquet(folder / table["labels"])
    target = "target"
    while target in rows.columns:
        target += "_"
    rows = rows.assign(**{target: known["label"]})
    made_up = Experiment()
    made_up.setup(
        rows,
        target=target,
        test_data=rows.groupby(target).head(1),
        index=False,
        fold_strategy=PredefinedSplit(known["held_out"]),
        session_id=table["seed"],
        preprocess=False,
        n_jobs=1,
        memory=False,
        html=False,
        verbose=False,
        system_log=False,
    )
    for metric in UNUSED:
        made_up.remove_metric(metric)
    # Without target="pred_proba" this would be the log loss of hard labels.
    made_up.add_metric("log_loss", "Log Loss", log_loss, target="pred_proba", greater_is_better=False)
    return made_up


def tuned(over: Experiment, candidate: dict[str, Any]) -> dict[str, Any]:
    """The log loss of each setting in each fold, and of the best of them every metric, fold by fold."""
    settings = candidate["settings"]
    _, tuner = over.tune_model(
        Candidate(made(candidate["pipeline"]), settings[0]),
        custom_grid={"settings": settings},
        optimize="Log Loss",
        search_library="scikit-learn",
        search_algorithm="grid",
        choose_better=False,  # the library's defaults are among the settings
        return_tuner=True,
        verbose=False,
        tuner_verbose=False,
        round=EVERY_DIGIT,
    )
    folds = over.pull().drop(["Mean", "Std"])[list(METRICS)].rename(columns=METRICS)
    losses = [-tuner.cv_results_[f"split{fold}_test_score"] for fold in range(len(folds))]
    return {
        "log_losses": [[float(fold[number]) for fold in losses] for number in range(len(settings))],
        "best": int(tuner.best_index_),
        "folds": folds.astype(float).to_dict("records"),
    }


def main(folder: Path) -> None:
    """Answer the request in that folder."""
    threading.Thread(target=_end_with_who_asked, daemon=True).start()
    captureWarnings(False)  # PyCaret's import sends every warning to its log
    warnings.simplefilter("error", FitFailedWarning)  # it would leave that fold without a figure
    # It would make float64 float32, and texts categories
    pycaret.internal.preprocess.preprocessor.df_shrink_dtypes = lambda table: table
    request = json.loads((folder / "request.json").read_text("utf-8"))
    experiments = [experiment(folder, table) for table in request["tables"]]
    answer = [tuned(experiments[candidate["table"]], candidate) for candidate in request["candidates"]]
    (folder / "answer.json").write_text(json.dumps(answer), "utf-8")


def _end_with_who_asked() -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing ever comes
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
