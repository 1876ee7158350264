"""Why a model did worse on a window than in its reference: by slice, by feature, and row by row."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from shotclock.config import Project
from shotclock.errors import StoreError
from shotclock.files import storage
from shotclock.judging.figure import Figure
from shotclock.judging.fitness import Activity, WindowHealth
from shotclock.judging.performance import losses
from shotclock.judging.slices.worsening import Fall, cuts, falls
from shotclock.reading.health import Details, details
from shotclock.store import queries
from shotclock.store.versions import registry
from shotclock.store.window import Window, given_before, reference_rows, unseen
from shotclock.store.window.worth import labelled, worth

MOST_COSTLY = 15


@dataclass(frozen=True)
class Costly:
    """A row that lost much. `loss` is in nats; `said` was given to label 1, and `came`."""

    id: str
    at: str
    said: float
    came: int
    loss: float
    features: dict[str, str]


@dataclass(frozen=True)
class Found:
    """What explains it, by the labels that are known now; see `judging.worsening`.

    Attributes:
        falls: the slice whose skill fell most first.
        worth: of each feature in the window, what lost most of it first; `worth_before`: in the reference, the dearest first.
        costly: the rows that lost most, the worst first.
        rows, reference_rows: the labelled rows on either side that the version has not learnt from.
    """

    falls: tuple[Fall, ...]
    worth: dict[str, Figure]
    worth_before: dict[str, Figure]
    costly: tuple[Costly, ...]
    rows: int
    reference_rows: int


@dataclass(frozen=True)
class WindowDetails:
    """One window. `found` is None where nothing can explain it, and `gap` says why."""

    details: Details
    window: WindowHealth
    found: Found | None
    gap: str


def window(name: str, champion: str, window_id: str, activity: Activity | None = None) -> WindowDetails:
    """One window, as this version's checks left it, and why it did as it did.

    Raises:
        ConfigError: there is no such project, or its file is wrong.
        StoreError: the project has no such window among the newest ones.
    """
    about = details(name, activity)
    shown = next((one for one in about.windows if (one.champion, one.id) == (champion, window_id)), None)
    if shown is None:
        raise StoreError(
            f"project '{name}' has no window {window_id} of v{champion} among its newest {len(about.windows)}"
        )
    try:
        found = _found(name, champion, window_id, queries.pulse(name))
    except StoreError as error:
        return WindowDetails(about, shown, None, str(error))
    gap = "" if found.rows else "No labelled row of it is left that this version has not learnt from."
    return WindowDetails(about, shown, found if found.rows else None, gap)


@lru_cache(maxsize=16)
def _found(name: str, champion: str, window_id: str, pulse: str) -> Found:
    """Kept until a run of the project ends."""
    version = registry.version(name, champion)
    window = Window.past(name, version, window_id)
    rules, columns = window.project, window.project.columns
    trained_on = storage.read_column(version.training_ids(), columns.id)
    table, rows = window.rows()
    judged = unseen.judge(window, table.to_pandas(), rows, trained_on).rows
    before = given_before(reference_rows(name, version), columns, trained_on)
    now, was = (labelled(rules, part) for part in (judged, before))
    if not len(now.labels):
        return Found((), {}, {}, (), 0, len(was.labels))
    slices = cuts(columns.features, rules.slices, now.rows, was.rows)
    here, there = worth(rules, version, now, was)
    lost = sorted(here, key=lambda name: here[name].value - (there[name].value if name in there else 0.0))
    return Found(
        tuple(falls(now, was, slices, rules.degradation.confidence)),
        {name: here[name] for name in lost},
        there,
        _costly(rules, judged),
        len(now.labels),
        len(was.labels),
    )


def _costly(rules: Project, judged: pd.DataFrame) -> tuple[Costly, ...]:
    columns = rules.columns
    lost = losses(judged[columns.target].to_numpy(dtype=np.float64), judged[columns.probability].to_numpy())
    order = np.argsort(-lost, kind="stable")[:MOST_COSTLY]
    worst = judged.iloc[order].to_dict("records")  # of rows as such, whole numbers would become fractions
    return tuple(
        Costly(
            str(row[columns.id]),
            str(row[columns.time])[:16].removesuffix(" 00:00"),
            float(row[columns.probability]),
            int(row[columns.target]),
            float(loss),
            {name: _shown(row[name]) for name in columns.features},
        )
        for row, loss in zip(worst, lost[order], strict=True)
    )


def _shown(value: Any) -> str:
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 (a missing number)
        return "–"
    return value if isinstance(value, str) else f"{value:.6g}"
