"""Which policy of retraining would have served a project best: its own labelled past, replayed."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from shotclock.config import Project, project
from shotclock.errors import ContractError, StoreError
from shotclock.files import storage
from shotclock.judging import policies
from shotclock.judging.policies import Aged, Past, Replayed
from shotclock.models.replay import History, past
from shotclock.projects.split_history import periods_of
from shotclock.rows import periods, splits
from shotclock.store.versions import registry, types
from shotclock.store.window import labels, scored_batches

MOST_ROWS = 200_000
"""Labelled rows that are replayed at most, the newest: memory goes with rows times blocks."""
_BATCH = "__batch__"
_FEWEST, _MOST, _PARTS = 4, 60, 20  # blocks; and into how many equal parts rows are cut that have no such blocks


@dataclass(frozen=True)
class Compared:
    """The policies, the best in hindsight first, and what they were replayed on."""

    project: str
    rows: int
    blocks: int
    cut_by: str
    begin: str
    end: str
    replayed: tuple[Replayed, ...]
    staleness: tuple[Aged, ...]


def compare(name: str) -> Compared:
    """Replay the project's labelled production rows under each policy. Reads only; nothing is trained for service.

    Raises:
        StoreError: there is no first version, or nothing was scored yet.
        ContractError: too few labelled rows.
    """
    rules = project(name)
    rows, cuts, cut_by = _in_blocks(*_labelled(rules), rules)
    later = rows.to_pandas()
    times = pd.to_datetime(later[rules.columns.time])
    begin, *ends = (times.iloc[place].to_pydatetime() for place in (0, *(cut - 1 for cut in cuts[1:])))
    found = past(History(*_first_rows(rules), later, cuts, begin, tuple(ends)), rules)
    return Compared(
        project=name,
        rows=len(later),
        blocks=len(ends),
        cut_by=cut_by,
        begin=f"{begin:%Y-%m-%d}",
        end=f"{ends[-1]:%Y-%m-%d}",
        replayed=tuple(_priced(found, rules)),
        staleness=tuple(policies.staleness(found)),
    )


def _priced(found: Past, rules: Project) -> list[Replayed]:
    chosen, cost = policies.policies(rules.degradation, rules.retraining), rules.cost
    if cost is None:
        return policies.compare(found, chosen, rules.gate)
    training = cost.training / cost.per_nat
    chosen |= {"cost-aware": policies.cost_aware(training)}
    rows = len(found.labels)
    return [
        replace(one, money=one.log_loss * rows * cost.per_nat + one.trainings * cost.training)
        for one in policies.compare(found, chosen, rules.gate, training)
    ]


def _first_rows(rules: Project) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that the first version was trained on, cut anew into training and test rows."""
    kept = storage.read_table(storage.at(registry.version(rules.name, "1").origin.rows_path))
    share, seed = rules.split.test_share, rules.split.seed
    parts = splits.split(splits.filter_labelled(kept, rules.columns), rules.columns.target, test_share=share, seed=seed)
    training, test = (part.to_pandas() for part in parts)
    return training, test


def _labelled(rules: Project) -> tuple[pa.Table, list[int]]:
    """The labelled rows of all batches in the order of time, each id once with its newest row; and each batch's number."""
    parts, known = [], types.learnt(rules)
    for number, batch in enumerate(reversed(scored_batches(rules.name))):
        found = _ordered(labels.joined(rules, batch, 1.0, known), rules)
        parts.append(found.append_column(_BATCH, pa.array([number] * found.num_rows)))
    if not parts:
        raise StoreError(f"project '{rules.name}' has no predictions yet; trigger {rules.name}.inference first")
    rows = pa.concat_tables(parts, promote_options="permissive")
    ids = rows[rules.columns.id].to_pandas()
    rows = rows.filter(pa.array(~ids.duplicated(keep="last").to_numpy()))
    rows = rows.slice(max(0, rows.num_rows - MOST_ROWS))
    least = 2 * rules.gate.min_rows
    if rows.num_rows < least:
        raise ContractError(
            f"project '{rules.name}': {rows.num_rows:,} labelled production rows, expected at least {least:,}, or no "
            "retraining could be replayed; score more batches, or bring their labels"
        )
    return rows.drop_columns([_BATCH]), rows[_BATCH].to_pylist()


def _in_blocks(rows: pa.Table, batches: list[int], rules: Project) -> tuple[pa.Table, tuple[int, ...], str]:
    """The rows, where their blocks begin with the end, and what these are: batches, periods of one kind, or equal parts.

    Batches are as retraining met them. Where they are too few or too many, the project's own periods come first, then the
    calendar's.
    """
    arrived = [int(size) for size in np.unique(batches, return_counts=True)[1]]
    if _FEWEST <= len(arrived) <= _MOST:
        return rows, _ends(arrived), "batch"
    rows = _ordered(rows, rules)
    for by, of_day in periods_of(rules).items():
        sizes = [part.num_rows for part in periods.cut(rows, rules.columns.time, of_day).values()]
        if _FEWEST <= len(sizes) <= _MOST:
            return rows, _ends(sizes), by
    return rows, _ends([len(part) for part in np.array_split(np.arange(rows.num_rows), _PARTS)]), "equal part"


def _ends(sizes: list[int]) -> tuple[int, ...]:
    return tuple(int(cut) for cut in np.cumsum([0, *sizes]))


def _ordered(rows: pa.Table, rules: Project) -> pa.Table:
    columns = rules.columns
    known = rows.select(columns.all).filter(rows[columns.target].is_valid())
    return splits.in_order(known, columns)
