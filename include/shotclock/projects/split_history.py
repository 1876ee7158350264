"""The step that cuts one file of rows into batches by their time: what a folder of batches can be filled with."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shotclock.config import Project, project, settings
from shotclock.errors import SourceError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.rows import periods
from shotclock.sources import find
from shotclock.store.intake import taken

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


Cutter = Callable[[pa.Table, int], dict[str, pa.Table]]
"""Cuts a table of the file, which begins at that row, into parts by name."""


def periods_of(rules: Project) -> dict[str, periods.OfDay]:
    """The ways to cut by the calendar: the project's own, of which the first is the default, then those that all have."""
    own = {name: periods.by_month(period) for name, period in rules.periods.items()}
    return own | {name: of_day for name, of_day in periods.CALENDAR.items() if name not in own}


def split_history(
    name: str, by: str | None = None, into: str | None = None, file: str | None = None, size: int | None = None
) -> Parts:
    """Cut the production file, or the one at `file`, by its time column into parquet files whose names sort as time does.

    All columns are kept, and the rows' order. The files are written aside and then moved into the folder one after the
    other, oldest first, so whoever looks meanwhile sees whole files in the right order. The same rows give the same bytes.

    Args:
        by: one of `periods_of` the project; by default the first of them.
        size: instead, so many rows in each file.
        into: the folder, under `data/raw/` or absolute; by default the project's folder of batches, or one of its name.
        file: a file under `data/raw/`, or absolute.

    Raises:
        SourceError: the file cannot be read, or the folder holds parquet files that are not of this cut.
        ContractError: the time column is missing, or a time in it is missing or no date.
    """
    rules, raw = project(name), settings().data / "raw"
    ways = periods_of(rules)
    by = f"{size:,} rows" if size else by or next(iter(ways))
    source = storage.at(file, raw) if file else find.find(rules, "production", settings()).path
    rows_path = taken.as_parquet(rules, source)
    folder = storage.at(into or rules.data.batches or name, raw)
    with storage.locked(folder.with_name(f".{folder.name}.lock")), storage.filling(folder) as staging:
        _refuse_missing(rows_path, rules.columns.time)
        cutter = _by_size(rows_path, rules.columns.time, size) if size else _by_period(rules.columns.time, ways[by])
        rows = _write_parts(rows_path, cutter, staging)
        _refuse_others(folder, staging, list(rows))
        for part in sorted(rows):
            storage.move(staging / _file(part), folder / _file(part))
    files = tuple(Part(_file(part), rows[part]) for part in sorted(rows))
    total, span = sum(rows.values()), f"{files[0].file} to {files[-1].file}" if files else "none"
    summary = f"{total:,} rows of `{source}` in {len(files)} files by {by}, {span}, in `{folder}`"
    return Parts(str(source), str(folder), files, total, summary)


def _file(part: str) -> str:
    return f"{part}.parquet"


def _refuse_missing(source: Address, time: str) -> None:
    with storage.open_parquet(source) as file:
        names = file.schema_arrow.names
    if time not in names:
        raise SourceError(f"{source}: column '{time}' (columns.time) is missing; found {', '.join(names)}")


def _by_period(time: str, of_day: periods.OfDay) -> Cutter:
    return lambda table, _: periods.cut(table, time, of_day)


def _by_size(source: Address, time: str, size: int) -> Cutter:
    part = periods.in_parts(storage.read_table(source, [time])[time], size)

    def cut(table: pa.Table, start: int) -> dict[str, pa.Table]:
        here = part[start : start + table.num_rows]
        return {f"{number + 1:06}": table.filter(pa.array(here == number)) for number in np.unique(here).tolist()}

    return cut


def _write_parts(source: Address, cutter: Cutter, folder: Path) -> Mapping[str, int]:
    """Stream the file into one parquet file a part, below `folder`; the rows of each."""
    with storage.open_parquet(source) as file:
        schema = file.schema_arrow
    rows: dict[str, int] = {}
    start = 0
    writers: dict[str, pq.ParquetWriter] = {}
    try:
        for table in _tables(source, schema):
            for part, cut in cutter(table, start).items():
                if part not in writers:
                    writers[part] = pq.ParquetWriter(folder / _file(part), schema)
                writers[part].write_table(cut)
                rows[part] = rows.get(part, 0) + cut.num_rows
            start += table.num_rows
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
