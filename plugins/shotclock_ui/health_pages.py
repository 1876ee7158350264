"""The Model health pages as HTML. Values in, text out: no request, no database.

Whatever a value holds is text: the templates escape it, and the pages' policy allows no script and no style but their own,
named by their digests, and no request but to this host.
"""

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from shotclock.judging.drift import MISSING_THRESHOLD
from shotclock.reading.alert import AlertDetails
from shotclock.reading.health import Details, Overview, Summary
from shotclock.words import comparisons, glossary, moments, signs
from shotclock_ui import charts
from shotclock_ui.activity import Live
from shotclock_ui.links import (
    alert_address,
    api_address,
    dag_run_address,
    health_address,
    mlflow_address,
    window_report_address,
)

_TEMPLATES = Path(__file__).parent / "templates"
_STYLE = (_TEMPLATES / "health.css").read_text(encoding="utf-8")
_SCRIPT = (_TEMPLATES / "page.js").read_text(encoding="utf-8") + (_TEMPLATES / "health.js").read_text(encoding="utf-8")

FIGURES = ("log_loss_skill", "log_loss", "f1", "accuracy", "roc_auc", "calibration_error")


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; script-src {_digest(_SCRIPT)}; style-src {_digest(_STYLE)}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def overview(everything: Overview, live: dict[str, Live]) -> str:
    """The page of all projects, the worst first."""
    rows = sorted(everything.projects, key=lambda row: signs.WORST_FIRST.index(row.fitness.level))
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
        **_about(details, live),
    )


def _about(details: Details, live: Live) -> dict[str, object]:
    """What the pages about one project share: how it stands, and what its buttons need."""
    competitions = details.competitions
    return {
        "details": details,
        "row": details.summary,
        "live": live,
        "api": api_address(),
        "undecided": next((one for one in competitions if one.run_id == live.run_id and one.decision is None), None),
        "earlier": _earlier(details),
        "refresh": _pace(bool(live.run_id)),
    }


def _pace(busy: bool) -> int:
    """Seconds until the page looks again: soon while something is under way."""
    return 4 if busy else 30


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
}
_templates.filters |= {"moment": moments.moment, "spoken": glossary.spoken}
