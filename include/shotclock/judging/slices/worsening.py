"""Where a model got worse: its skill by slice of a window against the reference, and what each feature is worth to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shotclock.config import Feature, Slice
from shotclock.judging.figure import Figure
from shotclock.judging.performance import losses
from shotclock.judging.slices import SliceFigures, by_slice, constant_loss, figures

Floats = NDArray[np.float64]
Predict = Callable[[pd.DataFrame], Floats]

_FEW = 8  # values of a number that are shown one by one; more are cut at their quartiles
_SHUFFLES = 5


@dataclass(frozen=True)
class Labelled:
    """Labelled rows, what was said of them, and what came.

    Attributes:
        rows: features, shape (rows, features).
        labels: 0 or 1, shape (rows,).
        probability: of the label 1, shape (rows,).
    """

    rows: pd.DataFrame
    labels: Floats
    probability: Floats

    def by_slice(self, slices: Mapping[str, Slice], confidence: float) -> dict[str, list[SliceFigures]]:
        """See `slices.by_slice`."""
        return by_slice(self.rows, self.labels, self.probability, slices, confidence=confidence)


@dataclass(frozen=True)
class Fall:
    """One slice of a feature, now and in the reference.

    Attributes:
        change: its skill now minus that before; below 0 it fell. None where there are too few rows now.
        against_all: whether it is compared with the whole reference, which holds too few rows of its own.
    """

    feature: str
    now: SliceFigures
    before: SliceFigures | None
    change: Figure | None
    against_all: bool


def cuts(features: Mapping[str, Feature], chosen: Mapping[str, Slice], *parts: pd.DataFrame) -> dict[str, Slice]:
    """How each feature is cut: as the project says, else by its values, or at its quartiles over all these rows together."""
    own = {cut.column: cut for cut in chosen.values()}
    return {name: own.get(name) or _cut(name, feature, parts) for name, feature in features.items()}


def _cut(name: str, feature: Feature, parts: Sequence[pd.DataFrame]) -> Slice:
    values = pd.concat([part[name] for part in parts], ignore_index=True).dropna()
    if feature.type not in ("number", "integer") or values.nunique() <= _FEW:
        return Slice(column=name)
    numbers = values.to_numpy(dtype=np.float64)
    rounded = [float(f"{edge:.6g}") for edge in np.quantile(numbers, [0.25, 0.5, 0.75])]
    return Slice(column=name, edges=tuple(sorted({edge for edge in rounded if edge > numbers.min()})))


def falls(now: Labelled, before: Labelled, slices: Mapping[str, Slice], confidence: float) -> list[Fall]:
    """Each slice now against the same slice of the reference, the one that fell most first; those without figures last.

    A slice that the reference holds too few rows of is compared with the whole reference. The two sides hold other rows, so
    the interval of a change is that of a difference of two independent figures.
    """
    whole = figures("all", before.labels, before.probability, confidence).skill
    earlier = before.by_slice(slices, confidence)
    found = [
        _fall(feature, part, {one.label: one for one in earlier[feature]}.get(part.label), whole)
        for feature, parts in now.by_slice(slices, confidence).items()
        for part in parts
        if part.rows
    ]
    return sorted(found, key=lambda one: one.change.value if one.change else np.inf)


def _fall(feature: str, now: SliceFigures, before: SliceFigures | None, whole: Figure | None) -> Fall:
    own = before.skill if before else None
    was = own or whole
    change = _difference(now.skill, was) if now.skill and was else None
    return Fall(feature, now, before, change, own is None)


def _difference(now: Figure, before: Figure) -> Figure:
    value = now.value - before.value
    half = float(np.hypot(now.high - now.low, before.high - before.low)) / 2
    return Figure.around(value, half)


def worth(
    predict: Predict, side: Labelled, features: Sequence[str], *, confidence: float, seed: int
) -> dict[str, Figure]:
    """How much skill the model loses on these rows without each feature, the dearest first: its values are shuffled.

    The mean rise in log loss over several shuffles (permutation importance, Breiman 2001), as a share of what the rows' own
    positive rate loses. Features that tell the same share their worth, so that each alone looks cheap.

    Args:
        predict: rows to the probability of label 1, shape (rows,).
    """
    rate = float(side.labels.mean()) if len(side.labels) else 0.0
    if rate in (0.0, 1.0):
        return {}
    base, generator = losses(side.labels, predict(side.rows)), np.random.default_rng(seed)
    z = NormalDist().inv_cdf((1 + confidence) / 2) / len(base) ** 0.5
    found = {}
    for name in features:
        rises = [losses(side.labels, predict(_shuffled(side.rows, name, generator))) - base for _ in range(_SHUFFLES)]
        rise = np.mean(rises, axis=0) / constant_loss(rate)
        value, half = float(rise.mean()), z * float(rise.std())
        found[name] = Figure.around(value, half)
    return dict(sorted(found.items(), key=lambda item: -item[1].value))


def _shuffled(rows: pd.DataFrame, name: str, generator: np.random.Generator) -> pd.DataFrame:
    shuffled = rows.copy(deep=False)  # `assign` knows no column that is called self
    shuffled[name] = rows[name].iloc[generator.permutation(len(rows))].set_axis(rows.index)
    return shuffled
