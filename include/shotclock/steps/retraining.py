"""The steps that only a retraining has: why it runs, the recent rows, their split, the candidates on them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from croniter import croniter

from shotclock.config import RECALIBRATED, RetrainingRules, project
from shotclock.files import storage
from shotclock.judging import alerts as triggers
from shotclock.judging.alerts import Alert
from shotclock.rows import splits
from shotclock.steps.training import algorithms
from shotclock.store import history, registry, tracking
from shotclock.store.run import Run, folder_of
from shotclock.store.window import newest_window, recent_rows
from shotclock.words import summaries


def decide(run: Run, by: str = "manual", reason: str | None = None) -> dict[str, Any]:
    """Why this retraining runs, and whether it goes on; a run that does not is written down as the decision `skip`.

    Args:
        by: `manual`, `scheduled` or `alert`: what started the run.
        reason: what a person gave as the reason.
    """
    champion = registry.champion(run.project)
    alerts = history.alerts(run.project)
    decided = history.decisions(run.project)
    open_alerts = triggers.unanswered(alerts, decided, champion.number) if champion else []
    stop = _stop(run.project, by, champion, open_alerts, decided)
    why = _why(by, reason, open_alerts)
    named = [_named(alert) for alert in open_alerts]
    told = {"by": by, "why": why, "alerts": named}
    name = f"Retraining: {'skip' if stop else 'goes on'}"
    with tracking.tracked(run, "decide", name, kind="decision" if stop else "retraining") as record:
        tags = {"by": by, "why": why, "answers": ",".join(alert.id for alert in open_alerts), "flow": run.flow}
        number = champion.number if champion else ""
        record.record(tags={**tags, "decision": "skip", "reason": stop, "after": number} if stop else tags)
    summary = summaries.retraining(why, stop, named)
    result = {**told, "answers": [alert.id for alert in open_alerts], "mlflow_run_id": record.id, "summary": summary}
    return {**result, "skip": f"{stop}. It was started because: {why}"} if stop else result


def _stop(
    name: str,
    by: str,
    champion: registry.Version | None,
    alerts: Sequence[Alert],
    decided: Sequence[triggers.Decided],
) -> str:
    """Why there is nothing to do, or an empty string."""
    rules = project(name).retraining
    if champion is None:
        return f"no champion yet: trigger {name}.training first"
    if by == "alert" and not alerts:
        last = f" by the decision of {decided[0].at:%Y-%m-%d %H:%M}: {decided[0].reason}" if decided else ""
        return f"every alert is answered already{last}"
    if by == "scheduled" and not alerts:  # an open alert is one whose event was lost: it is answered now
        return _too_early(rules, decided) or _nothing_new(name, champion)
    return ""


def _too_early(rules: RetrainingRules, decided: Sequence[triggers.Decided]) -> str:
    if not decided:
        return ""
    age, period = datetime.now(UTC) - decided[0].at, schedule_period(rules)
    young = f"the last decision is {_days(age)} old, younger than the schedule's period of {_days(period)}"
    return young if age < period else ""


def _nothing_new(name: str, champion: registry.Version) -> str:
    newest = history.findings(name, "degradation", champion.number, 1)
    new = newest[0].verdict.figures.get("rows_new", 0) if newest else 0
    return "" if new else "no labelled row has come since the last decision"


def schedule_period(rules: RetrainingRules) -> timedelta:
    """The time between the schedule's next two points."""
    points = croniter(rules.schedule, datetime.now(UTC))
    first: datetime = points.get_next(datetime)
    second: datetime = points.get_next(datetime)
    return second - first


def _days(span: timedelta) -> str:
    return f"{span.total_seconds() / 86400:.1f} days"


def _why(by: str, reason: str | None, alerts: Sequence[Alert]) -> str:
    said = "; ".join(f"{alert.kind}: {alert.reason}" for alert in alerts)
    if by == "alert":
        return said or "an alert"
    return (reason or by) + (f" (open alerts: {said})" if said else "")


def _named(alert: Alert) -> dict[str, Any]:
    return {"id": alert.id, "kind": alert.kind, "reason": alert.reason, "window": alert.window}


