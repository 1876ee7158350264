"""The steps of a training: filter, split, candidates, compare, train, select, gate, verify, promote."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from shotclock.config import BASE_RATE, RECALIBRATED, Columns, GateRules, Project, project, settings
from shotclock.errors import HandoffError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.handoff import (
    AnyData,
    Approval,
    Candidate,
    Compared,
    Competitor,
    Done,
    FilteredRows,
    Gated,
    RawFile,
    RecentData,
    Refitted,
    Score,
    Selection,
    StoredModel,
    TrainedCandidate,
    TrainingData,
    ValidRows,
    Verified,
)
from shotclock.judging import gate as gates
from shotclock.judging import performance
from shotclock.judging.alerts import Decision
from shotclock.judging.gate.churn import Churn, churn
from shotclock.models import candidates as models
from shotclock.models.candidates.algorithms import chosen
from shotclock.models.candidates.pycaret_backend import PyCaret
from shotclock.models.candidates.sklearn_backend import ScikitLearn
from shotclock.models.searched import Tuned
from shotclock.rows import contract, splits
from shotclock.rows.values import Input
from shotclock.steps import refitting
from shotclock.steps.recipes import blending, fits, kept
from shotclock.steps.recipes import record as track
from shotclock.store import history, records, tracking
from shotclock.store.fields import visible
from shotclock.store.history import REFERENCE
from shotclock.store.records import Regime
from shotclock.store.run import Run, folder_of
from shotclock.store.server.artifacts import artifact
from shotclock.store.server.client import experiment_id
from shotclock.store.tracking import Tracked, tracked
from shotclock.store.versions import registry
from shotclock.store.versions import verify as verification
from shotclock.words import summaries
from shotclock.words.cards import contents, curves

log = logging.getLogger(__name__)
_UNSEARCHED = (RECALIBRATED, BASE_RATE)


def filter_rows(run: Run, source: ValidRows) -> FilteredRows:
    """Keep the labelled rows and the columns that the model uses: `data_filtered.parquet`."""
    rules, target = project(run.project), folder_of(run) / "data_filtered.parquet"
    rows = storage.read_table(storage.at(source.valid))
    contract.require_both_classes(rows[rules.columns.target], rules.columns.target, source.path)
    filtered = splits.filter_labelled(rows, rules.columns)
    storage.write_table(filtered, target)
    positive = float(np.mean(filtered[rules.columns.target].to_numpy()))
    file = RawFile(
        path=source.path,
        rows=source.rows,
        sha256=source.sha256,
        synthetic=source.synthetic,
        quarantined=source.quarantined,
    )
    summary = f"{filtered.num_rows:,} labelled rows of {source.rows:,}, {positive:.2%} positive"
    return FilteredRows(path=str(target), rows=filtered.num_rows, source=file, summary=summary)


def split(run: Run, filtered: FilteredRows, seed: int | None = None) -> TrainingData:
    """Cut the filtered rows into `base_train.parquet` and `base_test.parquet`, stratified; MLflow run `PreparacaoDados`."""
    rules, folder, source = project(run.project), folder_of(run), filtered.source
    seed = rules.split.seed if seed is None else seed
    table = storage.read_table(storage.at(filtered.path))
    share, folds = rules.split.test_share, rules.training.folds
    parts = splits.split(table, rules.columns.target, test_share=share, seed=seed, folds=folds)
    paths = folder / "base_train.parquet", folder / "base_test.parquet"
    for part, path in zip(parts, paths, strict=True):
        storage.write_table(part, path)
    train, test = (part.num_rows for part in parts)
    rows = {"raw": source.rows, "filtered": filtered.rows, "train": train, "test": test}
    used = {
        "test_share": rules.split.test_share,
        "seed": seed,
        "features": ", ".join(rules.columns.features),
    }
    with tracked(run, "prepare", records.Preparation) as record:
        counts = {**rows, "quarantined": source.quarantined}
        record.write(records.Preparation(rows=counts, settings=used, synthetic=source.synthetic))
        record.dataset("raw", source.path, source.sha256, "raw")
        for name, path in zip(("train", "test"), paths, strict=True):
            record.dataset(name, path, storage.digest(path), name)
    return TrainingData(
        train=str(paths[0]),
        test=str(paths[1]),
        all=filtered.path,
        file=source.path,
        split_seed=seed,
        rows=rows,
        sha256=source.sha256,
        synthetic=source.synthetic,
        mlflow_run_id=record.id,
        summary=f"{train:,} rows to train on, {test:,} for the gate, stratified by `{rules.columns.target}`, seed {seed}",
    )


def candidates(run: Run, names: list[str] | None = None) -> list[Candidate]:
    """Which algorithms compete, and on which rows each is trained; opens the MLflow run `Treinamento` above their runs."""
    algorithms = chosen(names or project(run.project).training.candidates)
    tracking.open_run(run, "training", records.Training)
    return [Candidate(name=algorithm, algorithm=algorithm, rows="train") for algorithm in algorithms]


def compare(run: Run, candidates: list[Candidate], data: AnyData, seed: int | None = None) -> list[Compared]:
    """Search each algorithm's settings by cross-validated log loss: one process with PyCaret, however many candidates.

    A retraining keeps those that an earlier one has found, until half of the rows to search on are new.
    """
    seed = project(run.project).training.seed if seed is None else seed
    algorithms = dict.fromkeys(item.algorithm for item in candidates if item.algorithm not in _UNSEARCHED)
    with _closing(run):
        rows = _tuned_on(data)
        found = _kept(run, algorithms, seed, rows) if isinstance(data, RecentData) else {}
        found |= _searched(run, [name for name in algorithms if name not in found], seed, rows)
    return [_compared(run, item, seed, found.get(item.algorithm)) for item in candidates]


def _kept(run: Run, algorithms: Iterable[str], seed: int, rows: pd.DataFrame) -> dict[str, Tuned]:
    """The settings that earlier retrainings have found and that still serve."""
    found = {name: kept.tuned(run, name, seed, rows) for name in algorithms}
    return {name: tuned for name, tuned in found.items() if tuned}


def _searched(run: Run, algorithms: Sequence[str], seed: int, rows: pd.DataFrame) -> dict[str, Tuned]:
    """The best settings of each algorithm on these rows."""
    if not algorithms:
        return {}
    known = fits.learnable(run, rows)
    entries = [models.Entry(name, fits.plan(run, name, seed), known) for name in algorithms]
    compared = models.compare(entries, _backend(project(run.project)))
    widened = (models.widened(entry, search) for entry, search in zip(entries, compared, strict=True))
    return {name: kept.found(run, search, rows) for name, search in zip(algorithms, widened, strict=True)}


def _tuned_on(data: AnyData) -> pd.DataFrame:
    """The rows that settings are searched on: older than any that a recipe is judged on."""
    return fits.frame(data.all).iloc[: data.blocks.first] if isinstance(data, RecentData) else fits.frame(data.train)


def _compared(run: Run, item: Candidate, seed: int, tuned: Tuned | None) -> Compared:
    summary = summaries.compared(item.name, tuned, run.id)
    return Compared(name=item.name, algorithm=item.algorithm, rows=item.rows, seed=seed, tuned=tuned, summary=summary)


def _backend(rules: Project) -> models.Searching:
    if rules.training.backend == "pycaret":
        return PyCaret(settings().pycaret_python, timedelta(minutes=rules.training.search_minutes))
    return ScikitLearn()


@contextmanager
def _closing(run: Run) -> Iterator[None]:
    """Close the MLflow run `Treinamento` as failed when the block fails."""
    try:
        yield
    except BaseException:
        tracking.close_run(tracking.find_run(run, "training").id, "FAILED")
        raise


def train(run: Run, candidate: Compared, data: AnyData) -> TrainedCandidate:
    """Fit one candidate's chosen settings on its training rows; a child run of `Treinamento`.

    A recipe of a retraining is fitted before each block, on all rows before it, and scores the block: its track record.
    """
    rules, name, retrained = project(run.project), candidate.name, isinstance(data, RecentData)
    path = storage.at(data.of(candidate.rows))
    parent = tracking.find_run(run, "training").id
    with _closing(run), tracked(run, f"train/{name}", records.Candidate, name=name, parent=parent) as record:
        trained, given = _trained(run, candidate, data)
        score = _score(rules, trained, given, data)
        model = folder_of(run) / "candidates" / f"{name}.pickle"
        fits.write_pickle(trained.model, model)
        sha256 = storage.digest(model)
        record.write(
            records.Candidate(
                algorithm=candidate.algorithm,
                backend=trained.backend,
                seed=candidate.seed,
                settings=trained.params,
                cv=trained.cv,
                validation_log_loss=None if given is None else score.log_loss,
                synthetic=data.synthetic,
                model_sha256=sha256,
                tuning=kept.tuning(run, candidate.algorithm, candidate.seed) if candidate.tuned and retrained else "",
                recipe=kept.recipe(run, candidate) if retrained else "",
            )
        )
        for key in ("log_loss", "roc_auc"):
            record.series(f"fold_{key}", [fold[key] for fold in trained.folds])
        record.json(trained.search, "search.json")
        record.dataset("train", path, storage.digest(path), "training")
        written = "" if given is None else str(track.keep(run, record, name, given))
        if candidate.tuned and retrained:
            kept.keep(record, candidate.tuned)
    return TrainedCandidate(
        name=name,
        rows=candidate.rows,
        model=str(model),
        model_sha256=sha256,
        cv=trained.cv,
        score=score,
        params={key: str(value) for key, value in trained.params.items()},
        seed=candidate.seed,
        cut_short=candidate.search is not None and candidate.search.cut_short,
        record=written,
        mlflow_run_id=record.id,
        summary=summaries.candidate(name, trained.cv, score, trained.params, len(trained.search))
        + (track.summary(run, given) if given is not None else ""),
    )


def _trained(run: Run, candidate: Compared, data: AnyData) -> tuple[models.Trained, pd.DataFrame | None]:
    """The candidate's model, and in a retraining its track record."""
    if isinstance(data, RecentData):
        return track.over_blocks(run, candidate, data)
    return fits.fit(run, candidate, fits.frame(data.train)), None


