"""The Model health pages as HTML. Values in, text out: no request, no database.

Whatever a value holds is text: the templates escape it, and the pages' policy allows no script and no style but their own,
named by their digests, and no request but to this host.
"""

import base64
import hashlib
from datetime import datetime, timedelta
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from shotclock.judging.fitness import LEVELS
from shotclock.reading.health import Details, Overview, Summary
from shotclock_ui import charts
from shotclock_ui.activity import Live
from shotclock_ui.links import api_address, dag_run_address, health_address, mlflow_address, window_report_address

_HERE = Path(__file__).parent
_STYLE = (_HERE / "health.css").read_text(encoding="utf-8")
_SCRIPT = (_HERE / "page.js").read_text(encoding="utf-8") + (_HERE / "health.js").read_text(encoding="utf-8")

LEVEL_NAMES = {"fit": "Fit for use", "watch": "Warning", "unfit": "Not fit for use", "unknown": "Unknown"}
WORST_FIRST = ("unfit", "unknown", "watch", "fit")
FIGURES = {
    "log_loss_skill": "Skill",
    "log_loss": "Log loss",
    "f1": "F1",
    "accuracy": "Accuracy",
    "roc_auc": "ROC AUC",
    "calibration_error": "Calibration error",
}
TERMS = {
    "skill": "How much better the model's log loss is than always predicting the window's own share of positives: "
    "1 is perfect, 0 no better than that share, below 0 worse. In brackets: the interval.",
    "drifted share": "How many of the model's inputs are distributed otherwise than in the rows that the model was "
    "judged on: each has a drift score, and counts as drifted from its threshold on.",
    "new records": "Labelled rows that have come since the last decision. When there are enough, they start a "
    "retraining by themselves.",
    "gain": "The champion's log loss minus the challenger's on the same rows, which neither has seen. "
    "Promoted when it is worth having and its interval lies above 0.",
    "window": "The newest batches together, as many as hold the rows that a verdict needs.",
    "champion": "The version in service.",
}


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


POLICY = (
    f"default-src 'none'; script-src {_digest(_SCRIPT)}; style-src {_digest(_STYLE)}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)


def overview(found: Overview, live: dict[str, Live]) -> str:
    """The page of all projects, the worst first."""
    rows = sorted(found.projects, key=lambda row: WORST_FIRST.index(row.fitness.level))
    counts = {level: sum(row.fitness.level == level for row in rows) for level in LEVELS}
    busy = any(state.run_id for state in live.values())
    return _render(
        "health.html", title="Model health", found=found, rows=rows, counts=counts, live=live, refresh=_pace(busy)
    )


def project(found: Details, live: Live) -> str:
    """The page of one project."""
    undecided = next((one for one in found.competitions if one.run_id == live.run_id and one.decision is None), None)
    scale = charts.gates([one.gate for one in found.competitions if one.gate])
    return _render(
        "project.html",
        title=found.summary.title,
        found=found,
        row=found.summary,
        live=live,
        api=api_address(),
        undecided=undecided,
        scale=scale,
        refresh=_pace(bool(live.run_id)),
    )


def _pace(busy: bool) -> int:
    """Seconds until the page looks again: soon while something is under way."""
    return 4 if busy else 30


def _render(template: str, **values: object) -> str:
    return _templates.get_template(template).render(style=Markup(_STYLE), script=Markup(_SCRIPT), **values)


def _age(since: datetime | None, now: datetime) -> str:
    """How long ago, in the largest unit that says enough."""
    if since is None:
        return ""
    seconds = max((now - since) / timedelta(seconds=1), 0)
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count = int(seconds // size)
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def _column_name(row: Summary, name: str) -> str:
    return {"probability": "predictions", row.rules.columns.target: "labels"}.get(name, name)


def _earlier(found: Details) -> list[str]:
    """The versions that were in service before, newest first: what a rollback can go back to."""
    return [version for version in dict.fromkeys(t.version for t in found.tenures) if version != found.summary.champion]


_templates = Environment(
    loader=FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined
)
_templates.globals |= {
    "charts": charts,
    "level_names": LEVEL_NAMES,
    "figures": FIGURES,
    "terms": TERMS,
    "age": _age,
    "column_name": _column_name,
    "earlier": _earlier,
    "health_address": health_address,
    "dag_run_address": dag_run_address,
    "mlflow_address": mlflow_address,
    "report_address": window_report_address,
}
_templates.filters |= {"moment": charts.moment, "interval": charts.interval}
