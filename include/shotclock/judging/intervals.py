"""Intervals that need no resampling."""

from math import sqrt

from shotclock.errors import ContractError

_Z = 1.959963984540054  # the normal distribution's 97.5 % point: 95 % lie between it and its negative


def wilson(hits: int, rows: int) -> tuple[float, float]:
    """The 95 % interval around the share `hits / rows` (Wilson 1927); it stays within [0, 1] and holds for few rows too.

    Raises:
        ContractError: there are no rows, or not between 0 and `rows` hits.
    """
    if not 0 <= hits <= rows or rows == 0:
        raise ContractError(f"found {hits} hits in {rows} rows, expected at least one row and at most as many hits")
    share, weight = hits / rows, _Z**2 / rows
    middle = (share + weight / 2) / (1 + weight)
    reach = _Z / (1 + weight) * sqrt(share * (1 - share) / rows + weight / (4 * rows))
    return min(share, max(0.0, middle - reach)), max(share, min(1.0, middle + reach))  # however that was rounded