def _score(rules: Project, trained: models.Trained, given: pd.DataFrame | None, data: AnyData) -> Score:
    """What selection goes by: the track record of the rows that the model will serve, or else cross-validation."""
    if given is None or not isinstance(data, RecentData):
        return Score("cv_log_loss", trained.cv["log_loss"])
    return track.score(rules.columns, given, data)


def select(run: Run, trained: list[TrainedCandidate], data: AnyData) -> Selection:
    """The candidate with the lowest log loss becomes the challenger: `modelo_final.pickle`. The blend competes, if wanted."""
    blend = blending.blend(run, trained, data) if isinstance(data, RecentData) else None
    trained = [*trained, *([blend] if blend else [])]
    by_name = {item.name: item for item in trained}
    selection = models.select({name: item.score.log_loss for name, item in by_name.items()})
    winner, final = by_name[selection.winner], folder_of(run) / registry.MODEL_FILE
    with storage.replacing(final) as partial:
        partial.write_bytes(storage.read(storage.at(winner.model)))
    record = tracking.find_run(run, "training")
    score = {winner.score.metric: winner.score.log_loss}
    record.write(records.Training(winner=winner.name, score=score, reason=selection.reason))
    tracking.close_run(record.id)
    return Selection(
        winner=winner.name,
        reason=selection.reason,
        rows=winner.rows,
        model=str(final),
        mlflow_run_id=winner.mlflow_run_id,
        training_run_id=record.id,
        candidates={
            name: Competitor(
                model=item.model,
                model_sha256=item.model_sha256,
                score=item.score,
                mlflow_run_id=item.mlflow_run_id,
                record=item.record,
            )
            for name, item in by_name.items()
        },
        params=winner.params,
        seed=winner.seed,
        cut_short=winner.cut_short,
        summary="\n\n".join(
            [summaries.selection(winner.name, selection.reason, trained), *([blend.summary] if blend else [])]
        ),
    )


