"""The window: the newest batches that a version scored, their rows, and the labels that have come for them."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from shotclock.config import Columns, Project, project, settings
from shotclock.errors import StoreError
from shotclock.files import dataset, storage
from shotclock.files.storage import Address
from shotclock.judging import performance
from shotclock.rows import labelling
from shotclock.store import history, queries, registry

_SPARE = 4  # times `recent_rows` that are looked at in one batch: some rows have no label
_BATCH_ROWS = 131_072
_LABELS_AT_ONCE = 4_000_000  # that came later; 100 MB by id
_MOST_BATCHES = 1000  # how far back a window may reach
MOST_FOR_LABELS = 24  # batches before the window in which labelled rows are looked for


def tally_of(rules: Project, batches: list[dict[str, Any]], trained_on: NDArray[Any]) -> performance.Tally:
    """Count the labelled rows of these batches that the model was not trained on.

    Labels that came later must be looked up by id. Where there are more than fit in memory, ids are dealt to buckets, and the
    rows are read once for each.
    """
    columns, later = rules.columns, label_files(rules)
    buckets = max(1, -(-sum(dataset.rows(path) for path in later) // _LABELS_AT_ONCE))
    seen, total = pa.array(trained_on), performance.Tally.empty()
    for bucket in range(buckets):
        late = _late_labels(columns, later, bucket, buckets)
        for rows in (rows for batch in batches for rows in _with_own_labels(columns, batch)):
            ids = rows[columns.id]
            known = _latest(ids, rows[columns.target].cast(pa.float64()), late)
            judged = pc.and_(known.is_valid(), pc.invert(pc.is_in(ids, seen.cast(ids.type))))
            if buckets > 1:
                judged = pc.and_(judged, pa.array(labelling.bucket(ids, buckets) == bucket))
            total += performance.Tally.of(known.filter(judged), rows["probability"].filter(judged))
    return total


def _with_own_labels(columns: Columns, batch: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    """Id, probability and target of the scored rows, the target as their own file has it."""
    own, source = [columns.id, columns.target], storage.at(batch["source"])
    predictions = dataset.read_batches(storage.at(batch["predictions"]), [columns.id, "probability"], _BATCH_ROWS)
    if _has(source, own):
        labels = storage.read_batches(source, own, _BATCH_ROWS)
        return labelling.aligned(predictions, labels, columns.id, columns.target)
    return (rows.append_column(columns.target, pa.nulls(rows.num_rows)) for rows in predictions)


def _late_labels(columns: Columns, files: list[Address], bucket: int, of: int) -> "pd.Series[float]":
    """The labels of one bucket of ids that came later, by id: of two for one id, that of the later file."""
    wanted, found = [columns.id, columns.target], []
    for rows in (rows for path in files for rows in storage.read_batches(path, wanted, _BATCH_ROWS)):
        here = labelling.bucket(rows[columns.id], of) == bucket
        found.append(labelling.labels(pa.Table.from_batches([rows]).filter(pa.array(here)), columns.target))
    if not found:
        return pd.Series(dtype=float)
    table = labelling.first_of_each(pa.concat_tables(found), columns.id)
    labels: pd.Series[float] = table[columns.target].to_pandas().astype(float)
    return labels.set_axis(table[columns.id].to_pandas())


def _latest(ids: pa.Array, own: pa.Array, late: "pd.Series[float]") -> pa.Array:
    """The label of each id: the one that came later, else its own, else null."""
    if late.empty:
        return own
    place = late.index.get_indexer(ids.to_pandas())  # type: ignore[no-untyped-call]
    found: pa.Array = pc.coalesce(pa.array(late.to_numpy()[place], mask=place < 0), own)
    return found


def reference_rows(name: str, version: registry.Version) -> pd.DataFrame:
    """The rows that the decision which this version came out of was about, with its probabilities.

    Raises:
        StoreError: no decision left any.
    """
    rows: pd.DataFrame = storage.read_table(history.reference(name, version)).to_pandas()
    return rows


def newest_window(name: str, version: registry.Version) -> dict[str, Any]:
    """The newest batches that `version` scored, reaching back until they hold the project's minimum of rows.

    Raises:
        StoreError: it has scored nothing yet.
    """
    wanted, kept, rows = project(name).drift.min_rows, [], 0
    batches = scored_batches(name, version)
    for batch in batches:
        if rows >= wanted:
            break
        kept.append(batch)
        rows += dataset.rows(storage.at(batch["predictions"]))
    if not kept:
        raise StoreError(f"{version.uri} has scored nothing yet; trigger {name}.inference first")
    return {
        "window": hashlib.sha256(" ".join(batch["sha256"] for batch in kept).encode()).hexdigest()[:16],
        "champion": version.number,
        "batches": kept,
        "older": batches[len(kept) :],
        "synthetic": any(batch["synthetic"] == "True" for batch in kept),
    }


def scored_batches(name: str, version: registry.Version | None = None) -> list[dict[str, Any]]:
    """The batches that `version` (or any) scored, newest batch first, each with its newest predictions."""
    tags = {"champion": version.number} if version else None
    scorings = queries.newest(name, "application", tags=tags, most=_MOST_BATCHES)
    newest = {history.tag(run, "batch"): run for run in reversed(scorings)}
    batches = [_batch(newest[number]) for number in sorted(newest, key=int, reverse=True)]
    return [batch for batch in batches if dataset.is_there(storage.at(batch["predictions"]))]


def _batch(run: Any) -> dict[str, Any]:
    found = {key: history.tag(run, key) for key in ("predictions", "source", "synthetic", "batch")}
    return {**found, "sha256": history.tag(run, "sha256.production")}


def origin(scored: dict[str, Any]) -> dict[str, Any]:
    return {
        "window": scored["window"],
        "champion": scored["champion"],
        "batches": files_of(scored["batches"]),
        "synthetic": scored["synthetic"],
    }


def files_of(batches: list[dict[str, Any]]) -> str:
    return ", ".join(storage.at(batch["source"]).name for batch in batches)


def window_rows(rules: Project, scored: dict[str, Any]) -> tuple[pa.Table, int]:
    """The window's predictions with their labels, at most about `drift.max_rows` of them, and how many rows there are."""
    rows = sum(dataset.rows(storage.at(batch["predictions"])) for batch in scored["batches"])
    share = min(1.0, rules.drift.max_rows / max(1, rows))
    parts = [_joined(rules, batch, share) for batch in scored["batches"]]
    return pa.concat_tables(parts, promote_options="permissive"), rows