def collect(run: Run, plan: dict[str, Any]) -> dict[str, Any]:
    """The recent labelled rows, in the order of time and id: the newest batches, back to the project's `recent_rows`.

    Too few of them for any verdict of the gate end the run as skipped: no alert is answered by that, so once labels have
    come the sensors start the next one.
    """
    rules = project(run.project)
    scored = newest_window(run.project, registry.require_champion(run.project))
    rows, batches = recent_rows(run.project)
    needed = splits.rows_for_holdout(rules.gate.min_rows, rules.retraining)
    lacking = splits.lacking(rows[rules.columns.target], needed)
    if lacking:
        reason = f"column '{rules.columns.target}' of window `{scored['window']}`: {lacking}"
        with tracking.tracked(run, "collect", "Retraining: skip", kind="decision") as record:
            told = {"decision": "skip", "reason": reason, "window": scored["window"], "after": scored["champion"]}
            record.record(tags={**told, "by": plan["by"], "why": plan["why"], "flow": run.flow})
        return {"skip": reason, "summary": f"**Skipped**: {reason}"}
    recent = splits.filter_labelled(rows, rules.columns)
    path = folder_of(run) / "recent.parquet"
    storage.write_table(recent, path)
    return {
        "recent": str(path),
        "rows": recent.num_rows,
        "window": scored["window"],
        "synthetic": scored["synthetic"],
        "answers": plan["answers"],
        "why": plan["why"],
        "alerts": plan["alerts"],
        "summary": f"{recent.num_rows:,} recent labelled rows in {batches} batch(es), up to window `{scored['window']}`",
    }


def split_recent(run: Run, collected: dict[str, Any]) -> dict[str, Any]:
    """Cut the recent rows by time into training, validation and holdout; join the older training rows to the first part."""
    rules, folder = project(run.project), folder_of(run)
    recent = storage.read_table(storage.at(collected["recent"]))
    shares = rules.retraining.train_share, rules.retraining.validation_share
    parts = dict(zip(("train", "validation", "test"), splits.split_by_time(recent, *shares), strict=True))
    champion = registry.require_champion(run.project)
    older = storage.read_table(storage.at(champion.tags["shotclock.rows_path"]), rules.columns.all)
    parts["all"] = splits.joined(older, parts["train"], rules.columns)
    paths = {name: folder / f"{_FILES[name]}.parquet" for name in parts}
    for name, part in parts.items():
        storage.write_table(part, paths[name])
    rows = {name: part.num_rows for name, part in parts.items()}
    with tracking.tracked(run, "prepare", "PreparacaoDados", kind="preparation") as record:
        record.record(
            params={"window": collected["window"], **rules.retraining.model_dump(), "older_rows_of": champion.uri},
            metrics={f"rows_{name}": count for name, count in rows.items()} | {"rows_recent": recent.num_rows},
            tags={"synthetic": collected["synthetic"]},
        )
        for name, path in paths.items():
            record.dataset(name, path, storage.digest(path), name)
    return {
        **{name: str(path) for name, path in paths.items()},
        "recent": collected["recent"],
        "rows": rows,
        "window": collected["window"],
        "answers": collected["answers"],
        "why": collected["why"],
        "alerts": collected["alerts"],
        "synthetic": collected["synthetic"],
        "sha256": storage.digest(storage.at(collected["recent"])),
        "mlflow_run_id": record.id,
        "summary": summaries.table(("part", "rows"), [(_FILES[name], f"{count:,}") for name, count in rows.items()]),
    }


_FILES = {"train": "recent_train", "validation": "recent_validation", "test": "recent_holdout", "all": "base_train"}


def candidates(run: Run, plan: dict[str, Any], names: list[str] | None = None) -> list[dict[str, str]]:
    """Each algorithm twice, on older and recent rows and on recent rows alone, and the recalibrated champion."""
    chosen = algorithms(run.project, names)
    tracking.open_run(run, "training", "Treinamento", kind="training")
    twice = [
        {"name": f"{algorithm}.{label}", "algorithm": algorithm, "rows": rows}
        for algorithm in chosen
        for label, rows in (("older_and_recent", "all"), ("recent", "train"))
    ]
    return [*twice, {"name": RECALIBRATED, "algorithm": RECALIBRATED, "rows": "train"}]
