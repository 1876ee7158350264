"""Curves of one model on one set of rows, as a figure."""

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, roc_curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def curves(labels: NDArray[Any], probability: NDArray[Any]) -> "Figure":
    """ROC, precision and recall, and reliability, side by side.

    Args:
        labels: 0 or 1, shape (rows,).
        probability: of the label 1, shape (rows,).
    """
    from matplotlib.figure import Figure  # it takes most of a second, which only a training has

    figure = Figure(figsize=(12, 3.8), layout="constrained")
    roc, recall, reliability = figure.subplots(1, 3)
    false_positive, true_positive, _ = roc_curve(labels, probability)
    _draw(roc, false_positive, true_positive, "ROC", "false positive rate", "true positive rate")
    roc.plot([0, 1], [0, 1], ":", color="grey")
    precision, recalled, _ = precision_recall_curve(labels, probability)
    _draw(recall, recalled, precision, "Precision and recall", "recall", "precision")
    observed, predicted = calibration_curve(labels, probability, n_bins=10, strategy="quantile")
    _draw(reliability, predicted, observed, "Reliability", "predicted", "observed", marker="o")
    reliability.plot([0, 1], [0, 1], ":", color="grey")
    return figure


def _draw(axes: Any, x: NDArray[Any], y: NDArray[Any], title: str, across: str, up: str, marker: str = "") -> None:
    axes.plot(x, y, marker=marker)
    axes.set(title=title, xlabel=across, ylabel=up, xlim=(0, 1), ylim=(0, 1))
