"""Curves of one model on one set of rows, as a picture that stands alone."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve, roc_curve

from shotclock.words.cards.plots import bins
from shotclock.words.drawing import Drawing, Scale

_SIDE, _EDGE = 300, 60  # pixels of a curve, and from one to the next
_POINTS = 400  # of a curve: more than it has pixels
_STYLE = """
svg { background: white; font: 12px sans-serif; text-anchor: middle }
line { stroke: #ddd }
.chance { stroke: #888; stroke-dasharray: 3 3 }
polyline { fill: none; stroke: #1f5fa8; stroke-width: 1.5 }
.span { stroke: #1f5fa8; stroke-width: 2 }
circle { fill: #1f5fa8 }
.title { font-weight: bold }
.up { text-anchor: end }
"""


def curves(labels: NDArray[np.float64], probability: NDArray[np.float64]) -> str:
    """ROC, precision and recall, and reliability, side by side: an SVG file.

    Args:
        labels: 0 or 1, shape (rows,), both of them among these.
        probability: of the label 1, shape (rows,).
    """
    size, corner = (3 * (_SIDE + _EDGE) + 10, _SIDE + 80), (-50, -30)
    drawing = Drawing(*size, "ROC, precision and recall, reliability", "curves", corner)
    false_positive, true_positive, _ = roc_curve(labels, probability)
    x, y = _axes(drawing, 0, "ROC", "false positive rate", "true positive rate")
    drawing.line((x(0), y(0)), (x(1), y(1)), "chance")
    _way(drawing, x, y, false_positive, true_positive)
    precision, recall, _ = precision_recall_curve(labels, probability, drop_intermediate=True)
    x, y = _axes(drawing, 1, "Precision and recall", "recall", "precision")
    _way(drawing, x, y, recall, precision)
    x, y = _axes(drawing, 2, "Reliability", "predicted", "observed")
    drawing.line((x(0), y(0)), (x(1), y(1)), "chance")
    for part in bins(labels, probability):
        drawing.interval(part.observed, y, x(part.predicted), "span", upright=True)
        drawing.dot((x(part.predicted), y(part.observed.value)), 4, tip=f"{part.rows:,} rows")
    return drawing.file(_STYLE)


def _axes(drawing: Drawing, place: int, title: str, across: str, up: str) -> tuple[Scale, Scale]:
    left = place * (_SIDE + _EDGE)
    x, y = Scale((0.0, 1.0), (left, left + _SIDE)), Scale((0.0, 1.0), (_SIDE, 0))
    for tick in x.ticks():
        drawing.line((x(tick), 0), (x(tick), _SIDE), "")
        drawing.line((left, y(tick)), (left + _SIDE, y(tick)), "")
        drawing.text((x(tick), _SIDE + 18), f"{tick:g}")
        drawing.text((left - 6, y(tick) + 4), f"{tick:g}", "up")
    drawing.text((left + _SIDE / 2, -12), title, "title")
    drawing.text((left + _SIDE / 2, _SIDE + 38), across)
    drawing.text((left - 34, _SIDE / 2), up, turned=True)
    return x, y


def _way(drawing: Drawing, x: Scale, y: Scale, across: NDArray[np.float64], up: NDArray[np.float64]) -> None:
    kept = np.unique(np.linspace(0, len(across) - 1, _POINTS).astype(int))
    drawing.way([(x(float(a)), y(float(b))) for a, b in zip(across[kept], up[kept], strict=True)], "")
