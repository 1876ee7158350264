"""The labelled rows that a window is judged by: those that its version has not learnt from, lent by earlier batches at need."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shotclock.config import Project
from shotclock.judging.performance import Performance, Tally, by_rules
from shotclock.store.records import Application
from shotclock.store.window import MOST_FOR_LABELS, Window, labelled, labels


@dataclass(frozen=True)
class Judged:
    """How good a version is on labelled rows that it has not learnt from.

    Attributes:
        rows: the labelled rows that are at hand; of a window that is larger than memory, a sample.
        lent: the batches before the window whose labelled rows were taken, too.
    """

    performance: Performance
    rows: pd.DataFrame
    lent: tuple[Application, ...]


def judge(window: Window, frame: pd.DataFrame, rows: int, trained_on: NDArray[Any]) -> Judged:
    """Judge the version that scored `window`.

    Labels may come later than rows. So where the window has too few of them for a verdict, the batches before it that the
    same version scored are asked, newest first, until there are enough. All labelled rows count, also where `frame` holds a
    sample of the window's `rows` rows: then they are read as a stream and tallied.
    """
    project, own = window.project, unseen(window.project, frame, trained_on)
    if rows <= project.drift.max_rows:
        parts, lent = _gathered(window, own, trained_on, frame[project.columns.id].to_numpy())
        return Judged(measured(project, pd.concat(parts)), pd.concat(parts), lent)
    tally, lent = _tallied(window, trained_on)
    rules = project.degradation
    performance = tally.measure(confidence=rules.confidence, resamples=rules.resamples, seed=rules.seed)
    return Judged(performance, own, lent)


def measured(project: Project, rows: pd.DataFrame) -> Performance:
    """The figures on these labelled rows."""
    labels, given = rows[project.columns.target].to_numpy(dtype=float), rows[project.columns.probability].to_numpy()
    return by_rules(labels, given, project.degradation)


def unseen(project: Project, frame: pd.DataFrame, trained_on: NDArray[Any]) -> pd.DataFrame:
    """The labelled rows whose ids are not among those."""
    return frame[frame[project.columns.target].notna() & ~np.isin(frame[project.columns.id], trained_on)]


def _gathered(
    window: Window, own: pd.DataFrame, trained_on: NDArray[Any], newer: NDArray[Any]
) -> tuple[Sequence[pd.DataFrame], tuple[Application, ...]]:
    parts, lent, key = [own], [], window.project.columns.id
    for batch in _lenders(window):
        if sum(map(len, parts)) >= window.project.degradation.min_rows:
            break
        rows = labelled(window.project, [batch])[0].to_pandas()
        found = unseen(window.project, rows[~np.isin(rows[key], newer)], trained_on)
        newer = np.concatenate([newer, rows[key]])
        if len(found):
            parts.append(found)
            lent.append(batch)
    return parts, tuple(lent)


def _tallied(window: Window, trained_on: NDArray[Any]) -> tuple[Tally, tuple[Application, ...]]:
    """As `_gathered`, of rows that need not fit in memory."""
    tally, lent, newer = labels.tally(window.project, window.batches, trained_on), [], [*window.batches]
    for batch in _lenders(window):
        if tally.rows >= window.project.degradation.min_rows:
            break
        found = labels.tally(window.project, [batch], trained_on, newer)
        newer.append(batch)
        if found.rows:
            tally += found
            lent.append(batch)
    return tally, tuple(lent)


def _lenders(window: Window) -> Iterator[Application]:
    return iter(window.older[:MOST_FOR_LABELS])
