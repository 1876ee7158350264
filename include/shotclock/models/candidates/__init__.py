"""Candidates: tune an algorithm by cross-validated log loss, and choose between the results. Values in, values out."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from pandas import DataFrame, Series
from pandas.api.types import is_numeric_dtype
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from shotclock.config import ALGORITHMS, Backend
from shotclock.errors import ConfigError, ContractError
from shotclock.models.candidates.algorithms import Folds, Plan, Search

_BACKENDS: tuple[str, ...] = get_args(Backend)
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
        search: every setting tried, with its mean `log_loss`; the library's defaults come first.
    """

    algorithm: str
    backend: str
    model: Pipeline
    params: dict[str, Any]
    folds: Folds
    cv: dict[str, float]
    search: list[dict[str, Any]]


@dataclass(frozen=True)
class Selection:
    """Which candidate won, all of them best first, and why."""

    winner: str
    ranking: tuple[str, ...]
    reason: str


def train(
    features: DataFrame, target: "Series[Any]", algorithm: str, *, backend: str, folds: int, iterations: int, seed: int
) -> Trained:
    """Tune `algorithm` by cross-validated log loss, and fit the best settings on all rows.

    The library's defaults and up to `iterations` settings are compared on the same stratified, shuffled folds, which
    depend on the order of the rows and the seed, and on nothing else. Identical inputs give the identical model,
    to the byte when pickled, whatever the number of processors.

    Args:
        features: finite numbers, shape (rows, features).
        target: 0 or 1, shape (rows,), in the order of `features`.

    Raises:
        ConfigError: an unknown algorithm or backend, or a number outside its range.
        ContractError: a feature that is null, infinite or not a number, a label other than 0 and 1, or fewer rows of a
            class than folds.
    """
    plan = Plan(algorithm, folds=folds, iterations=iterations, seed=seed)
    _check_plan(plan, backend)
    labels = checked(features, target, folds).to_numpy()
    # One thread: on fits this small more threads cost time, and gradient boosting stores their number in the model.
    with threadpool_limits(limits=1):
        found = _backend(backend)(features.to_numpy(dtype=float), labels, plan)
        model = plan.pipeline(found.settings).fit(features, labels)
    return Trained(algorithm, backend, model, found.settings, found.folds, _summary(found.folds), found.tried)


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


def _backend(name: str) -> Callable[[NDArray[np.float64], NDArray[np.int64], Plan], Search]:
    """The backend's search, imported only when asked for: PyCaret takes seconds to load."""
    if name == "pycaret":
        from shotclock.models.candidates import pycaret_backend

        return pycaret_backend.search
    from shotclock.models.candidates import sklearn_backend

    return sklearn_backend.search


def _summary(folds: Folds) -> dict[str, float]:
    means = {metric: float(np.mean([fold[metric] for fold in folds])) for metric in folds[0]}
    return {**means, "log_loss_std": float(np.std([fold["log_loss"] for fold in folds]))}


def _check_plan(plan: Plan, backend: str) -> None:
    if plan.algorithm not in ALGORITHMS:
        raise _refused("candidates", plan.algorithm, f"one of {', '.join(ALGORITHMS)}")
    if backend not in _BACKENDS:
        raise _refused("backend", backend, f"one of {', '.join(_BACKENDS)}")
    if plan.folds < 2:
        raise _refused("folds", plan.folds, "at least 2")
    if plan.iterations < 1:
        raise _refused("iterations", plan.iterations, "at least 1")
    if not 0 <= plan.seed <= _LARGEST_SEED:
        raise _refused("seed", plan.seed, f"0 to {_LARGEST_SEED}")


def _refused(setting: str, found: object, expected: str) -> ConfigError:
    return ConfigError(f"training.{setting}: found {found!r}, expected {expected}; change it in the project file")


def _check_features(features: DataFrame) -> None:
    if features.shape[1] == 0:
        raise ContractError("features: found no column, expected at least one; name them under columns.features")
    for name, column in features.items():
        if not is_numeric_dtype(column.dtype):
            raise ContractError(f"column '{name}': found type {column.dtype}, expected numbers; convert or drop it")
        values = column.to_numpy(dtype=float, na_value=np.nan)
        bad = int((~(np.abs(values) <= _LARGEST_VALUE)).sum())
        if bad:
            raise ContractError(
                f"column '{name}': {bad} of {len(column)} values are null, infinite or beyond {_LARGEST_VALUE:.1e}, "
                "expected finite numbers; drop these rows or repair them before training"
            )


def checked(features: DataFrame, target: "Series[Any]", folds: int) -> "Series[int]":
    """The target as whole numbers, when features and target are such as can be learnt from.

    Raises:
        ContractError: as for `train`.
    """
    _check_features(features)
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
    return labels
