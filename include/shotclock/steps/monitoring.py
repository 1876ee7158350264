"""The steps of monitoring: has the data drifted, and is the model still good where labels have come?"""

from dataclasses import asdict, replace
from typing import Any, TypedDict

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shotclock.config import Columns
from shotclock.errors import StoreError
from shotclock.files import storage
from shotclock.handoff import Checked
from shotclock.judging import drift, performance
from shotclock.judging.drift import distributions
from shotclock.judging.figure import Figure
from shotclock.judging.verdict import against_base_rate
from shotclock.steps import shadow
from shotclock.store import history, left, records
from shotclock.store.history import REFERENCE
from shotclock.store.intake import passed_over
from shotclock.store.run import Run, folder_of
from shotclock.store.server.artifacts import artifact
from shotclock.store.tracking import tracked
from shotclock.store.versions import registry
from shotclock.store.window import Window, given_before, names_of, recent_rows, reference_rows, unseen
from shotclock.store.window.worth import labelled, worth
from shotclock.words import summaries
from shotclock.words.cards import drift_report


def drift_check(run: Run, version: int | None = None) -> Checked:
    """Compare the window's features, predictions and labels with the champion's reference; MLflow run `Drift`, with report.

    Args:
        version: the model version whose newest window is judged; without it, the champion's.
    """
    left.take_up(run)
    window = Window.newest(run.project, _version(run, version))
    found, page = _drift(window)
    report = folder_of(run) / "drift_report.html"
    with storage.replacing(report) as partial:
        partial.write_text(page, encoding="utf-8")
    with tracked(run, "drift", records.Drift) as record:
        record.write(
            records.Drift(
                threshold_share=window.project.drift.share,
                figures=found.metrics(),
                broken=", ".join(found.broken),
                report=str(report),
                verdict=found.verdict.status,
                reason=found.verdict.reason,
                **_about(window),
            )
        )
        record.json(found.to_dict(), "drift.json")
        record.artifact(report)
    storage.publish(folder_of(run), "monitoring")
    return Checked(
        verdict=found.verdict.status,
        reason=found.verdict.reason,
        window=window.id,
        report=str(report),
        mlflow_run_id=record.id,
        summary=summaries.drift(found),
    )


def _drift(window: Window) -> tuple[drift.Drift, str]:
    """What was found, and the report."""
    columns = window.project.columns
    needed = [*columns.features, columns.probability, columns.target]
    rows, count = window.rows()
    current = rows.select(needed).to_pandas()  # texts would be a third of the memory
    reference = reference_rows(window.project.name, window.version)
    found = drift.check(
        current,
        reference,
        columns.given,  # a window is of another time than its reference: that its month is another is no drift
        window.project.drift,
        prediction=columns.probability,
        target=columns.target,
        current_rows=count,
    )
    known, unknown = _worth(window, reference)
    about = drift_report.About(
        project=window.project.name,
        title=window.project.title,
        version=window.version.number,
        window=tuple(storage.at(name).stem for name in window.files),
        period=_days(rows.column(columns.time)),
        reference_period=_days(reference[columns.time]),
        spreads=distributions.of_columns(current, reference, needed, columns.texts),
        worth=known,
        worth_unknown=unknown,
        synthetic=window.synthetic,
    )
    return found, drift_report.page(found, about)


def _worth(window: Window, reference: pd.DataFrame) -> tuple[dict[str, Figure], str]:
    """What each feature was worth to the version on the reference; or none, and why that cannot be told."""
    rules = window.project
    try:
        trained_on = storage.read_column(window.version.training_ids(), rules.columns.id)
        (found,) = worth(rules, window.version, labelled(rules, given_before(reference, rules.columns, trained_on)))
    except StoreError as error:
        return {}, str(error)
    return found, "" if found else "of the rows that it was judged on none is labelled, or all labels are the same"


def _days(times: Any) -> tuple[str, str]:
    """The first and the last day."""
    found = pc.min_max(pa.array(times) if isinstance(times, pd.Series) else times)
    return str(found["min"])[:10], str(found["max"])[:10]


