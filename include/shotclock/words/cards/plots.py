"""Small charts as SVG inside the page: an interval on a scale, and a reliability curve. They hold figures, never texts."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from shotclock.judging.performance import Figure

Floats = NDArray[np.float64]

_BINS = 10
_Z = 1.959964  # 95 %
_SIDE, _EDGE = 320, 36  # pixels of the reliability curve, and of its margins


@dataclass(frozen=True)
class Scale:
    """A stretch of numbers on a stretch of pixels."""

    low: float
    high: float
    width: float = 420.0

    @classmethod
    def around(cls, figures: Sequence[Figure], *others: float, width: float = 420.0) -> "Scale":
        """One that holds all intervals and the other values, with some room."""
        found = [end for figure in figures for end in (figure.low, figure.high)] + list(others)
        low, high = min(found), max(found)
        room = 0.06 * ((high - low) or 1.0)
        return cls(low - room, high + room, width)

    def at(self, value: float) -> float:
        return round((value - self.low) / (self.high - self.low) * self.width, 2)

    def ticks(self) -> list[float]:
        """Four to eight round values."""
        span = self.high - self.low
        size = 10.0 ** floor(log10(span / 4))
        step = next(size * factor for factor in (1, 2, 5, 10) if span / (size * factor) <= 8)
        first, last = int(np.ceil(self.low / step)), int(np.floor(self.high / step))
        return [round(number * step, 10) for number in range(first, last + 1)]


def bar(figure: Figure, scale: Scale) -> Markup:
    """An interval with its value, and where 0 lies, on a scale that other rows of a table share."""
    return Markup(
        '<svg class="bar" width="{w}" height="18" viewBox="0 0 {w} 18" role="img" aria-label="{said}">{zero}'
        '<line class="span" x1="{low}" x2="{high}" y1="9" y2="9"/><circle cx="{at}" cy="9" r="4"/></svg>'
    ).format(
        w=f"{scale.width:g}",
        said=str(figure),
        zero=_upright(scale, 0.0, 18, "zero"),
        low=scale.at(figure.low),
        high=scale.at(figure.high),
        at=scale.at(figure.value),
    )


def gain(figure: Figure, smallest: float) -> Markup:
    """The gate's interval against 0 and against the smallest gain that is worth a change."""
    scale = Scale.around([figure], 0.0, smallest)
    ticks = Markup("").join(
        Markup('<text x="{x}" y="66">{tick:g}</text>').format(x=scale.at(tick), tick=tick) for tick in scale.ticks()
    )
    return Markup(
        '<svg class="gain" viewBox="-24 0 {w} 76" role="img" aria-label="gain {said}, 0 and {smallest:g} marked">'
        '{zero}{least}<line class="span" x1="{low}" x2="{high}" y1="26" y2="26"/>'
        '<circle cx="{at}" cy="26" r="6"/><line class="axis" x1="0" x2="{end:g}" y1="50" y2="50"/>{ticks}</svg>'
    ).format(
        w=f"{scale.width + 48:g}",
        said=str(figure),
        smallest=smallest,
        zero=_upright(scale, 0.0, 50, "zero"),
        least=_upright(scale, smallest, 50, "least"),
        low=scale.at(figure.low),
        high=scale.at(figure.high),
        at=scale.at(figure.value),
        end=scale.width,
        ticks=ticks,
    )


def _upright(scale: Scale, value: float, height: int, kind: str) -> Markup:
    if not scale.low <= value <= scale.high:
        return Markup("")
    return Markup('<line class="{kind}" x1="{x}" x2="{x}" y1="0" y2="{height}"/>').format(
        kind=kind, x=scale.at(value), height=height
    )


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
    rows, rate = len(y), float(y.mean())
    middle = (rate + _Z**2 / (2 * rows)) / (1 + _Z**2 / rows)
    half = _Z / (1 + _Z**2 / rows) * (rate * (1 - rate) / rows + _Z**2 / (4 * rows**2)) ** 0.5
    return Bin(rows, float(p.mean()), Figure(rate, min(rate, middle - half), max(rate, middle + half)))


def reliability(found: Sequence[Bin]) -> Markup:
    """Predicted against observed, with intervals; on the diagonal, probabilities mean what they say."""
    ends = [part.predicted for part in found] + [
        end for part in found for end in (part.observed.low, part.observed.high)
    ]
    low, high = max(0.0, floor(min(ends) * 10) / 10), min(1.0, (floor(max(ends) * 10) + 1) / 10)
    scale = Scale(low, high, _SIDE)
    lines = [
        Markup(
            '<text x="{x}" y="{base}">{tick:g}</text><text class="up" x="-8" y="{y}">{tick:g}</text>'
            '<line class="grid" x1="{x}" x2="{x}" y1="0" y2="{side}"/><line class="grid" x1="0" x2="{side}" y1="{h}" y2="{h}"/>'
        ).format(
            x=scale.at(tick),
            y=_SIDE - scale.at(tick) + 4,
            h=_SIDE - scale.at(tick),
            base=_SIDE + 18,
            tick=tick,
            side=_SIDE,
        )
        for tick in scale.ticks()
    ]
    points = [
        Markup(
            '<line class="span" x1="{x}" x2="{x}" y1="{high}" y2="{low}"/><circle cx="{x}" cy="{y}" r="5">'
            "<title>{rows} rows: predicted {predicted:.3f}, observed {observed}</title></circle>"
        ).format(
            x=scale.at(part.predicted),
            high=_SIDE - scale.at(part.observed.high),
            low=_SIDE - scale.at(part.observed.low),
            y=_SIDE - scale.at(part.observed.value),
            rows=f"{part.rows:,}",
            predicted=part.predicted,
            observed=str(part.observed),
        )
        for part in found
    ]
    return Markup(
        '<svg class="reliability" viewBox="-{edge} -8 {w} {h}" role="img" aria-label="predicted against observed rate">'
        '{lines}<line class="zero" x1="0" x2="{side}" y1="{side}" y2="0"/>{points}'
        '<text x="{middle}" y="{below}">predicted</text>'
        '<text class="turned" transform="translate(-{left} {middle}) rotate(-90)">observed</text></svg>'
    ).format(
        edge=_EDGE + 12,
        w=_SIDE + _EDGE + 24,
        h=_SIDE + _EDGE + 14,
        side=_SIDE,
        middle=_SIDE // 2,
        below=_SIDE + 36,
        left=_EDGE,
        lines=Markup("").join(lines),
        points=Markup("").join(points),
    )
