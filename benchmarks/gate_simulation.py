"""How often the gate is wrong: `python benchmarks/gate_simulation.py [--holdouts 1000] [--data data/raw]`.

Holdouts are drawn with replacement from the labelled production shots of `kobe_shots`, with their real labels and the
real probabilities of two models, so the paired differences are as wide as those of real models. Both are trained on the
training file alone: a decision tree of depth 4 and a logistic regression, better on production by 0.027 in log loss.

In every row a coin decides which of the two predictions is the challenger's; the champion has the other one.

- *identical*: a fair coin. The two are then statistically identical (expected gain exactly 0) and yet differ row by row
  as much as real models do. Promotions here are false.
- *+0.02*: a coin that gives the challenger the better model just often enough for that expected gain. Promotions here
  are right.

In theory half of (1 - confidence) of identical challengers pass with `min_gain` 0; a larger one only lowers that.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from shotclock.config import GateRules, load_project
from shotclock.judging.gate import judge
from shotclock.judging.performance import losses

ROOT = Path(__file__).parents[1]
SEED = 20_240_607

Floats = NDArray[np.float64]


def models_on_production(folder: Path) -> tuple[Floats, Floats, Floats]:
    """Labels of the production rows, and the probabilities that the worse and the better model give them."""
    project = load_project(ROOT / "include" / "projects" / "kobe_shots.yaml")
    columns = project.columns
    train, production = (
        pd.read_parquet(folder / name, columns=columns.all).dropna().sort_values([columns.time, columns.id])
        for name in (project.data.training, project.data.production)
    )
    inputs = list(columns.features)
    worse = DecisionTreeClassifier(max_depth=4, min_samples_leaf=50, random_state=SEED)
    better = make_pipeline(StandardScaler(), LogisticRegression())
    fitted = [model.fit(train[inputs], train[columns.target]) for model in (worse, better)]
    given = [model.predict_proba(production[inputs])[:, 1] for model in fitted]
    return production[columns.target].to_numpy(dtype=np.float64), given[0], given[1]


def promotions(models: tuple[Floats, Floats, Floats], rules: GateRules, rows: int, holdouts: int, gain: float) -> float:
    """Share of `holdouts` in which a challenger with an expected gain of `gain` is promoted."""
    y, worse, better = models
    heads = 0.5 + gain / float((losses(y, worse) - losses(y, better)).mean()) / 2
    generator, promoted = np.random.default_rng(SEED), 0
    for number in range(holdouts):
        drawn = generator.integers(0, len(y), rows)
        straight = generator.random(rows) < heads
        champion = np.where(straight, worse[drawn], better[drawn])
        challenger = np.where(straight, better[drawn], worse[drawn])
        promoted += judge(champion, challenger, y[drawn], rules.model_copy(update={"seed": number})).promoted
    return promoted / holdouts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--holdouts", type=int, default=1000)
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "raw")
    asked = parser.parse_args()
    models = models_on_production(asked.data)
    real = losses(models[0], models[1]) - losses(models[0], models[2])
    rules = GateRules()
    print(f"production: {len(real)} rows, gain of the better model {real.mean():.4f}, spread {real.std():.4f} a row")
    print(f"rules: {rules}\n")
    print(f"{'challenger':<12}{'rows':>7}{'min_gain':>10}{'holdouts':>10}{'promoted':>10}")
    cases = [(0.0, rows, min_gain) for rows in (500, 1600) for min_gain in (rules.min_gain, 0.0)]
    cases += [(gain, rows, rules.min_gain) for gain in (0.01, 0.02) for rows in (500, 1600)]
    for gain, rows, min_gain in cases:
        rate = promotions(models, rules.model_copy(update={"min_gain": min_gain}), rows, asked.holdouts, gain)
        name = f"+{gain:g}" if gain else "identical"
        print(f"{name:<12}{rows:>7}{min_gain:>10g}{asked.holdouts:>10}{rate:>10.1%}", flush=True)


if __name__ == "__main__":
    main()
