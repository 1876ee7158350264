"""The models that retrainings in the past would have brought: the input of `shotclock.judging.policies`."""

from collections.abc import Sequence
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
from shotclock.judging.performance import Performance, measure
from shotclock.judging.policies import Past
from shotclock.judging.slices.shares import mixed
from shotclock.models.candidates import Entry, Plan, Rows, compare, fit, rows_of, select, widened
from shotclock.models.candidates.algorithms import Inputs
from shotclock.models.candidates.sklearn_backend import ScikitLearn
from shotclock.models.searched import Searched
from shotclock.rows.blocks import Blocks, Learning

Floats = NDArray[np.float64]

_COMPARED = 2000  # rows on each side of a drift comparison, spread evenly
_RESAMPLES = 200
_NOTHING = 1e-12  # of a scale
_BASES = 2  # recipes of a candidate: on all rows, and on the recent ones


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


def tune(rows: pd.DataFrame, project: Project) -> tuple[Searched, ...]:
    """The candidates, with the settings that these rows are best served by: older ones than any that a model is judged on."""
    plans, known = [_plan(name, project) for name in project.training.candidates], _learnt_from(rows, project)
    entries = [Entry(plan.algorithm, plan, known) for plan in plans]
    found = map(widened, entries, compare(entries, ScikitLearn()))
    return tuple(Searched(plan.algorithm, search) for plan, search in zip(plans, found, strict=True))


@dataclass(frozen=True)
class First:
    """The model of the first training.

    Attributes:
        given: what it gives to all later rows, shape (rows,).
        serves: the number of its recipe.
        reference: its figures on the training file's test rows.
    """

    given: Floats
    serves: int
    reference: Performance


def first(history: History, tuned: Sequence[Searched], project: Project) -> First:
    """The candidate that a first training chooses, fitted on its training rows."""
    best = chosen(tuned)
    model = _fitted(tuned[best], history.training, project)
    shown = history.test[project.columns.target].to_numpy(dtype=float)
    reference = measure(shown, _probability(model, history.test, project), resamples=_RESAMPLES)
    return First(_probability(model, history.later, project), _BASES * best, reference)


def chosen(tuned: Sequence[Searched]) -> int:
    """The number of the candidate that does best in cross-validation: the test rows are the gate's, and choose nothing."""
    told = {one.algorithm: one.search.tried[one.search.best].log_loss for one in tuned}
    return list(told).index(select(told).winner)


def before(history: History, block: int, tuned: Sequence[Searched], project: Project) -> Floats:
    """What each recipe's model of all rows before a block gives to the rows from there on, shape (recipes, these rows).

    Of each candidate the recipe that learns from all rows comes first, then the one that learns from the recent ones. The
    recalibrated champion, which hangs on the policy, does not compete.
    """
    everything, older, cut = history.everything, history.older, history.cuts[block]
    labels = everything[project.columns.target].to_numpy(dtype=np.int64)
    blocks = Blocks(older, tuple(older + each for each in history.cuts), older)
    given = []
    for one in tuned:
        for only_recent in (False, True):
            known = everything.iloc[blocks.known(labels, older + cut, Learning.of(project), recent=only_recent)]
            given.append(_probability(_fitted(one, known, project), history.later.iloc[cut:], project))
    return np.array(given)


def past(
    history: History, model: First, given: Sequence[Floats], drifts: Sequence[Sequence[bool]], project: Project
) -> Past:
    """What policies are replayed on, from what was made of each block.

    Args:
        given, drifts: of each block in their order: see `before` and `drifted`.
    """
    labels = history.later[project.columns.target].to_numpy(dtype=float)
    courses = np.full((len(given[0]), len(given), len(labels)), np.nan)
    drifted = np.zeros((len(given), len(given)), dtype=np.bool_)
    for block, (cut, probability, over) in enumerate(zip(history.cuts[:-1], given, drifts, strict=True)):
        courses[:, block, cut:] = probability
        drifted[block, block:] = over
    if project.training.blend and len(courses) > 1:
        courses = np.concatenate([courses, _blended(courses, labels, history.cuts)[None]])
    return Past(
        begin=history.begin,
        ends=history.ends,
        cuts=history.cuts,
        labels=labels,
        first=model.given,
        probability=courses,
        serves=model.serves,
        drifted=drifted,
        reference=model.reference,
        recent_rows=project.retraining.recent_rows,
    )


def _blended(courses: Floats, labels: Floats, cuts: tuple[int, ...]) -> Floats:
    """What the blend of the recipes gives, fitted before each block and weighed by the blocks before it: as the recipes'.

    Args:
        courses: shape (recipes, blocks, rows); of the result: (blocks, rows).
    """
    block = np.repeat(np.arange(len(cuts) - 1), np.diff(cuts))
    record = courses[:, block, np.arange(len(labels))]
    found: Floats = np.einsum("br,rbn->bn", mixed(record, labels, block)[:-1], courses)
    return found


def _plan(algorithm: str, project: Project) -> Plan:
    rules = project.training
    return Plan(algorithm, rules.folds, rules.iterations, rules.seed, Inputs.of(project.columns.features))


def _fitted(one: Searched, rows: pd.DataFrame, project: Project) -> Pipeline:
    entry = Entry(one.algorithm, _plan(one.algorithm, project), _learnt_from(rows, project))
    return fit(entry, one.search).model


def _learnt_from(rows: pd.DataFrame, project: Project) -> Rows:
    columns = project.columns
    features, target = rows[list(columns.features)], rows[columns.target]
    return rows_of(features, target, project.training.folds, Inputs.of(columns.features))


def _probability(model: Pipeline, rows: pd.DataFrame, project: Project) -> Floats:
    given: Floats = model.predict_proba(rows[list(project.columns.features)])[:, 1]
    return given


def drifted(history: History, made: int, project: Project) -> list[bool]:
    """Whether each block has drifted from the reference of a champion made before block `made`: from that block on.

    By the share of the features. The first champion's reference is its test rows, a later one's the recent rows.
    """
    cut, features = history.cuts[made], project.columns.features
    recent = history.later.iloc[max(0, cut - project.retraining.recent_rows) : cut]
    reference = recent if made else history.test
    found = []
    for ends in pairwise(history.cuts[made:]):
        block = history.later.iloc[slice(*ends)]
        over = [_far(block[name], reference[name], feature) for name, feature in features.items()]
        found.append(bool(np.mean(over) >= project.drift.share))
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
