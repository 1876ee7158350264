"""Rows made ready for training: filter, a fixed order, a stratified split. Tables in, tables out."""

from math import ceil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.model_selection import train_test_split

from shotclock.config import Columns, RetrainingRules
from shotclock.errors import ContractError

_ROUNDING = 1e-6  # of shares such as 1 - 0.5 - 0.2, which binary fractions cannot hold


def filter_labelled(table: pa.Table, columns: Columns) -> pa.Table:
    """Keep the id, the time, the features and the target of the rows that have a label, in the order of time and id.

    A seeded split depends on the order of the rows, so the order is fixed here, whatever order the file had.

    Args:
        table: rows that keep the contract; the target is 0, 1 or null.

    Raises:
        ContractError: no row is labelled.
    """
    labelled = table.select(columns.all).filter(pc.is_valid(table[columns.target]))
    if labelled.num_rows == 0:
        raise ContractError(
            f"column '{columns.target}': no labelled row is left of {table.num_rows}; expected some 0 and some 1: "
            "name a file with labels"
        )
    target = labelled.schema.get_field_index(columns.target)
    labelled = labelled.set_column(target, columns.target, labelled[columns.target].cast(pa.int64()))
    labelled = _in_order(labelled, columns)
    return labelled.replace_schema_metadata(None)  # what the file's writer noted, such as a pandas index


def split(table: pa.Table, target: str, *, test_share: float, seed: int, folds: int = 1) -> tuple[pa.Table, pa.Table]:
    """Split into training and test rows, stratified by the target, each part in the order of `table`.

    Args:
        folds: of the cross-validation that the training rows are to be cut into.

    Raises:
        ContractError: a class has too few rows to stand in both parts, and in each fold.
    """
    labels = table[target].to_numpy()
    values, counts = np.unique(labels, return_counts=True)
    if len(values) != 2 or counts.min() < 2:
        found = ", ".join(f"{count} of {value}" for value, count in zip(values, counts, strict=True))
        raise ContractError(
            f"column '{target}': found {found or 'no rows'}, expected at least two rows of each of 0 and 1: "
            "name a file with both outcomes"
        )
    rows = np.arange(table.num_rows)
    needed = max(ceil(folds / (1 - test_share)), ceil(1 / test_share)) + 1
    if folds > 1 and counts.min() < needed:
        few = values[counts.argmin()]
        raise ContractError(
            f"column '{target}': found {counts.min()} rows of {few} among {len(rows)}, expected at least {needed} of each "
            f"class (a test share of {test_share:g} and {folds} folds): name a file with more rows"
        )
    train, test = train_test_split(rows, test_size=test_share, random_state=seed, stratify=labels)
    return table.take(np.sort(train)), table.take(np.sort(test))


def split_by_time(table: pa.Table, train_share: float, validation_share: float) -> tuple[pa.Table, pa.Table, pa.Table]:
    """Cut rows that stand in the order of time into training, validation and holdout rows: the holdout is the newest."""
    rows = table.num_rows
    first, second = round(rows * train_share), round(rows * (train_share + validation_share))
    return table.slice(0, first), table.slice(first, second - first), table.slice(second)


def rows_for_holdout(holdout_rows: int, rules: RetrainingRules) -> int:
    """How many recent rows `split_by_time` needs to leave `holdout_rows` for the gate."""
    return ceil(holdout_rows / (1 - rules.train_share - rules.validation_share) - _ROUNDING)


def lacking(labels: pa.ChunkedArray, needed: int) -> str:
    """What keeps a challenger from being trained and judged on these labels, or an empty string."""
    known = labels.drop_null()
    if len(known) < needed:
        return f"{len(known):,} labelled rows, {needed:,} are needed to judge a challenger by"
    if len(known.unique()) < 2:
        return f"all {len(known):,} labelled rows are {known[0]}, both outcomes are needed to train a challenger"
    return ""


def only_older(older: pa.Table, recent: pa.Table, columns: Columns) -> pa.Table:
    """The older rows whose ids no recent row has, in their order: of a row that stands in both, the recent one counts."""
    return older.filter(pc.invert(pc.is_in(older[columns.id], recent[columns.id]))).select(columns.all)


def _in_order(table: pa.Table, columns: Columns) -> pa.Table:
    """By time and id, under names of our own: pyarrow takes a name such as `.id` for a path."""
    keys = pa.table([table[columns.time], table[columns.id]], ["time", "id"])
    return table.take(pc.sort_indices(keys, [("time", "ascending"), ("id", "ascending")]))
