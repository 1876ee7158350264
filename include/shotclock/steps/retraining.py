"""The steps that only a retraining has: why it runs, the recent rows, their blocks, the recipes that are judged on them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa

from shotclock.config import BASE_RATE, RECALIBRATED, Columns, Project, RetrainingRules, project
from shotclock.files import storage
from shotclock.handoff import Candidate, Cause, LearntFrom, OpenAlert, Plan, RecentData, RecentRows, Skipped
from shotclock.judging import alerts
from shotclock.judging.alerts import Alert, Decision
from shotclock.judging.gate import untouched
from shotclock.judging.schedule import answered_point
from shotclock.models.candidates.algorithms import chosen
from shotclock.rows import splits, types
from shotclock.rows.blocks import Blocks, blocks
from shotclock.steps.recipes.record import EVERYTHING, in_service, unlearnt
from shotclock.store import history, left, records
from shotclock.store.fields import visible
from shotclock.store.run import Run, folder_of
from shotclock.store.tracking import open_run, tracked
from shotclock.store.versions import registry
from shotclock.store.window import Window, recent_rows
from shotclock.words import summaries
from shotclock.words.glossary import spoken
from shotclock.words.moments import moment


def decide(run: Run, by: str = "manual", reason: str | None = None) -> Plan:
    """Why this retraining runs, and whether it goes on; a run that does not is written down as the decision `skip`.

    Args:
        by: `scheduled` or `alert`, else who asked for it: `manual` where nobody knows.
        reason: what a person gave as the reason.
    """
    left.take_up(run)
    champion, decided = registry.champion(run.project), history.decisions(run.project)
    found = [alert for alert in history.alerts(run.project) if alert.kind != "demotion"]  # which a rollback answers
    waiting = alerts.unanswered(found, decided, champion.number) if champion else []
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
    said = "; ".join(f"{spoken(alert.kind)}: {alert.reason}" for alert in alerts)
    if by == "alert":
        return said or "an alert"
    return visible(reason or by) + (f" (open alerts: {said})" if said else "")


def _named(alert: Alert) -> OpenAlert:
    return OpenAlert(alert.id, alert.kind, alert.reason, alert.window)


def collect(run: Run, plan: Plan) -> RecentRows | Skipped:
    """The recent labelled rows: the newest batches, oldest first, each in the order of time and id, back to `recent_rows`.

    Too few of them for the gate are enough to refit the recipe in service on, if one has come that the champion has not
    learnt from. Where nothing can come of them the run ends as skipped: no alert is answered by that, so once labels have
    come the sensors start the next one.
    """
    window = Window.newest(run.project, registry.require_champion(run.project))
    found = recent_rows(run.project)
    columns = window.project.columns
    lacking = splits.lacking(found.rows[columns.target], window.project.gate.min_rows)
    if lacking and not _only_refits(window, found.rows):
        said = f"column '{columns.target}' of window `{window.id}`: {lacking}{summaries.repeated(found.repeated)}"
        return _too_few(run, plan, window, said)
    batches = [splits.filter_labelled(part, columns) for part in reversed(found.parts) if part.num_rows]
    recent = pa.concat_tables(batches)
    path = folder_of(run) / "recent.parquet"
    storage.write_table(recent, path)
    return RecentRows(
        recent=str(path),
        rows=recent.num_rows,
        sizes=tuple(batch.num_rows for batch in batches),
        window=window.id,
        synthetic=window.synthetic,
        cause=plan.cause,
        summary=f"{recent.num_rows:,} recent labelled rows in {len(batches)} batch(es), up to window `{window.id}`"
        + summaries.repeated(found.repeated)
        + (f"; {lacking}: the recipe in service is refitted all the same" if lacking else ""),
    )


def _only_refits(window: Window, rows: pa.Table) -> bool:
    """Whether the recipe in service can be refitted on rows that are too few for the gate to judge by."""
    rules, champion = window.project, window.version
    if rows.num_rows >= rules.gate.min_rows or rules.retraining.ships == "measured":
        return False
    competing = [item.name for item in _recipes(rules.training.candidates, champion, recalibrates=True)]
    return bool(in_service(champion, competing)) and bool(unlearnt(champion, rules.columns, rows).any())


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
    """Put the recent rows behind the older ones, and cut them into blocks: the newest judge, those before choose.

    Raises:
        ContractError: before no block there are enough rows of both classes to learn from.
    """
    rules, folder, champion = project(run.project), folder_of(run), registry.require_champion(run.project)
    recent = storage.read_table(storage.at(collected.recent))
    learnt = storage.read_table(storage.at(champion.origin.rows_path), rules.columns.all)
    older = splits.only_older(types.cast(learnt, recent.schema, champion.origin.rows_path), recent, rules.columns)
    rows = pa.concat_tables([older, recent])
    found = replace(_blocks(rules, older, recent, collected.sizes), file=_of_file(champion, older, rules.columns))
    paths = {"all": folder / "base_train.parquet", "test": folder / "recent_holdout.parquet"}
    storage.write_table(rows, paths["all"])
    storage.write_table(rows.slice(found.judging), paths["test"])
    counts = {"all": rows.num_rows, "older": older.num_rows, "recent": recent.num_rows}
    counts |= {"choosing": found.judging - found.first, "test": found.rows - found.judging}
    settings = {"window": collected.window, **rules.retraining.model_dump(), "older_rows_of": champion.uri}
    with tracked(run, "prepare", records.Preparation) as record:
        record.write(records.Preparation(rows=counts, settings=settings, synthetic=collected.synthetic))
        for name, path in paths.items():
            record.dataset(name, path, storage.digest(path), name)
    fresh = unlearnt(champion, rules.columns, recent)
    return RecentData(
        train=collected.recent,
        test=str(paths["test"]),
        all=str(paths["all"]),
        rows=counts,
        window=collected.window,
        cause=collected.cause,
        blocks=found,
        recalibrates=bool(fresh.all()) or champion.origin.algorithm == RECALIBRATED,
        synthetic=collected.synthetic,
        sha256=storage.digest(storage.at(collected.recent)),
        mlflow_run_id=record.id,
        summary=summaries.blocks(found),
    )


def _blocks(rules: Project, older: pa.Table, recent: pa.Table, sizes: Sequence[int]) -> Blocks:
    """The blocks that the recent rows are cut into; where exactly the model ships that was measured, one model judges."""
    target = rules.columns.target
    labels = np.split(recent[target].to_numpy(), np.cumsum(sizes)[:-1])
    found = blocks(older[target].to_numpy(), labels, rules.gate.min_rows, rules.training.folds)
    return found if rules.retraining.ships == "refit" else found.judged_at_once()


def _of_file(champion: registry.Version, older: pa.Table, columns: Columns) -> int:
    """How many of the older rows the training file gave that the champion goes back to; those that came later stand behind.

    Where nobody has its rows any more, all of them count as the file's.
    """
    earlier = [one.origin for one in registry.versions(champion.project) if int(one.number) <= int(champion.number)]
    files = [storage.at(one.rows_path) for one in earlier if one.flow == "training" and one.rows_path]
    file = next(filter(storage.is_file, files), storage.at(champion.origin.rows_path))
    ids = storage.read_column(file, columns.id)
    return int((~untouched(older[columns.id].to_numpy(), ids)).sum())


def candidates(run: Run, plan: Plan, data: RecentData, names: list[str] | None = None) -> list[Candidate]:
    """The recipes: each algorithm on older and recent rows and on recent rows alone, and the recalibrated champion."""
    algorithms = chosen(names or project(run.project).training.candidates)
    open_run(run, "training", records.Training)
    return _recipes(algorithms, registry.require_champion(run.project), data.recalibrates)


def _recipes(algorithms: Sequence[str], champion: registry.Version, recalibrates: bool) -> list[Candidate]:
    """The base rate competes while it is in service; it is its own recalibration."""
    served = [BASE_RATE] if champion.origin.is_base_rate else []
    rows: tuple[tuple[str, LearntFrom], ...] = ((EVERYTHING, "all"), ("recent", "train"))
    twice = [
        Candidate(name=f"{algorithm}.{label}", algorithm=algorithm, rows=part)
        for algorithm in (*algorithms, *served)
        for label, part in rows
    ]
    old = [Candidate(name=RECALIBRATED, algorithm=RECALIBRATED, rows="train")] if recalibrates and not served else []
    return [*twice, *old]
