"""Champion against challenger, on rows that neither has seen: a ruling with its reason.

Both score the same rows, so what counts is the *paired* difference of their log losses: it varies far less than either
loss. Two things must hold before a challenger takes over, since each alone is fooled by what the other sees:

- the interval of the mean gain excludes 0. Rows stand in the order of time and neighbours resemble each other, so whole
  stretches are resampled: the stationary bootstrap (Politis and Romano 1994);
- losses too rare to have been seen could not take the gain away. `unseen_risk` is the largest probability of a gain like
  this one for a challenger that pays `UNSEEN` nats in a few rows and gains nothing on the whole: for gains that hardly
  vary it is the rule of three (Hanley and Lippman-Hand 1983). Of rows that were seen none counts for more than `WORST`.
"""

from dataclasses import dataclass
from functools import cached_property
from math import ceil, log
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, ndtr

from shotclock.config import GateRules
from shotclock.errors import ContractError
from shotclock.judging.figure import Figure
from shotclock.judging.performance import checked, losses

Outcome = Literal["promote", "keep", "not enough data"]
Opponent = Literal["champion", "constant predictor"]
Floats = NDArray[np.float64]

WORST = 8.0
"""Nats that one row counts for at the most: a probability of 0.0003 for what came true."""
UNSEEN = 4.0
"""Nats that a row is thought to cost which no window of this size has shown yet: a probability of 0.02 for what comes true."""
POWER = 0.8
"""How surely the rows that `rows_needed` asks for would prove a gain of `GateRules.to_find`."""

_CHUNK = 2_000_000  # stretches drawn at a time
_MOST_ROWS = 10**12
_MORE = np.linspace(0.1, 15, 150)  # rare rows that a window should hold beyond those that it does hold
_NOTHING = 1e-12  # nats


@dataclass(frozen=True)
class Ruling:
    """What the gate says, why, and the figures. `gain` is in nats per row; above 0 the challenger is better."""

    outcome: Outcome
    because: str
    rows: int
    against: Opponent
    confidence: float
    gain: Figure | None = None
    champion_log_loss: float | None = None
    """Of the opponent: the champion, or the constant predictor where there is none."""
    challenger_log_loss: float | None = None
    power: float | None = None
    """How probably so many rows would have proven a true gain of `GateRules.to_find`."""
    more_rows: int | None = None
    """Roughly how many more rows would prove such a gain with a probability of `POWER`; None when these are enough."""

    @property
    def promoted(self) -> bool:
        return self.outcome == "promote"


@dataclass(frozen=True)
class Gains:
    """The paired gains of rows in the order of time, and what can be concluded from them.

    Attributes:
        nats: champion's minus challenger's log loss of each row, within ± `WORST`, shape (rows,), at least one row.
    """

    nats: Floats
    rules: GateRules

    @cached_property
    def _means(self) -> Floats:
        return resampled_means(self.nats, self.rules.resamples, self.rules.seed)

    @property
    def rows(self) -> int:
        return len(self.nats)

    @property
    def mean(self) -> Figure:
        """The mean gain: percentiles of the resampled means around it."""
        mean, tail = float(self.nats.mean()), (1 - self.rules.confidence) / 2
        low, high = np.quantile(self._means, [tail, 1 - tail])
        return Figure(mean, min(float(low), mean), max(float(high), mean))

    @property
    def error(self) -> float:
        """Standard error of the mean gain, neighbours taken as alike as they are."""
        return float(self._means.std())

    @property
    def unseen_risk(self) -> float:
        """How probable a gain like this one is, at the most, for a challenger that is no better and pays in rare rows.

        Of such a challenger a window of n rows holds N ~ Poisson(u) rows that cost `UNSEEN`, and it gains u · UNSEEN / n in
        each row besides. The risk is that of so large a gain with no more costly rows than were seen, the largest over u.
        """
        seen = int((self.nats < -UNSEEN / 2).sum())
        return float(_unseen_risk(self.nats.mean(), self.error, self.rows, seen)[0])

    @property
    def proven(self) -> bool:
        """Whether all holds that a challenger has to show, but for `min_rows`."""
        above = self.mean.value > self.rules.min_gain and self.mean.low > 0
        return above and self.unseen_risk <= 1 - self.rules.confidence

    @cached_property
    def power(self) -> float:
        """How probably so many rows prove a true gain of `rules.to_find`."""
        return self._power(self.rows)

    @cached_property
    def rows_needed(self) -> int:
        """Roughly how many rows would prove such a gain with a probability of `POWER`, at least `min_rows`."""
        low, high = self.rules.min_rows, _MOST_ROWS
        while high - low > 1 + low // 100:
            middle = (low + high) // 2
            low, high = (low, middle) if self._power(middle) >= POWER else (middle, high)
        return self.rules.min_rows if self._power(self.rules.min_rows) >= POWER else high

    def _power(self, rows: int) -> float:
        error, rules = max(self.error, _NOTHING) * (self.rows / rows) ** 0.5, self.rules
        tested = NormalDist().inv_cdf(1 - (1 - rules.confidence) / 2) * error
        candidates = np.linspace(0, tested + UNSEEN * -log(1 - rules.confidence) / rows, 64)
        hidden = candidates[_unseen_risk(candidates, error, rows, 0) <= 1 - rules.confidence]
        bar = max(rules.min_gain, tested, *hidden[:1])
        return NormalDist().cdf((rules.to_find - bar) / error)


