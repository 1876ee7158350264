"""Exports of other systems: packed or not, one file or a folder of parts, parquet or text."""

import bz2
import gzip
import lzma
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shotclock.config import Columns, Reading
from shotclock.errors import SourceError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.kinds import Column, spelt, with_names
from shotclock.sources import encodings, told

_ROWS = 1 << 17
_LAYERS = 3  # how often a file may be packed
_NOT_YET = ("_temporary", "_incomplete")  # what Spark and Hadoop keep in a folder while they write it
_OFFICE = {
    "[Content_Types].xml": "an Excel workbook",
    "content.xml": "an OpenDocument table",
    "Index/Document.iwa": "a Numbers table",
}
_VERSIONED = ("_delta_log", ".hoodie")  # where these lie, not all parts are rows of today
_BESIDE = ("__MACOSX", ".", "Thumbs.db", "desktop.ini")  # what systems put into an archive by themselves
_NO_PARTITION = "__HIVE_DEFAULT_PARTITION__"  # how hive writes that a row has no value there
_PARQUET = b"PAR1"
PARQUET = (".parquet", ".pq")


def _by_arrow(codec: str) -> Callable[[Path], IO[bytes]]:
    return lambda path: pa.CompressedInputStream(str(path), codec)


_PACKED: dict[bytes, Callable[[Path], IO[bytes]]] = {
    b"\x1f\x8b": gzip.open,  # type: ignore[dict-item]
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x28\xb5\x2f\xfd": _by_arrow("zstd"),
    b"\x04\x22\x4d\x18": _by_arrow("lz4"),
}
_OTHER = {
    rb"\xd0\xcf\x11\xe0": ("an Excel workbook", "read_excel"),
    rb"SQLite format 3": ("an SQLite database", "read_sql"),
    rb"ARROW1": ("an Arrow file", "read_feather"),
    rb"\xff{4}": ("an Arrow stream", ""),
    rb"Obj\x01": ("an Avro file", ""),
    rb"\x89HDF": ("an HDF5 file", "read_hdf"),
    rb"%PDF": ("a PDF document", ""),
    rb"7z\xbc\xaf": ("a 7z archive", ""),
    rb"Rar!": ("a RAR archive", ""),
    rb"\x1f\x9d": ("a file packed by compress", ""),
    rb"ORC": ("an ORC file", "read_orc"),
    rb"FEA1": ("a Feather file", "read_feather"),
    rb"\x93NUMPY": ("an array of NumPy's", ""),
    rb"<stata_dta>|[\x69-\x73][\x01\x02]\x01\x00": ("a Stata file", "read_stata"),
    rb"\x00{12}\xc2\xea\x81\x60|HEADER RECORD\*": ("a SAS file", "read_sas"),
    rb"\$FL": ("an SPSS file", "read_spss"),
    rb"MATLAB 5": ("a MATLAB file", ""),
    rb"RD[AX]\d\n|X\n\x00{3}": ("an R file", ""),
    rb"\x00\x01\x00\x00Standard": ("an Access database", ""),
    rb"\x80[\x02-\x05][\x95c}\]]": ("a pickle, which is code and is not read", ""),
    rb"version https://git-lfs": ("a pointer of Git LFS, and not its file", ""),
    rb"-----BEGIN PGP": ("an encrypted file", ""),
    rb"\{|\[\s*[\[{\"]": ("JSON", "read_json"),
    rb"<[!?A-Za-z]": ("a page of HTML or XML", ""),
}
"""What is no table of text, by how it begins; and what of pandas reads it."""


def is_parquet(address: Address) -> bool:
    """Whether it is one file that is named as parquet is, or begins so."""
    if not storage.is_file(address):
        return False
    if address.name.lower().endswith(PARQUET):
        return True
    with address.open("rb") as file:
        return bool(file.read(4) == _PARQUET)


def refuse_others(address: Address, shown: str) -> None:
    """Refuse a file that is neither text nor parquet, by its name."""
    with unpacked(address, shown):
        pass


@contextmanager
def unpacked(address: Address, shown: str = "") -> Iterator[Path]:
    """A file as one of this machine: itself, or a copy that lasts as long as the block; unpacked, however often it is packed.

    Args:
        shown: what messages call it, if not by its address.

    Raises:
        SourceError: it cannot be unpacked, several files are in it, or it is neither text nor parquet.
    """
    with storage.local(address) as given, TemporaryDirectory(prefix="shotclock-") as folder:
        path = given
        for layer in range(_LAYERS):
            way = _way(_beginning(path))
            if way is None:
                break
            inner = Path(folder) / str(layer)
            _unpack(path, way, inner, shown or str(address))
            path = inner
        if kind := _no_table(path):
            raise _refused(shown or str(address), *kind)
        yield path


