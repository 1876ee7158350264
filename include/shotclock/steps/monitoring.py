"""The steps of monitoring: has the data drifted, and is the model still good where labels have come?"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from shotclock.config import Project, project
from shotclock.files import storage
from shotclock.judging import drift, performance
from shotclock.store import artifacts, queries, registry, tracking
from shotclock.store.history import REFERENCE, TRAINING_IDS
from shotclock.store.run import Run, folder_of
from shotclock.store.window import (
    MOST_FOR_LABELS,
    files_of,
    newest_window,
    origin,
    recent_rows,
    reference_rows,
    tally_of,
    window_rows,
)
from shotclock.words import summaries


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
        reference_rows(run.project, judged),
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
    with tracking.tracked(run, "drift", "Drift", kind="drift") as record:
        record.record(
            params={"threshold_share": rules.drift.share, "batches": len(scored["batches"])},
            metrics=found.metrics(),
            tags={
                "verdict": found.verdict.status,
                "reason": found.verdict.reason,
                "broken": ", ".join(found.broken),
                **origin(scored),
                **address,
            },
        )
        record.json(found.to_dict(), "drift.json")
        if found.html:
            record.artifact(report)
    storage.publish(folder, "monitoring")
    told = {"verdict": found.verdict.status, "reason": found.verdict.reason, "window": scored["window"]}
    return {**told, **address, "mlflow_run_id": record.id, "summary": summaries.drift(found)}


def performance_check(run: Run, version: int | None = None) -> dict[str, Any]:
    """Measure the window's labelled rows that the model was not trained on against its reference; MLflow run `Performance`."""
    rules, judged = project(run.project), _version(run, version)
    scored, target, ids = newest_window(run.project, judged), rules.columns.target, rules.columns.id
    window, rows = window_rows(rules, scored)
    frame, reference = window.to_pandas(), reference_rows(run.project, judged)
    trained_on = storage.read_table(judged.artifact(TRAINING_IDS))[ids].to_numpy()
    current, labelled, reached = _current(rules, frame, rows, scored, trained_on)
    known = reference[~np.isin(reference[ids], trained_on)]
    verdict = performance.judge_performance(current, _measured(known, target, rules), rules.degradation)
    estimate = performance.estimate(frame["probability"].to_numpy())
    error = _estimate_error(labelled, target)
    seen = [trained_on, reference[ids].to_numpy(), _decided_on(run.project, ids)]
    new = _new_labelled(rules, run.project, np.unique(np.concatenate(seen)))
    with tracking.tracked(run, "performance", "Performance", kind="performance") as record:
        record.record(
            params={"batches": len(scored["batches"])},
            metrics={**current.metrics(), **_named(estimate), **error, "rows_scored": rows, "rows_new": new},
            tags={
                "verdict": verdict.status,
                "reason": verdict.reason,
                "labels_from": files_of(reached),
                **origin(scored),
            },
        )
        record.json(current.to_dict(), "performance.json")
    return {
        "verdict": verdict.status,
        "reason": verdict.reason,
        "window": scored["window"],
        "mlflow_run_id": record.id,
        "summary": summaries.performance(
            verdict, current, estimate, rows, error.get("estimate_log_loss_error"), files_of(reached)
        ),
    }


def _current(
    rules: Project, window: pd.DataFrame, rows: int, scored: dict[str, Any], trained_on: NDArray[Any]
) -> tuple[performance.Performance, pd.DataFrame, list[dict[str, Any]]]:
    """How good the model is on the window's labelled rows that it was not trained on.

    All of them count, also where `window` holds a sample of its `rows` rows: then they are read as a stream and tallied.

    Returns:
        The figures, the labelled rows of `window` with those that were lent to it, and the batches that had to lend them.
    """
    if rows <= rules.drift.max_rows:
        labelled, reached = _labelled(rules, window, scored, trained_on)
        return _measured(labelled, rules.columns.target, rules), labelled, reached
    tally, reached = _tallied(rules, scored, trained_on)
    judged = rules.degradation
    current = tally.measure(confidence=judged.confidence, resamples=judged.resamples, seed=judged.seed)
    return current, _judged(window, rules, trained_on), reached


def _judged(frame: pd.DataFrame, rules: Project, trained_on: NDArray[Any]) -> pd.DataFrame:
    return frame[frame[rules.columns.target].notna() & ~np.isin(frame[rules.columns.id], trained_on)]


def _labelled(
    rules: Project, window: pd.DataFrame, scored: dict[str, Any], trained_on: NDArray[Any]
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """The window's labelled rows that the model was not trained on; and the batches that had to lend theirs.

    Labels may come later than rows. So where the window has too few of them for a verdict, the batches before it that the
    same version scored are asked, newest first, until there are enough.
    """
    parts, reached = [_judged(window, rules, trained_on)], []
    for batch in scored["older"][:MOST_FOR_LABELS]:
        if sum(map(len, parts)) >= rules.degradation.min_rows:
            break
        found = _judged(window_rows(rules, {"batches": [batch]})[0].to_pandas(), rules, trained_on)
        if len(found):
            parts.append(found)
            reached.append(batch)
    return pd.concat(parts), reached


def _tallied(
    rules: Project, scored: dict[str, Any], trained_on: NDArray[Any]
) -> tuple[performance.Tally, list[dict[str, Any]]]:
    """As `_labelled`, of rows that need not fit in memory."""
    tally, reached = tally_of(rules, scored["batches"], trained_on), []
    for batch in scored["older"][:MOST_FOR_LABELS]:
        if tally.rows >= rules.degradation.min_rows:
            break
        found = tally_of(rules, [batch], trained_on)
        if found.rows:
            tally += found
            reached.append(batch)
    return tally, reached


def _estimate_error(labelled: pd.DataFrame, target: str) -> dict[str, float]:
    """How far the estimate without labels was off, on the rows whose labels have come: above 0 it was too pessimistic."""
    estimated = performance.estimate(labelled["probability"].to_numpy()).log_loss
    if estimated is None:
        return {}
    real = performance.losses(labelled[target].to_numpy(dtype=float), labelled["probability"].to_numpy()).mean()
    return {"estimate_log_loss_error": estimated - float(real)}


def _decided_on(name: str, ids: str) -> NDArray[Any]:
    """Ids of the rows that the newest decision was about, whichever version came out of it: a rollback is no news."""
    newest = queries.newest(name, "decision", tags={"reference": "True"})[0]
    known: NDArray[Any] = storage.read_table(artifacts.artifact(newest.info.run_id, REFERENCE), [ids])[ids].to_numpy()
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
