"""The steps that compare policies of retraining on a project's own past: its rows in blocks, the fits, the replay.

Nothing that serves is changed by them: they read what was scored and labelled, and leave a record for people to choose by.
"""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
import pyarrow as pa

from shotclock.config import Project, project
from shotclock.errors import ContractError, StoreError
from shotclock.files import storage
from shotclock.handoff import FIRST_MODEL, ComparedPolicies, FirstModel, FittedBlock, Moment, PastRows
from shotclock.judging import policies
from shotclock.judging.performance import losses
from shotclock.judging.policies import Comparison
from shotclock.models import replay as replays
from shotclock.models.replay import First, Floats, History
from shotclock.models.searched import Searched
from shotclock.projects.split_history import periods_of
from shotclock.rows import periods, splits
from shotclock.rows.parts import moments
from shotclock.steps.recipes import fits
from shotclock.steps.recipes.record import EVERYTHING
from shotclock.store import left, records
from shotclock.store.records import Application, Policies
from shotclock.store.run import Run, folder_of
from shotclock.store.tracking import tracked
from shotclock.store.versions import registry, types
from shotclock.store.window import labels, scored_batches
from shotclock.words import comparisons

MOST_ROWS = 200_000
"""Labelled rows that are replayed at most, the newest: memory goes with rows times blocks."""
_BATCH = "__batch__"
_FEWEST, _MOST, _PARTS = 4, 60, 20  # blocks; and into how many equal parts rows are cut that have no such blocks


def cut(run: Run) -> PastRows:
    """The rows that the first version was made from, and all labelled production rows, cut into blocks.

    Raises:
        StoreError: there is no first version, or nothing was scored yet.
        ContractError: too few labelled rows.
    """
    left.take_up(run)
    rules, folder = project(run.project), folder_of(run)
    batches = scored_batches(rules.name)[::-1]
    rows, cuts, cut_by = _in_blocks(*_labelled(rules, batches), rules)
    origin = registry.version(rules.name, "1").origin
    training, test = _first_rows(rules, origin)
    tables = {"first_train": training, "first_test": test, "later": rows}
    paths = {name: folder / f"{name}.parquet" for name in tables}
    for name, table in tables.items():
        storage.write_table(table, paths[name])
    times = moments(rows[rules.columns.time]).to_pandas()  # in UTC, where they have a zone
    begin, *ends = (times.iloc[place].to_pydatetime() for place in (0, *(end - 1 for end in cuts[1:])))
    return PastRows(
        training=str(paths["first_train"]),
        test=str(paths["first_test"]),
        later=str(paths["later"]),
        cuts=cuts,
        begin=begin,
        ends=tuple(ends),
        cut_by=cut_by,
        synthetic=origin.synthetic or any(batch.synthetic for batch in batches),
        summary=f"{rows.num_rows:,} labelled rows from {begin:%Y-%m-%d} to {ends[-1]:%Y-%m-%d} in {len(ends)} blocks, "
        f"each a {cut_by}; {training.num_rows + test.num_rows:,} older ones of the first training",
    )


def tune(run: Run, past: PastRows) -> list[Moment]:
    """Search each candidate's settings on the first training's rows, once: and the moments at which recipes are fitted.

    By scikit-learn, whatever the project's backend: all moments share the settings.
    """
    tuned = replays.tune(fits.frame(past.training), project(run.project))
    told = f"settings of {len(tuned)} candidates tuned on the first training's rows; fitted anew before {len(past.ends)} blocks"
    begins = (past.begin, *past.ends[:-1])
    return [Moment(block=block, begin=begin, tuned=tuned, summary=told) for block, begin in enumerate(begins)]