def recent_rows(name: str) -> tuple[pa.Table, int]:
    """The labelled rows of the newest batches, back to the project's `recent_rows`, and how many batches these are.

    Of a batch that holds many times more, a seeded sample: memory goes with `recent_rows` and not with the batch.
    """
    rules, parts, rows = project(name), [], 0
    for batch in scored_batches(name):
        if rows >= rules.retraining.recent_rows:
            break
        share = min(1.0, _SPARE * rules.retraining.recent_rows / max(1, dataset.rows(storage.at(batch["predictions"]))))
        labelled = _joined(rules, batch, share).select(rules.columns.all)
        labelled = labelled.filter(pc.is_valid(labelled[rules.columns.target]))
        parts.append(labelled)
        rows += labelled.num_rows
    if not parts:
        raise StoreError(f"project '{name}' has no predictions yet; trigger {name}.inference first")
    return pa.concat_tables(parts, promote_options="permissive"), len(parts)


def _joined(rules: Project, batch: dict[str, Any], share: float) -> pa.Table:
    columns = rules.columns
    wanted = [columns.id, columns.time, *columns.features, "probability"]
    predictions = _sampled(storage.at(batch["predictions"]), wanted, rules, share)
    return labelling.with_labels(predictions, _labels(rules, batch, share), columns.id, columns.target)


def _labels(rules: Project, batch: dict[str, Any], share: float) -> pa.Table:
    """Id and label, one row an id: of the scored file, and of the files of labels that came later; the latest counts."""
    columns = rules.columns
    wanted = [columns.id, columns.target]
    files = [
        *label_files(rules),
        *([storage.at(batch["source"])] if _has(storage.at(batch["source"]), wanted) else []),
    ]
    parts = [labelling.labels(_sampled(path, wanted, rules, share), columns.target) for path in files]
    return labelling.first_of_each(pa.concat_tables(parts), columns.id) if parts else labelling.no_labels(wanted)


def label_files(rules: Project) -> list[Address]:
    """The files of labels that came later than their rows, the latest first."""
    if rules.data.labels is None:
        return []
    found = storage.listing(storage.at(rules.data.labels, settings().data / "raw"), "*.parquet")
    return [path for path in reversed(found) if _has(path, [rules.columns.id, rules.columns.target])]


def _has(path: Address, wanted: list[str]) -> bool:
    """Whether the file holds these columns: a batch may come without labels."""
    with storage.open_parquet(path) as file:
        return set(wanted) <= set(file.schema_arrow.names)


def _sampled(path: Address, wanted: list[str], rules: Project, share: float) -> pa.Table:
    schema = pa.schema([dataset.schema(path).field(name) for name in wanted])
    batches = dataset.read_batches(path, wanted, _BATCH_ROWS)
    kept = labelling.sample(batches, rules.columns.id, share=share, seed=rules.drift.seed)
    return schema.empty_table() if kept is None else kept.select(wanted)
