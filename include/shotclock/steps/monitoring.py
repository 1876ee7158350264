"""The steps of monitoring: has the data drifted, and is the model still good where labels have come?"""

import hashlib
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shotclock import drift, history, performance, registry, storage, windows
from shotclock.config import Project, project, settings
from shotclock.errors import StoreError
from shotclock.history import REFERENCE
from shotclock.runs import Run
from shotclock.steps import text
from shotclock.steps.intake import folder_of
from shotclock.steps.training import TRAINING_IDS
from shotclock.storage import Address

_SPARE = 4  # times `recent_rows` that are looked at in one batch: some rows have no label
_BATCH_ROWS = 131_072
_MOST_BATCHES = 1000  # how far back a window may reach
MOST_FOR_LABELS = 24  # batches before the window in which labelled rows are looked for


def drift_check(run: Run, version: int | None = None) -> dict[str, Any]:
    """Compare the window's features, predictions and labels with the champion's reference; MLflow run `Drift`, with report.

    Args:
        version: the model version whose newest window is judged; without it, the champion's.
    """
    rules, folder, judged = project(run.project), folder_of(run), _version(run, version)
    scored = newest_window(run.project, judged)
    window, rows = window_rows(rules, scored)
    needed = [*rules.columns.features, "probability", rules.columns.target]
    window = window.select(needed)  # texts would be a third of the memory
    found = drift.check(
        window.to_pandas(),
        _reference(run, judged),
        rules.columns.features,
        rules.drift,
        prediction="probability",
        target=rules.columns.target,
        current_rows=rows,
    )
    report = folder / "drift_report.html"
    if found.html:
        with storage.replacing(report) as partial:
            partial.write_text(found.html, encoding="utf-8")
    address = {"report": str(report)} if found.html else {}
    with registry.tracked(run, "drift", "Drift", kind="drift") as record:
        record.record(
            params={"threshold_share": rules.drift.share, "batches": len(scored["batches"])},
            metrics=found.metrics(),
            tags={
                "verdict": found.verdict.status,
                "reason": found.verdict.reason,
                "broken": ", ".join(found.broken),
                **_origin(scored),
                **address,
            },
        )
        record.json(found.to_dict(), "drift.json")
        if found.html:
            record.artifact(report)
    storage.publish(folder, "monitoring")
    told = {"verdict": found.verdict.status, "reason": found.verdict.reason, "window": scored["window"]}
    return {**told, **address, "mlflow_run_id": record.id, "summary": text.drift(found)}


def performance_check(run: Run, version: int | None = None) -> dict[str, Any]:
    """Measure the window's labelled rows that the model was not trained on against its reference; MLflow run `Performance`."""
    rules, judged = project(run.project), _version(run, version)
    scored, target, ids = newest_window(run.project, judged), rules.columns.target, rules.columns.id
    window, rows = window_rows(rules, scored)
    frame, reference = window.to_pandas(), _reference(run, judged)
    trained_on = storage.read_table(judged.artifact(TRAINING_IDS))[ids].to_numpy()
    labelled, reached = _labelled(rules, frame, scored, trained_on)
    known = reference[~np.isin(reference[ids], trained_on)]
    current = _measured(labelled, target, rules)
    verdict = performance.judge_performance(current, _measured(known, target, rules), rules.degradation)
    estimate = performance.estimate(frame["probability"].to_numpy())
    error = _estimate_error(labelled["probability"].to_numpy(), current)
    seen = [trained_on, reference[ids].to_numpy(), _decided_on(run.project, ids)]
    new = _new_labelled(rules, run.project, np.unique(np.concatenate(seen)))
    with registry.tracked(run, "performance", "Performance", kind="performance") as record:
        record.record(
            params={"batches": len(scored["batches"])},
            metrics={**current.metrics(), **_named(estimate), **error, "rows_scored": rows, "rows_new": new},
            tags={
                "verdict": verdict.status,
                "reason": verdict.reason,
                "labels_from": _files(reached),
                **_origin(scored),
            },
        )
        record.json(current.to_dict(), "performance.json")
    return {
        "verdict": verdict.status,
        "reason": verdict.reason,
        "window": scored["window"],
        "mlflow_run_id": record.id,
        "summary": text.performance(
            verdict, current, estimate, rows, error.get("estimate_log_loss_error"), _files(reached)
        ),
    }


