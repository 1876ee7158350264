"""The step that cuts one file of rows into batches by their time: what a folder of batches can be filled with."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from shotclock.config import project, settings
from shotclock.config.extension import Period
from shotclock.errors import SourceError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.rows import periods
from shotclock.sources import find

_ROWS = 1 << 16  # read at a time
_HELD = 1 << 20  # rows held before they are written: each part's rows of them are one row group


@dataclass(frozen=True)
class Part:
    """A file of one period, and its rows."""

    file: str
    rows: int


@dataclass(frozen=True)
class Parts:
    """What was cut of `source`, and lies in `folder`, oldest first."""

    source: str
    folder: str
    files: tuple[Part, ...]
    rows: int
    summary: str


def split_history(name: str, by: str | None = None, into: str | None = None, file: str | None = None) -> Parts:
    """Cut the production file, or the one at `file`, by its time column into parquet files whose names sort as time does.

    All columns are kept, and the rows' order. The files are written aside and then moved into the folder one after the
    other, oldest first, so whoever looks meanwhile sees whole files in the right order. The same rows give the same bytes.

    Args:
        by: one of the project's `periods`; by default the first of them.
        into: the folder, under `data/raw/` or absolute; by default the project's folder of batches, or one of its name.
        file: a file under `data/raw/`, or absolute.

    Raises:
        SourceError: the file cannot be read, or the folder holds parquet files that are not of this cut.
        ContractError: the time column is missing, or a time in it is missing or no date.
    """
    rules, raw = project(name), settings().data / "raw"
    by = by or next(iter(rules.periods))
    source = storage.at(file, raw) if file else find.find(rules, "production", settings()).path
    folder = storage.at(into or rules.data.batches or name, raw)
    with storage.locked(folder.with_name(f".{folder.name}.lock")), storage.filling(folder) as staging:
        rows = _write_parts(source, rules.columns.time, rules.periods[by], staging)
        _refuse_others(folder, staging, list(rows))
        for part in sorted(rows):
            storage.move(staging / _file(part), folder / _file(part))
    files = tuple(Part(_file(part), rows[part]) for part in sorted(rows))
    total, span = sum(rows.values()), f"{files[0].file} to {files[-1].file}" if files else "none"
    summary = f"{total:,} rows of `{source}` in {len(files)} files by {by}, {span}, in `{folder}`"
    return Parts(str(source), str(folder), files, total, summary)


def _file(part: str) -> str:
    return f"{part}.parquet"


def _write_parts(source: Address, time: str, period: Period, folder: Path) -> dict[str, int]:
    """Stream the file into one parquet file a part, below `folder`; the rows of each."""
    with storage.open_parquet(source) as file:
        schema = file.schema_arrow
    if time not in schema.names:
        raise SourceError(f"{source}: column '{time}' (columns.time) is missing; found {', '.join(schema.names)}")
    rows: dict[str, int] = {}
    writers: dict[str, pq.ParquetWriter] = {}
    try:
        for table in _tables(source, schema):
            for part, cut in periods.cut(table, time, period).items():
                if part not in writers:
                    writers[part] = pq.ParquetWriter(folder / _file(part), schema)
                writers[part].write_table(cut)
                rows[part] = rows.get(part, 0) + cut.num_rows
    finally:
        for writer in writers.values():
            writer.close()
    return rows


def _tables(source: Address, schema: pa.Schema) -> Iterator[pa.Table]:
    """The file's rows in tables of about `_HELD` rows."""
    held: list[pa.RecordBatch] = []
    for batch in storage.read_batches(source, schema.names, _ROWS):
        held.append(batch)
        if sum(part.num_rows for part in held) >= _HELD:
            yield pa.Table.from_batches(held).cast(schema)
            held = []
    if held:
        yield pa.Table.from_batches(held).cast(schema)


def _refuse_others(folder: Address, staging: Path, parts: list[str]) -> None:
    """A folder of batches is taken in whole: what is there already must be of this very cut."""
    wanted = {_file(part) for part in parts}
    for found in storage.listing(folder, "*.parquet"):
        if found.name not in wanted:
            raise SourceError(
                f"{found}: found a file that is not of this cut, expected none in the folder but "
                f"{', '.join(sorted(wanted)[:3])}, …; name an empty folder (--into), or remove it"
            )
        if storage.digest(found) != storage.digest(staging / found.name):
            raise SourceError(
                f"{found}: found other rows than those of this cut, expected the same or no file: a batch that was taken "
                "in is never changed; name an empty folder (--into), or remove it"
            )
