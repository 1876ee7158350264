"""What happened to a project, as one page of text: its runs in the order of time, and where everything lies."""

from collections.abc import Iterable, Sequence
from typing import Any

from shotclock.config import project, settings
from shotclock.judging import alerts as triggers
from shotclock.store import history, queries, registry
from shotclock.words.summaries import NAMES, SHOWN

_WIDTH = 110
_KINDS = ("preparation", "training", "decision", "application", "drift", "performance", "alert")
_MOST = 60

Story = dict[str, list[Any]]  # the MLflow runs of one run of a flow, by kind


def summarise(name: str, most: int = 8) -> str:
    """The newest runs of the project's flows, oldest first: rows, candidates, decisions, windows, alerts; then addresses."""
    stories = _stories(name)[-most:]
    parts = [_title(name, stories)]
    parts += [text for number, story in enumerate(stories, 1) if (text := _told(number, story))]
    return "\n\n".join([*parts, _standing(name), _addresses(name)])


def _stories(name: str) -> list[tuple[str, Story]]:
    """Each run of a flow with what it left in MLflow, oldest first."""
    found: dict[tuple[str, str], Story] = {}
    for kind in _KINDS:
        for run in queries.newest(name, kind, most=_MOST):
            key = run.data.tags["airflow.dag_id"].removeprefix(f"{name}."), run.data.tags["airflow.run_id"]
            found.setdefault(key, {}).setdefault(kind, []).append(run)
    begun = sorted(
        found.items(), key=lambda item: min(run.info.start_time for runs in item[1].values() for run in runs)
    )
    return [(flow, story) for (flow, _), story in begun]


def _title(name: str, stories: Iterable[tuple[str, Story]]) -> str:
    synthetic = any(_tag(run, "synthetic") == "True" for _, story in stories for runs in story.values() for run in runs)
    warning = "\n!!! SYNTHETIC SAMPLE: these rows were made up, the figures say nothing about the world !!!"
    return f"{'─' * _WIDTH}\n{project(name).title} ({name}){warning if synthetic else ''}\n{'─' * _WIDTH}"


def _told(number: int, flow_and_story: tuple[str, Story]) -> str:
    flow, story = flow_and_story
    tell = {"inference": _scored, "monitoring": _judged}.get(flow, _trained)
    lines = [line for line in tell(story) if line]
    return (
        "\n".join([f"{number}. {flow}", *(f"   {line}" for text in lines for line in text.splitlines())])
        if lines
        else ""
    )


def _trained(story: Story) -> list[str]:
    decision = story.get("decision", [None])[0]
    if decision is not None and _tag(decision, "decision") == "skip":
        return [f"skipped: {_tag(decision, 'reason')}"]
    lines = [_rows(run) for run in story.get("preparation", [])]
    lines += [_candidates(run) for run in story.get("training", [])]
    if decision is not None:
        after = f"champion v{_tag(decision, 'after')}" if _tag(decision, "after") else "no champion"
        lines.append(f"{_tag(decision, 'decision').upper()}, {after}: {_tag(decision, 'reason')}")
    return lines


def _rows(run: Any) -> str:
    counts = [(key.removeprefix("rows_"), int(value)) for key, value in run.data.metrics.items() if value]
    return "rows: " + " · ".join(f"{key} {value:,}" for key, value in sorted(counts, key=lambda item: -item[1]))


def _candidates(training: Any) -> str:
    runs = queries.children(training.info.run_id, training.info.experiment_id)
    winner = training.data.params.get("winner", "")
    chosen_by = next(iter(training.data.metrics), "cv_log_loss")
    figures = {"CV log loss": "cv_log_loss"}
    if chosen_by == "validation_log_loss":
        figures["validation log loss"] = chosen_by
    figures |= {f"holdout {NAMES[figure]}": f"holdout_{figure}" for figure in SHOWN}
    rows = []
    for run in sorted(runs, key=lambda run: run.data.metrics.get(chosen_by, float("inf"))):
        found = [
            f"{run.data.metrics[figure]:.4f}" if figure in run.data.metrics else "–" for figure in figures.values()
        ]
        rows.append([run.info.run_name, *found, "◀ wins" if run.info.run_name == winner else ""])
    return f"{_aligned(['candidate', *figures, ''], rows)}\n{_tag(training, 'reason')}"


def _scored(story: Story) -> list[str]:
    lines = []
    for run in story.get("application", []):
        found = {key: int(value) for key, value in run.data.metrics.items() if key.startswith("rows")}
        lines.append(
            f"{found['rows']:,} rows, {found['rows_scored']:,} scored by v{run.data.params['model_version']}, "
            f"{found['rows_quarantined']:,} set aside"
        )
    return lines


def _judged(story: Story) -> list[str]:
    lines = []
    for run in story.get("drift", []):
        lines.append(f"drift        {_tag(run, 'verdict')}: {_tag(run, 'reason')}")
    for run in story.get("performance", []):
        lines.append(f"performance  {_tag(run, 'verdict')}: {_tag(run, 'reason')}")
        lines.append(_figures(run))
    for run in story.get("alert", []):
        lines.append(f"ALERT        {_tag(run, 'trigger')}")
    return lines if story.get("alert") or not lines else [*lines, "no new alert"]


def _figures(run: Any) -> str:
    metrics = run.data.metrics
    shown = [
        f"{NAMES[figure]} {metrics[figure]:.4f} [{metrics[f'{figure}_low']:.4f}, {metrics[f'{figure}_high']:.4f}]"
        for figure in SHOWN
        if figure in metrics
    ]
    return f"             {int(metrics['rows']):,} judged rows: {' · '.join(shown)}"


def _standing(name: str) -> str:
    champion = registry.champion(name)
    if champion is None:
        return "no champion yet"
    waiting = triggers.unanswered(history.alerts(name), history.decisions(name), champion.number)
    alerts = ", ".join(alert.kind for alert in waiting) or "none: the loop is at rest"
    previous = registry.by_alias(name, registry.PREVIOUS)
    before = f", previous: v{previous.number}" if previous else ""
    return f"champion: models:/{name}/{champion.number}{before}\nopen alerts: {alerts}"


def _addresses(name: str) -> str:
    here = settings()
    reports = [_tag(run, "report") for run in reversed(queries.newest(name, "drift", most=2))]
    found = [
        ("champion's artefacts", here.data / name / "champion"),
        ("predictions", here.data / name / "predictions"),
        *(("drift report", report) for report in reports),
        ("MLflow store", here.tracking_uri),
    ]
    return "\n".join(f"{label:<21} {address}" for label, address in found if address)


_tag = history.tag


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[column]) for line in (header, *rows)) for column in range(len(header))]
    lines = (header, *rows)
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
