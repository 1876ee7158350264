"""Intervals that need no resampling."""

from scipy.stats import binomtest

from shotclock.errors import ContractError


def wilson(hits: int, rows: int) -> tuple[float, float]:
    """The 95 % interval around the share `hits / rows` (Wilson 1927); it stays within [0, 1] and holds for few rows too.

    Raises:
        ContractError: there are no rows, or not between 0 and `rows` hits.
    """
    if not 0 <= hits <= rows or rows == 0:
        raise ContractError(f"found {hits} hits in {rows} rows, expected at least one row and at most as many hits")
    share, found = hits / rows, binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    return min(share, float(found.low)), max(share, float(found.high))  # however that was rounded
