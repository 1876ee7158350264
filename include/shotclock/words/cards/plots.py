"""Small charts as SVG inside the page: an interval on a scale, and a reliability curve. They hold figures, never texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from shotclock.judging.drift.distributions import Distribution
from shotclock.judging.figure import Figure
from shotclock.judging.intervals import wilson
from shotclock.words.drawing import Drawing, Scale

Floats = NDArray[np.float64]

_BINS = 10
_BAR, _GAIN = 200, 420  # pixels that their scales are long
_SPREAD = (260.0, 64.0)  # width and height
_SIDE, _EDGE = 320, 36  # pixels of the reliability curve, and of its margins


def scale(figures: Sequence[Figure]) -> Scale | None:
    """The scale that the rows of a table share, with 0 on it; None without a figure."""
    return Scale.around(figures, 0.0, pixels=(0, _BAR)) if figures else None


def bar(figure: Figure, shared: Scale) -> Markup:
    """An interval with its value, and where 0 lies."""
    drawing = Drawing(_BAR, 18, str(figure), "bar")
    drawing.upright(shared(0.0), 18, "zero")
    drawing.interval(figure, shared, 9, "span")
    drawing.dot((shared(figure.value), 9), 4)
    return drawing.svg()


def gain(figure: Figure, smallest: float) -> Markup:
    """The gate's interval against 0 and against the smallest gain that is worth a change."""
    x = Scale.around([figure], 0.0, smallest, pixels=(0, _GAIN))
    label = f"gain {figure}, 0 and {smallest:g} marked"
    drawing = Drawing(_GAIN + 48, 76, label, "gain", (-24, 0), grows=True)
    drawing.upright(x(0.0), 50, "zero")
    drawing.upright(x(smallest), 50, "least")
    drawing.interval(figure, x, 26, "span")
    drawing.dot((x(figure.value), 26), 6)
    drawing.line((0, 50), (_GAIN, 50), "axis")
    for tick in x.ticks():
        drawing.text((x(tick), 66), f"{tick:g}")
    return drawing.svg()


def spread(found: Distribution) -> Markup:
    """How a column's values spread: bars for the window, a line of steps for its reference."""
    width, highest = _SPREAD[0] / len(found.labels), max(*found.current, *found.reference) or 1.0
    drawing = Drawing(*_SPREAD, "", "spread", grows=True)
    steps = []
    for place, (now, then) in enumerate(zip(found.current, found.reference, strict=True)):
        left, high = place * width, _SPREAD[1] * now / highest
        drawing.bar(
            (left + width * 0.1, _SPREAD[1] - high), width * 0.8, high, "now", f"{found.labels[place]}: {now:.1%}"
        )
        level = _SPREAD[1] - (_SPREAD[1] - 2) * then / highest
        steps += [(left, level), (left + width, level)]
    drawing.way(steps, "then")
    return drawing.svg()


@dataclass(frozen=True)
class Bin:
    """Rows of about one probability: mean prediction, observed rate with its interval (Wilson 1927, 95 %)."""

    rows: int
    predicted: float
    observed: Figure


def bins(labels: Floats, probability: Floats) -> list[Bin]:
    """Up to ten bins with about as many rows each; equal probabilities share one."""
    place = pd.qcut(probability, _BINS, labels=False, duplicates="drop")
    numbers = sorted(set(place[~pd.isna(place)])) or [0]
    parts = [place == number for number in numbers] if len(numbers) > 1 else [np.ones(len(labels), dtype=bool)]
    return [_bin(labels[part], probability[part]) for part in parts if part.any()]


def _bin(y: Floats, p: Floats) -> Bin:
    return Bin(len(y), float(p.mean()), Figure(float(y.mean()), *wilson(int(y.sum()), len(y))))


def reliability(parts: Sequence[Bin]) -> Markup:
    """Predicted against observed, with intervals; on the diagonal, probabilities mean what they say."""
    ends = [end for part in parts for end in (part.predicted, part.observed.low, part.observed.high)]
    shown = max(0.0, floor(min(ends) * 10) / 10), min(1.0, (floor(max(ends) * 10) + 1) / 10)
    x, y = Scale(shown, (0, _SIDE)), Scale(shown, (_SIDE, 0))
    size, corner = (_SIDE + _EDGE + 24, _SIDE + _EDGE + 14), (-_EDGE - 12, -8)
    drawing = Drawing(*size, "predicted against observed rate", "reliability", corner, grows=True)
    for tick in x.ticks():
        drawing.text((x(tick), _SIDE + 18), f"{tick:g}")
        drawing.text((-8, y(tick) + 4), f"{tick:g}", "up")
        drawing.upright(x(tick), _SIDE, "grid")
        drawing.line((0, y(tick)), (_SIDE, y(tick)), "grid")
    drawing.line((0, _SIDE), (_SIDE, 0), "zero")
    for part in parts:
        told = f"{part.rows:,} rows: predicted {part.predicted:.3f}, observed {part.observed}"
        drawing.interval(part.observed, y, x(part.predicted), "span", upright=True)
        drawing.dot((x(part.predicted), y(part.observed.value)), 5, tip=told)
    drawing.text((_SIDE // 2, _SIDE + 36), "predicted")
    drawing.text((-_EDGE, _SIDE // 2), "observed", "turned", turned=True)
    return drawing.svg()
