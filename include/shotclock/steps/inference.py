"""The steps of batch inference: score each file, or partition of one, with the champion; then publish what was scored."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict
from itertools import groupby
from typing import Any

from shotclock.config import project
from shotclock.files import dataset, storage
from shotclock.models import scoring
from shotclock.rows import contract
from shotclock.store import registry, tracking
from shotclock.store.run import Run, folder_of
from shotclock.words import summaries

RESULT, QUARANTINE = "resultado_pipeline.parquet", "quarantine.parquet"


def score(run: Run, batch: dict[str, Any], tell: scoring.Tell = scoring.nobody) -> dict[str, Any]:
    """Score every row of one file, or of one partition of a large one, labelled or not: `resultado_pipeline.parquet`.

    A file is one MLflow run `PipelineAplicacao`; that of a partitioned one is made by `publish`, when all of it is there.

    Args:
        tell: called now and then with the number of rows that are done.

    Raises:
        StoreError: nothing was promoted yet.
        ContractError: too many rows of the file break the contract.
    """
    if "partition" in batch:
        return _score_partition(run, batch, tell)
    rules, champion = project(run.project), registry.require_champion(run.project)
    target, quarantine = _outputs(run, batch)
    with _application(run, batch) as record:
        dataset.make_room(target, parts=False)
        dataset.make_room(quarantine, parts=False)
        done = scoring.score_file(
            champion.load(),
            rules.columns,
            storage.at(batch["path"]),
            target,
            quarantine,
            version=champion.number,
            max_bad_share=rules.quarantine.production,
            tell=tell,
        )
        _note(record, batch, done, champion, target)
    return _told(batch, done, champion, target, record)


def _score_partition(run: Run, batch: dict[str, Any], tell: scoring.Tell) -> dict[str, Any]:
    """Write the partition's own files. Nobody reads them before `publish` names them in the marker of the whole."""
    champion, part = registry.version(run.project, batch["version"]), scoring.Partition(**batch["partition"])
    outputs = _outputs(run, batch)
    for folder in outputs:
        dataset.make_room(folder, parts=True)
    name = dataset.part_name(part.number, batch["key"])
    done = scoring.score_partition(
        champion.load(),
        project(run.project).columns,
        storage.at(batch["path"]),
        *(folder / name for folder in outputs),
        partition=part,
        repeated=storage.read_table(storage.at(batch["repeated"]))[scoring.REPEATED].to_numpy(),
        version=champion.number,
        tell=tell,
    )
    sha256 = storage.digest(outputs[0] / name) if done.scored else ""
    written = {"scored": asdict(done), "part": asdict(dataset.Part(name, done.scored, sha256))}
    summary = summaries.scored(done.scored, done.quarantined, done.reasons, champion.number, done.mean_probability)
    return {**batch, **written, "summary": f"Rows {part.start:,} to {part.start + part.rows:,}: {summary}"}


def _commit(run: Run, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """Make the partitions of one file the whole result, unless too many of its rows break the contract.

    Raises:
        ContractError: too many do; what stood there before stays.
    """
    batch = parts[0]
    rules, champion = project(run.project), registry.version(run.project, batch["version"])
    target, quarantine = _outputs(run, batch)
    with _application(run, batch) as record:
        done = scoring.merged([scoring.Scored(**part["scored"]) for part in parts])
        contract.refuse_above(
            done.quarantined, done.reasons, done.rows, batch["path"], rules.quarantine.production, str(quarantine)
        )
        contract.refuse_empty(done.scored, f"{batch['path']}, without the rows that break the contract")
        dataset.commit(target, [dataset.Part(**part["part"]) for part in parts if part["scored"]["scored"]])
        dataset.keep(quarantine, [part["part"]["name"] for part in parts if part["scored"]["quarantined"]])
        _note(record, batch, done, champion, target)
        record.record(params={"partitions": len(parts)})
    return _told(batch, done, champion, target, record)


def _application(run: Run, batch: dict[str, Any]) -> AbstractContextManager[tracking.Tracked]:
    return tracking.tracked(run, f"score/{batch['number']}", "PipelineAplicacao", kind="application")


def _note(
    record: tracking.Tracked,
    batch: dict[str, Any],
    done: scoring.Scored,
    champion: registry.Version,
    target: storage.Address,
) -> None:
    record.record(
        params={"model_version": champion.number, "model_run": champion.run_id},
        metrics={
            "rows": done.rows,
            "rows_scored": done.scored,
            "rows_quarantined": done.quarantined,
            "rows_positive": done.positive,
            "mean_probability": done.mean_probability,
        },
        tags={
            "champion": champion.number,
            "batch": batch["number"],
            "predictions": target,
            "source": batch["path"],
            "synthetic": batch["synthetic"],
            "sha256.predictions": dataset.digest(target),
        },
    )
    record.dataset("production", batch["path"], batch["sha256"], "scoring")


def _told(
    batch: dict[str, Any],
    done: scoring.Scored,
    champion: registry.Version,
    target: storage.Address,
    record: tracking.Tracked,
) -> dict[str, Any]:
    return {
        "predictions": str(target),
        "batch": batch["number"],
        "rows": done.scored,
        "version": champion.number,
        "mlflow_run_id": record.id,
        "summary": summaries.scored(
            done.scored, done.quarantined, done.reasons, champion.number, done.mean_probability
        ),
    }


def _outputs(run: Run, batch: dict[str, Any]) -> tuple[storage.Address, storage.Address]:
    folder = _folder(run, batch)
    return folder / RESULT, folder / QUARANTINE


def _folder(run: Run, batch: dict[str, Any]) -> storage.Address:
    """The run's folder; where a project takes batches in, one below it for each."""
    folder = folder_of(run)
    return folder if project(run.project).data.batches is None else folder / storage.at(batch["name"]).stem


def publish(run: Run, scored: Iterable[dict[str, Any]] | None) -> dict[str, Any]:
    """Show readers the new predictions, all at once: the link `data/<project>/predictions`.

    Of a file that was scored by partitions, these become one result first.

    Raises:
        ContractError: too many rows of such a file break the contract; nothing is shown.
    """
    given = list(scored or [])
    if not given:
        champion = registry.champion(run.project)
        done = f"champion v{champion.number} has scored every batch of its window" if champion else ""
        return {
            "skip": f"nothing new to score: {done or f'there is no champion yet; trigger {run.project}.training first'}"
        }
    parts = groupby((item for item in given if "partition" in item), key=lambda part: part["number"])
    committed = [_commit(run, list(of_one_file)) for _, of_one_file in parts]
    whole = sorted([item for item in given if "partition" not in item] + committed, key=lambda item: item["batch"])
    storage.publish(folder_of(run), "predictions")
    rows = sum(item["rows"] for item in whole)
    told = {"rows": rows, "version": whole[0]["version"], "batches": [item["batch"] for item in whole]}
    counted = f"{rows:,} rows in {len(whole)} file(s), scored by v{told['version']}"
    return {**told, "summary": "\n\n".join([counted, *(item["summary"] for item in committed)])}
