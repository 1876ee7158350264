"""The models that retrainings in the past would have brought: the input of `shotclock.judging.policies`."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance
from sklearn.pipeline import Pipeline

from shotclock.config import Feature, Project
from shotclock.judging.drift import MISSING_THRESHOLD, frequent_levels, missing_distance
from shotclock.judging.performance import losses, measure
from shotclock.judging.policies import Past
from shotclock.judging.shares import mixed
from shotclock.models.candidates import Entry, Plan, Rows, Search, compare, fit, rows_of, widened
from shotclock.models.candidates.algorithms import Inputs
from shotclock.models.candidates.sklearn_backend import ScikitLearn
from shotclock.rows.blocks import Blocks, Learning

Floats = NDArray[np.float64]
Recipe = tuple[Plan, Search]

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

    @cached_property
    def everything(self) -> pd.DataFrame:
        """All rows, the training file's first."""
        return pd.concat([self.training, self.test, self.later])

    @property
    def older(self) -> int:
        """How many rows the training file has given."""
        return len(self.training) + len(self.test)


def past(history: History, project: Project) -> Past:
    """Fit the first model, and each recipe before each block; let all of them score what came later.

    Settings are tuned once, on the training file's rows, which are older than any that a model is judged on. The recalibrated
    champion, which hangs on the policy, does not compete.
    """
    tuned = _tuned(history.training, project)
    models = [_fitted(recipe, history.training, project) for recipe in tuned]
    shown = history.test[project.columns.target].to_numpy(dtype=float)
    scores = [float(losses(shown, _probability(model, history.test, project)).mean()) for model in models]
    best = int(np.argmin(scores))
    recipes = [(recipe, only_recent) for recipe in tuned for only_recent in (False, True)]
    labels = history.later[project.columns.target].to_numpy(dtype=float)
    courses = np.array([_course(history, recipe, recent, project) for recipe, recent in recipes])
    if project.training.blend and len(courses) > 1:
        courses = np.concatenate([courses, _blended(courses, labels, history.cuts)[None]])
    return Past(
        begin=history.begin,
        ends=history.ends,
        cuts=history.cuts,
        labels=labels,
        first=_probability(models[best], history.later, project),
        probability=courses,
        serves=2 * best,
        drifted=_drifted(history, project),
        reference=measure(shown, _probability(models[best], history.test, project), resamples=_RESAMPLES),
        recent_rows=project.retraining.recent_rows,
    )


def _course(history: History, recipe: Recipe, only_recent: bool, project: Project) -> Floats:
    """What the recipe's model of the rows before each block gives to the rows from there on, shape (blocks, rows)."""
    everything, older = history.everything, history.older
    labels = everything[project.columns.target].to_numpy(dtype=np.int64)
    given = np.full((len(history.ends), len(history.later)), np.nan)
    blocks = Blocks(older, tuple(older + cut for cut in history.cuts), older)
    for block, cut in enumerate(history.cuts[:-1]):
        known = everything.iloc[blocks.known(labels, older + cut, Learning.of(project), recent=only_recent)]
        given[block, cut:] = _probability(_fitted(recipe, known, project), history.later.iloc[cut:], project)
    return given


def _blended(courses: Floats, labels: Floats, cuts: tuple[int, ...]) -> Floats:
    """What the blend of the recipes gives, fitted before each block and weighed by the blocks before it: as `_course`."""
    block = np.repeat(np.arange(len(cuts) - 1), np.diff(cuts))
    record = courses[:, block, np.arange(len(labels))]
    found: Floats = np.einsum("br,rbn->bn", mixed(record, labels, block)[:-1], courses)
    return found


def _tuned(rows: pd.DataFrame, project: Project) -> list[Recipe]:
    """The candidates, with the settings that these rows are best served by."""
    rules, inputs, known = project.training, Inputs.of(project.columns.features), _learnt_from(rows, project)
    plans = [Plan(name, rules.folds, rules.iterations, rules.seed, inputs) for name in rules.candidates]
    entries = [Entry(plan.algorithm, plan, known) for plan in plans]
    found = map(widened, entries, compare(entries, ScikitLearn()))
    return list(zip(plans, found, strict=True))


def _fitted(recipe: Recipe, rows: pd.DataFrame, project: Project) -> Pipeline:
    plan, search = recipe
    return fit(Entry(plan.algorithm, plan, _learnt_from(rows, project)), search).model


def _learnt_from(rows: pd.DataFrame, project: Project) -> Rows:
    columns = project.columns
    features, target = rows[list(columns.features)], rows[columns.target]
    return rows_of(features, target, project.training.folds, Inputs.of(columns.features))


def _probability(model: Pipeline, rows: pd.DataFrame, project: Project) -> Floats:
    given: Floats = model.predict_proba(rows[list(project.columns.features)])[:, 1]
    return given


def _drifted(history: History, project: Project) -> NDArray[np.bool_]:
    """Whether each block has drifted from the reference of a champion made before a block, by the share of the features.

    The first champion's reference is its test rows, a later one's the recent rows. Shape (blocks, blocks).
    """
    cuts, features = history.cuts, project.columns.features
    blocks = [history.later.iloc[slice(*ends)] for ends in pairwise(cuts)]
    found = np.zeros((len(blocks), len(blocks)), dtype=np.bool_)
    for made, cut in enumerate(cuts[:-1]):
        recent = history.later.iloc[max(0, cut - project.retraining.recent_rows) : cut]
        reference = recent if made else history.test
        for block in range(made, len(blocks)):
            over = [_far(blocks[block][name], reference[name], feature) for name, feature in features.items()]
            found[made, block] = np.mean(over) >= project.drift.share
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
