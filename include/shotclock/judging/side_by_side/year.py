"""A stretch of a project's history at a glance: days fit and not fit, and what retraining brought, on the data's own time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from shotclock.config import Cost, GateRules
from shotclock.judging.figure import Figure
from shotclock.judging.fitness import Level
from shotclock.judging.gate import WORST, Gains
from shotclock.judging.performance import losses
from shotclock.judging.side_by_side import Given, as_share
from shotclock.judging.slices import MIN_ROWS, figures

_MOST_PARTS = 12


@dataclass(frozen=True)
class Stretch:
    """The days that a batch's rows are of, and how fit the version was found that scored them when they came."""

    begin: date
    end: date
    level: Level
    batch: str
    version: str


@dataclass(frozen=True)
class Part:
    """Rows in a row, in the order of time: the skill that was served, and that of never having retrained."""

    begin: np.datetime64
    end: np.datetime64
    rows: int
    served: Figure
    never: Figure


@dataclass(frozen=True)
class Gained:
    """What was served against what the first version would have said.

    Attributes:
        saved: how much less it lost, as a share of what guessing the base rate loses.
        money: what that is worth, less what the retrainings cost; None where nobody has said what they cost.
    """

    rows: int
    saved: Figure
    money: Figure | None


def days(stretches: Sequence[Stretch], begin: date, end: date) -> dict[Level, int]:
    """How many days from `begin` to `end`, both included, stand at each level. Of two stretches of a day the later counts."""
    level_of: dict[date, Level] = {}
    for stretch in stretches:
        first, last = max(stretch.begin, begin), min(stretch.end, end)
        level_of |= {first + timedelta(days=n): stretch.level for n in range((last - first).days + 1)}
    return dict(Counter(level_of.values()))


def parts(times: NDArray[np.datetime64], given: Given, confidence: float) -> list[Part]:
    """Up to a dozen parts of equally many rows, each of enough for figures; `given.new` is what was served.

    Args:
        times: of each row, in order, shape (rows,).
    """
    rows = len(times)
    count = min(_MOST_PARTS, rows // MIN_ROWS)
    ends = np.linspace(0, rows, count + 1, dtype=int) if count else np.empty(0, dtype=int)
    found = []
    for first, last in pairwise(ends):
        here = given.of(np.isin(np.arange(rows), np.arange(first, last)))
        served, never = (figures("", here.labels, p, confidence).skill for p in (here.new, here.old))
        if served and never:
            found.append(Part(times[first], times[last - 1], int(last - first), served, never))
    return found


def gained(given: Given, rules: GateRules, trainings: int, cost: Cost | None, scale: float = 1.0) -> Gained | None:
    """What retraining brought on these rows, in the order of time; None without rows, or where all labels are the same.

    The interval is the gate's: whole stretches of rows are resampled, since neighbours resemble each other.

    Args:
        given: `old` of the first version, `new` what was served.
        trainings: how many retrainings it took.
        scale: how many rows each of these stands for.
    """
    labels = given.labels
    if not len(labels):
        return None
    nats = losses(labels, given.old) - losses(labels, given.new)
    mean = Gains(np.clip(nats, -WORST, WORST), rules).mean
    saved = as_share(mean, labels)
    if saved is None:
        return None
    each = len(labels) * scale
    paid = mean.scaled(each * cost.per_nat, -trainings * cost.training) if cost else None
    return Gained(round(each), saved, paid)
