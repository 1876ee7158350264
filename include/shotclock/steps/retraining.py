"""The steps that only a retraining has: why it runs, the recent rows, their split, the candidates on them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from shotclock.config import RECALIBRATED, RetrainingRules, project
from shotclock.files import storage
from shotclock.handoff import Candidate, Cause, LearntFrom, OpenAlert, Plan, RecentData, RecentRows, Skipped
from shotclock.judging import alerts
from shotclock.judging.alerts import Alert, Decision
from shotclock.judging.schedule import answered_point
from shotclock.models.candidates.algorithms import chosen
from shotclock.rows import splits, types
from shotclock.store import history, left, records, registry
from shotclock.store.fields import visible
from shotclock.store.run import Run, folder_of
from shotclock.store.tracking import open_run, tracked
from shotclock.store.window import Window, recent_rows
from shotclock.words import summaries
from shotclock.words.moments import moment


def decide(run: Run, by: str = "manual", reason: str | None = None) -> Plan:
    """Why this retraining runs, and whether it goes on; a run that does not is written down as the decision `skip`.

    Args:
        by: `manual`, `scheduled` or `alert`: what started the run.
        reason: what a person gave as the reason.
    """
    left.take_up(run)
    champion, decided = registry.champion(run.project), history.decisions(run.project)
    waiting = alerts.unanswered(history.alerts(run.project), decided, champion.number) if champion else []
    stop = _stop(run.project, by, champion, waiting, decided)
    cause = Cause(by=by, why=_why(by, reason, waiting), alerts=tuple(map(_named, waiting)))
    kind: type[records.Record] = records.Decision if stop else records.Retraining
    with tracked(run, "decide", kind, name=f"Retraining: {'skip' if stop else 'goes on'}") as record:
        record.write(_noted(run, cause, stop, champion))
    skip = f"{stop}. It was started because: {cause.why}" if stop else ""
    return Plan(cause=cause, mlflow_run_id=record.id, skip=skip, summary=summaries.retraining(cause, stop))


def _noted(run: Run, cause: Cause, stop: str, champion: registry.Version | None) -> records.Record:
    if not stop:
        return records.Retraining(by=cause.by, why=cause.why, answers=cause.answers, flow=run.flow)
    return records.Decision(
        decision="skip",
        reason=stop,
        by=cause.by,
        why=cause.why,
        answers=cause.answers,
        flow=run.flow,
        after=champion.number if champion else "",
    )


def _stop(
    name: str,
    by: str,
    champion: registry.Version | None,
    alerts: Sequence[Alert],
    decided: Sequence[Decision],
) -> str:
    """Why there is nothing to do, or an empty string."""
    rules = project(name).retraining
    if champion is None:
        return registry.nobody(name)
    if by == "alert" and not alerts:
        last = f" by the decision of {moment(decided[0].at)}: {decided[0].reason}" if decided else ""
        return f"every alert is answered already{last}"
    if by == "scheduled" and not alerts:  # an open alert is one whose event was lost: it is answered now
        return _answered(rules, decided) or _nothing_new(name, champion)
    return ""


def _answered(rules: RetrainingRules, decided: Sequence[Decision]) -> str:
    point = answered_point(rules.schedule, decided[0].at, datetime.now(UTC)) if decided else None
    if point is None:
        return ""
    return f"the schedule's point of {moment(point)} is answered: the last decision is of {moment(decided[0].at)}"


def _nothing_new(name: str, champion: registry.Version) -> str:
    newest = history.findings(name, "degradation", champion.number, 1)
    new = newest[0].verdict.figures.get("rows_new", 0) if newest else 0
    return "" if new else "no labelled row has come since the last decision"


def _why(by: str, reason: str | None, alerts: Sequence[Alert]) -> str:
    said = "; ".join(f"{alert.kind}: {alert.reason}" for alert in alerts)
    if by == "alert":
        return said or "an alert"
    return visible(reason or by) + (f" (open alerts: {said})" if said else "")


def _named(alert: Alert) -> OpenAlert:
    return OpenAlert(alert.id, alert.kind, alert.reason, alert.window)


def collect(run: Run, plan: Plan) -> RecentRows | Skipped:
    """The recent labelled rows, in the order of time and id: the newest batches, back to the project's `recent_rows`.

    Too few of them for any verdict of the gate end the run as skipped: no alert is answered by that, so once labels have
    come the sensors start the next one.
    """
    window = Window.newest(run.project, registry.require_champion(run.project))
    found = recent_rows(run.project)
    columns, rules = window.project.columns, window.project.retraining
    lacking = splits.lacking(found.rows[columns.target], splits.rows_for_holdout(window.project.gate.min_rows, rules))
    if lacking:
        said = f"column '{columns.target}' of window `{window.id}`: {lacking}{summaries.repeated(found.repeated)}"
        return _too_few(run, plan, window, said)
    recent = splits.filter_labelled(found.rows, columns)
    path = folder_of(run) / "recent.parquet"
    storage.write_table(recent, path)
    return RecentRows(
        recent=str(path),
        rows=recent.num_rows,
        window=window.id,
        synthetic=window.synthetic,
        cause=plan.cause,
        summary=f"{recent.num_rows:,} recent labelled rows in {found.batches} batch(es), up to window `{window.id}`"
        + summaries.repeated(found.repeated),
    )


def _too_few(run: Run, plan: Plan, window: Window, reason: str) -> Skipped:
    with tracked(run, "collect", records.Decision, name="Retraining: skip") as record:
        record.write(
            records.Decision(
                decision="skip",
                reason=reason,
                window=window.id,
                after=window.version.number,
                by=plan.cause.by,
                why=plan.cause.why,
                flow=run.flow,
            )
        )
    return Skipped(skip=reason, summary=f"**Skipped**: {reason}")


def split_recent(run: Run, collected: RecentRows) -> RecentData:
    """Cut the recent rows by time into training, validation and holdout; join the older training rows to the first part."""
    rules, folder = project(run.project), folder_of(run)
    recent = storage.read_table(storage.at(collected.recent))
    shares = rules.retraining.train_share, rules.retraining.validation_share
    parts = dict(zip(("train", "validation", "test"), splits.split_by_time(recent, *shares), strict=True))
    champion = registry.require_champion(run.project)
    learnt = storage.read_table(storage.at(champion.origin.rows_path), rules.columns.all)
    older = types.cast(learnt, recent.schema, champion.origin.rows_path)
    parts["all"] = splits.joined(older, parts["train"], rules.columns)
    paths = {name: folder / f"{_FILES[name]}.parquet" for name in parts}
    for name, part in parts.items():
        storage.write_table(part, paths[name])
    rows = {name: part.num_rows for name, part in parts.items()}
    settings = {"window": collected.window, **rules.retraining.model_dump(), "older_rows_of": champion.uri}
    with tracked(run, "prepare", records.Preparation) as record:
        record.write(
            records.Preparation(
                rows={**rows, "recent": recent.num_rows}, settings=settings, synthetic=collected.synthetic
            )
        )
        for name, path in paths.items():
            record.dataset(name, path, storage.digest(path), name)
    return RecentData(
        train=str(paths["train"]),
        validation=str(paths["validation"]),
        test=str(paths["test"]),
        all=str(paths["all"]),
        recent=collected.recent,
        rows=rows,
        window=collected.window,
        cause=collected.cause,
        synthetic=collected.synthetic,
        sha256=storage.digest(storage.at(collected.recent)),
        mlflow_run_id=record.id,
        summary=summaries.table(("part", "rows"), [(_FILES[name], f"{count:,}") for name, count in rows.items()]),
    )


_FILES = {"train": "recent_train", "validation": "recent_validation", "test": "recent_holdout", "all": "base_train"}


def candidates(run: Run, plan: Plan, names: list[str] | None = None) -> list[Candidate]:
    """Each algorithm twice, on older and recent rows and on recent rows alone, and the recalibrated champion."""
    algorithms = chosen(names or project(run.project).training.candidates)
    open_run(run, "training", records.Training)
    rows: tuple[tuple[str, LearntFrom], ...] = (("older_and_recent", "all"), ("recent", "train"))
    twice = [
        Candidate(name=f"{algorithm}.{label}", algorithm=algorithm, rows=part)
        for algorithm in algorithms
        for label, part in rows
    ]
    return [*twice, Candidate(name=RECALIBRATED, algorithm=RECALIBRATED, rows="train")]
