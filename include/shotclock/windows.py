"""The rows under test: predictions joined with the labels that have come, a seeded sample of them when there are many."""

from collections.abc import Iterable

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
    values = ids.to_numpy(zero_copy_only=False)
    hashed = hash_array(hash_array(values) + np.uint64(seed), categorize=False)
    return hashed < np.uint64(share * _RANGE)


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
