"""Tuning with PyCaret: the only module that imports it.

PyCaret changes its process in passing: a log file in the current folder, the display of warnings, scikit-learn's
settings, matplotlib's style, numpy's global random state. All of it is undone here.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
import sklearn
from numpy.typing import NDArray
from pandas import DataFrame
from sklearn.metrics import log_loss

from shotclock.errors import ContractError
from shotclock.models.candidates.algorithms import MODEL, Folds, Plan, Search

os.environ.setdefault("PYCARET_CUSTOM_LOGGING_PATH", os.devnull)  # the import opens that file, by default ./logs.log

with matplotlib.rc_context():  # the import restyles every figure of the process, with fonts that few machines have
    from pycaret.classification import ClassificationExperiment
    from pycaret.internal.logging import captureWarnings

captureWarnings(False)  # the import sends every warning of the process to that file

_METRICS = {"Log Loss": "log_loss", "AUC": "roc_auc", "Accuracy": "accuracy", "F1": "f1"}
_UNUSED = ("Recall", "Precision", "Kappa", "MCC")
_EVERY_DIGIT = 17  # PyCaret rounds its tables, to 4 decimals by default
_TARGET = "target"
_PREFIX = f"actual_estimator__{MODEL}__"  # before each setting's name in what the tuner returns


class _Experiment(ClassificationExperiment):  # type: ignore[misc]
    """PyCaret's experiment without two things that it does in every setup, and that nothing here uses.

    Read in PyCaret 3.3.2, like `captureWarnings` above. Upstream: pycaret/pycaret#2782 has made the first cheaper, not cheap.
    Without these: 1.8 seconds more for each candidate; without `captureWarnings(False)` a task's warnings are lost. They
    go with PyCaret 4, a rewrite; `tests/integration/package/models/candidates/test_pycaret_backend.py` fails when one is
    not there.
    """

    def _check_environment(self) -> None:
        """Do not import 36 optional libraries, Evidently among them, only to log their versions: 1.5 seconds."""

    def _get_models(self, raise_errors: bool = True) -> tuple[dict[str, Any], dict[str, Any]]:
        """Do not build PyCaret's own model library and its tuning grids: 0.3 seconds. The candidates bring theirs."""
        return {}, {}


def search(rows: NDArray[np.float64], labels: NDArray[np.int64], plan: Plan) -> Search:
    """Cross-validate the library's defaults, and the best of up to `plan.iterations` random settings.

    PyCaret keeps float columns as float32, so its figures can differ from scikit-learn's in the seventh digit.

    Args:
        rows: features, shape (rows, features).
        labels: 0 or 1, shape (rows,).

    Raises:
        ContractError: PyCaret could not compute a log loss.
    """
    with _contained():
        experiment = _set_up(rows, labels, plan)
        untuned = _cross_validate_defaults(experiment, plan)
        tuner, tuned = _tune(experiment, plan)
    tried = [{**plan.defaults, "log_loss": _mean(untuned)}, *_tried(tuner, plan)]
    if _mean(untuned) <= _mean(tuned):
        return Search(plan.defaults, untuned, tried)
    return Search(plan.named(tuner.best_params_, _PREFIX), tuned, tried)


def _set_up(rows: NDArray[np.float64], labels: NDArray[np.int64], plan: Plan) -> _Experiment:
    """An experiment over all rows.

    PyCaret insists on a holdout. It gets one row of each class, copied from the training rows: all rows stay in
    training, no row from outside comes in, and nothing here ever asks for a holdout figure.
    """
    table = DataFrame(rows, columns=[f"feature_{i}" for i in range(rows.shape[1])]).assign(**{_TARGET: labels})
    experiment = _Experiment()
    experiment.setup(
        table,
        target=_TARGET,
        test_data=table.groupby(_TARGET).head(1),
        index=False,
        fold_strategy=plan.splitter,
        session_id=plan.seed,
        preprocess=False,
        n_jobs=1,
        memory=False,
        html=False,
        verbose=False,
        system_log=False,
    )
    for metric in _UNUSED:
        experiment.remove_metric(metric)
    # Without target="pred_proba" this would be the log loss of hard labels.
    experiment.add_metric("log_loss", "Log Loss", log_loss, target="pred_proba", greater_is_better=False)
    return experiment


def _cross_validate_defaults(experiment: _Experiment, plan: Plan) -> Folds:
    experiment.create_model(plan.pipeline({}), refit=False, error_score="raise", verbose=False, round=_EVERY_DIGIT)
    return _last_folds(experiment, plan)


def _tune(experiment: _Experiment, plan: Plan) -> tuple[Any, Folds]:
    """PyCaret's tuner after its search, and the folds of the best setting."""
    _, tuner = experiment.tune_model(
        plan.pipeline({}),
        custom_grid={f"{MODEL}__{name}": values for name, values in plan.space.items()},
        n_iter=plan.draws,
        optimize="Log Loss",
        search_library="scikit-learn",
        search_algorithm="random",
        choose_better=False,  # `search` compares: PyCaret would return the better model with the other one's figures
        return_tuner=True,
        verbose=False,
        tuner_verbose=False,
        round=_EVERY_DIGIT,
    )
    return tuner, _last_folds(experiment, plan)


def _last_folds(experiment: _Experiment, plan: Plan) -> Folds:
    """The metrics of each fold in PyCaret's last table."""
    table = experiment.pull().drop(["Mean", "Std"])[list(_METRICS)].rename(columns=_METRICS)
    # A metric that raises is reported as 0, which as a log loss would be the best there is.
    if not (table["log_loss"] > 0).all():
        raise ContractError(
            f"candidate '{plan.algorithm}': PyCaret reports the log losses {table['log_loss'].tolist()}, expected "
            "figures above 0 (it writes 0 where it failed); set training.backend to scikit-learn, which shows the cause"
        )
    return [{str(name): float(value) for name, value in fold.items()} for fold in table.to_dict("records")]


def _tried(tuner: Any, plan: Plan) -> list[dict[str, Any]]:
    results = tuner.cv_results_
    scored = zip(results["params"], results["mean_test_score"], strict=True)
    return [{**plan.named(settings, _PREFIX), "log_loss": float(-score)} for settings, score in scored]


def _mean(folds: Folds) -> float:
    return float(np.mean([fold["log_loss"] for fold in folds]))


@contextmanager
def _contained() -> Iterator[None]:
    """Leave scikit-learn's settings and numpy's global random state as they were.

    PyCaret calls for a full garbage collection at every step, 0.1 seconds each with so many libraries in memory. What
    stands before the search is therefore kept out of sight of the collector while it runs.
    """
    state = np.random.get_state()
    frozen_before = gc.get_freeze_count()
    gc.freeze()
    try:
        with sklearn.config_context():
            yield
    finally:
        np.random.set_state(state)
        if not frozen_before:
            gc.unfreeze()
