"""The Model health pages as HTML. Values in, text out: no request, no database.

Whatever a value holds is text: the templates escape it, and the pages' policy allows no script and no style but their own,
named by their digests, and no request but to this host.
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from shotclock.judging.drift import MISSING_THRESHOLD
from shotclock.reading.alert import AlertDetails
from shotclock.reading.health import Competition, Details, Overview, Summary
from shotclock.words import comparisons, glossary, moments, sentences, signs
from shotclock_ui import charts, year_chart
from shotclock_ui.activity import Live
from shotclock_ui.links import (
    alert_address,
    api_address,
    card_address,
    challenger_card_address,
    dag_run_address,
    decision_address,
    gate_address,
    health_address,
    mlflow_address,
    version_address,
    window_address,
    window_report_address,
    year_address,
)

if TYPE_CHECKING:  # they bring scikit-learn, for which the first reader of the other pages does not wait
    from shotclock.reading.model.side_by_side import SideBySide
    from shotclock.reading.model.worsening import WindowDetails
    from shotclock.reading.model.year import Year

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = (_TEMPLATES / "parts/health.css").read_text(encoding="utf-8")
_SCRIPT = (_TEMPLATES / "parts/page.js").read_text(encoding="utf-8") + (_TEMPLATES / "parts/health.js").read_text(
    encoding="utf-8"
)

FIGURES = ("log_loss_skill", "log_loss", "f1", "accuracy", "roc_auc", "calibration_error")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; script-src {_digest(_SCRIPT)}; style-src {_digest(_STYLE)}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def states(everything: Overview) -> str:
    """Each project's state in a tile, the worst first: what Airflow's own first page shows."""
    rows = _worst_first(everything)
    return _render("states.html", title="Model health", rows=rows, refresh=_pace(False))


def overview(everything: Overview, live: dict[str, Live]) -> str:
    """The page of all projects, the worst first."""
    rows = _worst_first(everything)
    counts = {level: sum(row.fitness.level == level for row in rows) for level in signs.WORST_FIRST}
    busy = any(state.run_id for state in live.values())
    return _render(
        "health.html", title="Model health", overview=everything, rows=rows, counts=counts, refresh=_pace(busy)
    )


def project(details: Details, live: Live) -> str:
    """The page of one project."""
    gates = [one.gate for one in details.competitions if one.gate]
    title = details.summary.title
    return _render("project.html", title=title, scale=charts.gains(gates), **_about(details, live))


def alert(told: AlertDetails, live: Live) -> str:
    """The page of one alert."""
    details = told.details
    title = f"{glossary.capital(glossary.spoken(told.alert.kind))} alert, {details.summary.title}"
    return _render(
        "alert.html",
        title=title,
        told=told,
        alert=told.alert,
        advice=told.advice,
        acts=glossary.ACTS,
        met=_met(details, told.answer.id) if told.answer else None,
        **_about(details, live),
    )


def window(told: "WindowDetails", live: Live) -> str:
    """The page of one window: why its quality is what it is."""
    details, shown = told.details, told.window
    before = next(
        (one for one in reversed(details.windows) if one.id == shown.id and one.champion != shown.champion), None
    )
    return _render(
        "window.html",
        title=f"{shown.name}, v{shown.champion}, {details.summary.title}",
        window=shown,
        found=told.found,
        gap=told.gap,
        before=before,
        told=[one for one in details.alerts if (one.champion, one.window) == (shown.champion, shown.id)],
        **_about(details, live),
    )


def comparison(told: "SideBySide", live: Live) -> str:
    """The page on which two models stand side by side, and where it is decided between them."""
    competition = told.competition
    asked = competition is not None and competition.decision is None and live.activity == "approval"
    asked = asked and competition is not None and competition.run_id == live.run_id
    gate = competition.gate if competition else None
    return _render(
        "comparison.html",
        title=f"{told.new.name} and {told.old.name}, {told.details.summary.title}",
        told=told,
        gate=gate,
        asked=asked,
        question=sentences.asked(gate) if gate else "",
        facts=list(dict.fromkeys([*told.new.facts, *told.old.facts])),
        **_about(told.details, live),
    )


def year(shown: "Year | None", details: Details, live: Live) -> str:
    """The page of a year."""
    title = f"A year of {details.summary.title}"
    brought = sentences.retrained(shown.trainings, shown.promotions, shown.gained, shown.first) if shown else ""
    return _render("year.html", title=title, year=shown, brought=brought, **_about(details, live))


def _met(details: Details, decision: str) -> Competition | None:
    """The gate that a decision came out of."""
    return next(
        (one for one in details.competitions if one.gate and one.decision and one.decision.id == decision), None
    )


def _about(details: Details, live: Live) -> dict[str, object]:
    """What the pages about one project share: how it stands, and what its buttons need."""
    competitions = details.competitions
    return {
        "details": details,
        "row": details.summary,
        "project": details.summary.name,
        "live": live,
        "api": api_address(),
        "undecided": next((one for one in competitions if one.run_id == live.run_id and one.decision is None), None),
        "earlier": _earlier(details),
        "refresh": _pace(bool(live.run_id)),
    }


def _pace(busy: bool) -> int:
    """Seconds until the page looks again: soon while something is under way."""
    return 4 if busy else 30


def _worst_first(everything: Overview) -> list[Summary]:
    return sorted(everything.projects, key=lambda row: signs.WORST_FIRST.index(row.fitness.level))


def _render(template: str, **values: object) -> str:
    return _templates.get_template(template).render(style=Markup(_STYLE), script=Markup(_SCRIPT), **values)


def _column_name(row: Summary, name: str) -> str:
    return {row.rules.columns.probability: "predictions", row.rules.columns.target: "labels"}.get(name, name)


def _earlier(details: Details) -> dict[str, str]:
    """The versions that were in service before, newest first: what a rollback can go back to, and what tells them apart."""
    newest = {window.champion: window for window in details.windows}
    served: dict[str, str] = {}
    for tenure in details.tenures:
        if tenure.version != details.summary.champion and tenure.version not in served:
            window = newest.get(tenure.version)
            skill = window.figure("log_loss_skill") if window else None
            figure = [f"{glossary.SHORT['log_loss_skill']} {skill.value:.4f}"] if skill else []
            until = [f"until {moments.moment(tenure.until)}"] if tenure.until else []
            served[tenure.version] = ", ".join([f"v{tenure.version}", *figure, *until, tenure.algorithm])
    return served


_NATS = re.compile(r"\bnats( per row)?\b")


def _glossed(text: str) -> Markup:
    """A text in which the unit of losses explains itself, where it stands first."""
    tip = Markup('<span class="term" tabindex="0">{}<span class="tip" role="tooltip">{}</span></span>')
    found = _NATS.search(text)
    if found is None:
        return escape(text)
    return escape(text[: found.start()]) + tip.format(found[0], glossary.HELP["nats"]) + escape(text[found.end() :])


_templates = Environment(
    loader=FileSystemLoader(_TEMPLATES),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_templates.globals |= {
    "charts": charts,
    "policies": comparisons,
    "signs": signs.SIGNS,
    "drift_words": signs.DRIFT,
    "figures": {name: glossary.capital(glossary.SHORT[name]) for name in FIGURES},
    "terms": glossary.HELP,
    "age": moments.age,
    "column_name": _column_name,
    "column_state": signs.column,
    "missing_limit": MISSING_THRESHOLD,
    "health_address": health_address,
    "alert_address": alert_address,
    "dag_run_address": dag_run_address,
    "mlflow_address": mlflow_address,
    "report_address": window_report_address,
    "window_address": window_address,
    "gate_address": gate_address,
    "version_address": version_address,
    "card_address": card_address,
    "challenger_card_address": challenger_card_address,
    "decision_address": decision_address,
    "year_address": year_address,
    "year_chart": year_chart.year,
}
_templates.filters |= {
    "moment": moments.moment,
    "spoken": glossary.spoken,
    "glossed": _glossed,
    "first_sentence": sentences.first,
}