def gate(run: Run, selection: Selection, data: AnyData) -> Gated:
    """Challenger against champion on the same rows that neither has learnt from; without a champion, against the base rate.

    Every candidate's figures on these rows are written down here too, the one time that they are used. A challenger that may
    be promoted as it was measured is stored. Where nobody is in service and nothing is proven better, that is the base rate.
    """
    rules, champion = project(run.project), _opponent(run, selection)
    path, regime = _judged_on(run, champion, data)
    holdout = fits.frame(path)
    given = {name: _given(rules.columns, item, holdout, data) for name, item in selection.candidates.items()}
    met, old = _met(rules.columns, champion, data, holdout, given)
    holdout, scored = holdout[met], {name: probability[met] for name, probability in given.items()}
    features, labels = holdout[list(rules.columns.features)], holdout[rules.columns.target].to_numpy()
    ruling = gates.judge(old, scored[selection.winner], labels, _gate_rules(rules, selection, data))
    measured = {name: _measure(p, labels, selection.candidates[name], run) for name, p in scored.items()}
    scores = folder_of(run) / "gate_scores.parquet"
    storage.write_table(_scores(rules.columns, holdout, old, scored[selection.winner]), scores)
    number = champion.number if champion else None
    with tracked(run, "gate", records.Gate) as record:
        record.write(_ruled(ruling, number, selection, regime, rules))
        record.dataset("holdout", path, storage.digest(path), "gate")
        record.artifact(scores)
        stored = _store(run, selection, features) if ruling.promoted and not _refits(rules, data) else None
    instead = refitting.base_rate(run, selection, data, holdout) if champion is None and not ruling.promoted else None
    figures = {name: {key: f.value for key, f in found.figures.items()} for name, found in measured.items()}
    gated = Gated(
        champion=number,
        challenger=selection.winner,
        regime=regime,
        ruling=ruling,
        figures=figures,
        measured=measured[selection.winner],
        scores=str(scores),
        stored=stored,
        instead=instead,
        mlflow_run_id=record.id,
        summary=summaries.gate(number, selection.winner, regime, ruling, figures)
        + (instead.summary if instead else ""),
    )
    if ruling.promoted:
        Tracked(record.id, record.experiment).artifact(contents.model_card(run, selection, gated, data))
    return gated


