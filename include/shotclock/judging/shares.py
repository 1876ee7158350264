"""Weights for experts who speak block after block: more for those who have done well, and for each a chance to come back."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALPHA = 0.02
"""The share of all weight that is dealt out evenly after each block."""


def fixed_share(losses: ArrayLike, alpha: float = ALPHA) -> NDArray[np.float64]:
    """The weights before each block, and after the last: shape (blocks + 1, experts), each row sums to 1.

    Fixed share (Herbster and Warmuth 1998, with log loss and a learning rate of 1): weights begin equal, are multiplied by what
    each expert has given to what came true, and then `alpha` of them is dealt out anew. The weights before a block know the
    blocks before it alone.

    Args:
        losses: of each block and expert the sum of its log losses, in nats, shape (blocks, experts).
    """
    of_blocks = np.asarray(losses, dtype=np.float64)
    experts = of_blocks.shape[1]
    weights = [np.full(experts, 1 / experts)]
    for block in of_blocks:
        odds = np.log(weights[-1]) - block
        earned = np.exp(odds - odds.max())
        weights.append((1 - alpha) * earned / earned.sum() + alpha / experts)
    return np.array(weights)