def _no_table(path: Path) -> tuple[str, str] | None:
    """What a file is, if neither text nor parquet, and what of pandas reads it; None where it may be."""
    begins = _beginning(path).lstrip()
    if _way(begins):
        return f"a file that is packed more than {_LAYERS} times", ""
    as_text = begins.lstrip(b"\xef\xbb\xbf\xff\xfe\x00").replace(b"\x00", b"").lstrip()  # of UTF-8 and UTF-16
    known = (kind for shape, kind in _OTHER.items() if re.match(shape, begins) or re.match(shape, as_text))
    is_other = not begins.startswith(_PARQUET) and encodings.is_binary(path)
    return next(known, None) or (("bytes that are no text", "") if is_other else None)


def _refused(shown: str, kind: str, reader: str) -> SourceError:
    how = f", such as by pandas: {reader}(…).to_parquet(…)" if reader else ""
    return SourceError(f"{shown}: found {kind}, expected text (CSV) or parquet; export it as one of these{how}")


def _unpack(path: Path, way: Callable[[Path, str], Any], inner: Path, shown: str) -> None:
    try:
        with way(path, shown) as packed, inner.open("wb") as file:
            shutil.copyfileobj(packed, file, _ROWS)
    except (
        OSError,
        EOFError,
        zlib.error,
        zipfile.BadZipFile,
        lzma.LZMAError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        if isinstance(error, OSError) and error.errno:  # such as a full disk
            raise
        raise SourceError(f"{shown}: cannot be unpacked ({error}): half-written or damaged; fetch it again") from error


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(64)


def _way(begins: bytes) -> Callable[[Path, str], Any] | None:
    if begins.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped
    found = next((way for mark, way in _PACKED.items() if begins.startswith(mark)), None)
    return None if found is None else lambda path, _: found(path)


@contextmanager
def _zipped(path: Path, shown: str) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        for mark, kind in _OFFICE.items():
            if mark in names:
                raise _refused(shown, kind, "read_excel")
        names = [name for name in names if not any(part.startswith(_BESIDE) for part in name.split("/"))]
        if len(names) != 1:
            told = f" ({', '.join(names[:4])}{', …' if len(names) > 4 else ''})" if names else ""
            raise SourceError(f"{shown}: found {len(names)} files in the archive{told}, expected one; unpack it")
        with archive.open(names[0]) as file:
            yield file


def write_parquet(address: Address, columns: Columns, reading: Reading, target: Address) -> None:
    """Write the columns that the project names, as far as they are there, as one parquet file.

    Raises:
        SourceError: it cannot be read, or is still being written.
        ContractError: a value is not what its column holds.
    """
    batches = _rows(address, columns, reading)
    if reading.row_order:
        batches = _in_order(batches, columns, storage.changed(address))
    first = next(batches)
    with storage.replacing(target) as partial, pq.ParquetWriter(partial, first.schema) as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)


def _rows(address: Address, columns: Columns, reading: Reading) -> Iterator[pa.RecordBatch]:
    """All of its rows, in the types of the first ones."""
    schema: pa.Schema | None = None
    for part in parts(address):
        said = {name: text for name, text in by_folders(part, address).items() if name in columns.in_file}
        row = 0
        for batch in _rows_of(part, columns, reading):
            typed = told.in_types(_with(batch, said), columns, reading, str(part), row)
            schema = schema or typed.schema
            yield _alike(typed, schema, part, row)
            row += batch.num_rows


def _with(batch: pa.RecordBatch, said: Mapping[str, str | None]) -> pa.RecordBatch:
    """Rows with the columns that stand in the names of their folders, where they have none of that name."""
    for name in said.keys() - set(batch.schema.names):
        batch = batch.append_column(name, pa.repeat(pa.scalar(said[name], pa.string()), batch.num_rows))
    return batch


def _rows_of(part: Address, columns: Columns, reading: Reading) -> Iterator[pa.RecordBatch]:
    if is_parquet(part):
        yield from _parquet_rows(part, columns)
        return
    with unpacked(part) as path:
        if is_parquet(path):
            yield from _parquet_rows(path, columns)
        else:
            yield from told.read_rows(path, columns, reading, str(part))


