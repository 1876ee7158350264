"""The pages themselves: values into templates. Whatever a value holds is escaped."""

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from shotclock.judging.drift import MISSING_THRESHOLD
from shotclock.words import glossary, signs
from shotclock.words.cards import plots

_ENVIRONMENT = Environment(
    loader=PackageLoader("shotclock.words.cards"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.globals |= {"plots": plots, "glossary": glossary, "signs": signs, "missing_threshold": MISSING_THRESHOLD}
_ENVIRONMENT.filters["figure"] = lambda value: "–" if value is None else f"{value:.4f}"
_ENVIRONMENT.filters["share"] = lambda value: "–" if value is None else f"{value:.1%}"
_ENVIRONMENT.filters["count"] = lambda value: f"{value:,}"
_ENVIRONMENT.filters["sentence"] = lambda text: glossary.capital(text).rstrip(".") + "."
_CARD, _DECISION, _DRIFT = (
    _ENVIRONMENT.get_template(name) for name in ("model_card.html", "decision.html", "drift_report.html")
)


def model_card(told: Mapping[str, object]) -> str:
    """The card of one version. What `told` holds: see `steps.cards`."""
    return _CARD.render(told)


def decision(told: Mapping[str, object]) -> str:
    """The page of one decision."""
    return _DECISION.render(told)


def drift_report(told: Mapping[str, object]) -> str:
    """What stands above Evidently's page: a title and a style, and, from `<body>` on, what is read."""
    return _DRIFT.render(told)
