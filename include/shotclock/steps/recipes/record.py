"""The track record of a recipe: what it had said of rows before it learnt from them.

A row of the record is a row that was labelled later, with the probability that the recipe's model of all rows *before* its
block gives to it (Dawid 1984: prequential).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from shotclock.config import Columns, Project, project
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.handoff import Compared, Competitor, LearntFrom, RecentData, Score, Selection
from shotclock.judging import performance
from shotclock.judging.gate import untouched
from shotclock.models import candidates as models
from shotclock.rows.blocks import Learning
from shotclock.steps.recipes import fits, kept
from shotclock.store import history
from shotclock.store.history import BEFORE, BLOCK, TRACK_RECORD
from shotclock.store.records import BLOCK_LOG_LOSS
from shotclock.store.run import Run, folder_of
from shotclock.store.tracking import Tracked
from shotclock.store.versions import registry
from shotclock.store.window import given_before, reference_rows
from shotclock.words import summaries

EVERYTHING = "older_and_recent"  # what a recipe is called that learns from all rows


def over_blocks(run: Run, candidate: Compared, data: RecentData) -> tuple[models.Trained, pd.DataFrame]:
    """Fit a recipe before each block, and let it score the block; what was said of all its rows before is not said anew.

    Returns:
        The model that met the newest block; and number, id, label and probability of the rows of all blocks, with the
        digest of each row, and the run of the flow in which it was scored.
    """
    rules, rows, old = project(run.project), fits.frame(data.all), fits.old_model(run, candidate)
    columns, before, parts = rules.columns, kept.told(run, candidate), []
    *spans, newest = data.blocks.spans
    for span in spans:
        block = rows.iloc[span]
        said = before.reindex(kept.digests(columns, block))
        if said[columns.probability].isna().any():
            model = fits.model(run, candidate, known(rules, rows, data, candidate.rows, span.start), old)
            said = _said(run, columns, model, block)
        parts.append(said)
    trained = fits.fit(run, candidate, known(rules, rows, data, candidate.rows, newest.start), old)
    parts.append(_said(run, columns, trained.model, rows.iloc[newest]))
    asked = rows.iloc[data.blocks.first :][[columns.id, columns.target]].reset_index(drop=True)
    asked[BLOCK] = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return trained, pd.concat([asked, pd.concat(parts).reset_index(names=kept.ROW)], axis=1)


def _said(run: Run, columns: Columns, model: Pipeline, block: pd.DataFrame) -> pd.DataFrame:
    told = {columns.probability: fits.probability(model, block, list(columns.features)), kept.TOLD_BY: run.id}
    return pd.DataFrame(told, index=kept.digests(columns, block))


def summary(run: Run, record: pd.DataFrame) -> str:
    """How much of a record is of earlier retrainings, in words."""
    told_by = record.groupby(BLOCK)[kept.TOLD_BY].first()
    return summaries.kept_blocks(int((told_by != run.id).sum()), len(told_by))


def blocks_of(record: pd.DataFrame) -> NDArray[np.int64]:
    """The number of each row's block, from 0, shape (rows,)."""
    return record[BLOCK].to_numpy()


def known(rules: Project, rows: pd.DataFrame, data: RecentData, part: LearntFrom, before: int) -> pd.DataFrame:
    """The rows that a recipe may learn from before row number `before`: where the recent ones lack a class, all."""
    labels = rows[rules.columns.target].to_numpy(dtype=np.int64)
    return rows.iloc[data.blocks.known(labels, before, Learning.of(rules), recent=part == "train")]


def losses(columns: Columns, record: pd.DataFrame) -> NDArray[np.float64]:
    """Of each row of a record, in nats."""
    return performance.losses(record[columns.target].to_numpy(), record[columns.probability].to_numpy())


def by_block(columns: Columns, record: pd.DataFrame) -> list[float]:
    """The mean loss of each block, oldest first."""
    return [float(mean) for mean in pd.Series(losses(columns, record)).groupby(record[BLOCK].to_numpy()).mean()]


def keep(run: Run, stored: Tracked, name: str, record: pd.DataFrame) -> Address:
    """Write a track record down: beside the data, and in MLflow with the loss of each block."""
    path = folder_of(run) / "candidates" / name / TRACK_RECORD
    storage.write_table(pa.Table.from_pandas(record, preserve_index=False), path)
    stored.artifact(path)
    stored.series(BLOCK_LOG_LOSS, by_block(project(run.project).columns, record))
    return path


def score(columns: Columns, record: pd.DataFrame, data: RecentData) -> Score:
    """What the choice of a recipe goes by: its mean loss over the blocks that choose."""
    return Score("validation_log_loss", float(losses(columns, record)[data.blocks.choosing].mean()))


def judged(columns: Columns, item: Competitor, data: RecentData) -> NDArray[np.float64]:
    """What a recipe's models gave to the rows of the blocks that judge."""
    given: NDArray[np.float64] = fits.frame(item.record)[columns.probability].to_numpy()
    return given[data.blocks.judging - data.blocks.first :]


def in_service(champion: registry.Version | None, recipes: Sequence[str]) -> str:
    """The recipe that made the champion, if it competes; a first training's candidate has learnt from all there was."""
    made = champion.origin.algorithm if champion else ""
    return next((name for name in (made, f"{made}.{EVERYTHING}") if name in recipes), "")


def unlearnt(version: registry.Version, columns: Columns, rows: pa.Table | pd.DataFrame) -> NDArray[np.bool_]:
    """Which of these rows the version has not learnt from."""
    return untouched(rows[columns.id].to_numpy(), storage.read_column(version.training_ids(), columns.id))


def reference(
    rules: Project, serving: registry.Version, before: registry.Version, selection: Selection, data: RecentData
) -> pd.DataFrame:
    """The recent rows with the probabilities of the version in service, and what was given before it learnt: `BEFORE`.

    Recent rows that were too few for the gate stand behind the reference of the version `before`: nothing is settled yet.
    """
    columns, rows = rules.columns, fits.frame(data.train)
    if len(rows) < rules.gate.min_rows and history.referring(rules.name, before):
        older = reference_rows(rules.name, before)
        known = given_before(older, columns, storage.read_column(before.training_ids(), columns.id))
        older = older[[*columns.all]].assign(**{BEFORE: known[columns.probability]})
        rows = pd.concat([older[~older[columns.id].isin(rows[columns.id])], rows], ignore_index=True)
    given = fits.probability(serving.load(), rows, list(columns.features))
    learnt = rows[BEFORE].to_numpy() if BEFORE in rows else np.nan
    earlier = np.where(unlearnt(serving, columns, rows), given, learnt)
    if recipe := in_service(serving, tuple(selection.candidates)):
        recorded = fits.frame(selection.candidates[recipe].record)[columns.probability].to_numpy()
        newest = earlier[len(rows) - len(recorded) :]
        newest[:] = np.where(np.isnan(newest), recorded, newest)
    return rows.assign(**{columns.probability: given, BEFORE: earlier})