def fit(run: Run, moment: Moment, past: PastRows) -> FittedBlock:
    """Fit every recipe on all rows before a block, and let it score the rows from there on; before block 0 the first training.

    The file of the probabilities holds a column for each recipe.
    """
    rules, history, block = project(run.project), _history(past), moment.block
    given = replays.before(history, block, moment.tuned, rules)
    columns = dict(zip(_recipes(moment.tuned), given, strict=True))
    first = None
    if block == 0:
        made = replays.first(history, moment.tuned, rules)
        columns[FIRST_MODEL] = made.given
        first = FirstModel(made.serves, made.reference)
    path = folder_of(run) / "fits" / f"block_{block:02}.parquet"
    storage.write_table(pa.table(columns), path)
    rows = slice(*past.cuts[block : block + 2])
    shown = history.later[rules.columns.target].to_numpy(dtype=float)[rows]
    lost = {name: float(losses(shown, each[: len(shown)]).mean()) for name, each in columns.items()}
    return FittedBlock(
        block=block,
        given=str(path),
        drifted=tuple(replays.drifted(history, block, rules)),
        first=first,
        summary=comparisons.block(moment.shown, len(shown), lost),
    )


def replay(run: Run, past: PastRows, fitted: list[FittedBlock]) -> ComparedPolicies:
    """Walk each policy through what was fitted, and write down what it would have cost; MLflow run `Policies`."""
    rules, blocks = project(run.project), sorted(fitted, key=lambda one: one.block)
    given = [fits.frame(one.given) for one in blocks]
    found = replays.past(
        _history(past),
        _first(blocks[0], given[0]),
        [_probabilities(frame) for frame in given],
        [one.drifted for one in blocks],
        rules,
    )
    comparison = policies.compared(found, rules, past.cut_by)
    with tracked(run, "replay", records.Policies) as record:
        record.write(_noted(comparison, past.synthetic))
        record.json(asdict(comparison), records.COMPARISON)
    return ComparedPolicies(comparison=comparison, mlflow_run_id=record.id, summary=comparisons.summary(comparison))


def _recipes(tuned: Sequence[Searched]) -> list[str]:
    """In the order of `replays.before`."""
    return [f"{one.algorithm}.{rows}" for one in tuned for rows in (EVERYTHING, "recent")]


def _history(past: PastRows) -> History:
    training, test, later = (fits.frame(path) for path in (past.training, past.test, past.later))
    return History(training, test, later, past.cuts, past.begin, past.ends)


def _first(block: FittedBlock, given: pd.DataFrame) -> First:
    if block.first is None:
        raise StoreError(f"{block.given}: found no model of the first training, expected one before the first block")
    return First(given[FIRST_MODEL].to_numpy(), block.first.serves, block.first.reference)


def _probabilities(given: pd.DataFrame) -> Floats:
    found: Floats = given.drop(columns=FIRST_MODEL, errors="ignore").to_numpy().T
    return found


def _noted(found: Comparison, synthetic: bool) -> Policies:
    return Policies(
        cut_by=found.cut_by,
        begin=found.begin,
        end=found.end,
        rows=found.rows,
        blocks=found.blocks,
        log_loss={one.name: one.log_loss for one in found.replayed},
        regret={one.name: one.regret for one in found.replayed},
        trainings={one.name: one.trainings for one in found.replayed},
        money={one.name: one.money for one in found.replayed if one.money is not None},
        synthetic=synthetic,
    )


def _first_rows(rules: Project, origin: records.Origin) -> list[pa.Table]:
    """The rows that the first version was trained on, cut anew into training and test rows."""
    kept = storage.read_table(storage.at(origin.rows_path))
    share, seed = rules.split.test_share, rules.split.seed
    return list(
        splits.split(splits.filter_labelled(kept, rules.columns), rules.columns.target, test_share=share, seed=seed)
    )


def _labelled(rules: Project, batches: Sequence[Application]) -> tuple[pa.Table, list[int]]:
    """The labelled rows of all batches in the order of time, each id once with its newest row; and each batch's number."""
    parts, known = [], types.learnt(rules)
    for number, rows in enumerate(labels.joined(rules, batches, 1.0, known)):
        found = _ordered(rows, rules)
        parts.append(found.append_column(_BATCH, pa.array([number] * found.num_rows)))
    if not parts:
        raise StoreError(f"project '{rules.name}' has no predictions yet; trigger {rules.name}.inference first")
    rows = pa.concat_tables(parts)
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
    return tuple(int(end) for end in np.cumsum([0, *sizes]))


def _ordered(rows: pa.Table, rules: Project) -> pa.Table:
    columns = rules.columns
    known = rows.select(columns.all).filter(rows[columns.target].is_valid())
    return splits.in_order(known, columns)
