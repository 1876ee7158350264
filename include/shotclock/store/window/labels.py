"""Scored rows with their labels: those of their own file, and those that came later, of which the latest counts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import accumulate
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shotclock.config import Columns, Project, settings
from shotclock.errors import ContractError, SourceError
from shotclock.files import dataset, storage
from shotclock.files.storage import Address
from shotclock.judging.performance import Tally
from shotclock.rows import contract, labelling, types
from shotclock.sources import named
from shotclock.store.intake import taken
from shotclock.store.records import Application
from shotclock.store.versions.types import learnt

_BATCH_ROWS = 131_072
_LABEL_ROWS = 1 << 20  # looked up together
_HELD = 4  # times the newest rows are held before they are sorted
_LABELS_AT_ONCE = 4_000_000  # that came later; 100 MB by id


def joined(project: Project, batches: Sequence[Application], share: float, known: pa.Schema | None) -> list[pa.Table]:
    """A share of each batch's scored rows, drawn by id, with their labels as far as they have come.

    Args:
        known: the project's types, by which the rows are given.
    """
    key, seed = project.columns.id, project.drift.seed
    kept = [labelling.sample(_rows(project.columns, batch), key, share=share, seed=seed) for batch in batches]
    return _labelled(project, batches, kept, known)


def newest(project: Project, batch: Application, most: int, known: pa.Schema | None) -> pa.Table:
    """The newest rows of the batch, `most` at the most, with their labels as far as they have come."""
    columns = project.columns
    kept: pa.Table | None = None
    for rows in _rows(columns, batch):
        both = [*([kept] if kept else []), pa.Table.from_batches([rows])]
        kept = pa.concat_tables(both)
        if kept.num_rows > _HELD * most:
            kept = newest_of(kept, columns, most)
    return _labelled(project, [batch], [kept and newest_of(kept, columns, most)], known)[0]


def newest_of(rows: pa.Table, columns: Columns, most: int) -> pa.Table:
    """The newest rows, `most` at the most, newest first where there are more."""
    if rows.num_rows <= most:
        return rows
    keys = pa.table([rows[columns.time], rows[columns.id]], ["time", "id"])  # names such as `.id` would be paths
    return rows.take(pc.sort_indices(keys, [("time", "descending"), ("id", "descending")])[:most])


def _rows(columns: Columns, batch: Application) -> Iterator[pa.RecordBatch]:
    """The scored rows, with their labels where these lie beside them."""
    path, wanted = storage.at(batch.predictions), [columns.id, columns.time, *columns.features, columns.probability]
    own = [columns.target] if _own_labels(columns, batch) == path else []
    return dataset.read_batches(path, [*wanted, *own], _BATCH_ROWS)


def _labelled(
    project: Project, batches: Sequence[Application], tables: Sequence[pa.Table | None], known: pa.Schema | None
) -> list[pa.Table]:
    """Scored rows of each batch with the project's types and their labels; None: it has no rows.

    What came later is read once for all batches.
    """
    if not batches:
        return []
    columns, known = project.columns, known or schema(project.columns, batches[0])
    told = [_with_own(columns, batch, rows, known) for batch, rows in zip(batches, tables, strict=True)]
    together = pa.concat_tables(told)
    came = [_labels_of(path, together[columns.id], columns, known) for path in late(project, known).files]
    if came:
        latest = labelling.first_of_each(pa.concat_tables(came), columns.id)
        together = labelling.relabelled(together, latest, columns.id, columns.target)
    ends = accumulate(rows.num_rows for rows in told)
    return [together.slice(end - rows.num_rows, rows.num_rows) for rows, end in zip(told, ends, strict=True)]


def _with_own(columns: Columns, batch: Application, rows: pa.Table | None, known: pa.Schema) -> pa.Table:
    """Scored rows with the project's types and the labels of their own file."""
    if rows is None:
        empty = known.remove(known.get_field_index(columns.target)).append(pa.field(columns.probability, pa.float64()))
        rows = empty.append(known.field(columns.target)).empty_table()
    typed = types.cast(rows, known, batch.predictions)
    if columns.target in typed.schema.names:
        labelling.labels(typed, columns.target)  # which refuses others than 0 and 1
        return typed
    own, none = _own_labels(columns, batch), labelling.no_labels([columns.id, columns.target])
    labels = _labels_of(own, typed[columns.id], columns, known) if own else none
    return labelling.with_labels(typed, labelling.first_of_each(labels, columns.id), columns.id, columns.target)


