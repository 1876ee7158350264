"""The newest window against its reference, column by column, as small arrays to draw: features, predictions, labels."""

from typing import Any

from shotclock.config import project
from shotclock.judging import distributions
from shotclock.store import registry
from shotclock.store.window import newest_window, reference_rows, window_rows

PREDICTION = "probability"


def compare(name: str, number: str) -> dict[str, Any]:
    """How each column spreads over the newest window that version `number` scored, and over the rows it was judged on.

    Returns:
        `columns`: a `Distribution` for each feature, the predicted probability and the label, by name and in this order;
        `window`, and its `batches` by number.

    Raises:
        StoreError: the version has scored nothing yet, or no decision left a reference for it.
    """
    rules, version = project(name), registry.version(name, number)
    scored, reference = newest_window(name, version), reference_rows(name, version)
    window = window_rows(rules, scored)[0].to_pandas()
    shown = [*rules.columns.features, PREDICTION, rules.columns.target]
    return {
        "columns": {column: distributions.compare(window[column], reference[column]) for column in shown},
        "window": scored["window"],
        "batches": [batch["batch"] for batch in scored["batches"]],
    }
