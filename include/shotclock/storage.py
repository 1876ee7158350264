"""Files: run folders, atomic writing and publishing, digests. The only module that knows how a file comes to be."""

import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from shotclock.errors import SourceError

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_CHUNK = 1 << 20
_BUFFER = 1 << 16  # bytes read at once of a column, instead of its whole chunk


def run_folder(data: Path, project: str, flow: str, run_id: str) -> Path:
    """The folder of one run, made if it is not there: `data/<project>/runs/<flow>/<run>`.

    The run's id is made safe for every file system; two ids that differ only in unsafe characters stay apart.
    """
    safe = _UNSAFE.sub("-", run_id)
    if safe != run_id or safe.startswith("."):
        safe = f"{safe.lstrip('.')}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"
    folder = data / project / "runs" / flow / safe
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it replaces `path` in one step, on failure nothing is left.

    The temporary name is always the same for one `path`, so what a killed run left is overwritten by its retry.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def withdraw(path: Path) -> None:
    """Remove a file, and what a killed writer of it left; nothing happens when neither is there."""
    path.unlink(missing_ok=True)
    _partial(path).unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file `path`, made if it is not there; waits for whoever holds it.

    The kernel releases it when the process ends, however it ends, so nobody has to clean up after a kill.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def write_table(table: pa.Table, path: Path) -> None:
    """Write a parquet file atomically. The same table gives the same bytes."""
    with replacing(path) as partial:
        pq.write_table(table, partial)


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Read a parquet file, or the named columns of it.

    Raises:
        SourceError: the file is missing, truncated or not parquet.
    """
    with open_parquet(path) as file, _reading(path):
        return file.read(columns=columns)


@contextmanager
def open_parquet(path: Path, **options: Any) -> Iterator[pq.ParquetFile]:
    """Open a parquet file; `options` are pyarrow's. What the caller does with it raises its own errors.

    Raises:
        SourceError: the file is missing, truncated or not parquet.
    """
    if not path.is_file():
        raise SourceError(f"{path}: no such file; put it there or name another one")
    with _reading(path):
        file = pq.ParquetFile(path, **options)
    with file:
        yield file


def read_batches(
    path: Path,
    columns: list[str],
    rows: int,
    *,
    dictionaries: Sequence[str] = (),
    groups: Sequence[int] | None = None,
) -> Generator[pa.RecordBatch, None, None]:
    """Read the named columns in batches of at most `rows`, in order; memory grows neither with the file nor row groups.

    Args:
        dictionaries: text columns to be read as dictionaries, which is faster where values repeat.
        groups: the row groups to read, by default all.

    Raises:
        SourceError: the file is missing, truncated, damaged or not parquet.
    """
    # with its own buffer pyarrow would keep every byte that it has read of the file
    reading = {"pre_buffer": False, "buffer_size": _BUFFER}
    with open_parquet(path, read_dictionary=list(dictionaries), **reading) as file, _reading(path):
        yield from file.iter_batches(rows, row_groups=groups, columns=columns)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowInvalid, OSError) as error:
        raise SourceError(f"{path}: not a readable parquet file ({error}); fetch it again") from error


def digest(path: Path) -> str:
    """The file's sha256, in hex."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def publish(folder: Path, name: str) -> Path:
    """Make `folder` what readers find under `data/<project>/<name>`, in one step.

    The name is a relative symbolic link, replaced by rename: a reader sees the old folder or the new one, whole.
    """
    link = folder.parents[2] / name
    partial = link.with_name(f".{name}.partial")
    partial.unlink(missing_ok=True)
    partial.symlink_to(os.path.relpath(folder, link.parent))
    partial.replace(link)
    return link


def discard(folder: Path) -> None:
    """Remove a folder and what is in it; nothing happens when it is not there."""
    shutil.rmtree(folder, ignore_errors=True)