def rows_as_times(first: int, rows: int, moment: datetime) -> pa.Array:
    """The times of rows that have none of their own: a microsecond apart, from the moment of their file on."""
    begin = int(moment.timestamp() * 1_000_000) + first
    return pa.array(np.arange(begin, begin + rows)).cast(pa.timestamp("us"))


def _in_order(batches: Iterator[pa.RecordBatch], columns: Columns, moment: datetime) -> Iterator[pa.RecordBatch]:
    """Rows with a time, where the file has none: `reading.row_order`."""
    row = 0
    for batch in batches:
        if columns.time in batch.schema.names:
            yield batch
        else:
            yield batch.append_column(columns.time, rows_as_times(row, batch.num_rows, moment))
        row += batch.num_rows


def _parquet_rows(part: Address, columns: Columns) -> Iterator[pa.RecordBatch]:
    with storage.open_parquet(part) as file:
        there = file.schema_arrow.names
        types = file.schema_arrow
    spelling = spelt(there)
    names = {spelling[name]: name for name in columns.in_file if name in spelling}
    batches = storage.read_batches(part, [*names], _ROWS)
    none = pa.RecordBatch.from_pylist([], pa.schema([field for field in types if field.name in names]))
    for batch in chain([next(batches, none)], batches):
        named = batch.rename_columns([names[name] for name in batch.schema.names])
        yield named.replace_schema_metadata(with_names(there))


def is_as_kept(address: Address, columns: Columns, reading: Reading) -> bool:
    """Whether a parquet file may be used as it lies there: a column for the time, and nothing in words that is to be read."""
    with storage.open_parquet(address) as file:
        schema = file.schema_arrow
    return told.is_plain(schema, columns, reading) and not (reading.row_order and columns.time not in schema.names)


def by_folders(part: Address, address: Address) -> dict[str, str | None]:
    """What the names of a part's folders say of all its rows, such as `month=2025-06`, as hive lays tables down."""
    folders = str(part).removeprefix(str(address.parent)).split("/")[:-1]
    said = dict(folder.split("=", 1) for folder in folders if "=" in folder)
    return {unquote(name): None if text == _NO_PARTITION else unquote(text) for name, text in said.items()}


def parts(address: Address) -> list[Address]:
    """The files of which it consists, in the order of their names, as Spark, Dask and hive lay them down."""
    if storage.is_file(address):
        return [address]
    unfinished = [found for found in storage.folders(address) if found.name in _NOT_YET]
    if unfinished:
        raise SourceError(f"{unfinished[0]}: found what is there while a folder is written; wait until it is done")
    versioned = [found for found in storage.folders(address) if found.name in _VERSIONED]
    if versioned:
        raise SourceError(
            f"{address}: found a table of many versions ({versioned[0].name}), of which not all parts are rows of today; "
            "export the newest one as parquet"
        )
    found = [part for inner in storage.arrived(address) for part in parts(inner)]
    astray = [part for part in found if not storage.lies_in(part, [address])]
    if astray:
        raise SourceError(f"{astray[0]}: a link that leads out of its folder; put a copy there")
    if not found and not address.is_dir():
        raise SourceError(f"{address}: found neither a file nor a folder, expected one; name another one")
    if not found:
        raise SourceError(f"{address}: found a folder without data, expected the parts of a table; remove it")
    return found


def _alike(batch: pa.RecordBatch, schema: pa.Schema, part: Address, first: int) -> pa.RecordBatch:
    """Rows in the columns and types of those before them; `first` rows of their part were before these."""
    if batch.schema.equals(schema):
        return batch
    lacking = set(schema.names) - set(batch.schema.names)
    if lacking:
        raise SourceError(f"{part}: column '{min(lacking)}' is missing, which other parts have; write them alike")
    columns = [cast(batch[field.name], field, str(part), first) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def cast(column: Column, field: pa.Field, part: str, first: int = 0) -> Column:
    """A column in the type of those before it; `first` rows of its part were before these.

    Raises:
        SourceError: a value has none in that type; it names part, column, row, value and both types.
    """
    try:
        return column.cast(field.type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        place = told.first_wrong(lambda some: some.cast(field.type), column)
        raise SourceError(
            f"{part}: column '{field.name}', row {first + place + 1:,}: found '{column[place]}' ({column.type}), expected "
            f"{field.type} as in the rows before; correct the value, or write all of them alike"
        ) from error