def performance_check(run: Run, version: int | None = None) -> Checked:
    """Measure the window's labelled rows that the model was not trained on against its reference; MLflow run `Performance`.

    Where a version stands behind it as its shadow, the two are compared; an older one that would have done better on these
    rows is named: see `steps.shadow`.
    """
    window = Window.newest(run.project, _version(run, version))
    project, ids = window.project, window.project.columns.id
    table, rows = window.rows()
    frame, reference = table.to_pandas(), reference_rows(run.project, window.version)
    trained_on = storage.read_column(window.version.training_ids(), ids)
    judged = unseen.judge(window, frame, rows, trained_on)
    before = unseen.measured(project, given_before(reference, project.columns, trained_on))
    verdict = performance.judge_performance(judged.performance, before, project.degradation)
    told = _learnt(frame, project.columns, trained_on, before) + shadow.offer(window, judged.rows)
    verdict = replace(verdict, reason=verdict.reason + told)
    estimate = performance.estimate(frame[project.columns.probability].to_numpy())
    error = _estimate_error(judged.rows, project.columns)
    new = _new_labelled(window, [trained_on, reference[ids].to_numpy(), _decided_on(run.project, ids)])
    lent, aside = names_of(judged.lent), window.late_labels().passed_over
    passed_over.note(run, "labels", aside)
    with tracked(run, "performance", records.Performance) as record:
        off = {} if error is None else {"estimate_log_loss_error": error}
        counts = {"rows_scored": rows, "rows_new": new}
        record.write(
            records.Performance(
                figures={**judged.performance.metrics(), **estimate.metrics(), **off, **counts},
                labels_from=lent,
                verdict=verdict.status,
                reason=verdict.reason,
                **_about(window),
            )
        )
        record.json(asdict(judged.performance), "performance.json")
    beside = shadow.judge(run, window)
    return Checked(
        verdict=verdict.status,
        reason=verdict.reason,
        window=window.id,
        mlflow_run_id=record.id,
        summary="\n\n".join(
            [
                summaries.performance(verdict, judged.performance, estimate, rows, error, ", ".join(lent))
                + summaries.repeated(window.repeated),
                *(f"labels passed over: {reason}" for reason in aside.values()),
                *([summaries.shadow(beside)] if beside else []),
            ]
        ),
    )


def _learnt(frame: pd.DataFrame, columns: Columns, trained_on: NDArray[Any], before: performance.Performance) -> str:
    """What is said of labelled rows that the version is not judged on, because it has learnt from them: it was before that."""
    labelled = frame[columns.id][frame[columns.target].notna()]
    learnt = int(np.isin(labelled, trained_on).sum())
    if not learnt:
        return ""
    skill = before.log_loss_skill
    was = (
        f"; before it had, on {before.rows:,} rows, it was {against_base_rate(skill)}; log-loss skill {skill}"
        if skill
        else ""
    )
    return f"; {learnt:,} labelled rows of this window are those that it has learnt from{was}"


class _About(TypedDict):
    """What both checks write down of the window."""

    batch_count: int
    window: str
    champion: str
    batches: tuple[str, ...]
    synthetic: bool


def _about(window: Window) -> _About:
    return {
        "batch_count": len(window.batches),
        "window": window.id,
        "champion": window.version.number,
        "batches": window.files,
        "synthetic": window.synthetic,
    }


def _estimate_error(labelled: pd.DataFrame, columns: Columns) -> float | None:
    """How far the estimate without labels was off, on the rows whose labels have come: above 0 it was too pessimistic."""
    probability = labelled[columns.probability].to_numpy()
    estimated = performance.estimate(probability).log_loss
    if estimated is None:
        return None
    real = performance.losses(labelled[columns.target].to_numpy(dtype=float), probability).mean()
    return estimated - float(real)


def _decided_on(name: str, ids: str) -> NDArray[Any]:
    """Ids of the rows that the newest decision was about, whichever version came out of it: a rollback is no news."""
    newest = history.referring(name)
    if newest is None:
        raise StoreError(f"project '{name}': no decision left a reference; run {name}.training again")
    known = storage.read_column(artifact(newest.id, REFERENCE), ids)
    return known


def _new_labelled(window: Window, known: list[NDArray[Any]]) -> int:
    """Labelled rows, as far back as a retraining would reach, that neither the model's training nor the last decision knew.

    Rows that no retraining would use must not ask for one: they would ask again after each.
    """
    recent = recent_rows(window.project.name).rows
    ids = np.unique(recent[window.project.columns.id].to_numpy())
    return int((~np.isin(ids, np.unique(np.concatenate(known)))).sum())


def _version(run: Run, number: int | None) -> registry.Version:
    return registry.version(run.project, str(number)) if number else registry.require_champion(run.project)
