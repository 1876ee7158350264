"""The rows that two versions have scored in the same pass: what the champion and its shadow gave, with the labels."""

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from shotclock.config import Columns, Project
from shotclock.files import dataset, storage
from shotclock.store.intake import ledger
from shotclock.store.records import Application
from shotclock.store.window import Window, labelled

_ROWS = 1 << 20


def since(window: Window, shadow: str, taken_over: datetime) -> list[Application]:
    """The batches that the window's version has scored beside this shadow, of those taken in since it took over."""
    known = [batch.number for batch, moment in ledger.arrivals(window.project.name) if moment <= taken_over]
    last = max(known, default=0)
    return [
        batch
        for batch in (*window.batches, *window.older)
        if batch.batch > last
        and batch.shadow == shadow
        and dataset.is_there(storage.at(batch.shadow_predictions or ""))
    ]


def given(columns: Columns) -> str:
    """The name of the column with the shadow's probabilities."""
    return columns.output("shadow_probability")


def rows(project: Project, batches: Sequence[Application]) -> pd.DataFrame:
    """Id, time, target, and both probabilities of the labelled rows of these batches, in the order of time, each id once.

    Of more than about `drift.max_rows` it is a sample.

    Args:
        batches: newest first.
    """
    columns = project.columns
    wanted = [columns.id, columns.time, columns.target, columns.probability]
    if not batches:
        return pd.DataFrame(columns=[*wanted, given(columns)])
    champion = labelled(project, batches)[0].select(wanted)
    champion = champion.filter(pc.is_valid(champion[columns.target]))
    parts = [part for batch in batches for part in _given(columns, batch, champion[columns.id])]
    shadow = pa.Table.from_batches(parts).to_pandas() if parts else pd.DataFrame(columns=[columns.id, given(columns)])
    both: pd.DataFrame = champion.to_pandas().merge(
        shadow.drop_duplicates(columns.id), on=columns.id
    )  # the newest batch's row counts
    return both.sort_values([columns.time, columns.id], kind="stable", ignore_index=True)


def _given(columns: Columns, batch: Application, ids: pa.ChunkedArray) -> list[pa.RecordBatch]:
    """Id and probability by the shadow of those rows of the batch."""
    path, found = storage.at(batch.shadow_predictions or ""), []
    for part in dataset.read_batches(path, [columns.id, columns.probability], _ROWS):
        here = part.filter(pc.is_in(part[columns.id], ids.combine_chunks().cast(part[columns.id].type)))
        found.append(pa.RecordBatch.from_arrays(here.columns, [columns.id, given(columns)]))
    return found