def tally(
    project: Project, batches: Sequence[Application], trained_on: NDArray[Any], newer: Sequence[Application] = ()
) -> Tally:
    """Count the labelled rows of these batches that the model was not trained on, each id once: with its newest row.

    Labels that came later must be looked up by id, and so must ids of newer batches. Where there are more than fit in memory,
    ids are dealt to buckets, and the rows are read once for each.

    Args:
        batches: newest first.
        newer: batches before these, whose ids do not count again.
    """
    columns, known = project.columns, learnt(project) or schema(project.columns, batches[0])
    later, held = late(project, known).files, [*newer, *batches][:-1]
    looked_up = max(sum(map(dataset.rows, later)), sum(dataset.rows(storage.at(batch.predictions)) for batch in held))
    buckets = max(1, -(-looked_up // _LABELS_AT_ONCE))
    total = Tally.empty()
    for bucket in range(buckets):
        came = _late_labels(columns, later, known, bucket, buckets)
        seen = _Seen(trained_on, columns.id, bucket, buckets)
        for batch in newer:
            seen.add(_with_own_labels(columns, batch))
        for batch in batches:
            total += seen.tally(columns, _with_own_labels(columns, batch), came, last=batch is batches[-1])
    return total


class _Seen:
    """The ids of one bucket that count no more: a newer batch has them, or the model has learnt from them."""

    def __init__(self, trained_on: NDArray[Any], id_column: str, bucket: int, of: int) -> None:
        self._ids, self._id, self._bucket, self._of = pa.array(trained_on), id_column, bucket, of

    def add(self, batches: Iterator[pa.RecordBatch]) -> None:
        parts = [rows[self._id].filter(self._here(rows[self._id])) for rows in batches]
        if parts:
            kind = parts[0].type
            self._ids = pa.concat_arrays([self._ids.cast(kind), *(part.cast(kind) for part in parts)])

    def tally(
        self, columns: Columns, batches: Iterator[pa.RecordBatch], came: "pd.Series[float]", *, last: bool
    ) -> Tally:
        """Count what is labelled and not seen yet; then it is, unless no older batch follows this `last` one."""
        total, held = Tally.empty(), []
        for rows in batches:
            ids = rows[columns.id]
            label = _latest(ids, rows[columns.target].cast(pa.float64()), came)
            fresh = pc.and_(self._here(ids), pc.invert(pc.is_in(ids, self._ids.cast(ids.type))))
            judged = pc.and_(label.is_valid(), fresh)
            total += Tally.of(label.filter(judged), rows[columns.probability].filter(judged))
            held += [] if last else [rows.select([columns.id])]
        self.add(iter(held))
        return total

    def _here(self, ids: pa.Array) -> pa.Array:
        return pa.array(labelling.bucket(ids, self._of) == self._bucket) if self._of > 1 else pa.repeat(True, len(ids))


def _with_own_labels(columns: Columns, batch: Application) -> Iterator[pa.RecordBatch]:
    """Id, probability and target of the scored rows, the target as their own file has it."""
    path, own = storage.at(batch.predictions), _own_labels(columns, batch)
    wanted = [columns.id, columns.probability, *([columns.target] if own == path else [])]
    predictions = dataset.read_batches(path, wanted, _BATCH_ROWS)
    if own == path:
        return predictions
    if own:
        labels = storage.read_batches(own, [columns.id, columns.target], _BATCH_ROWS)
        return labelling.aligned(predictions, labels, columns.id, columns.target)
    return (rows.append_column(columns.target, pa.nulls(rows.num_rows)) for rows in predictions)


def _late_labels(columns: Columns, files: list[Address], known: pa.Schema, bucket: int, of: int) -> "pd.Series[float]":
    """The labels of one bucket of ids that came later, by id: of two for one id, that of the later file."""
    wanted, found = [columns.id, columns.target], []
    for rows in (rows for path in files for rows in storage.read_batches(path, wanted, _BATCH_ROWS)):
        known_labels = _typed_labels(rows, known, columns.target, "labels")
        here = labelling.bucket(contract.plain(known_labels[columns.id]), of) == bucket
        found.append(known_labels.filter(pa.array(here)))
    if not found:
        return pd.Series(dtype=float)
    table = labelling.first_of_each(pa.concat_tables(found), columns.id)
    labels: pd.Series[float] = table[columns.target].to_pandas().astype(float)
    return labels.set_axis(table[columns.id].to_pandas())


def _typed_labels(rows: pa.RecordBatch, known: pa.Schema, target: str, source: str) -> pa.Table:
    return labelling.labels(types.cast(pa.Table.from_batches([rows]), known, source), target)


def _latest(ids: pa.Array, own: pa.Array, late: "pd.Series[float]") -> pa.Array:
    """The label of each id: the one that came later, else its own, else null."""
    if late.empty:
        return own
    place = late.index.get_indexer(ids.to_pandas())
    found: pa.Array = pc.coalesce(pa.array(late.to_numpy()[place], mask=place < 0), own)
    return found


def _labels_of(path: Address, ids: pa.ChunkedArray, columns: Columns, known: pa.Schema) -> pa.Table:
    wanted = pa.schema([known.field(columns.id), known.field(columns.target)])
    parts = []
    for rows in dataset.read_batches(path, wanted.names, _LABEL_ROWS):
        found = types.cast(pa.Table.from_batches([rows]).select(wanted.names), known, str(path))
        parts.append(labelling.labels(found.filter(pc.is_in(found[columns.id], ids)), columns.target))
    return pa.concat_tables(parts) if parts else wanted.empty_table()


def schema(columns: Columns, batch: Application) -> pa.Schema:
    """The project's types, as the rows that were scored have them."""
    return types.of(columns, dataset.schema(storage.at(batch.predictions)))


def _own_labels(columns: Columns, batch: Application) -> Address | None:
    """Where the labels lie that came with the scored rows: beside them; of predictions from before, in the file itself."""
    places = (storage.at(batch.predictions), storage.at(batch.source))
    return next(
        (path for path in places if dataset.is_there(path) and columns.target in dataset.schema(path).names), None
    )


@dataclass(frozen=True)
class Late:
    """Files of labels that came later than their rows, the latest first; and why others are passed over, by name."""

    files: list[Address]
    passed_over: dict[str, str]


def late(project: Project, known: pa.Schema) -> Late:
    """What lies in the project's folder of labels. One file that cannot be used stops no other."""
    if project.data.labels is None:
        return Late([], {})
    found = named.files_in(project.data.labels, settings())
    faults = {path.name: _fault(path, storage.changed(path), _Rules(project), known) for path in found}
    good = [taken.as_parquet(project, path) for path in reversed(found) if not faults[path.name]]
    return Late(good, {name: fault for name, fault in faults.items() if fault})


@dataclass(frozen=True)
class _Rules:
    """A project that can be remembered by: equal where its file says the same."""

    project: Project

    def __hash__(self) -> int:
        return hash(self.project.name)


@lru_cache(maxsize=4096)
def _fault(path: Address, changed: datetime, rules: _Rules, known: pa.Schema) -> str:
    """Why this file of labels, as it is since `changed`, cannot be used; empty where it can."""
    id_column, target = rules.project.columns.id, rules.project.columns.target
    try:
        rows_path = taken.as_parquet(rules.project, path)
        with storage.open_parquet(rows_path) as file:
            schema = file.schema_arrow
        contract.check_labels(schema, id_column, target, str(path))
        types.refuse_others(
            schema,
            known,
            str(path),
            lambda name: types.first_text(storage.read_batches(rows_path, [name], _LABEL_ROWS)),
        )
        for rows in storage.read_batches(rows_path, [id_column, target], _BATCH_ROWS):
            _typed_labels(rows, known, target, str(path))
    except (SourceError, ContractError) as error:
        return str(error) if str(path) in str(error) else f"{path}: {error}"
    return ""
