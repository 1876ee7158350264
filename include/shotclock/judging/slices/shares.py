"""Weights for experts who speak block after block: more for those who have done well, and for each a chance to come back."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shotclock.judging.performance import losses

Floats = NDArray[np.float64]

ALPHA = 0.05
"""The share of all weight that is dealt out evenly after each block."""
RATES = (0.01, 0.1, 1.0)
"""How fast weights may follow what came true. With 1 the best of the last block has nearly all, with 0.01 each has some."""


def fixed_share(of_blocks: ArrayLike, alpha: float = ALPHA, rate: float = 1.0) -> Floats:
    """The weights before each block, and after the last: shape (blocks + 1, experts), each row sums to 1.

    Fixed share (Herbster and Warmuth 1998): weights begin equal, are multiplied by exp(-rate · loss) of each expert, and then
    `alpha` of them is dealt out anew. The weights before a block know the blocks before it alone.

    Args:
        of_blocks: of each block and expert the sum of its log losses, in nats, shape (blocks, experts).
    """
    lost = np.asarray(of_blocks, dtype=np.float64)
    experts = lost.shape[1]
    weights = [np.full(experts, 1 / experts)]
    for block in lost:
        odds = np.log(weights[-1]) - rate * block
        earned = np.exp(odds - odds.max())
        weights.append((1 - alpha) * earned / earned.sum() + alpha / experts)
    return np.array(weights)


def mixed(given: Floats, labels: Floats, block: NDArray[np.int64]) -> Floats:
    """The weights with which experts are mixed in each block, and after the last: shape (blocks + 1, experts).

    They are those of fixed share at one of `RATES`: before each block at the one whose mixture has lost the least until then,
    between equals the slowest.

    Args:
        given: each expert's probability of label 1, shape (experts, rows).
        labels: 0 or 1, shape (rows,).
        block: the number of each row's block, from 0, going up, shape (rows,).
    """
    of_blocks = np.array([np.bincount(block, losses(labels, one)) for one in given]).T
    courses = [fixed_share(of_blocks, rate=rate) for rate in RATES]
    lost = [np.bincount(block, losses(labels, mixture(course, given, block))) for course in courses]
    best = np.array(lost).cumsum(axis=1).argmin(axis=0)
    return np.array([course[number] for number, course in enumerate(courses[rate] for rate in (0, *best))])


def mixture(weights: Floats, given: Floats, block: NDArray[np.int64]) -> Floats:
    """Each row's probability, by the weights before its block: shape (rows,)."""
    found: Floats = np.clip((weights[block].T * given).sum(axis=0), 0, 1)
    return found
