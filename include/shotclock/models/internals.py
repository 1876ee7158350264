"""Whatever of scikit-learn's private parts is read here stands in this file: the trees of its histogram boosting.

Read in scikit-learn 1.9 (pyproject.toml allows no other; nothing is read of one). Nothing public tells what a tree of boosting
asks and answers. Without it: boosted champions are scored some eight times slower, by scikit-learn itself. Goes: when
scikit-learn predicts as fast, or hands its trees out. `tests/unit/models/test_boosting.py` fails when they are other ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import sklearn
from sklearn.ensemble import HistGradientBoostingClassifier

READ_IN = "1.9."

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Whole = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Tree:
    """Its nodes, an element each; the first is the root. What a leaf has no use for holds anything.

    Attributes:
        column: which of the model's columns the node asks about.
        threshold: a number up to which goes left; infinite where all do that are not missing.
        levels: which levels of a category, by their numbers, go left: shape (nodes, 256); none where the column is a number.
        missing_left: whether a missing value goes left.
        value: what a leaf adds to the log odds.
    """

    leaf: Bools
    left: Whole
    right: Whole
    column: Whole
    threshold: Floats
    levels: Bools
    missing_left: Bools
    value: Floats


@dataclass(frozen=True, eq=False)
class Ensemble:
    """The log odds are `start` and what a leaf of each tree adds.

    Attributes:
        levels: the columns that are categories: the values with the numbers 0, 1, …, in this order; all others are missing.
    """

    start: float
    trees: tuple[Tree, ...]
    levels: Mapping[int, Floats]


def ensemble(model: HistGradientBoostingClassifier) -> Ensemble | None:
    """What a fitted model of two classes consists of; None of another release than this was read in."""
    if not sklearn.__version__.startswith(READ_IN):
        return None
    categories = np.flatnonzero([] if model.is_categorical_ is None else model.is_categorical_)
    order = np.concatenate([categories, np.setdiff1d(np.arange(model.n_features_in_), categories)])
    levels = {}
    if model._preprocessor is not None:
        known = model._preprocessor.named_transformers_["encoder"].categories_
        levels = {int(place): values[~np.isnan(values)] for place, values in zip(categories, known, strict=True)}
    trees = tuple(_tree(of_round[0], order) for of_round in model._predictors)
    return Ensemble(float(model._baseline_prediction[0, 0]), trees, levels)


def _tree(predictor: Any, order: Whole) -> Tree:
    nodes = predictor.nodes
    of_level = nodes["is_categorical"].astype(np.bool_)
    levels = np.zeros((len(nodes), 256), dtype=np.bool_)
    sets = np.ascontiguousarray(predictor.raw_left_cat_bitsets[nodes["bitset_idx"][of_level]], dtype="<u4")
    levels[of_level] = np.unpackbits(sets.view(np.uint8), axis=1, bitorder="little")
    return Tree(
        leaf=nodes["is_leaf"].astype(np.bool_),
        left=nodes["left"].astype(np.intp),
        right=nodes["right"].astype(np.intp),
        column=order[nodes["feature_idx"]],
        threshold=nodes["num_threshold"],
        levels=levels,
        missing_left=nodes["missing_go_to_left"].astype(np.bool_),
        value=nodes["value"],
    )
