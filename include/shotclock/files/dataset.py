"""A table as one parquet file, or as parts in a folder of that name. Who reads it need not know which.

Parts are written by tasks that know nothing of each other, so a marker beside them says which count: it is written last
and in one step, and what it does not name is not there. Its name begins with `_`, which pyarrow, Spark, DuckDB and polars
pass over, so the folder can be read as a whole by its name too.
"""

import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from shotclock.errors import SourceError
from shotclock.files import storage
from shotclock.files.storage import Address

MARKER = "_commit.json"


@dataclass(frozen=True)
class Part:
    """One file of a table: its name in the folder, its rows, and the sha256 of its bytes."""

    name: str
    rows: int
    sha256: str


def part_name(number: int, key: str) -> str:
    """The file name of part `number`, from 0. What is made of other input has another `key`, and so another name."""
    return f"part-{number:05}-{key}.parquet"


def commit(path: Address, parts: Sequence[Part]) -> None:
    """Make `parts`, which lie in the folder `path`, the whole table, in one step; then remove other files from there.

    The same parts give the same bytes. A table that stood here as one file gives way.
    """
    told = {"rows": sum(part.rows for part in parts), "parts": [asdict(part) for part in parts]}
    with storage.replacing(path / MARKER) as partial:
        partial.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    keep(path, [MARKER, *(part.name for part in parts)])


def keep(folder: Address, names: Sequence[str]) -> None:
    """Remove every file of the folder that is not named, and the folder itself when none is."""
    if not names:
        storage.discard(folder)
        return
    for file in storage.listing(folder, "*"):
        if file.name not in names:
            storage.withdraw(file)


def make_room(path: Address, *, parts: bool) -> None:
    """Remove what stands at `path` in the other form, from an earlier try under another rule of cutting."""
    if parts and storage.is_file(path):
        storage.withdraw(path)
    if not parts and not storage.is_file(path) and storage.listing(path, "*"):
        storage.discard(path)


def is_there(path: Address) -> bool:
    """Whether there is a whole table: a file, or a folder with its marker."""
    return storage.is_file(path / MARKER) or storage.is_file(path)


def files(path: Address) -> list[Address]:
    """The files that the table consists of, in the order of its rows.

    Raises:
        SourceError: `path` is a folder without a marker: its parts are not complete, or it was not written here.
    """
    told = _marker(path)
    return [path / part["name"] for part in told["parts"]] if told else [path]


def rows(path: Address) -> int:
    """How many rows the table has.

    Raises:
        SourceError: it is missing, damaged or not complete.
    """
    told = _marker(path)
    if told:
        return int(told["rows"])
    with storage.open_parquet(path) as file:
        return int(file.metadata.num_rows)


def schema(path: Address) -> pa.Schema:
    """The table's columns.

    Raises:
        SourceError: it is missing, damaged or not complete.
    """
    with storage.open_parquet(files(path)[0]) as file:
        return file.schema_arrow


def read_batches(path: Address, columns: list[str], rows: int) -> Generator[pa.RecordBatch, None, None]:
    """Read the named columns in batches of at most `rows`, in order, as `storage.read_batches` does it for a file.

    Raises:
        SourceError: the table is missing, damaged or not complete.
    """
    for file in files(path):
        yield from storage.read_batches(file, columns, rows)


def digest(path: Address) -> str:
    """The sha256, in hex, of the file, or of the marker, which holds those of the parts."""
    return storage.digest(path / MARKER if storage.is_file(path / MARKER) else path)


def _marker(path: Address) -> dict[str, Any] | None:
    """What the marker says; None where the table is one file."""
    if storage.is_file(path / MARKER):
        told: dict[str, Any] = json.loads(storage.read(path / MARKER))
        return told
    if not storage.is_file(path) and storage.listing(path, "part-*"):
        raise SourceError(
            f"{path}: a folder without {MARKER}: its parts are not complete; wait for the run that writes them, or clear "
            "its failed task"
        )
    return None
