"""How many of a column's cuts lie below each number: by a grid, which leaves few steps of a search."""

import numpy as np

from shotclock.models.internals import Floats, Whole

CELLS = 4096  # a table of them stays in the processor's nearest cache


class Cuts:
    """Numbers, ascending and finite; `below` counts those below each of many others, as `np.searchsorted` does.

    Their span is divided into cells of one size. The cell of a number tells how many cuts lie in the cells before it, and
    only those in its own are compared with it, by steps that are the same for each number: the processor has no branch to
    guess. Cuts that crowd in one cell, since another one lies far away, take more steps: up to those of a search without cells.

    Attributes:
        values: the numbers.
    """

    def __init__(self, values: Floats) -> None:
        self.values = values
        self._scale, self._shift = _scale(values)
        counts = np.bincount(self._cells(values), minlength=1)
        self._before = np.cumsum(counts) - counts
        self._steps = [1 << power for power in range(1, int(counts.max()).bit_length())][::-1]
        self._padded = np.concatenate([values, np.full(2 + sum(self._steps), np.inf)])

    def below(self, numbers: Floats) -> Whole:
        """Of each number, shape (n,), float64, how many cuts are smaller; of NaN any count, from none to all of them."""
        found: Whole = self._before.take(self._cells(numbers), mode="clip")
        for step in self._steps:
            found += (self._padded[step - 1 :].take(found) < numbers) * step
        found += self._padded.take(found, mode="clip") < numbers  # the last step is one
        return found

    def _cells(self, numbers: Floats) -> Whole:
        """Of larger numbers never a smaller one; below 0 and undefined where `take` clips it: before all cuts, and for NaN."""
        with np.errstate(over="ignore", invalid="ignore"):
            places = numbers * self._scale
            places -= self._shift
            np.minimum(places, CELLS - 1, out=places)
            return places.astype(np.intp)


def _scale(cuts: Floats) -> tuple[float, float]:
    """Times a number, minus: in which cell it lies. One cell for all where the span has no end or none to speak of."""
    if len(cuts) < 2:
        return 0.0, 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        scale = (CELLS - 1) / (cuts[-1] - cuts[0])
        shift = cuts[0] * scale
    return (scale, shift) if 0 < scale < np.inf and np.isfinite(shift) else (0.0, 0.0)
