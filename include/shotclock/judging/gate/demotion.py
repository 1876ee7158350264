"""Is the version before proven better than the one that took its place, on the rows since?

The rows come batch after batch and are looked at each time, so a test for one look would be wrong sooner or later. The
interval here holds at all looks at once: an asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas
2024, Annals of Statistics 52(6), one-sided form), about the paired gain and with the standard error that the gate has, of
the stationary bootstrap. It is tightest at `gate.min_rows` rows.

Versions take over again and again, so what may be wrong in a year is shared out: the year's promotion number k has
1 / (k (k + 1)) of it, which adds up to 1 however many there are.
"""

from math import log, sqrt

import numpy as np
from numpy.typing import ArrayLike

from shotclock.config import GateRules
from shotclock.judging.figure import Figure
from shotclock.judging.gate import WORST, Gains
from shotclock.judging.performance import checked, losses
from shotclock.judging.verdict import Verdict


def risk(rules: GateRules, number: int) -> float:
    """How probably a version that is no worse than the one before is ever taken out, for the year's takeover of this number."""
    return (1 - rules.confidence) / 2 / (number * (number + 1))


def errors(rows: int, risk: float, tightest: int) -> float:
    """How many standard errors lie between the mean of so many rows and the end of its interval, at all looks at once.

    Args:
        risk: how probably the interval is ever wrong, on its one side.
        tightest: the number of rows at which it is to be as short as can be.
    """
    apart = -2 * log(2 * risk)
    times = rows / tightest * (apart + log(apart + 1))
    return sqrt(2 * (times + 1) / times * log(1 + sqrt(times + 1) / (2 * risk)))


def judge(champion: ArrayLike, shadow: ArrayLike, y: ArrayLike, rules: GateRules, number: int) -> Verdict:
    """`alert` when the version before is proven better: the gate's rules, by the interval that holds at all looks.

    Args:
        champion: what the version in service gave to the rows that came since it took over, and that neither has learnt from;
            shape (rows,), in the order of time.
        shadow: what the version before gave to the same rows.
        y: labels 0 or 1, shape (rows,).
        number: which takeover of the year it was, from 1.

    Raises:
        ContractError: see `performance.losses`.
    """
    labels, _ = checked(y, champion)
    figures: dict[str, object] = {"rows": len(labels)}
    if len(labels) < rules.min_rows:
        return Verdict(
            "insufficient data",
            f"is not judged yet: {len(labels):,} labelled rows since, {rules.min_rows:,} are needed",
            figures,
        )
    if labels.min() == labels.max():
        same = f"is not judged yet: all {len(labels):,} labels since are {int(labels[0])}: nothing to compare by"
        return Verdict("insufficient data", same, figures)
    gains = over(champion, shadow, labels, rules)
    gain = interval(gains, number)
    figures |= Figure.flat({"gain": gain})
    measured = f"gain {gain} nats per row on the {gains.rows:,} labelled rows since"
    if proven(gains, number):
        return Verdict("alert", f"has done better: {measured}", figures)
    return Verdict("ok", f"is not proven better: {measured}", figures)


def over(champion: ArrayLike, earlier: ArrayLike, y: ArrayLike, rules: GateRules) -> Gains:
    """The paired gains of an earlier version over the champion, see `judge`."""
    return Gains(np.clip(losses(y, champion) - losses(y, earlier), -WORST, WORST), rules)


def proven(gains: Gains, number: int) -> bool:
    """Whether the version before is to come back, from `min_rows` rows on."""
    rules = gains.rules
    above = float(gains.nats.mean()) > rules.min_gain
    return above and interval(gains, number).low > 0 and gains.unseen_risk <= risk(rules, number)


def interval(gains: Gains, number: int) -> Figure:
    """The mean gain of the version before, with the interval that holds at all looks."""
    mean = float(gains.nats.mean())
    reach = gains.error * errors(gains.rows, risk(gains.rules, number), gains.rules.min_rows)
    return Figure(mean, mean - reach, mean + reach)
