"""The package's words and signs as Streamlit and Plotly take them, and texts made harmless."""

import re
from collections.abc import Sequence

from shotclock.judging.figure import Figure
from shotclock.judging.fitness import WindowHealth
from shotclock.words import glossary, signs
from shotclock.words.moments import when

HELP = glossary.HELP
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


def harmless(text: str) -> str:
    """A text from the store for Plotly, which understands a few tags."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def badge(state: signs.State, text: str) -> str:
    """A text in the colour of a state, after its icon."""
    sign = signs.sign(state)
    return f":{sign.colour}-badge[{ICONS[sign.shape]} {text}]"


def figure(measured: Figure | None) -> str:
    """A value with its interval."""
    return "not measured" if measured is None else str(measured)


def span(batches: Sequence[str]) -> str:
    """Which batches a window holds."""
    if not batches:
        return "–"
    return batches[0] if len(batches) == 1 else f"{batches[0]} … {batches[-1]} ({len(batches)} batches)"


def about(window: WindowHealth) -> str:
    """One line that says which window a figure is of."""
    rows = f"{window.judged_rows:,} labelled rows" if window.judged_rows else "no labelled rows"
    return f"window {span(window.batches)}, checked {when(window.at)}, scored by v{window.champion}, {rows}"
