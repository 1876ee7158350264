"""Streams with planted change, made anew: what the project's rules lose on them, beside never retraining and a holdout gate.

    .venv/bin/python -m benchmarks.streams

Each stream is a training file and then blocks of labelled rows, scored before their labels are known. *SEA* (Street and Kim
2001) changes its threshold three times at a stroke; the *hyperplane* (Hulten, Spencer and Domingos 2001) turns a little with
each block; *quiet* never changes. Means over several seeds, with the standard error of the difference to the project's own
rules, replayed as `shotclock policies` does.

The *holdout gate* is the rule that the track record replaced: of the recent rows half to train, a fifth to choose, three
tenths to judge, and what was measured ships. It asks before each block, the others as they say.
"""

import argparse
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shotclock.config import Project
from shotclock.judging import policies
from shotclock.judging.gate import WORST, Gains
from shotclock.judging.performance import losses
from shotclock.models.candidates import Entry, Plan, Rows, Search, compare, fit
from shotclock.models.candidates.algorithms import Inputs
from shotclock.models.candidates.sklearn_backend import ScikitLearn
from shotclock.models.replay import History, past

Floats = NDArray[np.float64]
Stream = Callable[[np.random.Generator, int, int], tuple[Floats, Floats]]  # rows before, rows later; features and P(1)

TRAINING, BLOCKS, BLOCK = 5_000, 20, 1_000  # rows, blocks, rows
BEGIN = datetime(2025, 1, 1)
OWN, HOLDOUT, BLENDED = "the project's own rules", "holdout gate", "the same, with the blend"
SHOWN = ("never", HOLDOUT, OWN, BLENDED, "each block", "best in hindsight")


def sea(random: np.random.Generator, before: int, later: int) -> tuple[Floats, Floats]:
    features = random.uniform(0, 10, (before + later, 3))
    place = np.clip((np.arange(before + later) - before) / later, 0, 1)
    threshold = np.select([place < 0.25, place < 0.5, place < 0.75], [8.0, 9.0, 7.0], 9.5)
    return features, np.where(features[:, 0] + features[:, 1] <= threshold, 0.9, 0.1)


def hyperplane(random: np.random.Generator, before: int, later: int) -> tuple[Floats, Floats]:
    features = random.uniform(0, 1, (before + later, 6))
    turned = np.clip(np.arange(before + later) - before, 0, None) / later * np.pi
    weights = np.stack([np.cos(turned), np.sin(turned), *[np.full(len(turned), 0.3)] * 4], axis=1)
    return features, 1 / (1 + np.exp(-6 * ((features - 0.5) * weights).sum(axis=1)))


def quiet(random: np.random.Generator, before: int, later: int) -> tuple[Floats, Floats]:
    features = random.normal(0, 1, (before + later, 4))
    return features, 1 / (1 + np.exp(-features[:, 0] + 0.5 * features[:, 1] * features[:, 2]))


STREAMS: dict[str, Stream] = {"SEA": sea, "hyperplane": hyperplane, "quiet": quiet}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    for name, stream in STREAMS.items():
        found = pd.DataFrame([replayed(stream, seed) for seed in range(asked.seeds)])
        for policy in SHOWN:
            apart = found[policy] - found[OWN]
            error = apart.std() / len(found) ** 0.5
            regret = found[policy].mean() - found["best in hindsight"].mean()
            print(
                f"{name:<11} {policy:<26} {found[policy].mean():.4f}   regret {regret:.4f}   "
                f"against own rules {apart.mean():+.4f} ± {error:.4f}",
                flush=True,
            )


def replayed(stream: Stream, seed: int) -> dict[str, float]:
    """Mean log loss over the later rows of each policy."""
    plain, blended = (_project(stream, blend=blend) for blend in (False, True))
    history = _history(stream, seed)
    found = _compared(history, plain)
    found[BLENDED] = _compared(history, blended)[OWN]
    found[HOLDOUT] = Holdout(history, plain).mean_loss()
    return found


def _compared(history: History, project: Project) -> dict[str, float]:
    made = past(history, project)
    chosen = policies.policies(project.degradation, project.retraining)
    return {one.name: one.log_loss for one in policies.compare(made, chosen, project.gate)}


