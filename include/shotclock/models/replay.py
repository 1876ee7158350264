"""The models that retrainings in the past would have brought: the input of `shotclock.judging.policies`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from shotclock.config import Feature, Project
from shotclock.judging.drift import MISSING_THRESHOLD, frequent_levels, missing_distance
from shotclock.judging.performance import losses, measure
from shotclock.judging.policies import Made, Past
from shotclock.models.candidates import Entry, Plan, Rows, rows_of, widened
from shotclock.models.candidates.algorithms import Inputs
from shotclock.models.candidates.leaves import smoothed
from shotclock.models.candidates.sklearn_backend import ScikitLearn
from shotclock.rows import splits

Floats = NDArray[np.float64]

_COMPARED = 2000  # rows on each side of a drift comparison, spread evenly
_RESAMPLES = 200
_NOTHING = 1e-12  # of a scale


@dataclass(frozen=True)
class History:
    """Labelled rows: those of the training file, and those that came later, in the order of time and cut into blocks.

    Attributes:
        cuts: where the later rows' blocks begin, and the end, shape (blocks + 1,).
        begin, ends: when the first block begins, and when each ends.
    """

    training: pd.DataFrame
    test: pd.DataFrame
    later: pd.DataFrame
    cuts: tuple[int, ...]
    begin: datetime
    ends: tuple[datetime, ...]


def past(history: History, project: Project) -> Past:
    """Make the first model and each block's challenger, and let all of them score all later rows.

    Settings are tuned once, on the training file's rows, which are older than any that a model is judged on. As in the flow,
    a challenger learns from the first part of the recent rows, with and without the training file's, and the second part
    chooses it. The recalibrated champion, which hangs on the policy, does not compete.
    """
    recipes = _tuned(history.training, project)
    first = _best([_fitted(recipe, history.training, project) for recipe in recipes], history.test, project)
    models, made = [first], list[Made | None]([Made(0, 0)])
    for cut in history.cuts[1:-1]:
        begin = max(0, cut - project.retraining.recent_rows)
        challenger, holdout = _challenger(recipes, history.training, history.later.iloc[begin:cut], project)
        models.append(challenger or first)
        made.append(Made(begin, begin + holdout) if challenger else None)
    labels = history.later[project.columns.target].to_numpy(dtype=float)
    shown = history.test[project.columns.target].to_numpy(dtype=float)
    return Past(
        begin=history.begin,
        ends=history.ends,
        cuts=history.cuts,
        labels=labels,
        probability=np.array([_probability(model, history.later, project) for model in models]),
        made=tuple(made),
        drifted=_drifted(history, made, project),
        reference=measure(shown, _probability(first, history.test, project), resamples=_RESAMPLES),
    )


def _tuned(rows: pd.DataFrame, project: Project) -> list[Pipeline]:
    """The candidates, unfitted, with the settings that these rows are best served by."""
    rules, inputs = project.training, Inputs.of(project.columns.features)
    plans = [Plan(name, rules.folds, rules.iterations, rules.seed, inputs) for name in rules.candidates]
    entries = [Entry(plan.algorithm, plan, _learnt_from(rows, project)) for plan in plans]
    found = map(widened, entries, ScikitLearn().search(entries))
    return [plan.pipeline(search.settings) for plan, search in zip(plans, found, strict=True)]


def _challenger(
    recipes: Sequence[Pipeline], older: pd.DataFrame, recent: pd.DataFrame, project: Project
) -> tuple[Pipeline | None, int]:
    """What a retraining on these recent rows would bring to the gate, and from which of them on its gate is held."""
    rules = project.retraining
    if len(recent) < splits.rows_for_holdout(project.gate.min_rows, rules):
        return None, 0
    chosen, held = (
        round(len(recent) * rules.train_share),
        round(len(recent) * (rules.train_share + rules.validation_share)),
    )
    train, validation = recent.iloc[:chosen], recent.iloc[chosen:held]
    if train[project.columns.target].nunique() < 2:
        return None, 0
    models = [_fitted(recipe, rows, project) for recipe in recipes for rows in (train, pd.concat([older, train]))]
    return _best(models, validation, project), held


def _fitted(recipe: Pipeline, rows: pd.DataFrame, project: Project) -> Pipeline:
    given = _learnt_from(rows, project)
    return smoothed(clone(recipe).fit(given.features, given.labels))


def _learnt_from(rows: pd.DataFrame, project: Project) -> Rows:
    columns = project.columns
    features, target = rows[list(columns.features)], rows[columns.target]
    return rows_of(features, target, project.training.folds, Inputs.of(columns.features))


def _best(models: Sequence[Pipeline], rows: pd.DataFrame, project: Project) -> Pipeline:
    labels = rows[project.columns.target].to_numpy(dtype=float)
    return min(models, key=lambda model: float(losses(labels, _probability(model, rows, project)).mean()))


def _probability(model: Pipeline, rows: pd.DataFrame, project: Project) -> Floats:
    given: Floats = model.predict_proba(rows[list(project.columns.features)])[:, 1]
    return given


def _drifted(history: History, made: Sequence[Made | None], project: Project) -> NDArray[np.bool_]:
    """Whether each block has drifted from each model's reference, by the share of the features, shape (models, blocks)."""
    cuts, features = history.cuts, project.columns.features
    blocks = [history.later.iloc[slice(*ends)] for ends in pairwise(cuts)]
    found = np.zeros((len(blocks), len(blocks)), dtype=np.bool_)
    for model, how in enumerate(made):
        if how is None:
            continue
        reference = history.later.iloc[how.first : cuts[model]] if model else history.test
        for block in range(model, len(blocks)):
            over = [_far(blocks[block][name], reference[name], feature) for name, feature in features.items()]
            found[model, block] = np.mean(over) >= project.drift.share
    return found


def _far(current: "pd.Series[Any]", reference: "pd.Series[Any]", feature: Feature) -> bool:
    """Whether a column has drifted, measured as the drift check does, on an even sample."""
    now, then = (values.iloc[:: -(-len(values) // _COMPARED)] for values in (current, reference))
    if feature.may_be_missing and not feature.is_text and missing_distance(now, then) >= MISSING_THRESHOLD:
        return True
    now, then = frequent_levels(now, then) if feature.is_text else (now.dropna(), then.dropna())
    if now.empty or then.empty:
        return False
    if feature.drift == "jensenshannon":
        kinds = sorted({*now, *then}, key=str)
        shares = [np.array([(values == kind).mean() for kind in kinds]) for values in (now, then)]
        return bool(jensenshannon(*shares) >= feature.drift_threshold)
    ours, theirs = now.to_numpy(dtype=float), then.to_numpy(dtype=float)
    return bool(wasserstein_distance(ours, theirs) >= feature.drift_threshold * max(theirs.std(), _NOTHING))
