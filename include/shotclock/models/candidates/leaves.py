"""Leaves that are not certain: a tree that has seen one outcome only in a leaf must not say that the other cannot be."""

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier


def smoothed(model: Pipeline) -> Pipeline:
    """The pipeline itself; each pure leaf of its tree now says (rows + 1) / (rows + 2) of its outcome, by Laplace's rule.

    One row of the other outcome would cost 36 nats there, and a thousand good ones would not make up for it. Leaves of both
    outcomes stay as they were learnt, and so does every other model.
    """
    tree = getattr(model[-1], "tree_", None)
    if not isinstance(model[-1], DecisionTreeClassifier) or tree is None:
        return model
    shares = tree.value[:, 0, :]  # the tree's own memory: shape (nodes, 2)
    leaf = tree.children_left == -1
    pure = leaf & (shares.min(axis=1) == 0)
    rows = tree.weighted_n_node_samples[pure]
    shares[pure] = np.where(shares[pure] > 0, (rows[:, None] + 1) / (rows[:, None] + 2), 1 / (rows[:, None] + 2))
    return model
