"""Exports of other systems: packed or not, one file or a folder of parts, parquet or text."""

import gzip
import zipfile
from collections.abc import Iterator
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq

from shotclock.config import Columns, Reading
from shotclock.errors import SourceError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.sources import tabular

_ROWS = 1 << 17
_TEXT = (".csv", ".tsv", ".txt", ".gz", ".zip", ".tab", ".psv")
_NOT_YET = ("_temporary", "_incomplete")  # what Spark and Hadoop keep in a folder while they write it


def is_parquet(address: Address) -> bool:
    """Whether it is one file that is not named as one of text, or begins as parquet does all the same."""
    if not storage.is_file(address):
        return False
    if not address.name.lower().endswith(_TEXT):
        return True
    with address.open("rb") as file:
        return bool(file.read(4) == b"PAR1")


def content(address: Address) -> bytes:
    """The bytes of a file of text; unpacked where it is packed by gzip or zip.

    Raises:
        SourceError: it cannot be unpacked, or several files are in it.
    """
    found = storage.read(address)
    try:
        if found.startswith(b"\x1f\x8b"):
            return gzip.decompress(found)
        return _zipped(found, address) if found.startswith(b"PK\x03\x04") else found
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise SourceError(
            f"{address}: cannot be unpacked ({error}): half-written or damaged; fetch it again"
        ) from error


def _zipped(found: bytes, address: Address) -> bytes:
    with zipfile.ZipFile(BytesIO(found)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
        if len(names) != 1:
            raise SourceError(f"{address}: found {len(names)} files in the archive, expected one; unpack it")
        return archive.read(names[0])


def write_parquet(address: Address, columns: Columns, reading: Reading, target: Address) -> None:
    """Write the columns that the project names, as far as they are there, as one parquet file.

    Raises:
        SourceError: it cannot be read, or is still being written.
        ContractError: a value is not what its column holds.
    """
    batches = _rows(address, columns, reading)
    first = next(batches, None)
    if first is None:
        raise SourceError(f"{address}: found no rows and no names of columns, expected a table")
    with storage.replacing(target) as partial, pq.ParquetWriter(partial, first.schema) as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(_alike(batch, first.schema, address))


def _rows(address: Address, columns: Columns, reading: Reading) -> Iterator[pa.RecordBatch]:
    for part in _parts(address):
        if not is_parquet(part):
            yield from tabular.read_rows(content(part), columns, reading, str(part))
            continue
        with storage.open_parquet(part) as file:
            names = [name for name in columns.all if name in file.schema_arrow.names]
        yield from storage.read_batches(part, names, _ROWS)


def _parts(address: Address) -> list[Address]:
    """The files of which it consists, in the order of their names, as Spark, Dask and hive lay them down."""
    if storage.is_file(address):
        return [address]
    unfinished = [found for found in storage.folders(address) if found.name in _NOT_YET]
    if unfinished:
        raise SourceError(f"{unfinished[0]}: found what is there while a folder is written; wait until it is done")
    found = [part for inner in storage.arrived(address) for part in _parts(inner)]
    astray = [part for part in found if not storage.lies_in(part, [address])]
    if astray:
        raise SourceError(f"{astray[0]}: a link that leads out of its folder; put a copy there")
    if not found:
        raise SourceError(f"{address}: found a folder without data, expected the parts of a table; remove it")
    return found


def _alike(batch: pa.RecordBatch, schema: pa.Schema, address: Address) -> pa.RecordBatch:
    if batch.schema.equals(schema):
        return batch
    try:
        return batch.select(schema.names).cast(schema)
    except (KeyError, ValueError, pa.ArrowInvalid) as error:
        raise SourceError(
            f"{address}: its parts have different columns or types ({error}); write them alike"
        ) from error
