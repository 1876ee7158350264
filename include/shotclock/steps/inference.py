"""The steps of batch inference: score each file, or partition of one, with the champion; then publish what was scored."""

from dataclasses import replace
from itertools import groupby

from shotclock.config import project
from shotclock.errors import ContractError, SourceError
from shotclock.files import dataset, storage
from shotclock.handoff import Cut, Published, ScoredBatch, ScoredPartition, Skipped, ValidBatch
from shotclock.models import scoring
from shotclock.rows import contract
from shotclock.steps import shadow
from shotclock.store.intake import passed_over
from shotclock.store.records import Application
from shotclock.store.run import Run, folder_of
from shotclock.store.tracking import Tracked, tracked
from shotclock.store.versions import registry, types
from shotclock.words import summaries

RESULT, QUARANTINE, SHADOW = "resultado_pipeline.parquet", "quarantine.parquet", "shadow.parquet"


def score(run: Run, batch: ValidBatch, tell: scoring.Tell = scoring.nobody) -> ScoredBatch | ScoredPartition | Skipped:
    """Score every row of one file, or of one partition of a large one, labelled or not: `resultado_pipeline.parquet`.

    The version before scores the same rows in the same pass: `shadow.parquet` beside it, see `steps.shadow`.

    A file is one MLflow run `PipelineAplicacao`; that of a partitioned one is made by `publish`, when all of it is there.
    A file of a folder that is refused is passed over, and stops no other.

    Args:
        tell: called now and then with the number of rows that are done.

    Raises:
        StoreError: nothing was promoted yet.
        ContractError: too many rows of the one file that was asked for break the contract.
    """
    try:
        return _score_partition(run, batch, batch.cut, tell) if batch.cut else _score_file(run, batch, tell)
    except (SourceError, ContractError) as error:
        if batch.named or error.may_pass:
            raise
        passed_over.add(run, "batches", batch.name, str(error))
        return Skipped(skip=f"passed over: {error}")


def _score_file(run: Run, batch: ValidBatch, tell: scoring.Tell) -> ScoredBatch:
    rules, champion = project(run.project), registry.require_champion(run.project)
    target, quarantine = _outputs(run, batch)
    beside = shadow.scorer(rules, shadow.of(run.project, champion), _beside(run, batch), batch.rows)
    with tracked(run, _step(batch), Application) as record:
        for path in (target, quarantine, _beside(run, batch)):
            dataset.make_room(path, parts=False)
        storage.withdraw(_beside(run, batch))  # that of an earlier try, with another shadow
        done = scoring.score_file(
            champion.load(),
            rules.columns,
            storage.at(batch.rows_path),
            target,
            quarantine,
            version=champion.number,
            max_bad_share=rules.quarantine.production,
            known=types.learnt(rules, champion),
            tell=tell,
            shadow=beside,
            shown=batch.path,
        )
        return _noted(record, batch, done, champion, target, shadow=beside)


def _score_partition(run: Run, batch: ValidBatch, cut: Cut, tell: scoring.Tell) -> ScoredPartition:
    """Write the partition's own files. Nobody reads them before `publish` names them in the marker of the whole."""
    rules, champion, outputs = project(run.project), registry.version(run.project, cut.version), _outputs(run, batch)
    for folder in outputs:
        dataset.make_room(folder, parts=True)
    name = dataset.part_name(cut.partition.number, cut.key)
    before, rows = shadow.there(run.project, cut.shadow), cut.partition.file_rows
    beside = shadow.scorer(rules, before, _beside(run, batch) / name, rows)
    if beside:
        dataset.make_room(_beside(run, batch), parts=True)
        storage.withdraw(beside.target)
    done = scoring.score_partition(
        champion.load(),
        rules.columns,
        storage.at(batch.rows_path),
        *(folder / name for folder in outputs),
        partition=cut.partition,
        repeated=storage.read_table(storage.at(cut.repeated))[scoring.REPEATED].to_numpy(),
        version=champion.number,
        known=types.learnt(rules, champion),
        tell=tell,
        shadow=beside,
    )
    start, end = cut.partition.start, cut.partition.start + cut.partition.rows
    return ScoredPartition(
        batch=replace(batch, summary="", cut=None),
        cut=cut,
        scored=done,
        part=_part(outputs[0] / name, done.scored),
        shadow=_part(beside.target, _rows(beside.target)) if beside else None,
        summary=f"Rows {start:,} to {end:,}: {summaries.scored(done, champion.number)}",
    )


def _part(path: storage.Address, rows: int) -> dataset.Part:
    return dataset.Part(path.name, rows, storage.digest(path) if rows else "")


def _rows(path: storage.Address) -> int:
    return dataset.rows(path) if storage.is_file(path) else 0


