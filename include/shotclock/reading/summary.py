"""How a project stands, as one page of text: its runs in the order of time, and where everything lies."""

from collections.abc import Sequence

from shotclock.judging.figure import Figure
from shotclock.reading.status import Status, Story, Trained
from shotclock.store import records
from shotclock.words.glossary import SHORT, SHOWN

_WIDTH = 110


def summarise(status: Status) -> str:
    """Rows, candidates, decisions, windows and alerts of its newest runs, oldest first; how it stands; addresses."""
    parts = [_title(status)]
    parts += [text for number, story in enumerate(status.stories, 1) if (text := _told(number, story))]
    return "\n\n".join([*parts, _standing(status), _addresses(status)])


def _title(status: Status) -> str:
    warning = "\n!!! SYNTHETIC SAMPLE: these rows were made up, the figures say nothing about the world !!!"
    rule = "─" * _WIDTH
    return f"{rule}\n{status.title} ({status.project}){warning if status.synthetic else ''}\n{rule}"


def _told(number: int, story: Story) -> str:
    tell = {"inference": _scored, "monitoring": _judged}.get(story.flow, _decided)
    lines = [line for text in tell(story) if text for line in text.splitlines()]
    return "\n".join([f"{number}. {story.flow}", *(f"   {line}" for line in lines)]) if lines else ""


def _decided(story: Story) -> list[str]:
    decision = story.decision[0] if story.decision else None
    if decision is not None and decision.decision == "skip":
        return [f"skipped: {decision.reason}"]
    lines = [*map(_rows, story.preparation), *map(_candidates, story.training)]
    if decision is not None:
        after = f"champion v{decision.after}" if decision.after else "no champion"
        lines.append(f"{decision.decision.upper()}, {after}: {decision.reason}")
    return lines


def _rows(preparation: records.Preparation) -> str:
    counts = sorted(preparation.rows.items(), key=lambda item: -item[1])
    return "rows: " + " · ".join(f"{part} {count:,}" for part, count in counts if count)


def _candidates(trained: Trained) -> str:
    told = trained.training
    validated = {"older blocks": "validation_log_loss"} if told.chosen_by == "validation_log_loss" else {}
    header = ["candidate", "CV log loss", *validated, *(f"holdout {SHORT[figure]}" for figure in SHOWN), ""]
    rows = []
    for stored in trained.candidates:
        candidate = stored.record
        figures = [candidate.cv.get("log_loss"), *(candidate.validation_log_loss for _ in validated)]
        figures += [candidate.holdout.get(figure) for figure in SHOWN]
        shown = ["–" if figure is None else f"{figure:.4f}" for figure in figures]
        rows.append([stored.name, *shown, "◀ wins" if stored.name == told.winner else ""])
    return f"{_aligned(header, rows)}\n{told.reason}"


def _scored(story: Story) -> list[str]:
    return [
        f"{told.rows:,} rows, {told.scored:,} scored by v{told.model_version}, {told.quarantined:,} set aside"
        for told in story.application
    ]


def _judged(story: Story) -> list[str]:
    lines = [f"drift        {told.verdict}: {told.reason}" for told in story.drift]
    for told in story.performance:
        lines += [f"performance  {told.verdict}: {told.reason}", *([_figures(told)] if told.figures["rows"] else [])]
    lines += [f"ALERT        {told.trigger}" for told in story.alert]
    return lines if story.alert or not lines else [*lines, "no new alert"]


def _figures(told: records.Performance) -> str:
    measured = [(name, Figure.among(told.figures, name)) for name in SHOWN]
    shown = " · ".join(f"{SHORT[name]} {figure}" for name, figure in measured if figure)
    return f"             {int(told.figures['rows']):,} judged rows: {shown}"


def _standing(status: Status) -> str:
    aside = [f"passed over ({noted.folder}): {noted.reason}" for noted in status.passed_over]
    return "\n".join([_serving(status), *aside])


def _serving(status: Status) -> str:
    if status.champion is None:
        return status.nobody
    none = "none" if status.unrest else "none: the loop is at rest"
    alerts = ", ".join(alert.kind for alert in status.open_alerts) or none
    before = f", previous: v{status.previous}" if status.previous else ""
    return f"champion: models:/{status.project}/{status.champion}{before}\nopen alerts: {alerts}{_unrest(status)}"


def _unrest(status: Status) -> str:
    """What is wrong, what was tried, what a person can do; of a loop at rest, what people should know all the same."""
    if status.unrest:
        return "".join(["\nnot at rest", *(f"\n  {line}" for line in status.unrest)])
    warned = [
        f"\n  {kind}: {found.reason}" for kind, found in status.findings.items() if found and found.verdict == "warning"
    ]
    return "".join(["\nto be watched", *warned]) if warned and not status.open_alerts else ""


def _addresses(status: Status) -> str:
    return "\n".join(f"{label:<21} {address}" for label, address in status.addresses if address)


def _aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = (header, *rows)
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )
