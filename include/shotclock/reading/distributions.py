"""A window against its reference, column by column, as small arrays to draw: features, predictions, labels."""

from dataclasses import dataclass

from shotclock.judging.drift import distributions
from shotclock.judging.drift.distributions import Distribution
from shotclock.store.versions import registry
from shotclock.store.window import Window, reference_rows


@dataclass(frozen=True)
class Compared:
    """How each column spreads over a window and over its reference.

    Attributes:
        columns: the features, the predicted probability and the label, by name and in this order.
        batches: the window's, by number.
    """

    columns: dict[str, Distribution]
    window: str
    batches: tuple[int, ...]


def compare(name: str, number: str, window_id: str = "") -> Compared:
    """A window that version `number` scored, by default its newest one, against the rows that it was judged on.

    Raises:
        StoreError: the version has scored nothing yet, the window's predictions are gone, or no decision left a reference.
    """
    version = registry.version(name, number)
    window = Window.past(name, version, window_id) if window_id else Window.newest(name, version)
    reference = reference_rows(name, version)
    columns, rows = window.project.columns, window.rows()[0].to_pandas()
    shown = (*columns.features, columns.probability, columns.target)
    return Compared(
        distributions.of_columns(rows, reference, shown, columns.texts),
        window.id,
        tuple(batch.batch for batch in window.batches),
    )
