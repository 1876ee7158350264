"""The holdout gate: the rule that the track record replaced, walked through a project's labelled past.

Before each block the recent rows are cut by time: half to train, a fifth to choose, three tenths to judge, and what was
measured ships. It asks before every block.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from shotclock.config import Project
from shotclock.judging.gate import WORST, Gains
from shotclock.judging.performance import losses
from shotclock.models.candidates import Entry, Plan, fit, rows_of
from shotclock.models.candidates.algorithms import Inputs
from shotclock.models.replay import History, chosen, tune
from shotclock.models.searched import Searched

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Holdout:
    """A history, and the project whose candidates and gate are asked."""

    history: History
    project: Project

    def mean_loss(self) -> float:
        """Over the later rows, each scored before its label was known, in nats."""
        history, lost = self.history, list[Floats]()
        tuned = tune(history.training, self.project)
        champion = self._fitted(tuned[chosen(tuned)], history.training)
        for cut, end in zip(history.cuts[:-1], history.cuts[1:], strict=True):
            if cut:
                champion = self._retrained(champion, tuned, cut)
            lost.append(self._losses(champion, history.later.iloc[cut:end]))
        return float(np.concatenate(lost).mean())

    def _retrained(self, champion: Pipeline, tuned: tuple[Searched, ...], cut: int) -> Pipeline:
        recent = self.history.later.iloc[max(0, cut - self.project.retraining.recent_rows) : cut]
        half, most = len(recent) // 2, len(recent) * 7 // 10
        learnt, choosing, judging = recent[:half], recent[half:most], recent[most:]
        if len(judging) < self.project.gate.min_rows:
            return champion
        everything = pd.concat([self.history.training, self.history.test, learnt])
        models = [self._fitted(one, rows) for one in tuned for rows in (learnt, everything)]
        challenger = self._best(models, choosing)
        nats = np.clip(self._losses(champion, judging) - self._losses(challenger, judging), -WORST, WORST)
        return challenger if Gains(nats, self.project.gate).proven else champion

    def _best(self, models: list[Pipeline], rows: pd.DataFrame) -> Pipeline:
        return min(models, key=lambda model: self._losses(model, rows).mean())

    def _fitted(self, one: Searched, rows: pd.DataFrame) -> Pipeline:
        columns, rules = self.project.columns, self.project.training
        inputs = Inputs.of(columns.features)
        known = rows_of(rows[list(columns.features)], rows[columns.target], rules.folds, inputs)
        plan = Plan(one.algorithm, rules.folds, rules.iterations, rules.seed, inputs)
        return fit(Entry(one.algorithm, plan, known), one.search).model

    def _losses(self, model: Pipeline, rows: pd.DataFrame) -> Floats:
        columns = self.project.columns
        given = model.predict_proba(rows[list(columns.features)])[:, 1]
        return losses(rows[columns.target].to_numpy(dtype=float), given)
