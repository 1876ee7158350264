"""The pages themselves: values into templates. Whatever a value holds is escaped."""

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from shotclock.words import glossary
from shotclock.words.cards import plots

_ENVIRONMENT = Environment(
    loader=PackageLoader("shotclock.words.cards"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.globals |= {"plots": plots, "glossary": glossary}
_ENVIRONMENT.filters["figure"] = lambda value: "–" if value is None else f"{value:.4f}"
_ENVIRONMENT.filters["share"] = lambda value: "–" if value is None else f"{value:.1%}"
_ENVIRONMENT.filters["count"] = lambda value: f"{value:,}"
_ENVIRONMENT.filters["sentence"] = lambda text: glossary.capital(text).rstrip(".") + "."
_CARD, _DECISION = (_ENVIRONMENT.get_template(name) for name in ("model_card.html", "decision.html"))


def model_card(told: Mapping[str, object]) -> str:
    """The card of one version. What `told` holds: see `steps.cards`."""
    return _CARD.render(told)


def decision(told: Mapping[str, object]) -> str:
    """The page of one decision."""
    return _DECISION.render(told)