def _refits(rules: Project, data: AnyData) -> bool:
    """Whether what ships is a recipe fitted once more, on all that is known."""
    return isinstance(data, RecentData) and rules.retraining.ships == "refit"


def _given(columns: Columns, item: Competitor, holdout: pd.DataFrame, data: AnyData) -> NDArray[Any]:
    """What a candidate gives to the gate's rows: of a recipe its track record, whose models had not learnt from them."""
    if isinstance(data, RecentData):
        return track.judged(columns, item, data)
    model = fits.read_pickle(storage.at(item.model), item.model_sha256)
    return fits.probability(model, holdout, list(columns.features))


def _met(
    columns: Columns,
    champion: registry.Version | None,
    data: AnyData,
    holdout: pd.DataFrame,
    given: dict[str, NDArray[Any]],
) -> tuple[NDArray[np.bool_], NDArray[Any] | None]:
    """The rows that champion and challenger meet on, as a mask, and what the champion gives to these.

    That is what it says itself where it has not learnt from the row, and else what its recipe had said before: of the recipes
    that compete here, or as it was kept with the rows that it was judged on.
    """
    ids = holdout[columns.id].to_numpy()
    fresh = gates.untouched(ids, *(storage.read_column(storage.at(path), columns.id) for path in data.seen))
    if champion is None:
        return fresh, None
    before, recipe = np.full(len(holdout), np.nan), track.in_service(champion, tuple(given))
    if isinstance(data, RecentData) and recipe:
        before = given[recipe]
    elif history.BEFORE in holdout:
        before = holdout[history.BEFORE].to_numpy()
    own = gates.untouched(ids, storage.read_column(champion.training_ids(), columns.id))
    old = np.where(own, fits.probability(champion.load(), holdout, list(columns.features)), before)
    met = fresh & ~np.isnan(old)
    return met, old[met]