def _unseen_risk(gain: ArrayLike, error: float, rows: int, seen: int) -> Floats:
    """See `Gains.unseen_risk`; for each of several gains."""
    found, costly = np.atleast_1d(np.asarray(gain, dtype=np.float64))[:, None, None], np.arange(seen + 1)[:, None]
    expected = seen + _MORE
    surplus = UNSEEN / rows * (expected - costly) - found
    poisson = np.exp(costly * np.log(expected) - expected - gammaln(costly + 1))
    chance = poisson * ndtr(surplus / max(error, _NOTHING))
    risk: Floats = chance.sum(axis=1).max(axis=1)
    return risk


def judge(champion: ArrayLike | None, challenger: ArrayLike, y: ArrayLike, rules: GateRules) -> Ruling:
    """Promote when the challenger's paired gain in log loss is above `min_gain` and proven: see the module's text.

    Without a champion the opponent is the constant predictor at the holdout's own positive rate: the best constant
    there is, chosen with knowledge of these labels, so the challenger has the harder part. A tie keeps the champion.

    Args:
        champion: probability of label 1, shape (rows,), in the order of time; None when there is no champion yet.
        challenger: the same, for the same rows in the same order.
        y: labels 0 or 1, shape (rows,).

    Raises:
        ContractError: shapes differ, a label is not 0 or 1, or a probability is missing or outside [0, 1].
    """
    labels, new = checked(y, challenger)
    against: Opponent = "constant predictor" if champion is None else "champion"
    rows = len(labels)
    if rows == 0:
        because = f"no rows in the holdout, {rules.min_rows:,} are needed"
        return Ruling("not enough data", because, 0, against, rules.confidence, more_rows=rules.min_rows)
    old = np.full(rows, labels.mean()) if champion is None else np.asarray(champion, dtype=np.float64)
    old_losses, new_losses = losses(labels, old), losses(labels, new)
    gains = Gains(np.clip(old_losses - new_losses, -WORST, WORST), rules)
    outcome, because = decide(gains, labels, against)
    more = gains.rows_needed - rows if outcome != "promote" else 0
    return Ruling(
        outcome,
        because,
        rows,
        against,
        rules.confidence,
        gains.mean,
        float(old_losses.mean()),
        float(new_losses.mean()),
        gains.power,
        max(more, 0) or None,
    )


