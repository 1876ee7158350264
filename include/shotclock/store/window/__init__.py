"""The window: the newest batches that a version scored, and their rows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shotclock.config import Columns, Project
from shotclock.config import project as project_of
from shotclock.errors import StoreError
from shotclock.files import dataset, storage
from shotclock.rows import labelling
from shotclock.store import history, queries
from shotclock.store.history import BEFORE
from shotclock.store.records import Application
from shotclock.store.versions import registry, types
from shotclock.store.window import labels
from shotclock.store.window.once import Once

MOST_FOR_LABELS = 24  # batches before the window in which labelled rows are looked for
_SPARE = 4  # times the rows that are wanted are looked at first: some have no label
_MOST_BATCHES = 1000  # how far back a window may reach


@dataclass(frozen=True)
class Window:
    """The rows under test.

    Attributes:
        id: a digest of its batches: the same batches are the same window.
        version: the version that scored them.
        batches: newest first.
        older: the batches before them that the same version scored, newest first.
        repeated: how many of its rows repeat an id of a newer batch of it: only the newest row counts.
    """

    project: Project = field(repr=False)
    id: str
    version: registry.Version
    batches: tuple[Application, ...]
    older: tuple[Application, ...] = field(repr=False)
    repeated: int = 0

    @classmethod
    def newest(cls, name: str, version: registry.Version) -> "Window":
        """The newest batches that `version` scored, reaching back until they hold the project's minimum of rows.

        Raises:
            StoreError: it has scored nothing yet.
        """
        project = project_of(name)
        batches, kept, rows, once = scored_batches(name, version), 0, 0, Once(project.columns.id)
        while kept < len(batches) and rows < project.drift.min_rows:
            rows += once.fresh(batches[kept])
            kept += 1
        if not kept:
            raise StoreError(f"{version.uri} has scored nothing yet; trigger {name}.inference first")
        window = batches[:kept]
        return cls(project, _digest(window), version, tuple(window), tuple(batches[kept:]), once.repeated)

    @classmethod
    def past(cls, name: str, version: registry.Version, window: str) -> "Window":
        """The window of that id, which `version` has scored.

        Raises:
            StoreError: its predictions are gone, or its files hold other rows by now.
        """
        batches = scored_batches(name, version)
        for first in range(len(batches)):
            for last in range(first + 1, len(batches) + 1):
                if _digest(batches[first:last]) == window:
                    once = Once(project_of(name).columns.id)
                    for batch in batches[first:last]:
                        once.fresh(batch)
                    chosen, older = tuple(batches[first:last]), tuple(batches[last:])
                    return cls(project_of(name), window, version, chosen, older, once.repeated)
        raise StoreError(f"{version.uri}: the predictions of window {window} are not there any more")

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files, newest first."""
        return names_of(self.batches)

    @property
    def synthetic(self) -> bool:
        return any(batch.synthetic for batch in self.batches)

    def late_labels(self) -> labels.Late:
        """The files of labels that came later than their rows, and those that are passed over."""
        known = types.learnt(self.project, self.version)
        return labels.late(self.project, known or labels.schema(self.project.columns, self.batches[0]))

    def rows(self) -> tuple[pa.Table, int]:
        """Its predictions with their labels, at most about `drift.max_rows` of them, and how many rows there are."""
        return labelled(self.project, self.batches)


def _digest(batches: Sequence[Application]) -> str:
    return hashlib.sha256(" ".join(batch.source_sha256 for batch in batches).encode()).hexdigest()[:16]


def labelled(project: Project, batches: Sequence[Application]) -> tuple[pa.Table, int]:
    """The predictions of these batches, newest first, with their labels, and how many rows there are.

    Of more than about `drift.max_rows` it is a sample. Of two rows with one id, that of the newer batch counts.
    """
    once = Once(project.columns.id)
    rows = sum(map(once.fresh, batches))
    share = min(1.0, project.drift.max_rows / max(1, rows))
    known = types.learnt(project)
    found = pa.concat_tables(labels.joined(project, batches, share, known))
    return labelling.first_of_each(found, project.columns.id) if once.repeated else found, rows


def names_of(batches: Sequence[Application]) -> tuple[str, ...]:
    """The names of the files that these batches are."""
    return tuple(storage.at(batch.source).name for batch in batches)


def rows_of(batch: Application) -> int:
    """How many rows its predictions have."""
    return dataset.rows(storage.at(batch.predictions))


def scored_batches(name: str, version: registry.Version | None = None) -> list[Application]:
    """The batches that `version` (or any) scored, newest batch first, each with its newest predictions."""
    where = {"champion": version.number} if version else {}
    scorings = queries.newest(name, Application, where=where, most=_MOST_BATCHES)
    newest = {stored.record.batch: stored.record for stored in reversed(scorings)}
    batches = [newest[number] for number in sorted(newest, reverse=True)]
    return [batch for batch in batches if dataset.is_there(storage.at(batch.predictions))]


def _newest_labelled(
    project: Project, batch: Application, wanted: int, known: pa.Schema | None, once: Once
) -> pa.Table:
    """The `wanted` newest labelled rows of a batch whose ids no newer batch has."""
    columns, looked_at = project.columns, _SPARE * wanted
    while True:
        found = labels.newest(project, batch, looked_at, known).select(columns.all)
        fresh = pc.invert(once.replaced(found[columns.id]))
        found = found.filter(pc.and_(fresh, pc.is_valid(found[columns.target])))
        if found.num_rows >= wanted or looked_at >= rows_of(batch):
            return labels.newest_of(found, columns, wanted)
        looked_at *= _SPARE


@dataclass(frozen=True)
class Recent:
    """The newest labelled rows, newest batch first. `repeated`: rows left out, a newer batch has their id."""

    parts: tuple[pa.Table, ...]
    repeated: int

    @property
    def rows(self) -> pa.Table:
        return pa.concat_tables(self.parts)


def recent_rows(name: str) -> Recent:
    """The newest labelled rows, back to the project's `recent_rows`: newest batches first, of a large one its newest rows.

    Memory goes with `recent_rows` and not with a batch.
    A batch whose feed looked broken gives none: nobody should learn from it.

    Raises:
        StoreError: nothing was scored yet.
    """
    project, parts, rows = project_of(name), list[pa.Table](), 0
    wanted, known = project.retraining.recent_rows, types.learnt(project)
    once, broken = Once(project.columns.id), history.broken_batches(name)
    for batch in scored_batches(name):
        if rows >= wanted:
            break
        once.fresh(batch)
        found = _newest_labelled(project, batch, wanted - rows, known, once)
        if not broken.isdisjoint(names_of([batch])):
            found = found.slice(0, 0)
        parts.append(found)
        rows += found.num_rows
    if not parts:
        raise StoreError(f"project '{name}' has no predictions yet; trigger {name}.inference first")
    return Recent(tuple(parts), once.repeated)


def reference_rows(name: str, version: registry.Version) -> pd.DataFrame:
    """The rows that the decision which this version came out of was about, with its probabilities.

    Raises:
        StoreError: no decision left any.
    """
    rows: pd.DataFrame = storage.read_table(history.reference(name, version)).to_pandas()
    return rows


def given_before(reference: pd.DataFrame, columns: Columns, trained_on: NDArray[Any]) -> pd.DataFrame:
    """The rows of a reference with what was said of them before the version learnt from them.

    References from before the track record have no column for it: there it is what the version says of other rows.
    """
    if BEFORE not in reference:
        return reference[~np.isin(reference[columns.id], trained_on)]
    known = reference[reference[BEFORE].notna()]
    return known.assign(**{columns.probability: known[BEFORE]})
