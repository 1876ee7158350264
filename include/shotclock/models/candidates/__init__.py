"""Candidates: tune an algorithm by cross-validated log loss, and choose between the results. Values in, values out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pandas import DataFrame, Series
from pandas.api.types import infer_dtype, is_numeric_dtype
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from shotclock.config import ALGORITHMS, Backend
from shotclock.errors import ConfigError, ContractError
from shotclock.models.candidates.algorithms import Entry, Inputs, Plan, Rows, Searching
from shotclock.models.candidates.leaves import smoothed
from shotclock.models.candidates.widening import widened
from shotclock.models.searched import Folds, Search, Settings

__all__ = [
    "Entry",
    "Plan",
    "Rows",
    "Search",
    "Searching",
    "Selection",
    "Trained",
    "compare",
    "fit",
    "rows_of",
    "select",
    "widened",
]

_LARGEST_SEED = 2**32 - 1  # numpy's
_LARGEST_VALUE = float(np.finfo(np.float32).max)  # trees compare features as float32


@dataclass(frozen=True)
class Trained:
    """A candidate.

    Attributes:
        algorithm: one of `shotclock.config.ALGORITHMS`.
        backend: `pycaret` or `scikit-learn`.
        model: a scikit-learn pipeline, fitted on all rows; no PyCaret object is in it.
        params: the settings that the search chose, by name, JSON-able.
        folds: cross-validated metrics of these settings for each fold: `log_loss` (nats per row, of probabilities),
            `roc_auc`, `accuracy`, `f1` (the last two at a probability of 0.5).
        cv: their means over the folds, and `log_loss_std`, the standard deviation between folds (not of the mean).
        search: every setting tried, with its mean `log_loss` and `fold_log_losses`; the library's defaults come first.
    """

    algorithm: str
    backend: Backend
    model: Pipeline
    params: Settings
    folds: Folds
    cv: dict[str, float]
    search: list[dict[str, Any]]


@dataclass(frozen=True)
class Selection:
    """Which candidate won, all of them best first, and why."""

    winner: str
    ranking: tuple[str, ...]
    reason: str


def compare(entries: Sequence[Entry], backend: Searching) -> list[Search]:
    """Tune each entry's algorithm by cross-validated log loss.

    The library's defaults and up to `iterations` other settings are compared on the same stratified, shuffled folds. Settings
    and folds depend on the seed and the order of the rows, and on nothing else: every backend is given the same.

    Raises:
        ConfigError: an unknown algorithm, or a number outside its range.
        ContractError: a log loss is not a number above 0.
        SearchError: the backend did not end as it should.
    """
    for entry in entries:
        _check_plan(entry.plan)
    found = backend.search(entries)
    for entry, search in zip(entries, found, strict=True):
        _check_losses(entry.name, search)
    return found


def fit(entry: Entry, found: Search) -> Trained:
    """Fit the settings that were found on all rows. No leaf of a tree is certain: see `leaves`.

    Identical inputs give the identical model, to the byte as `pickling` has it, whatever the number of processors.
    """
    with threadpool_limits(limits=1):  # gradient boosting stores the number of threads in the model
        model = smoothed(entry.plan.pipeline(found.settings).fit(entry.rows.features, entry.rows.labels))
    tried = [{**one.settings, "log_loss": one.log_loss, "fold_log_losses": list(one.log_losses)} for one in found.tried]
    return Trained(
        entry.plan.algorithm, found.backend, model, found.settings, found.folds, _summary(found.folds), tried
    )


def select(results: Mapping[str, float]) -> Selection:
    """The candidate with the lowest log loss; between equals, the first in the order of their names.

    Args:
        results: each candidate's log loss, in nats per row.

    Raises:
        ConfigError: there is no candidate.
        ContractError: a log loss is not a finite number.
    """
    if not results:
        raise ConfigError("training.candidates: found no trained candidate, expected at least one; name one to train")
    for name, value in results.items():
        if not math.isfinite(value):
            raise ContractError(f"candidate '{name}': log loss {value}, expected a finite number; train it again")
    ranking = tuple(sorted(results, key=lambda name: (results[name], name)))
    return Selection(ranking[0], ranking, _reason(ranking, results))


def _reason(ranking: tuple[str, ...], results: Mapping[str, float]) -> str:
    winner, *others = ranking
    best = f"{winner} has the lowest log loss, {results[winner]:.4f}"
    if not others:
        return f"{winner} is the only candidate, with a log loss of {results[winner]:.4f}"
    runner_up = others[0]
    gap = results[runner_up] - results[winner]
    if gap == 0:
        return f"{best}, and so has {runner_up}: between equals the first by name wins"
    return f"{best}, which is {gap:.2g} below {runner_up} ({results[runner_up]:.4f})"


def _summary(folds: Folds) -> dict[str, float]:
    means = {metric: float(np.mean([fold[metric] for fold in folds])) for metric in folds[0]}
    return {**means, "log_loss_std": float(np.std([fold["log_loss"] for fold in folds]))}


def _check_losses(name: str, search: Search) -> None:
    for one in search.tried:
        if not all(0 < loss < math.inf for loss in one.log_losses):
            raise ContractError(
                f"candidate '{name}', settings {one.settings}: {search.backend} reports the log losses "
                f"{list(one.log_losses)}, expected finite figures above 0 (PyCaret writes 0 where it failed); set "
                "training.backend to scikit-learn, which shows the cause"
            )


def _check_plan(plan: Plan) -> None:
    if plan.algorithm not in ALGORITHMS:
        raise _refused("candidates", plan.algorithm, f"one of {', '.join(ALGORITHMS)}")
    if plan.folds < 2:
        raise _refused("folds", plan.folds, "at least 2")
    if plan.iterations < 1:
        raise _refused("iterations", plan.iterations, "at least 1")
    if not 0 <= plan.seed <= _LARGEST_SEED:
        raise _refused("seed", plan.seed, f"0 to {_LARGEST_SEED}")


def _refused(setting: str, found: object, expected: str) -> ConfigError:
    return ConfigError(f"training.{setting}: found {found!r}, expected {expected}; change it in the project file")


def _check_features(features: DataFrame, inputs: Inputs) -> None:
    if features.shape[1] == 0:
        raise ContractError("features: found no column, expected at least one; name them under columns.features")
    for place, (name, column) in enumerate(features.items()):
        if place in inputs.categories:
            _check_category(str(name), column, may_be_missing=place in inputs.missing)
        else:
            _check_number(str(name), column, may_be_missing=place in inputs.missing)


def _check_category(name: str, column: "Series[Any]", *, may_be_missing: bool) -> None:
    kind = infer_dtype(column, skipna=True)
    if kind not in ("string", "empty"):
        raise ContractError(f"column '{name}': found {kind} values, expected text; see 'type' in the project file")
    missing = int(column.isna().sum())
    if missing and not may_be_missing:
        raise ContractError(
            f"column '{name}': {missing} of {len(column)} values are null, expected text; drop these rows, or say "
            "'missing: allowed' in the project file"
        )


def _check_number(name: str, column: "Series[Any]", *, may_be_missing: bool) -> None:
    if not is_numeric_dtype(column.dtype):
        raise ContractError(f"column '{name}': found type {column.dtype}, expected numbers; convert or drop it")
    values = column.to_numpy(dtype=float, na_value=np.nan)
    if may_be_missing:
        values = values[~np.isnan(values)]
    bad = int((~(np.abs(values) <= _LARGEST_VALUE)).sum())
    if bad:
        raise ContractError(
            f"column '{name}': {bad} of {len(column)} values are null, infinite or beyond {_LARGEST_VALUE:.1e}, "
            "expected finite numbers; drop these rows or repair them before training"
        )


def rows_of(features: DataFrame, target: "Series[Any]", folds: int, inputs: Inputs | None = None) -> Rows:
    """Rows that can be learnt from.

    Args:
        features: shape (rows, features): finite numbers, and what else `inputs` allows, as `rows.values` keeps it.
        target: 0 or 1, shape (rows,), in the order of `features`.
        inputs: which features are text, and which may lack values; by default none.

    Raises:
        ContractError: a feature that is null, infinite or not a number where it must be one, a label other than 0 and 1,
            or fewer rows of a class than folds.
    """
    _check_features(features, inputs or Inputs())
    if len(target) != len(features):
        raise ContractError(
            f"column '{target.name}': found {len(target)} labels for {len(features)} rows; pass one label a row"
        )
    others = sorted(set(target.unique()) - {0, 1}, key=str)
    if others:
        raise ContractError(
            f"column '{target.name}': found {', '.join(str(value) for value in others[:5])}, expected 0 or 1; "
            "drop rows without a label and repair the others"
        )
    labels = target.astype(np.int64)
    for label in (0, 1):
        count = int((labels == label).sum())
        if count < folds:
            raise ContractError(
                f"column '{target.name}': {count} of {len(labels)} rows have the label {label}, expected at least "
                f"{folds}, one a fold; bring rows of both classes, or lower training.folds"
            )
    return Rows(features, np.asarray(labels, dtype=np.int64))
