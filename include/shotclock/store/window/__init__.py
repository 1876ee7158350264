"""The window: the newest batches that a version scored, and their rows."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from shotclock.config import Project
from shotclock.config import project as project_of
from shotclock.errors import StoreError
from shotclock.files import dataset, storage
from shotclock.store import history, queries, registry, types
from shotclock.store.records import Application
from shotclock.store.window import labels

MOST_FOR_LABELS = 24  # batches before the window in which labelled rows are looked for
_SPARE = 4  # times `recent_rows` that are looked at in one batch: some rows have no label
_MOST_BATCHES = 1000  # how far back a window may reach


@dataclass(frozen=True)
class Window:
    """The rows under test.

    Attributes:
        id: a digest of its batches: the same batches are the same window.
        version: the version that scored them.
        batches: newest first.
        older: the batches before them that the same version scored, newest first.
    """

    project: Project = field(repr=False)
    id: str
    version: registry.Version
    batches: tuple[Application, ...]
    older: tuple[Application, ...] = field(repr=False)

    @classmethod
    def newest(cls, name: str, version: registry.Version) -> "Window":
        """The newest batches that `version` scored, reaching back until they hold the project's minimum of rows.

        Raises:
            StoreError: it has scored nothing yet.
        """
        project = project_of(name)
        batches, kept, rows = scored_batches(name, version), 0, 0
        while kept < len(batches) and rows < project.drift.min_rows:
            rows += rows_of(batches[kept])
            kept += 1
        if not kept:
            raise StoreError(f"{version.uri} has scored nothing yet; trigger {name}.inference first")
        window = batches[:kept]
        digest = hashlib.sha256(" ".join(batch.source_sha256 for batch in window).encode()).hexdigest()[:16]
        return cls(project, digest, version, tuple(window), tuple(batches[kept:]))

    @property
    def files(self) -> tuple[str, ...]:
        """The names of its files, newest first."""
        return names_of(self.batches)

    @property
    def synthetic(self) -> bool:
        return any(batch.synthetic for batch in self.batches)

    def rows(self) -> tuple[pa.Table, int]:
        """Its predictions with their labels, at most about `drift.max_rows` of them, and how many rows there are."""
        return labelled(self.project, self.batches)


def labelled(project: Project, batches: Sequence[Application]) -> tuple[pa.Table, int]:
    """The predictions of these batches with their labels, at most about `drift.max_rows`, and how many rows there are."""
    rows = sum(map(rows_of, batches))
    share = min(1.0, project.drift.max_rows / max(1, rows))
    known = types.learnt(project)
    return pa.concat_tables([labels.joined(project, batch, share, known) for batch in batches]), rows


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


def recent_rows(name: str) -> tuple[pa.Table, int]:
    """The labelled rows of the newest batches, back to the project's `recent_rows`, and how many batches these are.

    Of a batch that holds many times more, a seeded sample: memory goes with `recent_rows` and not with the batch.

    Raises:
        StoreError: nothing was scored yet.
    """
    project, parts, rows = project_of(name), [], 0
    wanted, columns, known = project.retraining.recent_rows, project.columns, types.learnt(project)
    for batch in scored_batches(name):
        if rows >= wanted:
            break
        share = min(1.0, _SPARE * wanted / max(1, rows_of(batch)))
        found = labels.joined(project, batch, share, known).select(columns.all)
        parts.append(found.filter(pc.is_valid(found[columns.target])))
        rows += parts[-1].num_rows
    if not parts:
        raise StoreError(f"project '{name}' has no predictions yet; trigger {name}.inference first")
    return pa.concat_tables(parts), len(parts)


def reference_rows(name: str, version: registry.Version) -> pd.DataFrame:
    """The rows that the decision which this version came out of was about, with its probabilities.

    Raises:
        StoreError: no decision left any.
    """
    rows: pd.DataFrame = storage.read_table(history.reference(name, version)).to_pandas()
    return rows
