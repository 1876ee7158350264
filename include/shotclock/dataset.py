"""A table as one parquet file, or as parts in a folder of that name. Who reads it need not know which.

Parts are written by tasks that know nothing of each other, so a marker beside them says which count: it is written last
and in one step, and what it does not name is not there. Its name begins with `_`, which pyarrow, Spark, DuckDB and polars
pass over, so the folder can be read as a whole by its name too.
"""

import json
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from shotclock import storage
from shotclock.errors import SourceError

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


def commit(path: Path, parts: Sequence[Part]) -> None:
    """Make `parts`, which lie in the folder `path`, the whole table, in one step; then remove other files from there.

    The same parts give the same bytes. A table that stood here as one file gives way.
    """
    told = {"rows": sum(part.rows for part in parts), "parts": [asdict(part) for part in parts]}
    with storage.replacing(path / MARKER) as partial:
        partial.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    keep(path, [MARKER, *(part.name for part in parts)])


def keep(folder: Path, names: Sequence[str]) -> None:
    """Remove every file of the folder that is not named, and the folder itself when none is."""
    if not names:
        storage.discard(folder)
        return
    for file in sorted(folder.iterdir()):
        if file.name not in names:
            storage.withdraw(file)


def make_room(path: Path, *, parts: bool) -> None:
    """Remove what stands at `path` in the other form, from an earlier try under another rule of cutting."""
    if parts and path.is_file():
        storage.withdraw(path)
    if not parts and path.is_dir():
        storage.discard(path)


def is_there(path: Path) -> bool:
    """Whether there is a whole table: a file, or a folder with its marker."""
    return path.is_file() or (path / MARKER).is_file()


def files(path: Path) -> list[Path]:
    """The files that the table consists of, in the order of its rows.

    Raises:
        SourceError: `path` is a folder without a marker: its parts are not complete, or it was not written here.
    """
    if not path.is_dir():
        return [path]
    return [path / part["name"] for part in _marker(path)["parts"]]


def rows(path: Path) -> int:
    """How many rows the table has.

    Raises:
        SourceError: it is missing, damaged or not complete.
    """
    if path.is_dir():
        return int(_marker(path)["rows"])
    with storage.open_parquet(path) as file:
        return int(file.metadata.num_rows)


def schema(path: Path) -> pa.Schema:
    """The table's columns.

    Raises:
        SourceError: it is missing, damaged or not complete.
    """
    with storage.open_parquet(files(path)[0]) as file:
        return file.schema_arrow


def read_batches(path: Path, columns: list[str], rows: int) -> Generator[pa.RecordBatch, None, None]:
    """Read the named columns in batches of at most `rows`, in order, as `storage.read_batches` does it for a file.

    Raises:
        SourceError: the table is missing, damaged or not complete.
    """
    for file in files(path):
        yield from storage.read_batches(file, columns, rows)


def digest(path: Path) -> str:
    """The sha256, in hex, of the file, or of the marker, which holds those of the parts."""
    return storage.digest(path / MARKER if path.is_dir() else path)


def _marker(path: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads((path / MARKER).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SourceError(
            f"{path}: a folder without {MARKER}: its parts are not complete; wait for the run that writes them, or clear "
            "its failed task"
        ) from error
    return told
