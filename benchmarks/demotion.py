"""How often the shadow comes back, wrongly and rightly: `python -m benchmarks.demotion [--runs 200] [--data data/raw]`.

Rows are drawn as in `gate_simulation`: real labels and real probabilities of two models, a coin in each row says which of
the two predictions is the champion's; and autoregressions for neighbours that are alike. Two tables:

- *equal*: a year of looks at a version before that is no better. One takeover with 26 looks, 1,000 rows apart; and twelve
  takeovers with four looks each, 500 rows apart. A year with any demotion in it is a wrong one.
- *bad promotion*: the version before is better by so much, looked at every 250 rows. In which share of runs is it back by the
  rows that a test of the same size needs for a power of 95 %: one look at a normal mean, and the sequence's own bar.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist

import numpy as np

from benchmarks.gate_simulation import ROOT, SEED, Draw, Floats, alike, coin, models_on_production
from shotclock.config import GateRules
from shotclock.judging.gate import WORST, Gains, demotion

RULES = GateRules(
    min_gain=0.0, resamples=100
)  # of 2,000 by default: a rougher standard error, which is wrong more often
STEP, MOST = 250, 20_000  # of a bad promotion
POWER = 0.95


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--table", choices=["equal", "bad"], help="one of the two; without it, both")
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "raw", help="the folder of the two raw files")
    asked = parser.parse_args()
    real = models_on_production(asked.data)
    if asked.table != "bad":
        print_equal(real, asked.runs)
    if asked.table != "equal":
        for gain in (0.01, 0.02, float(real.mean())):
            print(f"better by {gain:.4f}: {bad(coin(real, gain), gain, asked.runs)}", flush=True)


def print_equal(real: Floats, runs: int) -> None:
    equal: dict[str, Draw] = {"real models": coin(real, 0.0)}
    equal |= {f"neighbours alike by {correlation:g}": alike(correlation) for correlation in (0.3, 0.6)}
    for name, draw in equal.items():
        for takeovers, looks, step in ((1, 26, 1000), (12, 4, 500)):
            wrong = years(draw, runs, takeovers, looks, step)
            print(f"equal, {name}: {takeovers} takeover(s), {looks} looks each: {wrong:.1%} of years", flush=True)


def years(draw: Draw, runs: int, takeovers: int, looks: int, step: int) -> float:
    """The share of years in which an equal version came back."""
    generator = np.random.default_rng(SEED)
    wrong = 0
    for _ in range(runs):
        drawn = (draw(generator, looks * step) for _ in range(takeovers))
        wrong += any(first_proven(nats, step, number) is not None for number, nats in enumerate(drawn, start=1))
    return wrong / runs


def bad(draw: Draw, gain: float, runs: int) -> str:
    """What is printed of a version before that is truly better."""
    generator = np.random.default_rng(SEED)
    spread, risk = float(draw(generator, 100_000).std()), demotion.risk(RULES, 1)
    one_look = needed(gain, spread, lambda rows: NormalDist().inv_cdf(1 - risk))
    sequence = needed(gain, spread, lambda rows: demotion.errors(rows, risk, RULES.min_rows))
    found = [first_proven(draw(generator, MOST), STEP, 1) or MOST for _ in range(runs)]
    shares = {rows: np.mean([back <= rows for back in found]) for rows in (one_look, sequence)}
    told = ", ".join(f"{share:.1%} by {rows:,}" for rows, share in shares.items())
    return f"back: {told} rows; half by {np.quantile(found, 0.5):,.0f}, 95 % by {np.quantile(found, 0.95):,.0f}"


def needed(gain: float, spread: float, bar: Callable[[int], float]) -> int:
    """The rows at which the mean lies above so many standard errors in 95 % of cases, in whole looks."""
    looks = range(max(STEP, RULES.min_rows), MOST, STEP)
    return next(rows for rows in looks if gain / spread * rows**0.5 >= bar(rows) + NormalDist().inv_cdf(POWER))


def first_proven(nats: Floats, step: int, number: int) -> int | None:
    """The rows at the first look that brings the version before back; None where none does."""
    looks = range(max(step, RULES.min_rows), len(nats) + 1, step)
    proven = (rows for rows in looks if demotion.proven(Gains(np.clip(nats[:rows], -WORST, WORST), RULES), number))
    return next(proven, None)


if __name__ == "__main__":
    main()
