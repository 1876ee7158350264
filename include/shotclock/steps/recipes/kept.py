"""What a recipe keeps from one retraining to the next: its settings, and what it had said of rows before it learnt from them.

A new block then costs one fit a recipe. Settings are searched again, and the record is made anew with them, once half of the
rows to search on are new: while a history grows that is when it has doubled, so that a row's part in all searches is bounded.
"""

import hashlib
import logging

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import TypeAdapter

from shotclock.config import RECALIBRATED, Columns, project
from shotclock.errors import StoreError
from shotclock.files import storage
from shotclock.handoff import Compared
from shotclock.models.searched import Search, Tuned
from shotclock.steps.recipes import fits
from shotclock.store import queries, tracking
from shotclock.store.history import TRACK_RECORD
from shotclock.store.records import Candidate
from shotclock.store.run import Run
from shotclock.store.server.artifacts import artifact
from shotclock.store.tracking import Tracked
from shotclock.store.versions import registry

log = logging.getLogger(__name__)
SETTINGS = "settings.json"
ROW, TOLD_BY = "shotclock_row", "shotclock_run"  # no columns of a project: what they name is the record's own
_NEW = 0.5  # of the rows to search on: then settings are searched anew
_LOOK_BACK = 100  # candidates of one digest: a run that is repeated finds those before it
_tuned = TypeAdapter(Tuned)


def tuning(run: Run, algorithm: str, seed: int) -> str:
    """A digest of all that a search of settings depends on, but for the rows."""
    asked, rules = fits.plan(run, algorithm, seed), project(run.project)
    plan = [algorithm, rules.training.backend, str(asked.folds), str(asked.iterations), str(seed)]
    return _digest(*plan, rules.columns.model_dump_json())


def recipe(run: Run, candidate: Compared) -> str:
    """A digest of all that what a recipe says depends on, but for the rows: its settings too, and what it recalibrates."""
    rules, algorithm = project(run.project), candidate.algorithm
    settings = sorted(candidate.search.settings.items()) if candidate.search else []
    old = registry.require_champion(run.project).number if algorithm == RECALIBRATED else ""
    learnt = [candidate.rows, rules.gate.min_rows, rules.retraining.recent_rows]
    return _digest(tuning(run, algorithm, candidate.seed), repr(settings), old, repr(learnt))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def found(run: Run, search: Search, rows: pd.DataFrame) -> Tuned:
    """What a search has found on these rows, which are in the order of time."""
    newest = digests(project(run.project).columns, rows.tail(1))
    return Tuned(search, len(rows), f"{int(newest[0]):016x}", run.id)


def tuned(run: Run, algorithm: str, seed: int, rows: pd.DataFrame) -> Tuned | None:
    """The settings that an earlier retraining has found; None where there are none, or half of the `rows` are new since."""
    path = _earlier(run, SETTINGS, "tuning", tuning(run, algorithm, seed))
    before = _tuned.validate_json(storage.read(path)) if path else None
    return before if before and _new(run, before, rows) < _NEW * len(rows) else None


def _new(run: Run, before: Tuned, rows: pd.DataFrame) -> int:
    """How many rows stand behind the newest one that settings were searched on: all, where that one is no longer there."""
    place = np.flatnonzero(digests(project(run.project).columns, rows) == int(before.newest, 16))
    return len(rows) - 1 - int(place[-1]) if len(place) else len(rows)


def told(run: Run, candidate: Compared) -> pd.DataFrame:
    """What the recipe's models had said of rows in earlier retrainings: probability and run, by the digest of the row."""
    columns = project(run.project).columns
    if path := _earlier(run, TRACK_RECORD, "recipe", recipe(run, candidate)):
        return fits.frame(path).drop_duplicates(ROW).set_index(ROW)[[columns.probability, TOLD_BY]]
    return pd.DataFrame({columns.probability: [], TOLD_BY: []}, index=np.array([], dtype=np.uint64))


def digests(columns: Columns, rows: pd.DataFrame) -> NDArray[np.uint64]:
    """Of each row's id and features, shape (rows,): a row that was corrected is another one, and a corrected label is none."""
    return np.asarray(pd.util.hash_pandas_object(rows[[columns.id, *columns.features]], index=False), dtype=np.uint64)


def keep(stored: Tracked, settings: Tuned) -> None:
    """Write down what a retraining's settings are, for the next ones."""
    stored.json(_tuned.dump_python(settings, mode="json"), SETTINGS)


def _earlier(run: Run, file: str, name: str, digest: str) -> storage.Address | None:
    """A file of the newest candidate of other runs that has the digest; a run that is repeated finds what it found before."""
    began = queries.look_up(run.project, tracking.find_run(run, "training").id)
    others = queries.newest(run.project, Candidate, where={name: digest}, most=_LOOK_BACK)
    for one in others:
        if one.run_id != run.id and (began is None or one.at < began.at):
            try:
                return artifact(one.id, file)
            except StoreError as error:
                log.warning("%s of %s is made anew: %s", file, one.name, error)
                return None
    return None
