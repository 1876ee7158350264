"""How often the shadow comes back, wrongly and rightly: `python -m benchmarks.demotion [--runs 200] [--data data/raw]`.

Rows are drawn as in `gate_simulation`: real labels and real probabilities of two models, a coin in each row says which of
the two predictions is the champion's; and autoregressions for neighbours that are alike. Two tables:

- *equal*: a year of looks at a version before that is no better. One takeover with 26 looks, 1,000 rows apart; and twelve
  takeovers with four looks each, 500 rows apart. A year with any demotion in it is a wrong one.
- *bad promotion*: the version before is better by so much. After how many rows is it back in 95 % of the runs? Beside it the
  rows at which one look proves the same: a look of the demotion's own size for the year's first takeover, and the gate.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.gate_simulation import ROOT, SEED, Draw, Floats, alike, coin, models_on_production
from shotclock.config import GateRules
from shotclock.judging import demotion
from shotclock.judging.gate import WORST, Gains

RULES = GateRules(min_gain=0.0, resamples=400)  # a fifth of the default: only the standard error comes of them
STEP, LOOKS = 500, 24  # of a bad promotion


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "raw", help="the folder of the two raw files")
    asked = parser.parse_args()
    real = models_on_production(asked.data)
    equal: dict[str, Draw] = {"real models": coin(real, 0.0)}
    equal |= {f"neighbours alike by {correlation:g}": alike(correlation) for correlation in (0.3, 0.6)}
    for name, draw in equal.items():
        for takeovers, looks, step in ((1, 26, 1000), (12, 4, 500)):
            wrong = years(draw, asked.runs, takeovers, looks, step)
            print(f"equal, {name}: {takeovers} takeover(s), {looks} looks each: {wrong:.1%} of years", flush=True)
    for gain in (0.01, 0.02, float(real.mean())):
        print(f"better by {gain:.4f}: {bad(coin(real, gain), asked.runs)}", flush=True)


def years(draw: Draw, runs: int, takeovers: int, looks: int, step: int) -> float:
    """The share of years in which an equal version came back."""
    generator = np.random.default_rng(SEED)
    wrong = 0
    for _ in range(runs):
        wrong += any(
            any(at_each(draw(generator, looks * step), step, lambda gains, n=number: demotion.proven(gains, n)))
            for number in range(1, takeovers + 1)
        )
    return wrong / runs


def bad(draw: Draw, runs: int) -> str:
    """What is printed of a version before that is truly better."""
    generator = np.random.default_rng(SEED)
    drawn = [draw(generator, STEP * LOOKS) for _ in range(runs)]
    looks = np.array([at_each(nats, STEP, lambda gains: demotion.proven(gains, 1)) for nats in drawn])
    gate = np.array([at_each(nats, STEP, lambda gains: gains.proven) for nats in drawn])
    back = np.maximum.accumulate(looks, axis=1).mean(axis=0)
    single, by_gate = looks.mean(axis=0), gate.mean(axis=0)
    one_look = rows_at(single)
    share = "" if one_look is None else f", by then {back[one_look // STEP - 1]:.1%} are back"
    return (
        f"95 % back after {rows_at(back)} rows, half after {rows_at(back, 0.5)}; one look of that size proves it in 95 % with "
        f"{one_look}{share}; the gate's with {rows_at(by_gate)}"
    )


def at_each(nats: Floats, step: int, asked: Callable[[Gains], bool]) -> list[bool]:
    """What is said at each look."""
    return [asked(Gains(np.clip(nats[:rows], -WORST, WORST), RULES)) for rows in range(step, len(nats) + 1, step)]


def rows_at(shares: Floats, wanted: float = 0.95) -> int | None:
    """The rows from which on that share holds."""
    enough = np.flatnonzero(shares >= wanted)
    return None if not len(enough) else int(enough[0] + 1) * STEP


if __name__ == "__main__":
    main()
