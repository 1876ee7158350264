"""The package's words and signs as Streamlit and Plotly take them, and texts made harmless."""

import re

from shotclock.judging.figure import Figure
from shotclock.reading import reports
from shotclock.words import glossary, signs

HELP = glossary.HELP
capital = glossary.capital
NAMES = {name: glossary.capital(glossary.NAMES[name]) for name in ("log_loss_skill", "log_loss", "accuracy", "f1")}

ICONS: dict[signs.Shape, str] = {
    "circle": ":material/check_circle:",
    "triangle": ":material/warning:",
    "cross": ":material/cancel:",
    "ring": ":material/help:",
}

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-!|~$:&.=])")


def plain(text: str) -> str:
    """A text from the store as Markdown that shows it letter by letter: no link, image, formula or tag comes of it."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def gloss(text: str) -> str | None:
    """What the unit of losses is, where a text from the store speaks of it: it knows no reader."""
    return HELP["nats"] if "nats" in text else None


def harmless(text: str) -> str:
    """A text from the store for Plotly, which understands a few tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def badge(state: signs.State, text: str) -> str:
    """A text in the colour of a state, after its icon."""
    sign = signs.sign(state)
    return f":{sign.colour}-badge[{ICONS[sign.shape]} {text}]"


def run_link(project: str, run_id: str) -> str:
    """The way to a run in MLflow's UI."""
    return f"[MLflow run {plain(run_id)}]({reports.of_run(project, run_id)})"


def figure(measured: Figure | None) -> str:
    """A value with its interval."""
    return "not measured" if measured is None else str(measured)
