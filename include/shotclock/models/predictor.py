"""A fitted model as a function from Arrow rows to probabilities: fast, safe in threads, the same for any batch size."""

import copy
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import sklearn
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from shotclock.errors import StoreError
from shotclock.models.boosting import by_tables

log = logging.getLogger(__name__)

Floats = npt.NDArray[np.float64]
Predictor = Callable[[pa.RecordBatch], Floats]

BLOCK_ROWS = 16_384  # a matrix that stays in the processor's cache while the model's steps go over it


def predictor(model: Any, features: list[str], version: str) -> Predictor:
    """A function from rows that keep the contract to P(target = 1), float64; it may be called from several threads.

    Histogram boosting is looked up in tables: see `boosting`. Any other pipeline of scikit-learn's own steps gets matrices,
    which is twice as fast as DataFrames: its copy forgets the names of the columns, having been checked for them here once,
    and so has no cause to warn of a matrix without names.

    Args:
        model: a fitted scikit-learn estimator with `predict_proba`, fitted on a DataFrame with the columns `features`.
        version: what messages call the model.

    Raises:
        StoreError: the model has no probabilities, knows other classes than 0 and 1, or was fitted on other columns or
            another order of them.
    """
    _check_model(model, features, version)
    parts = _blend(model)
    if parts:
        each = [(weight, predictor(part, features, version)) for weight, part in parts]
        return lambda rows: _mean(each, rows)
    looked_up = by_tables(model, features)
    if looked_up is not None:
        return looked_up
    nameless = without_names(model)
    if nameless is None:
        log.info(
            "model version %s reads columns by name: its rows are scored through DataFrames, which is slower", version
        )
        return lambda rows: _through_frame(model, rows.select(features))
    return lambda rows: _through_matrix(nameless, rows.select(features))


def _blend(model: Any) -> list[tuple[float, Any]]:
    """The models whose weighed mean this one is, each with its weight; none where it is no such mean."""
    mean = model[-1] if isinstance(model, Pipeline) and len(model) == 1 else None
    if not isinstance(mean, VotingClassifier) or not all(
        isinstance(part, FrozenEstimator) for part in mean.estimators_
    ):
        return []
    return [(weight, part.estimator) for weight, part in zip(mean.weights, mean.estimators_, strict=True)]


def _mean(parts: Sequence[tuple[float, Predictor]], rows: pa.RecordBatch) -> Floats:
    found: Floats = np.average([part(rows) for _, part in parts], axis=0, weights=[weight for weight, _ in parts])
    return found


def without_names(model: Any) -> Any | None:
    """A copy of the model that takes matrices and warns of nothing; None where a part of it reads columns by name."""
    nameless = copy.deepcopy(model)
    parts = list(parts_of(nameless))
    if any(_needs_frame(part) for part in parts):
        return None
    for part in parts:
        vars(part).pop("feature_names_in_", None)
    return nameless


def with_clean_trees(model: Any) -> Any:
    """The model itself, whose trees have zeros in the bytes between the fields of their nodes.

    scikit-learn leaves these as it finds them when a tree is read back from skops, and they go into each pickle of the
    model: without this, the same model would have other bytes in every process.
    """
    for part in parts_of(model):
        tree = getattr(part, "tree_", None)
        if tree is not None:
            nodes = tree.__getstate__()["nodes"]  # the tree's own memory
            nodes.view(np.uint8).reshape(len(nodes), nodes.itemsize)[:, _between_fields(nodes.dtype)] = 0
    return model


def _between_fields(kind: "np.dtype[Any]") -> npt.NDArray[np.bool_]:
    free = np.ones(kind.itemsize, dtype=np.bool_)
    for field, offset, *_ in (kind.fields or {}).values():
        free[offset : offset + field.itemsize] = False
    return free


def _check_model(model: Any, features: list[str], version: str) -> None:
    made_for = [str(name) for name in getattr(model, "feature_names_in_", [])]
    if made_for != features:
        raise StoreError(
            f"model version {version}: was fitted on the columns {made_for or 'without names'}, the project's features "
            f"are {features}, in this order; train it on this project's data, or correct the project file"
        )
    classes = np.asarray(getattr(model, "classes_", [])).tolist()
    if not hasattr(model, "predict_proba") or classes != [0, 1]:
        raise StoreError(
            f"model version {version}: found {type(model).__name__} with the classes {classes}, expected predict_proba "
            "and the classes 0 and 1; register a fitted binary classifier"
        )


def parts_of(thing: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """The estimators that a model is made of, itself included, each once."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, BaseEstimator):
        yield thing
    for child in _children(thing):
        yield from parts_of(child, seen)


def _children(thing: Any) -> Sequence[Any]:
    if isinstance(thing, list | tuple):
        return thing
    if isinstance(thing, dict):
        return list(thing.values())
    if isinstance(thing, np.ndarray) and thing.dtype == object:
        return list(thing.flat)
    if isinstance(thing, BaseEstimator) or type(thing).__module__.startswith("sklearn."):
        return list(getattr(thing, "__dict__", {}).values())
    return ()


def _needs_frame(part: Any) -> bool:
    own = type(part).__module__.startswith("sklearn.")
    takes_texts = ColumnTransformer | FunctionTransformer | DummyClassifier
    return not own or isinstance(part, takes_texts)


def _through_matrix(model: Any, rows: pa.RecordBatch) -> Floats:
    """Predict in blocks of one fixed size, the last one filled up.

    So each row goes through the same arithmetic wherever it stands: linear algebra on fewer rows may round differently.
    """
    values = [column.to_numpy(zero_copy_only=False) for column in rows.columns]
    found: Floats = np.empty(rows.num_rows)
    block = np.zeros((BLOCK_ROWS, len(values)), order="F")
    with sklearn.config_context(assume_finite=True):  # the contract has seen to that
        for start in range(0, rows.num_rows, BLOCK_ROWS):
            size = min(BLOCK_ROWS, rows.num_rows - start)
            for place, column in enumerate(values):
                block[:size, place] = column[start : start + size]
            found[start : start + size] = model.predict_proba(block)[:size, 1]
    return found


def _through_frame(model: Any, rows: pa.RecordBatch) -> Floats:
    """As `_through_matrix`; the last block is filled up with its last row."""
    found: Floats = np.empty(rows.num_rows)
    for start in range(0, rows.num_rows, BLOCK_ROWS):
        size = min(BLOCK_ROWS, rows.num_rows - start)
        places = np.minimum(np.arange(start, start + BLOCK_ROWS), start + size - 1)
        frame = rows.take(pa.array(places)).to_pandas()
        found[start : start + size] = model.predict_proba(frame)[:size, 1]
    return found