def _commit(run: Run, parts: list[ScoredPartition]) -> ScoredBatch:
    """Make the partitions of one file the whole result, unless too many of its rows break the contract.

    Raises:
        ContractError: too many do; what stood there before stays.
    """
    batch = parts[0].batch
    rules, champion = project(run.project), registry.version(run.project, parts[0].cut.version)
    target, quarantine = _outputs(run, batch)
    with tracked(run, _step(batch), Application) as record:
        done = scoring.merged([part.scored for part in parts])
        contract.refuse_above(
            done.quarantined, done.reasons, done.rows, batch.path, rules.quarantine.production, str(quarantine)
        )
        contract.refuse_empty(done.scored, f"{batch.path}, without the rows that break the contract")
        dataset.commit(target, [part.part for part in parts if part.scored.scored])
        dataset.keep(quarantine, [part.part.name for part in parts if part.scored.quarantined])
        beside = _commit_shadow(_beside(run, batch), parts)
        return _noted(record, batch, done, champion, target, partitions=len(parts), shadow=beside)


def _commit_shadow(target: storage.Address, parts: list[ScoredPartition]) -> scoring.Beside | None:
    """The same of the shadow's partitions; none of them count where one is missing."""
    found = [part.shadow for part in parts if part.shadow]
    filled = [part for part in found if part.rows]
    if len(found) < len(parts) or not filled:
        dataset.keep(target, [])
        return None
    dataset.commit(target, filled)
    return scoring.Beside(parts[0].cut.shadow, target)


def _step(batch: ValidBatch) -> str:
    return f"score/{batch.number}"


def _noted(
    record: Tracked,
    batch: ValidBatch,
    done: scoring.Scored,
    champion: registry.Version,
    target: storage.Address,
    partitions: int | None = None,
    shadow: scoring.Beside | None = None,
) -> ScoredBatch:
    """Write down what became of a batch."""
    beside = shadow if shadow and dataset.is_there(shadow.target) else None
    record.write(
        Application(
            model_version=champion.number,
            model_run=champion.run_id,
            rows=done.rows,
            scored=done.scored,
            quarantined=done.quarantined,
            positive=done.positive,
            mean_probability=done.mean_probability,
            champion=champion.number,
            batch=batch.number,
            predictions=str(target),
            source=batch.path,
            synthetic=batch.synthetic,
            predictions_sha256=dataset.digest(target),
            source_sha256=batch.sha256,
            partitions=partitions,
            shadow=beside.version if beside else None,
            shadow_predictions=str(beside.target) if beside else None,
            shadow_sha256=dataset.digest(beside.target) if beside else None,
        )
    )
    record.dataset("production", batch.path, batch.sha256, "scoring")
    return ScoredBatch(
        predictions=str(target),
        batch=batch.number,
        rows=done.scored,
        version=champion.number,
        mlflow_run_id=record.id,
        summary=summaries.scored(done, champion.number) + summaries.beside(beside.version if beside else None),
    )


def _outputs(run: Run, batch: ValidBatch) -> tuple[storage.Address, storage.Address]:
    folder = _folder(run, batch)
    return folder / RESULT, folder / QUARANTINE


def _beside(run: Run, batch: ValidBatch) -> storage.Address:
    return _folder(run, batch) / SHADOW


def _folder(run: Run, batch: ValidBatch) -> storage.Address:
    """The run's folder; where a project takes batches in, one below it for each: `a` for `a.parquet`, `a.csv` for `a.csv`."""
    folder = folder_of(run)
    return folder if project(run.project).data.batches is None else folder / batch.name.removesuffix(".parquet")


def publish(run: Run, scored: list[ScoredBatch | ScoredPartition] | None) -> Published | Skipped:
    """Show readers the new predictions, all at once: the link `data/<project>/predictions`.

    Of a file that was scored by partitions, these become one result first.

    Raises:
        ContractError: too many rows of such a file break the contract; nothing is shown.
    """
    partitions = [item for item in scored or () if isinstance(item, ScoredPartition)]
    files = groupby(partitions, key=lambda item: item.batch.number)
    committed = [done for _, of_one_file in files if (done := _committed(run, list(of_one_file)))]
    alone = [item for item in scored or () if isinstance(item, ScoredBatch)]
    whole = sorted([*alone, *committed], key=lambda item: item.batch)
    aside = [f"passed over: {noted.reason}" for noted in passed_over.standing(run.project) if noted.folder == "batches"]
    if not whole:
        return Skipped(skip="; ".join([f"nothing new to score: {_nothing(run)}", *aside]))
    storage.publish(folder_of(run), "predictions")
    registry.show_champion(run.project)
    rows, version = sum(item.rows for item in whole), whole[0].version
    counted = f"{rows:,} rows in {len(whole)} file(s), scored by v{version}"
    return Published(
        rows=rows,
        version=version,
        batches=tuple(item.batch for item in whole),
        summary="\n\n".join([counted, *(item.summary for item in committed), *aside]),
    )


def _committed(run: Run, parts: list[ScoredPartition]) -> ScoredBatch | None:
    """The whole of a file; None where it, or a part of it, was passed over."""
    batch = parts[0].batch
    if len(parts) < parts[0].cut.partition.of:
        return None
    try:
        return _commit(run, parts)
    except (SourceError, ContractError) as error:
        if batch.named or error.may_pass:
            raise
        passed_over.add(run, "batches", batch.name, str(error))
        return None


def _nothing(run: Run) -> str:
    champion = registry.champion(run.project)
    if champion is None:
        return registry.nobody(run.project)
    return f"champion v{champion.number} has scored every batch of its window"