def _gate_rules(rules: Project, selection: Selection, data: AnyData) -> GateRules:
    """The project's; where the same rows chose the challenger, more confidence: one of as many chances (Bonferroni)."""
    if not isinstance(data, RecentData) or data.blocks.apart:
        return rules.gate
    confidence = 1 - (1 - rules.gate.confidence) / len(selection.candidates)
    return rules.gate.model_copy(update={"confidence": confidence})


def _store(run: Run, selection: Selection, features: pd.DataFrame) -> StoredModel:
    model = fits.read_pickle(storage.at(selection.model), selection.candidates[selection.winner].model_sha256)
    inputs = Input.of(project(run.project).columns.features)
    return registry.store(run, selection.mlflow_run_id, model, features.head(5), inputs)


def _ruled(
    ruling: gates.Ruling, champion: str | None, selection: Selection, regime: Regime, project: Project
) -> records.Gate:
    gain = ruling.gain
    return records.Gate(
        champion=champion,
        challenger=selection.winner,
        min_gain=project.gate.min_gain,
        rules=project.gate.model_dump(exclude={"min_gain"}),
        rows=ruling.rows,
        champion_log_loss=ruling.champion_log_loss,
        challenger_log_loss=ruling.challenger_log_loss,
        gain=gain.value if gain else None,
        gain_low=gain.low if gain else None,
        gain_high=gain.high if gain else None,
        power=ruling.power,
        more_rows=ruling.more_rows,
        outcome=ruling.outcome,
        reason=ruling.because,
        regime=regime,
        training_run=selection.training_run_id,
    )


def _opponent(run: Run, selection: Selection) -> registry.Version | None:
    """The champion; for a run that is repeated after its own challenger took over, the one that this replaced."""
    champion = registry.champion(run.project)
    if champion is None or (champion.origin.flow, champion.origin.run) != (run.flow, run.id):
        return champion
    made = tracking.find_run(run, "decision").written(records.Change)
    return registry.version(run.project, made.before) if made and made.before else None


def _judged_on(run: Run, champion: registry.Version | None, data: AnyData) -> tuple[Address, Regime]:
    """The gate's rows, and whose regime they are of: the one that the champion serves.

    Once a champion was judged on production rows, a model from the training file must prove itself on those too: on its
    own test rows it would win, and lose in production.
    """
    if isinstance(data, RecentData):
        return storage.at(data.test), "production"
    decided = history.referring(run.project, champion) if champion else None
    if decided and decided.record.regime == "production":
        return artifact(decided.id, REFERENCE), "production"
    return storage.at(data.test), "training"


def _scores(columns: Columns, holdout: pd.DataFrame, old: NDArray[Any] | None, new: NDArray[Any]) -> pa.Table:
    """The gate's rows with the champion's and the challenger's probabilities."""
    named = holdout.copy(deep=False)
    named[columns.probability] = new
    if old is not None:
        named[columns.output(history.CHAMPIONS)] = old
    return pa.Table.from_pandas(named, preserve_index=False)


def _measure(
    probability: NDArray[Any], labels: NDArray[Any], candidate: Competitor, run: Run
) -> performance.Performance:
    """One candidate's figures on the holdout, also written to its run with its curves."""
    measured = performance.by_rules(labels, probability, project(run.project).degradation)
    record = Tracked(candidate.mlflow_run_id, experiment_id(run.project))
    record.write(records.Holdout(holdout={name: figure.value for name, figure in measured.figures.items()}))
    if measured.gap is None:
        record.text(curves.curves(labels, probability), "holdout_curves.svg")
    return measured


