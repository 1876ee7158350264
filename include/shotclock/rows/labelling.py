"""The rows under test: predictions joined with the labels that have come, a seeded sample of them when there are many."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pandas.util import hash_array

from shotclock.errors import ContractError

_RANGE = float(2**64)


def sample(batches: Iterable[pa.RecordBatch], id_column: str, *, share: float, seed: int) -> pa.Table | None:
    """Keep about `share` of the rows, chosen by a hash of their id: the same rows however the data is cut into batches.

    Returns:
        The rows that were kept, in their order; None when there was no batch at all.
    """
    kept = [batch.filter(pa.array(chosen(batch.column(id_column), share, seed))) for batch in batches]
    return pa.Table.from_batches(kept) if kept else None


def chosen(ids: pa.Array, share: float, seed: int) -> NDArray[np.bool_]:
    """Which ids belong to the sample, as a mask of shape (rows,)."""
    if share >= 1:
        return np.ones(len(ids), dtype=bool)
    return _hashed(ids, seed) < np.uint64(share * _RANGE)


def bucket(ids: pa.Array, of: int) -> NDArray[np.uint64]:
    """Which of `of` buckets each id belongs to, shape (rows,): equal ids to the same one, about as many to each."""
    return _hashed(ids, 0) % np.uint64(of)


def _hashed(ids: pa.Array, seed: int) -> NDArray[np.uint64]:
    if pa.types.is_integer(ids.type):
        ids = ids.fill_null(0)  # else the others would become floats, which have another hash
    hashed: NDArray[np.uint64] = hash_array(
        hash_array(ids.to_numpy(zero_copy_only=False)) + np.uint64(seed), categorize=False
    )
    return hashed


def aligned(
    predictions: Iterable[pa.RecordBatch], source: Iterable[pa.RecordBatch], id_column: str, target: str
) -> Iterator[pa.RecordBatch]:
    """Predictions with the column `target` of the file that they were made from, both read as streams.

    The scored rows are the file's, in its order, without those that were set aside. So each batch of the file meets the next
    rows of the predictions, and memory holds a batch or two of each.

    Raises:
        ContractError: predictions are left that no row of the file has: they were made from another one.
    """
    waiting = _Waiting(predictions)
    for batch in source:
        rows = waiting.first(batch.num_rows)
        ids = rows[id_column]
        known = batch[id_column].cast(ids.type)
        if ids.equals(known):
            met, labels = len(ids), batch[target]
        else:
            position = pc.index_in(ids, known)
            met = int(next(iter(np.flatnonzero(position.is_null().to_numpy(zero_copy_only=False))), len(ids)))
            labels = batch[target].take(position[:met])
        yield rows.slice(0, met).append_column(target, labels)
        waiting.drop(met)
    left = waiting.first(1)
    if left.num_rows:
        raise ContractError(
            f"column '{id_column}': id {left[id_column][0]} of the predictions is not in the file that they were made from, "
            "or stands elsewhere there; it was changed since: score it again"
        )


class _Waiting:
    """The rows of a stream that nobody has taken yet."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = iter(batches)
        self._held: pa.RecordBatch | None = None

    def first(self, rows: int) -> pa.RecordBatch:
        """The next rows, fewer only at the end."""
        held = [] if self._held is None else [self._held]
        while sum(batch.num_rows for batch in held) < rows and (batch := next(self._batches, None)) is not None:
            held.append(batch)
        self._held = held[0] if len(held) == 1 else pa.concat_batches(held)
        return self._held.slice(0, rows)

    def drop(self, rows: int) -> None:
        if self._held is not None:
            self._held = self._held.slice(rows)


def with_labels(predictions: pa.Table, labels: pa.Table, id_column: str, target: str) -> pa.Table:
    """Predictions with the column `target`: 0 or 1 where a label has come, else null. Joined by id, order kept.

    Args:
        labels: id and target, one row an id; none at all when no labels have come.

    Raises:
        ContractError: the ids of labels and predictions are of different kinds, which could never meet.
    """
    kind = predictions.schema.field(id_column).type
    try:
        known = labels[id_column].cast(kind)
    except pa.ArrowInvalid as error:
        raise ContractError(
            f"column '{id_column}': the labels' ids are {labels.schema.field(id_column).type}, the predictions' are {kind} "
            f"({error}): expected one kind; write both from the same id column"
        ) from error
    position = pc.index_in(predictions[id_column], known)
    return predictions.append_column(target, pc.take(labels[target], position))


def relabelled(rows: pa.Table, latest: pa.Table, id_column: str, target: str) -> pa.Table:
    """The rows with the latest label of their id where one has come, else with their own."""
    came = with_labels(rows.select([id_column]), latest, id_column, target)[target]
    return rows.set_column(rows.schema.get_field_index(target), target, pc.coalesce(came, rows[target]))


def labels(table: pa.Table, target: str) -> pa.Table:
    """The rows that carry a label, as 0 or 1 in int64.

    Raises:
        ContractError: a label is neither 0 nor 1.
    """
    valid = table.filter(pc.is_valid(table[target]))
    others = [value for value in pc.unique(valid[target]).to_pylist() if value not in (0, 1)]
    if others:
        found = ", ".join(str(value) for value in others[:5])
        raise ContractError(f"column '{target}': found {found}, expected 0, 1 or null; correct the file of labels")
    return valid.set_column(valid.schema.get_field_index(target), target, valid[target].cast(pa.int64()))


def first_of_each(table: pa.Table, id_column: str) -> pa.Table:
    """The first row of each id, in the order of the rows."""
    ids = table[id_column].to_numpy(zero_copy_only=False)
    _, first = np.unique(ids, return_index=True)
    return table.take(np.sort(first))


def no_labels(columns: list[str]) -> pa.Table:
    """An empty table of id and target, for a window whose labels have not come."""
    return pa.table({columns[0]: pa.array([], pa.int64()), columns[1]: pa.array([], pa.int64())})
