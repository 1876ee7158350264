"""What ships: a recipe fitted once more on all that is known, or the base rate where nothing is proven better."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from shotclock.config import BASE_RATE, BLEND, RECALIBRATED, Columns, Project, project
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.handoff import AnyData, Compared, Gated, RecentData, Refitted, Selection
from shotclock.judging import performance
from shotclock.models import candidates as models
from shotclock.rows.labelling import first_of_each
from shotclock.rows.values import Input
from shotclock.steps.recipes import blending, fits
from shotclock.steps.recipes import record as track
from shotclock.store import records
from shotclock.store.run import Run, folder_of
from shotclock.store.tracking import Tracked, tracked
from shotclock.store.versions import registry
from shotclock.words import summaries


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
    candidate = _candidate(recipe, candidates, selection)
    everything = fits.frame(data.all)
    rows = track.known(rules, everything, data, candidate.rows, data.blocks.rows)
    base = champion if candidate.algorithm == RECALIBRATED else None
    shown = everything.iloc[data.blocks.judging :]

    def fit() -> models.Trained:
        if candidate.algorithm == BLEND:
            return blending.refit(run, candidates, selection, data)
        return fits.fit(run, candidate, rows, base.load() if base else None)

    made = _fitted(run, candidate, _Known(rows, shown, data.synthetic, fit), selection, why, base)
    earlier = track.judged(rules.columns, selection.candidates[recipe], data)
    labels = shown[rules.columns.target].to_numpy()
    return replace(
        made,
        measured=performance.by_rules(labels, earlier, rules.degradation),
        measured_on=str(_write_scores(run, rules.columns, shown, earlier, "refit_record")),
        summary=summaries.refit(recipe, len(rows), why),
    )


def _candidate(recipe: str, compared: Sequence[Compared], selection: Selection) -> Compared:
    if recipe == BLEND:
        return Compared(name=BLEND, algorithm=BLEND, rows="all", seed=selection.seed, tuned=None)
    return next(item for item in compared if item.name == recipe)


def base_rate(run: Run, selection: Selection, data: AnyData, shown: pd.DataFrame) -> Refitted:
    """The base rate of the rows to train on: what goes into service where nobody is and no challenger is proven better.

    Args:
        shown: the gate's rows, which it has not learnt from.
    """
    rules, rows = project(run.project), fits.frame(data.train)
    candidate = Compared(name=BASE_RATE, algorithm=BASE_RATE, rows="train", seed=selection.seed, tuned=None)
    why = "nobody is in service, and no candidate is proven better"
    known = _Known(rows, shown, data.synthetic, lambda: fits.fit(run, candidate, rows))
    made = _fitted(run, candidate, known, selection, why)
    labels, given = (
        fits.frame(made.scores)[name].to_numpy() for name in (rules.columns.target, rules.columns.probability)
    )
    measured = performance.by_rules(labels, given, rules.degradation)
    return replace(made, measured=measured, measured_on=made.scores, summary=f"\n\n{summaries.alone(made)}.")


@dataclass(frozen=True)
class _Known:
    """The rows that a fit learns from, those that it is shown on, and the fit."""

    learnt: pd.DataFrame
    shown: pd.DataFrame
    synthetic: bool
    fit: Callable[[], models.Trained]


def _fitted(
    run: Run, candidate: Compared, known: _Known, selection: Selection, why: str, base: registry.Version | None = None
) -> Refitted:
    """A candidate fitted on these rows, written down and stored, with what it gives to the others."""
    rows, shown = known.learnt, known.shown
    columns = project(run.project).columns
    ids = write_ids(folder_of(run) / registry.TRAINING_IDS, columns, rows, base)
    with tracked(run, "refit", records.Refit, name=candidate.name, parent=selection.training_run_id) as record:
        trained = known.fit()
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
    recipe = track.in_service(champion, tuple(selection.candidates))
    if champion is None or not recipe:
        return "", "the recipe in service does not compete here"
    new = int(
        track.unlearnt(champion, rules.columns, storage.read_table(storage.at(data.train), [rules.columns.id])).sum()
    )
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


def _write_scores(run: Run, columns: Columns, rows: pd.DataFrame, given: NDArray[Any], name: str) -> Address:
    path = folder_of(run) / f"{name}.parquet"
    table = pa.Table.from_pandas(rows.assign(**{columns.probability: given}), preserve_index=False)
    storage.write_table(table, path)
    return path