def verify(run: Run, decision: Gated, refitted: Refitted | None = None, apart: bool = False) -> Verified:
    """Read what is to be promoted back as whoever serves it will: it must give the probabilities that were written down.

    Where the champion stays as it is there is nothing to verify.

    Args:
        decision: what the gate said.
        refitted: the recipe fitted on everything, where that ships.
        apart: in a fresh process, for a caller that has trained in this one. A task of Airflow is a process of its own.

    Raises:
        StoreError: the model cannot be read back, was changed since, or gives other probabilities.
    """
    fit = decision.ships(refitted)
    model, rows = (fit.stored, fit.scores) if fit else (decision.stored, decision.scores)
    if model is None:
        return Verified(summary="Nothing to verify: the champion stays.")
    how = verification.verify_apart if apart else verification.verify
    rules = project(run.project)
    difference = how(model, storage.at(rows), rules.columns.probability)
    changes = _churn(rules, decision.champion, fits.frame(rows))
    gate = Tracked(decision.mlflow_run_id, experiment_id(run.project))
    gate.write(
        records.Verification(
            verified_difference=difference,
            verified_sha256=model.sha256,
            churn=changes.flat() if changes else {},
        )
    )
    told = [summaries.verification(fit.recipe if fit else decision.challenger, difference)]
    held = ""
    if changes and decision.champion:
        told.append(changes.told(decision.champion))
        held = changes.held(rules.gate)
    return Verified(
        model=model,
        difference=difference,
        churn=changes,
        held=held,
        mlflow_run_id=gate.id,
        summary="\n\n".join([*told, *([f"**Held**: {held}"] if held else [])]),
    )


def _churn(rules: Project, champion: str | None, rows: pd.DataFrame) -> Churn | None:
    """Between the champion and what is to take over, whose probabilities stand beside the rows."""
    if champion is None:
        return None
    old = fits.probability(registry.version(rules.name, champion).load(), rows, list(rules.columns.features))
    return churn(old, rows[rules.columns.probability].to_numpy(), rules.gate)


def promote(
    run: Run,
    selection: Selection,
    decision: Gated,
    verified: Verified,
    data: AnyData,
    refitted: Refitted | None = None,
    approval: Approval | None = None,
) -> Done:
    """Act on the gate's ruling: register what was verified and move the alias; or keep the champion and say why.

    The recipe in service that was refitted is promoted too, whatever the gate said of the challenger. The alias moves last,
    and only if the files are still those that were verified and the champion the one that the gate measured. A rollback that
    came after this run was asked for stands, as long as nobody approves of the challenger all the same.

    Args:
        decision: what the gate said.
        verified: what was read back.
        refitted: the recipe fitted on everything, where that ships.
        approval: whether a person or the mode agrees; without it, the gate alone decides, unless it was `held`.
    """
    gated = replace(decision, churn=verified.churn)
    answer = approval or Approval(approved=not verified.held, because=verified.held)
    fit = gated.ships(refitted)
    asked = gated.ruling.promoted or fit is not None
    undone = _rolled_back(run, answer) if asked else None
    promoted = asked and answer.approved and not undone
    ruled = summaries.ruled(gated.ruling, fit if promoted else None)
    reason = "; ".join(part for part in (visible(answer.because), _stands(undone) if undone else "", ruled) if part)
    before = undone.champion if undone else gated.champion or ""
    outcome: Literal["promote", "keep"] = "promote" if promoted else "keep"
    with tracked(run, "decision", records.Decision, name=f"Decision: {outcome}") as record:
        version = _register(run, selection, gated, verified, data, fit) if promoted else None
        reference = _reference(run, selection, gated, data, version)
        if reference:
            record.artifact(reference)
        told = records.Decision(
            decision=outcome,
            reason=reason,
            by=answer.by or "gate",
            before=before,
            after=version.number if version else before,
            gate_run=gated.mlflow_run_id,
            gate_outcome=gated.ruling.outcome,
            regime=gated.regime,
            window=data.window if isinstance(data, RecentData) else "",
            answers=data.cause.answers if isinstance(data, RecentData) else (),
            reference=bool(reference),
            flow=run.flow,
            labelled_rows=data.rows["test"],
        )
        record.artifact(contents.decision_page(run, selection, gated, data, told))
        if version is not None:
            card = contents.model_card(run, selection, gated, data, version, reference, fit)
            Tracked(version.run_id, record.experiment).artifact(card)
        record.write(told)
        if version is not None:
            registry.promote(version, expected=gated.champion)
            log.info("%s is the champion: %s", version.uri, reason)
    return _done(told, record.id, version, gated, ruled)


