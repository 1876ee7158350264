"""The track record of a recipe, and the recipe fitted on all that is known: what ships.

A row of the record is a row that was labelled later, with the probability that the recipe's model of all rows *before* its
block gives to it (Dawid 1984: prequential).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from shotclock.config import BASE_RATE, RECALIBRATED, Columns, Project, project
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.handoff import AnyData, Compared, Competitor, Gated, LearntFrom, RecentData, Refitted, Score, Selection
from shotclock.judging import performance
from shotclock.judging.gate import untouched
from shotclock.models import candidates as models
from shotclock.rows.blocks import Learning
from shotclock.rows.labelling import first_of_each
from shotclock.rows.values import Input
from shotclock.steps import fits
from shotclock.store import history, records
from shotclock.store.history import BEFORE
from shotclock.store.run import Run, folder_of
from shotclock.store.tracking import Tracked, tracked
from shotclock.store.versions import registry
from shotclock.store.window import given_before, reference_rows
from shotclock.words import summaries

EVERYTHING = "older_and_recent"  # what a recipe is called that learns from all rows


def over_blocks(run: Run, candidate: Compared, data: RecentData) -> tuple[models.Trained, pd.DataFrame]:
    """Fit a recipe before each block, and let it score the block.

    Returns:
        The model that met the newest block; and number, id, label and probability of the rows of all blocks.
    """
    rules, rows, old = project(run.project), fits.frame(data.all), fits.old_model(run, candidate)
    columns, parts = rules.columns, []
    spans = data.blocks.spans
    for number, span in enumerate(spans):
        learnt, block = known(rules, rows, data, candidate.rows, span.start), rows.iloc[span]
        if number < len(spans) - 1:
            model = fits.model(run, candidate, learnt, old)
        else:
            trained = fits.fit(run, candidate, learnt, old)
            model = trained.model
        told = {_BLOCK: number, columns.id: block[columns.id], columns.target: block[columns.target]}
        given = fits.probability(model, block, list(columns.features))
        parts.append(pd.DataFrame({**told, columns.probability: given}))
    return trained, pd.concat(parts, ignore_index=True)


_BLOCK = "shotclock_block"  # no column of a project: what it names is the record's own


def known(rules: Project, rows: pd.DataFrame, data: RecentData, part: LearntFrom, before: int) -> pd.DataFrame:
    """The rows that a recipe may learn from before row number `before`: where the recent ones lack a class, all."""
    labels = rows[rules.columns.target].to_numpy(dtype=np.int64)
    return rows.iloc[data.blocks.known(labels, before, Learning.of(rules), recent=part == "train")]


def losses(columns: Columns, record: pd.DataFrame) -> NDArray[np.float64]:
    """Of each row of a record, in nats."""
    return performance.losses(record[columns.target].to_numpy(), record[columns.probability].to_numpy())


def by_block(columns: Columns, record: pd.DataFrame) -> list[float]:
    """The mean loss of each block, oldest first."""
    return [float(mean) for mean in pd.Series(losses(columns, record)).groupby(record[_BLOCK].to_numpy()).mean()]


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


def refit(run: Run, candidates: list[Compared], selection: Selection, decision: Gated, data: RecentData) -> Refitted:
    """Fit the recipe that is to serve on all labelled rows: the challenger that takes over, else the one in service.

    Where nothing has come that the champion has not learnt from, and where exactly the measured model ships, nothing is
    fitted.
    """
    rules = project(run.project)
    champion = registry.version(run.project, decision.champion) if decision.champion else None
    recipe, why = _wanted(rules, champion, selection, decision, data)
    if not recipe:
        return Refitted(summary=f"Nothing is fitted: {why}.")
    candidate = next(item for item in candidates if item.name == recipe)
    everything = fits.frame(data.all)
    rows = known(rules, everything, data, candidate.rows, data.blocks.rows)
    base = champion if candidate.algorithm == RECALIBRATED else None
    shown = everything.iloc[data.blocks.judging :]
    made = _fitted(run, candidate, _Known(rows, shown, data.synthetic), selection, why, base)
    earlier = judged(rules.columns, selection.candidates[recipe], data)
    labels = shown[rules.columns.target].to_numpy()
    return replace(
        made,
        measured=performance.measure(labels, earlier, resamples=200, seed=rules.gate.seed),
        measured_on=str(_write_scores(run, rules.columns, shown, earlier, "refit_record")),
        summary=summaries.refit(recipe, len(rows), why),
    )


def base_rate(run: Run, selection: Selection, data: AnyData, shown: pd.DataFrame) -> Refitted:
    """The base rate of the rows to train on: what goes into service where nobody is and no challenger is proven better.

    Args:
        shown: the gate's rows, which it has not learnt from.
    """
    rules, rows = project(run.project), fits.frame(data.train)
    candidate = Compared(name=BASE_RATE, algorithm=BASE_RATE, rows="train", seed=selection.seed, search=None)
    why = "nobody is in service, and no candidate is proven better"
    made = _fitted(run, candidate, _Known(rows, shown, data.synthetic), selection, why)
    labels, given = (
        fits.frame(made.scores)[name].to_numpy() for name in (rules.columns.target, rules.columns.probability)
    )
    measured = performance.measure(labels, given, resamples=200, seed=rules.gate.seed)
    return replace(made, measured=measured, measured_on=made.scores, summary=f"\n\n{summaries.alone(made)}.")


@dataclass(frozen=True)
class _Known:
    """The rows that a fit learns from, and those that it is shown on."""

    learnt: pd.DataFrame
    shown: pd.DataFrame
    synthetic: bool


def _fitted(
    run: Run, candidate: Compared, known: _Known, selection: Selection, why: str, base: registry.Version | None = None
) -> Refitted:
    """A candidate fitted on these rows, written down and stored, with what it gives to the others."""
    rows, shown = known.learnt, known.shown
    columns = project(run.project).columns
    ids = write_ids(folder_of(run) / registry.TRAINING_IDS, columns, rows, base)
    with tracked(run, "refit", records.Refit, name=candidate.name, parent=selection.training_run_id) as record:
        trained = fits.fit(run, candidate, rows, base.load() if base else None)
        model = folder_of(run) / registry.MODEL_FILE
        fits.write_pickle(trained.model, model)
        sha256 = storage.digest(model)
        record.write(
            records.Refit(
                recipe=candidate.name,
                backend=trained.backend,
                seed=candidate.seed,
                settings=trained.params,
                rows=len(rows),
                why=why,
                synthetic=known.synthetic,
                model_sha256=sha256,
            )
        )
    features = list(columns.features)
    scores = _write_scores(run, columns, shown, fits.probability(trained.model, shown, features), "refit_scores")
    Tracked(record.id, record.experiment).artifact(scores)
    inputs = Input.of(columns.features)
    return Refitted(
        recipe=candidate.name,
        rows=candidate.rows,
        learnt=len(rows),
        training_ids=str(ids),
        model=str(model),
        model_sha256=sha256,
        params={name: str(value) for name, value in trained.params.items()},
        scores=str(scores),
        stored=registry.store(run, record.id, trained.model, shown[features].head(5), inputs),
        mlflow_run_id=record.id,
    )


def _wanted(
    rules: Project, champion: registry.Version | None, selection: Selection, decision: Gated, data: RecentData
) -> tuple[str, str]:
    """Which recipe is fitted on everything, or an empty string; and why."""
    if rules.retraining.ships == "measured":
        return "", "the project ships exactly the model that was measured"
    if decision.ruling.promoted:
        return selection.winner, "it takes over"
    recipe = in_service(champion, tuple(selection.candidates))
    if champion is None or not recipe:
        return "", "the recipe in service does not compete here"
    new = int(unlearnt(champion, rules.columns, storage.read_table(storage.at(data.train), [rules.columns.id])).sum())
    if not new:
        return "", "no labelled row has come that the champion has not learnt from"
    return recipe, f"it is in service, and {new:,} labelled rows have come since its last fit"


def write_ids(path: Address, columns: Columns, rows: pd.DataFrame, base: registry.Version | None) -> Address:
    """The ids of all rows that a fit has learnt from: of a recalibrated model, those of the model below it, too."""
    ids = [pa.Table.from_pandas(rows[[columns.id]], preserve_index=False)]
    if base is not None:
        ids.append(storage.read_table(base.training_ids(), [columns.id]))
    storage.write_table(first_of_each(pa.concat_tables(ids, promote_options="permissive"), columns.id), path)
    return path


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


def _write_scores(run: Run, columns: Columns, rows: pd.DataFrame, given: NDArray[Any], name: str) -> Address:
    path = folder_of(run) / f"{name}.parquet"
    table = pa.Table.from_pandas(rows.assign(**{columns.probability: given}), preserve_index=False)
    storage.write_table(table, path)
    return path