def _history(stream: Stream, seed: int) -> History:
    random = np.random.default_rng(seed)
    features, truth = stream(random, TRAINING, BLOCKS * BLOCK)
    table = pd.DataFrame(features, columns=[f"x{number}" for number in range(features.shape[1])])
    table["y"] = (random.random(len(table)) < truth).astype(int)
    table["id"], cuts = np.arange(len(table)), tuple(range(0, (BLOCKS + 1) * BLOCK, BLOCK))
    test = TRAINING * 4 // 5
    ends = tuple(BEGIN + timedelta(weeks=number) for number in range(1, BLOCKS + 1))
    return History(table[:test], table[test:TRAINING], table[TRAINING:].reset_index(drop=True), cuts, BEGIN, ends)


def _project(stream: Stream, *, blend: bool) -> Project:
    count = stream(np.random.default_rng(0), 1, 1)[0].shape[1]
    features = {f"x{number}": {"type": "number"} for number in range(count)}
    return Project.model_validate(
        {
            "name": "stream",
            "title": "A stream",
            "data": {"training": "a.parquet", "production": "b.parquet"},
            "columns": {"id": "id", "time": "t", "target": "y", "features": features},
            "training": {
                "backend": "scikit-learn",
                "candidates": ["decision_tree", "logistic_regression"],
                "blend": blend,
            },
            "retraining": {"schedule": "0 0 * * 1", "recent_rows": 10_000},
        }
    )


class Holdout:
    """The recent rows cut by time: half to train, a fifth to choose, three tenths to judge; what was measured ships."""

    def __init__(self, history: History, project: Project) -> None:
        self.history, self.project = history, project
        self.features = list(project.columns.features)
        rules, inputs = project.training, Inputs.of(project.columns.features)
        self.plans = [Plan(name, rules.folds, rules.iterations, rules.seed, inputs) for name in rules.candidates]
        entries = [Entry(plan.algorithm, plan, self._known(history.training)) for plan in self.plans]
        self.searches = compare(entries, ScikitLearn())

    def mean_loss(self) -> float:
        history, lost = self.history, list[Floats]()
        models = [self._fitted(plan, search, history.training) for plan, search in self._recipes()]
        champion = min(models, key=lambda model: self._losses(model, history.test).mean())
        for cut, end in zip(history.cuts[:-1], history.cuts[1:], strict=True):
            if cut:
                champion = self._retrained(
                    champion, history.later.iloc[max(0, cut - self.project.retraining.recent_rows) : cut]
                )
            lost.append(self._losses(champion, history.later.iloc[cut:end]))
        return float(np.concatenate(lost).mean())

    def _retrained(self, champion: object, recent: pd.DataFrame) -> object:
        half, most = len(recent) // 2, len(recent) * 7 // 10
        learnt, choosing, judging = recent[:half], recent[half:most], recent[most:]
        if len(judging) < self.project.gate.min_rows:
            return champion
        everything = pd.concat([self.history.training, self.history.test, learnt])
        models = [self._fitted(*recipe, rows) for recipe in self._recipes() for rows in (learnt, everything)]
        challenger = min(models, key=lambda model: self._losses(model, choosing).mean())
        nats = np.clip(self._losses(champion, judging) - self._losses(challenger, judging), -WORST, WORST)
        return challenger if Gains(nats, self.project.gate).proven else champion

    def _recipes(self) -> list[tuple[Plan, Search]]:
        return list(zip(self.plans, self.searches, strict=True))

    def _known(self, rows: pd.DataFrame) -> Rows:
        return Rows(rows[self.features], rows["y"].to_numpy(dtype=np.int64))

    def _fitted(self, plan: Plan, search: Search, rows: pd.DataFrame) -> object:
        return fit(Entry(plan.algorithm, plan, self._known(rows)), search).model

    def _losses(self, model: object, rows: pd.DataFrame) -> Floats:
        return losses(rows["y"].to_numpy(dtype=float), model.predict_proba(rows[self.features])[:, 1])


if __name__ == "__main__":
    main()
