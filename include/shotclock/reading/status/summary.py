"""How a project stands, as one page of text: the answer, its figures, what happened in the order of time, where all lies."""

from collections.abc import Sequence
from itertools import dropwhile

from shotclock.judging.figure import Figure
from shotclock.judging.fitness import Fitness, WindowHealth
from shotclock.reading.status import Status, Story, Trained
from shotclock.store import records
from shotclock.words import glossary, signs
from shotclock.words.glossary import SHORT, SHOWN
from shotclock.words.moments import when
from shotclock.words.text import table, wrapped
from shotclock.words.windows import about

_IN = "   "  # what is told of a run stands below its number
_WORDS = "\n".join(
    ["Words", *(wrapped(f"{name}: {glossary.IN_A_LINE[name]}", "  ", rest="    ") for name in glossary.IN_A_LINE)]
)
_OF_CANDIDATES = ("log_loss", "log_loss_skill")  # more has no room beside their names


def summarise(status: Status) -> str:
    """Whether the model is fit, since when, and what is being done; figures; its newest runs, oldest first; addresses."""
    # a retraining that found no champion yet did nothing, and tells nobody anything
    told = dropwhile(_did_nothing, status.stories)
    runs = [f"{number}. {text}" for number, text in enumerate(filter(None, map(_told, told)), 1)]
    happened = ["What happened, oldest first", *runs, _WORDS] if runs else []
    return "\n\n".join(
        [_title(status), answer(status), *_newest(status), _standing(status), *happened, _addresses(status)]
    )


def answer(status: Status) -> str:
    """One sentence: fit or not, since when, what is being done. Then why."""
    fitness = status.fitness
    sign = signs.SIGNS[fitness.level]
    said = wrapped(f"{sign.letter} {sign.alone}{_since(fitness, status.champion)}; {_lower(fitness.doing)}.", rest="  ")
    return f"{said}\n{wrapped(f'{fitness.verdict}.', '  ')}"


def _since(fitness: Fitness, champion: str | None) -> str:
    if fitness.since is None:
        return ""
    return f" since {when(fitness.since)}" + (f", the first window of v{champion}" if fitness.from_start else "")


def _lower(text: str) -> str:
    """Within a sentence; what is written in capitals stays."""
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def _title(status: Status) -> str:
    warning = "\n!!! SYNTHETIC SAMPLE: these rows were made up,\n!!! the figures say nothing about the world"
    return f"{status.title} ({status.project}){warning if status.synthetic else ''}"


def _newest(status: Status) -> list[str]:
    """The figures of the champion's newest window."""
    window = status.newest
    return [] if window is None else [f"{wrapped(glossary.capital(about(window)))}\n{_window_figures(window)}"]


def _window_figures(window: WindowHealth) -> str:
    rows = [[glossary.NAMES[name], str(figure)] for name in glossary.NAMES if (figure := window.figure(name))]
    if window.drift:
        rows.append(["drift", f"{signs.DRIFT[window.drift.status]}, {window.drift_share or 0:.0%} of the columns"])
    return table(("", "value [interval]"), rows, "  ")


def _told(story: Story) -> str:
    tell = {"inference": _scored, "monitoring": _judged}.get(story.flow, _decided)
    lines = tell(story)
    return "\n".join([story.flow, *lines]) if lines else ""


def _did_nothing(story: Story) -> bool:
    return bool(story.decision) and story.decision[0].decision == "skip"


def _decided(story: Story) -> list[str]:
    decision = story.decision[0] if story.decision else None
    if decision is not None and decision.decision == "skip":
        return [wrapped(f"skipped: {decision.reason}", _IN)]
    lines = [*map(_rows, story.preparation), *(_candidates(trained, story.gate) for trained in story.training)]
    if decision is not None:
        after = f"champion v{decision.after}" if decision.after else "no champion"
        lines.append(wrapped(f"{decision.decision.upper()}, {after}: {decision.reason}", _IN))
    return lines


def _rows(preparation: records.Preparation) -> str:
    counts = sorted(preparation.rows.items(), key=lambda item: -item[1])
    return wrapped("rows: " + " · ".join(f"{part} {count:,}" for part, count in counts if count), _IN)


def _candidates(trained: Trained, gates: Sequence[records.Gate]) -> str:
    told = trained.training
    validated = {"older": "validation_log_loss"} if told.chosen_by == "validation_log_loss" else {}
    header = ["  log loss:", "CV", *validated, "holdout", SHORT["log_loss_skill"]]
    rows = []
    for stored in trained.candidates:
        candidate = stored.record
        figures = [candidate.cv.get("log_loss"), *(candidate.validation_log_loss for _ in validated)]
        figures += [candidate.holdout.get(figure) for figure in _OF_CANDIDATES]
        rows.append([f"{'★' if stored.name == told.winner else ' '} {stored.name}", *map(_figure, figures)])
    for gate in gates:
        opponent = f"v{gate.champion}, in service" if gate.champion else "the base rate"
        rows.append([f"  {opponent}", "–", *("–" for _ in validated), _figure(gate.champion_log_loss), "–"])
    return f"{table(header, rows, _IN)}\n{wrapped(told.reason, _IN)}"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _scored(story: Story) -> list[str]:
    return [
        f"{_IN}{told.rows:,} rows, {told.scored:,} scored by v{told.model_version}, {told.quarantined:,} set aside"
        for told in story.application
    ]


def _judged(story: Story) -> list[str]:
    lines = [wrapped(f"{told.verdict}: {told.reason}", f"{_IN}drift    ") for told in story.drift]
    for told in story.performance:
        lines.append(wrapped(f"{told.verdict}: {told.reason}", f"{_IN}quality  "))
        lines += [_figures(told)] if told.figures["rows"] else []
    alerts = ", ".join(glossary.spoken(told.trigger) for told in story.alert)
    return [*lines, f"{_IN}ALERT    {alerts}" if alerts else f"{_IN}no new alert"] if lines or alerts else []


def _figures(told: records.Performance) -> str:
    measured = [(name, Figure.among(told.figures, name)) for name in SHOWN]
    shown = " · ".join(f"{SHORT[name]} {figure}" for name, figure in measured if figure)
    return wrapped(f"{int(told.figures['rows']):,} judged rows: {shown}", " " * len(f"{_IN}quality  "))


def _standing(status: Status) -> str:
    aside = [wrapped(f"passed over ({noted.folder}): {noted.reason}", rest="  ") for noted in status.passed_over]
    return "\n".join([_serving(status), *aside])


def _serving(status: Status) -> str:
    if status.champion is None:
        return wrapped(status.nobody)
    none = "none" if status.unrest else "none: the loop is at rest"
    alerts = ", ".join(glossary.spoken(alert.kind) for alert in status.open_alerts) or none
    before = f", previous: v{status.previous}" if status.previous else ""
    unrest = ["not at rest", *(wrapped(line, "  ") for line in status.unrest)] if status.unrest else []
    champion = f"champion: models:/{status.project}/{status.champion}{before}"
    return "\n".join([champion, f"open alerts: {alerts}", *unrest])


def _addresses(status: Status) -> str:
    return "\n".join(f"{label:<21} {address}" for label, address in status.addresses if address)
