"""The steps of batch inference: score each file with the champion, then publish what was scored."""

from collections.abc import Iterable
from typing import Any

from shotclock import registry, scoring, storage
from shotclock.config import project
from shotclock.runs import Run
from shotclock.steps import text
from shotclock.steps.intake import folder_of


def score(run: Run, batch: dict[str, Any], tell: scoring.Tell = scoring.nobody) -> dict[str, Any]:
    """Score every row of one file, labelled or not: `resultado_pipeline.parquet`; MLflow run `PipelineAplicacao`.

    Args:
        tell: called now and then with the number of rows that are done.

    Raises:
        StoreError: nothing was promoted yet.
        ContractError: too many rows break the contract.
    """
    rules, champion, path = project(run.project), registry.require_champion(run.project), storage.at(batch["path"])
    folder = _folder(run, batch)
    target = folder / "resultado_pipeline.parquet"
    with registry.tracked(run, f"score/{batch['number']}", "PipelineAplicacao", kind="application") as record:
        done = scoring.score_file(
            champion.load(),
            rules.columns,
            path,
            target,
            folder / "quarantine.parquet",
            version=champion.number,
            max_bad_share=rules.quarantine.production,
            tell=tell,
        )
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
                "source": path,
                "synthetic": batch["synthetic"],
                "sha256.predictions": storage.digest(target),
            },
        )
        record.dataset("production", path, batch["sha256"], "scoring")
    return {
        "predictions": str(target),
        "batch": batch["number"],
        "rows": done.scored,
        "version": champion.number,
        "mlflow_run_id": record.id,
        "summary": text.scored(done.scored, done.quarantined, done.reasons, champion.number, done.mean_probability),
    }


def _folder(run: Run, batch: dict[str, Any]) -> storage.Address:
    """The run's folder; where a project takes batches in, one below it for each."""
    folder = folder_of(run)
    return folder if project(run.project).data.batches is None else folder / storage.at(batch["name"]).stem


def publish(run: Run, scored: Iterable[dict[str, Any]] | None) -> dict[str, Any]:
    """Show readers the new predictions, all at once: the link `data/<project>/predictions`."""
    scored = list(scored or [])
    if not scored:
        champion = registry.champion(run.project)
        done = f"champion v{champion.number} has scored every batch of its window" if champion else ""
        return {
            "skip": f"nothing new to score: {done or f'there is no champion yet; trigger {run.project}.training first'}"
        }
    storage.publish(folder_of(run), "predictions")
    rows = sum(item["rows"] for item in scored)
    told = {"rows": rows, "version": scored[0]["version"], "batches": [item["batch"] for item in scored]}
    return {**told, "summary": f"{rows:,} rows in {len(scored)} file(s), scored by v{told['version']}"}
