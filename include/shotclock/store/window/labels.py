"""Scored rows with their labels: those of their own file, and those that came later, of which the latest counts."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shotclock.config import Columns, Project, settings
from shotclock.files import dataset, storage
from shotclock.files.storage import Address
from shotclock.judging.performance import Tally
from shotclock.rows import labelling, types
from shotclock.sources import named
from shotclock.store.records import Application

_BATCH_ROWS = 131_072
_LABELS_AT_ONCE = 4_000_000  # that came later; 100 MB by id


def joined(project: Project, batch: Application, share: float, known: pa.Schema | None) -> pa.Table:
    """A share of the batch's scored rows, drawn by id, with their labels as far as they have come.

    Args:
        known: the project's types, by which the rows are given.
    """
    columns, path = project.columns, storage.at(batch.predictions)
    known = known or types.of(columns, dataset.schema(path))
    predictions = _sampled(path, [columns.id, columns.time, *columns.features, "probability"], project, share, known)
    return labelling.with_labels(predictions, _known(project, batch, share, known), columns.id, columns.target)


def tally(project: Project, batches: Sequence[Application], trained_on: NDArray[Any]) -> Tally:
    """Count the labelled rows of these batches that the model was not trained on.

    Labels that came later must be looked up by id. Where there are more than fit in memory, ids are dealt to buckets, and the
    rows are read once for each.
    """
    columns, later = project.columns, label_files(project)
    buckets = max(1, -(-sum(dataset.rows(path) for path in later) // _LABELS_AT_ONCE))
    seen, total = pa.array(trained_on), Tally.empty()
    for bucket in range(buckets):
        late = _late_labels(columns, later, bucket, buckets)
        for rows in (rows for batch in batches for rows in _with_own_labels(columns, batch)):
            ids = rows[columns.id]
            known = _latest(ids, rows[columns.target].cast(pa.float64()), late)
            judged = pc.and_(known.is_valid(), pc.invert(pc.is_in(ids, seen.cast(ids.type))))
            if buckets > 1:
                judged = pc.and_(judged, pa.array(labelling.bucket(ids, buckets) == bucket))
            total += Tally.of(known.filter(judged), rows["probability"].filter(judged))
    return total


def _with_own_labels(columns: Columns, batch: Application) -> Iterator[pa.RecordBatch]:
    """Id, probability and target of the scored rows, the target as their own file has it."""
    path, own = storage.at(batch.predictions), _own_labels(columns, batch)
    wanted = [columns.id, "probability", *([columns.target] if own == path else [])]
    predictions = dataset.read_batches(path, wanted, _BATCH_ROWS)
    if own == path:
        return predictions
    if own:
        labels = storage.read_batches(own, [columns.id, columns.target], _BATCH_ROWS)
        return labelling.aligned(predictions, labels, columns.id, columns.target)
    return (rows.append_column(columns.target, pa.nulls(rows.num_rows)) for rows in predictions)


def _late_labels(columns: Columns, files: list[Address], bucket: int, of: int) -> "pd.Series[float]":
    """The labels of one bucket of ids that came later, by id: of two for one id, that of the later file."""
    wanted, found = [columns.id, columns.target], []
    for rows in (rows for path in files for rows in storage.read_batches(path, wanted, _BATCH_ROWS)):
        here = labelling.bucket(rows[columns.id], of) == bucket
        found.append(labelling.labels(pa.Table.from_batches([rows]).filter(pa.array(here)), columns.target))
    if not found:
        return pd.Series(dtype=float)
    table = labelling.first_of_each(pa.concat_tables(found, promote_options="permissive"), columns.id)
    labels: pd.Series[float] = table[columns.target].to_pandas().astype(float)
    return labels.set_axis(table[columns.id].to_pandas())


def _latest(ids: pa.Array, own: pa.Array, late: "pd.Series[float]") -> pa.Array:
    """The label of each id: the one that came later, else its own, else null."""
    if late.empty:
        return own
    place = late.index.get_indexer(ids.to_pandas())  # type: ignore[no-untyped-call]
    found: pa.Array = pc.coalesce(pa.array(late.to_numpy()[place], mask=place < 0), own)
    return found


def _known(project: Project, batch: Application, share: float, known: pa.Schema) -> pa.Table:
    """Id and label, one row an id: of the scored file, and of the files of labels that came later; the latest counts."""
    columns = project.columns
    wanted = [columns.id, columns.target]
    own = _own_labels(columns, batch)
    files = [*label_files(project), *([own] if own else [])]
    parts = [labelling.labels(_sampled(path, wanted, project, share, known), columns.target) for path in files]
    return labelling.first_of_each(pa.concat_tables(parts), columns.id) if parts else labelling.no_labels(wanted)


def _own_labels(columns: Columns, batch: Application) -> Address | None:
    """Where the labels lie that came with the scored rows: beside them; of predictions from before, in the file itself."""
    places = (storage.at(batch.predictions), storage.at(batch.source))
    return next(
        (path for path in places if dataset.is_there(path) and columns.target in dataset.schema(path).names), None
    )


def label_files(project: Project) -> list[Address]:
    """The files of labels that came later than their rows, the latest first."""
    if project.data.labels is None:
        return []
    found = named.files_in(project.data.labels, settings())
    return [path for path in reversed(found) if _has(path, [project.columns.id, project.columns.target])]


def _has(path: Address, wanted: list[str]) -> bool:
    """Whether the file holds these columns: a batch may come without labels."""
    with storage.open_parquet(path) as file:
        return set(wanted) <= set(file.schema_arrow.names)


def _sampled(path: Address, wanted: list[str], project: Project, share: float, known: pa.Schema) -> pa.Table:
    found = dataset.schema(path)
    types.refuse_others(found, project.columns, known, str(path))
    batches = dataset.read_batches(path, wanted, _BATCH_ROWS)
    kept = labelling.sample(batches, project.columns.id, share=share, seed=project.drift.seed)
    rows = pa.schema([found.field(name) for name in wanted]).empty_table() if kept is None else kept.select(wanted)
    return types.cast(rows, known, str(path))
