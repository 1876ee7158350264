"""A search that ended at the edge of its space goes on beyond: the edge was chosen by us, and not by the data."""

from dataclasses import replace

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from shotclock.models.candidates.algorithms import Entry
from shotclock.models.candidates.sklearn_backend import cross_validated
from shotclock.models.searched import Search, Settings, Tried

MOST_STEPS = 12  # settings that are tried beyond; of a search of few draws, twice as many as these
WORTH = 1e-5  # nats per row: a smaller gain is none


def widened(entry: Entry, found: Search) -> Search:
    """What was found, and what lies beyond: one step out of the space at a time, as long as a step gains.

    The folds are those of the search, and so are the figures, but for the seventh digit where PyCaret made those.
    """
    held_out = entry.plan.held_out(entry.rows.labels)
    left = min(MOST_STEPS, 2 * entry.plan.iterations)
    while (settings := _next(entry, found)) and left:
        left -= 1
        with threadpool_limits(limits=1):
            folds = cross_validated(entry, settings, held_out)
        one = Tried(settings, tuple(fold["log_loss"] for fold in folds))
        better = one.log_loss < found.tried[found.best].log_loss - WORTH
        found = replace(found, tried=(*found.tried, one))
        if better:
            found = replace(found, best=len(found.tried) - 1, folds=folds)
    return replace(found, cut_short=settings is not None)


def _next(entry: Entry, found: Search) -> Settings | None:
    """What is to be tried next to the best; None where nothing is left."""
    known = [one.settings for one in found.tried]
    return next((one for one in entry.plan.beyond(found.settings) if one not in known), None)
