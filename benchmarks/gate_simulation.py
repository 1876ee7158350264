"""How often the gate is wrong: `python benchmarks/gate_simulation.py [--holdouts 1000] [--data data/raw]`.

Four tables, each with the share that the gate would promote:

- *real models*: holdouts drawn from the labelled production shots of `kobe_shots`, with their real labels and the real
  probabilities of two models of the training file alone: a decision tree of depth 4 and a logistic regression, better on
  production by 0.027 in log loss. In every row a coin decides which of the two predictions is the challenger's. A fair coin
  makes two that are statistically identical (expected gain exactly 0) and yet differ row by row as much as real models
  do: promotions are false. A coin that gives the challenger the better model just often enough makes a true gain.
- *neighbours alike*: gains of two equal recipes as a first-order autoregression, correlated by so much from row to row.
- *rare losses*: the challenger gains 0.008 in all rows and loses 8 nats in one of a thousand, so that it gains nothing.
- *interval alone*: each of these with the second condition of the gate, on losses that nobody has seen, left out.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.signal import lfilter
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from shotclock.config import GateRules, load_project
from shotclock.judging.gate import WORST, Gains
from shotclock.judging.performance import losses

ROOT = Path(__file__).parents[1]
SEED = 20_240_607
ROWS = (500, 1000, 3000, 20_000)

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]
"""The paired gains of one holdout of so many rows."""


def models_on_production(folder: Path) -> Floats:
    """Gains of the better model over the worse one in each production row, in the order of time."""
    project = load_project(ROOT / "include" / "projects" / "kobe_shots.yaml")
    columns = project.columns
    train, production = (
        pd.read_parquet(folder / name, columns=columns.all).dropna().sort_values([columns.time, columns.id])
        for name in (project.data.training, project.data.production)
    )
    inputs, y = list(columns.features), production[columns.target].to_numpy(dtype=np.float64)
    worse = DecisionTreeClassifier(max_depth=4, min_samples_leaf=50, random_state=SEED)
    better = make_pipeline(StandardScaler(), LogisticRegression())
    given = [
        m.fit(train[inputs], train[columns.target]).predict_proba(production[inputs])[:, 1] for m in (worse, better)
    ]
    return losses(y, given[0]) - losses(y, given[1])


def coin(real: Floats, gain: float) -> Draw:
    """Which of two real models has which prediction is tossed for, in each row: `gain` is what the challenger gains."""
    heads = 0.5 + gain / float(real.mean()) / 2

    def draw(generator: np.random.Generator, rows: int) -> Floats:
        drawn = real[generator.integers(0, len(real), rows)]
        return np.where(generator.random(rows) < heads, drawn, -drawn)

    return draw


def alike(correlation: float, spread: float = 0.15) -> Draw:
    """Equal recipes whose gain in a row resembles that in the row before."""

    def draw(generator: np.random.Generator, rows: int) -> Floats:
        fresh = generator.normal(0, spread, rows + 100)
        found: Floats = lfilter([(1 - correlation**2) ** 0.5], [1, -correlation], fresh)[100:]
        return found

    return draw


def rare(spread: float, share: float = 0.001) -> Draw:
    """A challenger that is no better, and pays in few rows."""

    def draw(generator: np.random.Generator, rows: int) -> Floats:
        usual = share * WORST / (1 - share) + generator.normal(0, spread, rows)
        return np.where(generator.random(rows) < share, -WORST, usual)

    return draw


def promoted(draw: Draw, rows: int, holdouts: int, rules: GateRules) -> tuple[float, float]:
    """Shares of `holdouts` in which the gate promotes, and in which the interval alone would."""
    found = []
    for number in range(holdouts):
        nats = np.clip(draw(np.random.default_rng([SEED, number]), rows), -WORST, WORST)
        gains = Gains(nats, rules.model_copy(update={"seed": number}))
        above = gains.mean.value > rules.min_gain and gains.mean.low > 0
        found.append((above and gains.unseen_risk <= 1 - rules.confidence, above))
    both, interval = np.mean(found, axis=0)
    return float(both), float(interval)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--holdouts", type=int, default=1000)
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "raw")
    asked = parser.parse_args()
    rules, real = GateRules(min_gain=0), models_on_production(asked.data)
    print(f"production: {len(real)} rows, gain of the better model {real.mean():.4f}, spread {real.std():.4f} a row")
    print(f"rules: {rules}\n")
    cases = {f"real models, true gain {gain:g}": coin(real, gain) for gain in (0.0, 0.01, 0.02)}
    cases |= {f"neighbours alike by {correlation:g}": alike(correlation) for correlation in (0.0, 0.3, 0.6)}
    cases |= {f"rare losses, spread {spread:g}": rare(spread) for spread in (0.02, 0.1)}
    print(f"{'challenger':<28}{'rows':>8}{'promoted':>10}{'interval alone':>16}")
    for name, draw in cases.items():
        for rows in ROWS:
            both, interval = promoted(draw, rows, asked.holdouts, rules)
            print(f"{name:<28}{rows:>8,}{both:>10.1%}{interval:>16.1%}", flush=True)


if __name__ == "__main__":
    main()