def _done(told: records.Decision, run_id: str, version: registry.Version | None, gated: Gated, ruled: str) -> Done:
    done = Done(decision=told.decision, reason=told.reason, by=told.by, mlflow_run_id=run_id)
    if version is None:
        skip, summary = f"the champion stays: {told.reason}", f"**keep**: {told.reason}"
        return replace(done, champion=told.after or "", skip=skip, summary=summary)
    return replace(done, version=version.number, summary=summaries.promotion(version.uri, gated.champion, ruled))


def _rolled_back(run: Run, answer: Approval) -> Decision | None:
    """The rollback that this promotion would undo."""
    if not answer.approved or answer.by:  # a person, who has seen it
        return None
    newest = history.replaced_since(run.project, run.asked)
    return newest if newest and newest.outcome == "rollback" else None


def _stands(rollback: Decision) -> str:
    return (
        f"v{rollback.champion} was put back into service after this run was asked for (rollback `{rollback.run}`: "
        f"{rollback.reason}), and stays; to replace it, start a new run"
    )


def _register(
    run: Run, selection: Selection, gated: Gated, verified: Verified, data: AnyData, refitted: Refitted | None
) -> registry.Version:
    """Register what was verified with all that it takes to trace and to judge it.

    Raises:
        HandoffError: it was not verified.
    """
    if verified.model is None:
        raise HandoffError("promote: the gate says promote, but no challenger was verified; run gate and verify again")
    shipped = refitted.shipped(selection) if refitted else selection
    ids = storage.at(refitted.training_ids) if refitted else _write_training_ids(run, selection, gated, data)
    made = Tracked(shipped.mlflow_run_id, experiment_id(run.project))
    for path in (ids, storage.at(shipped.model)):
        made.artifact(path)
    origin = records.Origin(
        algorithm=shipped.winner,
        reason=summaries.ruled(gated.ruling, refitted),
        cause=run.cause,
        flow=run.flow,
        run=run.id,
        data_sha256=data.sha256,
        rows_path=data.everything,
        model_sha256=refitted.model_sha256 if refitted else selection.candidates[selection.winner].model_sha256,
        training_ids_sha256=storage.digest(ids),
        synthetic=data.synthetic,
        model_card=f"runs:/{shipped.mlflow_run_id}/{contents.MODEL_CARD}",
    )
    return registry.register(run, shipped.mlflow_run_id, verified.model, origin)


def _write_training_ids(run: Run, selection: Selection, gated: Gated, data: AnyData) -> Address:
    """The ids of all rows that the measured model has learnt from: of a recipe those before the newest block.

    A recalibrated champion still holds the model that it was made of, and so all that this one had learnt from.
    """
    rules, path = project(run.project), folder_of(run) / registry.TRAINING_IDS
    rows = fits.frame(data.of("all") if isinstance(data, RecentData) else data.train)
    if isinstance(data, RecentData):
        rows = track.known(rules, rows, data, selection.rows, data.blocks.spans[-1].start)
    recalibrated = selection.winner == RECALIBRATED and gated.champion
    base = registry.version(run.project, gated.champion) if recalibrated and gated.champion else None
    return refitting.write_ids(path, rules.columns, rows, base)


def _reference(
    run: Run, selection: Selection, gated: Gated, data: AnyData, version: registry.Version | None
) -> Address | None:
    """The rows that the next windows are measured against, with the probabilities of the model that is now in service.

    After a first training these are the gate's rows. After a retraining it is the recent window that it was about: what the
    model has learnt from there has the probability that its recipe gave before, and is marked. A training that changed
    nothing leaves the reference as it is.
    """
    path, rules = folder_of(run) / REFERENCE, project(run.project)
    if isinstance(data, RecentData):
        serving = version or registry.require_champion(run.project)
        before = registry.version(run.project, gated.champion) if gated.champion else serving
        rows = track.reference(rules, serving, before, selection, data)
    elif version is not None:
        scores = gated.instead.scores if gated.instead else gated.scores
        rows = fits.frame(scores).drop(columns=rules.columns.output(history.CHAMPIONS), errors="ignore")
    else:
        return None
    storage.write_table(pa.Table.from_pandas(rows, preserve_index=False), path)
    return path