def decide(gains: Gains, labels: Floats, against: Opponent) -> tuple[Outcome, str]:
    """The outcome, and why, as people read it."""
    rules, rows, gain = gains.rules, gains.rows, gains.mean
    figures = f"gain over the {against} {gain} nats per row on {rows:,} rows"
    if rows < rules.min_rows:
        return "not enough data", f"{rows:,} rows to judge by, {rules.min_rows:,} are needed; {figures}; {_told(gains)}"
    if labels.min() == labels.max():
        return "not enough data", f"all {rows:,} labels are {int(labels[0])}: nothing to compare by; {figures}"
    if gain.value <= rules.min_gain:
        return "keep", f"{figures}: not above the smallest gain worth a change, {rules.min_gain:g}"
    if gain.low <= 0:
        return "keep", f"{figures}: the interval does not exclude 0; {_told(gains)}"
    if gains.unseen_risk > 1 - rules.confidence:
        rare = f"a loss of {UNSEEN:g} nats in so few rows that none is among these could take it away"
        return "keep", f"{figures}: {rare}; {_told(gains)}"
    return "promote", f"{figures}: above {rules.min_gain:g}, and the interval excludes 0"


def _told(gains: Gains) -> str:
    """What so many rows can show at all."""
    found = f"so many rows prove a true gain of {gains.rules.to_find:g} with a probability of {gains.power:.0%}"
    return found if gains.power >= POWER else f"{found}, {gains.rows_needed:,} would with {POWER:.0%}"


def resampled_means(values: Floats, resamples: int, seed: int) -> Floats:
    """Means of stationary bootstrap samples (Politis and Romano 1994), shape (resamples,).

    A sample is made of stretches that begin anywhere and go on past the end at the beginning; their lengths are geometric
    with the mean 1.5 · rows^(1/3). A stretch's sum is the difference of two running sums, so that the cost goes with the
    number of stretches, which is far below that of rows.

    Args:
        values: shape (rows,), in the order of time, at least one.
    """
    generator, rows = np.random.default_rng(seed), len(values)
    length = min(rows, 1.5 * rows ** (1 / 3))
    stretches = ceil(rows / length + 10 * (rows / length) ** 0.5)
    running = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values]))])
    size = max(1, _CHUNK // stretches)
    counts = [min(size, resamples - done) for done in range(0, resamples, size)]
    return np.concatenate([_drawn(running, generator, (n, stretches), length) for n in counts])


def _drawn(running: Floats, generator: np.random.Generator, shape: tuple[int, int], length: float) -> Floats:
    rows = len(running) // 2
    ends = np.minimum(np.cumsum(generator.geometric(1 / length, shape), axis=1), rows)
    ends[:, -1] = rows
    lengths = np.diff(ends, axis=1, prepend=0)
    begin = generator.integers(0, rows, shape)
    means: Floats = (running[begin + lengths] - running[begin]).sum(axis=1) / rows
    return means


def untouched(ids: ArrayLike, *training_ids: ArrayLike) -> NDArray[np.bool_]:
    """Which rows stand in none of the training sets, by id: a mask of shape (rows,).

    Raises:
        ContractError: an id is missing, or two sets hold ids of different kinds, which could never meet.
    """
    asked = _ids(ids)
    seen = np.zeros(len(asked), dtype=np.bool_)
    for number, trained in enumerate(training_ids, start=1):
        known = _ids(trained)
        if len(asked) and len(known) and _kind(asked) != _kind(known):
            raise ContractError(
                f"ids: the holdout's are {_kind(asked)}, those of training set {number} are {_kind(known)}: "
                "expected one kind, or no id can be recognised; read both from the same id column"
            )
        seen |= asked.isin(known).to_numpy()
    return np.asarray(~seen, dtype=np.bool_)


def _ids(found: ArrayLike) -> "pd.Series[Any]":
    ids = pd.Series(np.asarray(found))
    if ids.isna().any():
        raise ContractError(f"ids: {int(ids.isna().sum())} of {len(ids)} are missing; expected an id in every row")
    return ids


def _kind(ids: "pd.Series[Any]") -> str:
    kind = pd.api.types.infer_dtype(ids)
    return "numbers" if kind in ("integer", "floating", "mixed-integer-float", "decimal") else kind
