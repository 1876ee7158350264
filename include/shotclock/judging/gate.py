"""Champion against challenger, on rows that neither has seen: a ruling with its reason.

Both score the same rows, so what counts is the *paired* difference of their log losses: it varies far less than either
loss. Its interval is a percentile bootstrap of the mean (Efron and Tibshirani 1993, chapter 13).
"""

from dataclasses import dataclass
from math import ceil
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from shotclock.config import GateRules
from shotclock.errors import ContractError
from shotclock.judging.figure import Figure
from shotclock.judging.performance import checked, losses

Outcome = Literal["promote", "keep", "not enough data"]
Opponent = Literal["champion", "constant predictor"]

NORMAL_FROM = 20_000
"""Rows from which a resampled mean is normal to all digits that matter, and resampling would only cost time."""
POWER = 0.8
"""How surely the holdout that `rows_needed` asks for would prove a gain of the size seen."""

_CHUNK = 2_000_000  # rows drawn at a time


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
    more_rows: int | None = None
    """Roughly how many more rows would decide; None when more rows would not help or it cannot be told."""

    @property
    def promoted(self) -> bool:
        return self.outcome == "promote"


def judge(champion: ArrayLike | None, challenger: ArrayLike, y: ArrayLike, rules: GateRules) -> Ruling:
    """Promote when the challenger's paired gain in log loss is above `min_gain` and its interval above 0.

    Without a champion the opponent is the constant predictor at the holdout's own positive rate: the best constant
    there is, chosen with knowledge of these labels, so the challenger has the harder part. A tie keeps the champion.

    Args:
        champion: probability of label 1, shape (rows,); None when there is no champion yet.
        challenger: the same, for the same rows in the same order.
        y: labels 0 or 1, shape (rows,).

    Raises:
        ContractError: shapes differ, a label is not 0 or 1, or a probability is missing or outside [0, 1].
    """
    labels, new = checked(y, challenger)
    against: Opponent = "constant predictor" if champion is None else "champion"
    rows = len(labels)
    if rows == 0:
        because = f"no rows in the holdout, {rules.min_rows} are needed"
        return Ruling("not enough data", because, 0, against, rules.confidence, more_rows=rules.min_rows)
    old = np.full(rows, labels.mean()) if champion is None else np.asarray(champion, dtype=np.float64)
    old_losses, new_losses = losses(labels, old), losses(labels, new)
    gains = old_losses - new_losses
    gain = paired_gain(gains, rules)
    outcome, because, more = _decide(gains, gain, labels, against, rules)
    return Ruling(
        outcome,
        because,
        rows,
        against,
        rules.confidence,
        gain,
        float(old_losses.mean()),
        float(new_losses.mean()),
        more,
    )


def _decide(
    gains: NDArray[np.float64], gain: Figure, labels: NDArray[np.float64], against: Opponent, rules: GateRules
) -> tuple[Outcome, str, int | None]:
    rows = len(gains)
    figures = f"gain over the {against} {gain} nats per row on {rows} rows"
    more = rows_needed(gains, rules) - rows
    if rows < rules.min_rows:
        lacking = f"{rows} holdout rows, {rules.min_rows} are needed: about {max(more, 1)} more would decide"
        return "not enough data", f"{lacking}; {figures}", max(more, 1)
    if labels.min() == labels.max():
        return "not enough data", f"all {rows} labels are {int(labels[0])}: nothing to compare by; {figures}", None
    if gain.value <= rules.min_gain:
        return "keep", f"{figures}: not above the smallest gain worth a change, {rules.min_gain:g}", None
    if gain.low <= 0:
        return "keep", f"{figures}: the interval does not exclude 0", max(more, 1)
    return "promote", f"{figures}: above {rules.min_gain:g}, and the interval excludes 0", None


def paired_gain(gains: ArrayLike, rules: GateRules) -> Figure:
    """Mean of the rows' gains, with its interval.

    Up to `NORMAL_FROM` rows: percentiles of `resamples` seeded resampled means. From there on: mean ± z · sd / √rows,
    which is what those percentiles tend to.

    Args:
        gains: champion's minus challenger's log loss, shape (rows,), at least one row.
    """
    found = np.asarray(gains, dtype=np.float64)
    mean, tail = float(found.mean()), (1 - rules.confidence) / 2
    if len(found) >= NORMAL_FROM:
        half = NormalDist().inv_cdf(1 - tail) * float(found.std()) / len(found) ** 0.5
        return Figure(mean, mean - half, mean + half)
    low, high = np.quantile(_resampled_means(found, rules.resamples, rules.seed), [tail, 1 - tail])
    return Figure(mean, min(float(low), mean), max(float(high), mean))


def _resampled_means(values: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    generator, rows = np.random.default_rng(seed), len(values)
    size = max(1, _CHUNK // rows)
    chunks = [min(size, resamples - done) for done in range(0, resamples, size)]
    means = [values[generator.integers(0, rows, (n, rows), dtype=np.int32)].mean(axis=1) for n in chunks]
    return np.concatenate(means)


def rows_needed(gains: ArrayLike, rules: GateRules) -> int:
    """Roughly how many holdout rows would prove a gain of the size seen, or of `min_gain` if that is larger.

    The sample size of a two-sided test of one mean: `((z(confidence) + z(POWER)) · sd / gain)²`, at least `min_rows`.
    A gain that cannot be told from 0 needs no more than `min_rows` to be kept out.
    """
    found = np.asarray(gains, dtype=np.float64)
    effect = max(abs(float(found.mean())), rules.min_gain)
    if effect == 0:
        return rules.min_rows
    z = NormalDist().inv_cdf(1 - (1 - rules.confidence) / 2) + NormalDist().inv_cdf(POWER)
    return max(rules.min_rows, ceil((z * float(found.std()) / effect) ** 2))


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