def _labelled(
    rules: Project, window: pd.DataFrame, scored: dict[str, Any], trained_on: NDArray[Any]
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The window's labelled rows that the model was not trained on; and the batches that had to lend theirs.

    Labels may come later than rows. So where the window has too few of them for a verdict, the batches before it that the
    same version scored are asked, newest first, until there are enough.
    """
    columns = rules.columns

    def judged(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame[columns.target].notna() & ~np.isin(frame[columns.id], trained_on)]

    parts, reached = [judged(window)], []
    for batch in scored["older"][:MOST_FOR_LABELS]:
        if sum(map(len, parts)) >= rules.degradation.min_rows:
            break
        found = judged(window_rows(rules, {"batches": [batch]})[0].to_pandas())
        if len(found):
            parts.append(found)
            reached.append(batch)
    return pd.concat(parts), reached


def _estimate_error(probabilities: NDArray[Any], current: performance.Performance) -> dict[str, float]:
    """How far the estimate without labels was off, on the rows whose labels have come: above 0 it was too pessimistic."""
    estimated = performance.estimate(probabilities).log_loss
    if estimated is None or current.log_loss is None:
        return {}
    return {"estimate_log_loss_error": estimated - current.log_loss.value}


def _decided_on(name: str, ids: str) -> NDArray[Any]:
    """Ids of the rows that the newest decision was about, whichever version came out of it: a rollback is no news."""
    newest = registry.newest(name, "decision", tags={"reference": "True"})[0]
    known: NDArray[Any] = storage.read_table(registry.artifact(newest.info.run_id, REFERENCE), [ids])[ids].to_numpy()
    return known


def _new_labelled(rules: Project, name: str, known: NDArray[Any]) -> int:
    """Labelled rows, as far back as a retraining would reach, that neither the model's training nor the last decision knew.

    Rows that no retraining would use must not ask for one: they would ask again after each.
    """
    recent, _ = recent_rows(name)
    return int((~np.isin(np.unique(recent[rules.columns.id].to_numpy()), known)).sum())


def _version(run: Run, number: int | None) -> registry.Version:
    return registry.version(run.project, str(number)) if number else registry.require_champion(run.project)


def _measured(rows: pd.DataFrame, target: str, rules: Project) -> performance.Performance:
    judged = rules.degradation
    return performance.measure(
        rows[target].to_numpy(dtype=float),
        rows["probability"].to_numpy(),
        confidence=judged.confidence,
        resamples=judged.resamples,
        seed=judged.seed,
    )


def _named(estimate: performance.Estimate) -> dict[str, float]:
    found = {f"estimate_{name}": value for name, value in estimate.to_dict().items()}
    return {name: float(value) for name, value in found.items() if value is not None}


def _reference(run: Run, version: registry.Version) -> pd.DataFrame:
    """The rows that the decision which this version came out of was about, with its probabilities."""
    rows: pd.DataFrame = storage.read_table(history.reference(run.project, version)).to_pandas()
    return rows


def newest_window(name: str, version: registry.Version) -> dict[str, Any]:
    """The newest batches that `version` scored, reaching back until they hold the project's minimum of rows.

    Raises:
        StoreError: it has scored nothing yet.
    """
    wanted, kept, rows = project(name).drift.min_rows, [], 0
    batches = scored_batches(name, version)
    for batch in batches:
        if rows >= wanted:
            break
        kept.append(batch)
        rows += _rows(storage.at(batch["predictions"]))
    if not kept:
        raise StoreError(f"{version.uri} has scored nothing yet; trigger {name}.inference first")
    return {
        "window": hashlib.sha256(" ".join(batch["sha256"] for batch in kept).encode()).hexdigest()[:16],
        "champion": version.number,
        "batches": kept,
        "older": batches[len(kept) :],
        "synthetic": any(batch["synthetic"] == "True" for batch in kept),
    }


def scored_batches(name: str, version: registry.Version | None = None) -> list[dict[str, Any]]:
    """The batches that `version` (or any) scored, newest batch first, each with its newest predictions."""
    tags = {"champion": version.number} if version else None
    scorings = registry.newest(name, "application", tags=tags, most=_MOST_BATCHES)
    newest = {history.tag(run, "batch"): run for run in reversed(scorings)}
    batches = [_batch(newest[number]) for number in sorted(newest, key=int, reverse=True)]
    return [batch for batch in batches if storage.is_file(storage.at(batch["predictions"]))]


def _batch(run: Any) -> dict[str, Any]:
    found = {key: history.tag(run, key) for key in ("predictions", "source", "synthetic", "batch")}
    return {**found, "sha256": history.tag(run, "sha256.production")}


def _origin(scored: dict[str, Any]) -> dict[str, Any]:
    return {
        "window": scored["window"],
        "champion": scored["champion"],
        "batches": _files(scored["batches"]),
        "synthetic": scored["synthetic"],
    }


def _files(batches: list[dict[str, Any]]) -> str:
    return ", ".join(storage.at(batch["source"]).name for batch in batches)


def window_rows(rules: Project, scored: dict[str, Any]) -> tuple[pa.Table, int]:
    """The window's predictions with their labels, at most about `drift.max_rows` of them, and how many rows there are."""
    rows = sum(_rows(storage.at(batch["predictions"])) for batch in scored["batches"])
    share = min(1.0, rules.drift.max_rows / max(1, rows))
    parts = [_joined(rules, batch, share) for batch in scored["batches"]]
    return pa.concat_tables(parts, promote_options="permissive"), rows


def recent_rows(name: str) -> tuple[pa.Table, int]:
    """The labelled rows of the newest batches, back to the project's `recent_rows`, and how many batches these are.

    Of a batch that holds many times more, a seeded sample: memory goes with `recent_rows` and not with the batch.
    """
    rules, parts, rows = project(name), [], 0
    for batch in scored_batches(name):
        if rows >= rules.retraining.recent_rows:
            break
        share = min(1.0, _SPARE * rules.retraining.recent_rows / max(1, _rows(storage.at(batch["predictions"]))))
        labelled = _joined(rules, batch, share).select(rules.columns.all)
        labelled = labelled.filter(pc.is_valid(labelled[rules.columns.target]))
        parts.append(labelled)
        rows += labelled.num_rows
    if not parts:
        raise StoreError(f"project '{name}' has no predictions yet; trigger {name}.inference first")
    return pa.concat_tables(parts, promote_options="permissive"), len(parts)


def _rows(path: Address) -> int:
    with storage.open_parquet(path) as file:
        return int(file.metadata.num_rows)


def _joined(rules: Project, batch: dict[str, Any], share: float) -> pa.Table:
    columns = rules.columns
    wanted = [columns.id, columns.time, *columns.features, "probability"]
    predictions = _sampled(storage.at(batch["predictions"]), wanted, rules, share)
    return windows.with_labels(predictions, _labels(rules, batch, share), columns.id, columns.target)


def _labels(rules: Project, batch: dict[str, Any], share: float) -> pa.Table:
    """Id and label, one row an id: of the scored file, and of the files of labels that came later; the latest counts."""
    columns = rules.columns
    wanted = [columns.id, columns.target]
    files = [*reversed(_label_files(rules)), storage.at(batch["source"])]
    parts = [
        windows.labels(_sampled(path, wanted, rules, share), columns.target) for path in files if _has(path, wanted)
    ]
    return windows.first_of_each(pa.concat_tables(parts), columns.id) if parts else windows.no_labels(wanted)


def _label_files(rules: Project) -> list[Address]:
    """The files of labels that came later than their rows, in the order of their names."""
    if rules.data.labels is None:
        return []
    return storage.listing(storage.at(rules.data.labels, settings().data / "raw"), "*.parquet")


def _has(path: Address, wanted: list[str]) -> bool:
    """Whether the file holds these columns: a batch may come without labels."""
    with storage.open_parquet(path) as file:
        return set(wanted) <= set(file.schema_arrow.names)


def _sampled(path: Address, wanted: list[str], rules: Project, share: float) -> pa.Table:
    with storage.open_parquet(path) as file:
        schema = pa.schema([file.schema_arrow.field(name) for name in wanted])
    batches = storage.read_batches(path, wanted, _BATCH_ROWS)
    kept = windows.sample(batches, rules.columns.id, share=share, seed=rules.drift.seed)
    return schema.empty_table() if kept is None else kept.select(wanted)
