"""Tuning with scikit-learn alone, in this process."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import PredefinedSplit, cross_validate
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from shotclock.models.candidates.algorithms import Entry
from shotclock.models.searched import Folds, Search, Settings, Tried

_SCORERS = {"log_loss": "neg_log_loss", "roc_auc": "roc_auc", "accuracy": "accuracy", "f1": "f1"}


class ScikitLearn:
    """Cross-validates each setting of each entry in turn."""

    def search(self, entries: Sequence[Entry]) -> list[Search]:
        with threadpool_limits(limits=1):  # on fits this small more threads cost time
            return [_search(entry) for entry in entries]


def _search(entry: Entry) -> Search:
    held_out = entry.plan.held_out(entry.rows.labels)
    metrics = [cross_validated(entry, settings, held_out) for settings in entry.plan.settings]
    tried = tuple(
        Tried(settings, tuple(fold["log_loss"] for fold in folds))
        for settings, folds in zip(entry.plan.settings, metrics, strict=True)
    )
    best = int(np.argmin([one.log_loss for one in tried]))
    return Search("scikit-learn", tried, best, metrics[best])


def cross_validated(entry: Entry, settings: Settings, held_out: NDArray[np.int64]) -> Folds:
    """The metrics of these settings, fold by fold; `held_out` as `Plan.held_out` gives it."""
    model, splitter = entry.plan.pipeline(settings), PredefinedSplit(held_out)
    features, labels = entry.rows.features, entry.rows.labels
    scores = cross_validate(model, features, labels, cv=splitter, scoring=_SCORERS, error_score="raise")
    figures = {name: scores[f"test_{name}"] for name in _SCORERS}
    figures["log_loss"] = -figures["log_loss"]
    return [{name: float(values[fold]) for name, values in figures.items()} for fold in range(entry.plan.folds)]
