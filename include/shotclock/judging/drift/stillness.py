"""Does a column that stands still do so because its feed is broken, or is that its way?"""

import numpy as np
from numpy.typing import ArrayLike


def longest_run(values: ArrayLike) -> int:
    """How many rows in a row hold the same value at the most; missing values are passed over.

    Args:
        values: shape (rows,), in the order of time.
    """
    found = np.asarray(values, dtype=np.float64)
    known = found[~np.isnan(found)]
    if not len(known):
        return 0
    ends = np.append(np.flatnonzero(known[1:] != known[:-1]), len(known) - 1)
    return int(np.diff(ends, prepend=-1).max())


def stands_still_like(reference: ArrayLike, rows: int, reference_rows: int | None = None) -> bool:
    """Whether the reference, too, holds one value over as many rows as the window has: then nothing is broken.

    Args:
        reference: a column of it, in the order of time; of `reference_rows`, where it is an even sample of them.
    """
    there = len(np.asarray(reference))
    return there > 0 and longest_run(reference) * (reference_rows or there) / there >= rows
