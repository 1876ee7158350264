"""Files: run folders, atomic writing and publishing, digests. The only module that knows how a file comes to be.

An address is a path of this machine or a place in an object store (`at` makes one of text). A caller takes it as it is, joins
it with `/`, asks for its `name`, `stem` or `parent`, and leaves the rest to the functions here.
"""

import fcntl
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from shotclock.errors import SourceError
from shotclock.files import addresses, objects

Address: TypeAlias = addresses.Address
at = addresses.at

log = logging.getLogger(__name__)

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_PLAIN = re.compile(r"(?:[A-Za-z0-9_-][A-Za-z0-9_.-]*/)*[A-Za-z0-9_-][A-Za-z0-9_.-]*")
_UNREADABLE = (
    pa.ArrowException,
    OSError,
    ValueError,
    OverflowError,
    MemoryError,
)  # what pyarrow raises for damaged files
_LONGEST_NAME = 200  # characters of a folder's name: file systems take 255 bytes, with what is added to it
_SAID = 500  # characters of its words
_CHUNK = 1 << 20
_ROWS = 1 << 16  # that are read at once to see whether a column moves
_FEW_ROWS = 1 << 15  # to read so few in threads costs more than it brings
_BUFFER = 1 << 16  # bytes read at once of a column, instead of its whole chunk


def run_folder(data: Address, project: str, flow: str, run_id: str) -> Address:
    """The folder of one run, made if it is not there: `data/<project>/runs/<flow>/<run>`.

    The run's id is made safe for every file system; two ids that differ only in unsafe characters, or far behind, stay apart.
    """
    folder = data / project / "runs" / flow / folder_name(run_id)
    if isinstance(folder, Path):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def folder_name(run_id: str) -> str:
    """What a run's folder is called."""
    safe = _UNSAFE.sub("-", run_id)
    if safe != run_id or safe.startswith(".") or len(safe) > _LONGEST_NAME:
        safe = f"{safe.lstrip('.')[:_LONGEST_NAME]}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"
    return safe


@contextmanager
def replacing(address: Address) -> Iterator[Path]:
    """Yield a temporary file's path; on success it replaces what is at `address` in one step, on failure nothing is left.

    It lies beside a path, under a name that is always the same, so what a killed run left is overwritten by its retry. For
    an object it lies on this machine and is uploaded whole: nothing of a failed run reaches the store, not even the parts of
    an upload, and an upload that fails can be tried again without making the file anew.
    """
    if not isinstance(address, Path):
        with TemporaryDirectory(prefix="shotclock-") as folder:
            partial = Path(folder) / address.name
            yield partial
            objects.put(partial, address)
        return
    address.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(address)
    try:
        yield partial
        with partial.open("rb") as written:
            os.fsync(written.fileno())
        partial.replace(address)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def filling(folder: Address) -> Iterator[Path]:
    """Yield an empty folder of this machine for files that are to be moved into `folder` once they are whole."""
    if not isinstance(folder, Path):
        with TemporaryDirectory(prefix="shotclock-") as temporary:
            yield Path(temporary)
        return
    staging = folder / ".filling"
    discard(staging)
    staging.mkdir(parents=True)
    try:
        yield staging
    finally:
        discard(staging)


def move(file: Path, address: Address) -> None:
    """Make a whole file what is at `address`, in one step; a path must be of the same file system."""
    if isinstance(address, Path):
        file.replace(address)
    else:
        objects.put(file, address)
        file.unlink()


def withdraw(address: Address) -> None:
    """Remove a file, and what a killed writer of it left; nothing happens when neither is there."""
    if not isinstance(address, Path):
        return objects.remove(address)
    address.unlink(missing_ok=True)
    return _partial(address).unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.partial")


@contextmanager
def locked(address: Address) -> Iterator[None]:
    """Hold an exclusive lock at `address`; waits for whoever holds it.

    For a path it is a lock of the kernel on a file, made if it is not there: it ends with the process, however that ends. In
    an object store it is a lease, which ends when its holder gives no sign of life: `objects.Lease`.

    Raises:
        StoreError: the lease was taken over before the block ended.
    """
    if not isinstance(address, Path):
        lease = objects.Lease(address, objects.LEASE_SECONDS)
        lease.acquire()
        try:
            yield
        finally:
            lease.release()
        return
    address.parent.mkdir(parents=True, exist_ok=True)
    with address.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def alone_in(folder: Address) -> Iterator[None]:
    """Hold an exclusive lock on a folder, made if it is not there, without leaving a file in one of this machine."""
    if not isinstance(folder, Path):
        with locked(folder / ".lock"):
            yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:  # some network file systems cannot lock a folder
            log.warning("%s: cannot be locked (%s); let only one process fetch at a time", folder, error.strerror)
        yield
    finally:
        os.close(handle)


def write_table(table: pa.Table, address: Address) -> None:
    """Write a parquet file atomically. The same table gives the same bytes."""
    with replacing(address) as partial:
        pq.write_table(table, partial)


def read_table(address: Address, columns: list[str] | None = None) -> pa.Table:
    """Read a parquet file, or the named columns of it.

    Raises:
        SourceError: the file is missing, truncated or not parquet.
    """
    with open_parquet(address) as file, _reading(address):
        return file.read(columns=columns)


def read_column(address: Address, name: str) -> NDArray[Any]:
    """Read one column of a parquet file, shape (rows,). Errors as of `read_table`."""
    values: NDArray[Any] = read_table(address, [name])[name].to_numpy()
    return values


@contextmanager
def open_parquet(address: Address, *, columns: int = 1, **options: Any) -> Iterator[pq.ParquetFile]:
    """Open a parquet file; `options` are pyarrow's. What the caller does with it raises its own errors.

    Args:
        columns: how many will be read side by side; only an object store wants to know.

    Raises:
        SourceError: the file is missing, truncated or not parquet.
    """
    if isinstance(address, Path) and not address.is_file():
        if address.is_dir():
            raise SourceError(f"{address}: found a folder, expected a parquet file; write its parts as one file")
        raise SourceError(f"{address}: no such file; put it there or name another one")
    with _seekable(address, columns) as source:
        with _reading(address):
            file = pq.ParquetFile(source, **options)
            _refuse_damaged(file)
        with file:
            yield file


def _refuse_damaged(file: pq.ParquetFile) -> None:
    """Look at all of the footer that anybody uses, so that what is damaged fails here. A column's own part of it is not looked
    at, here or elsewhere: where it is damaged, pyarrow ends the process instead of raising an error.
    """
    metadata, names = file.metadata, file.schema_arrow.names
    groups = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    if min(groups, default=0) < 0 or sum(groups) != metadata.num_rows:
        raise pa.ArrowInvalid(f"its footer tells {metadata.num_rows} rows, and those of its parts are {groups[:10]}")
    for name in names:
        name.encode()


def _seekable(address: Address, columns: int) -> AbstractContextManager[Any]:
    return nullcontext(address) if isinstance(address, Path) else objects.opened(address, columns)


def read_batches(
    address: Address,
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
    reading = {"columns": len(columns), "pre_buffer": False, "buffer_size": _BUFFER}
    with open_parquet(address, read_dictionary=list(dictionaries), **reading) as file, _reading(address):
        threads = file.metadata.num_rows > _FEW_ROWS
        yield from file.iter_batches(rows, row_groups=groups, columns=columns, use_threads=threads)


def standing_still(address: Address, columns: Sequence[str]) -> dict[str, float]:
    """The columns of numbers that hold one value in all rows, and that value; nulls and NaN do not count.

    Reading ends with the first rows in which each column has moved. The file's own statistics would tell it without reading
    any; but pyarrow ends the process where the statistics of somebody's file are damaged.

    Raises:
        SourceError: the file is missing, truncated or not parquet.
    """
    open_, first = list(columns), dict[str, float]()
    while open_:
        moved = None
        for rows in read_batches(address, open_, _ROWS):
            moved = [name for name in open_ if _moves(rows[name], name, first)]
            if moved:
                break
        if not moved:
            break
        open_ = [name for name in open_ if name not in moved]
    return {name: first[name] for name in open_ if name in first}


def _moves(column: pa.Array, name: str, first: dict[str, float]) -> bool:
    """Whether a value differs from the first one of its column, which is noted in `first`."""
    known = column.drop_null()
    if pa.types.is_floating(known.type):
        known = known.filter(pc.invert(pc.is_nan(known)))
    if not len(known):
        return False
    return not pc.all(pc.equal(known, first.setdefault(name, known[0].as_py()))).as_py()


@contextmanager
def _reading(address: Address) -> Iterator[None]:
    try:
        with _reaching(address):
            yield
    except _UNREADABLE as error:
        said = " ".join(str(error).split())[:_SAID]
        raise SourceError(f"{address}: not a readable parquet file ({said}); fetch it again") from error


def _reaching(address: Address) -> AbstractContextManager[None]:
    return nullcontext() if isinstance(address, Path) else objects.reaching(address)


def read(address: Address) -> bytes:
    """All bytes of a small file."""
    return address.read_bytes() if isinstance(address, Path) else objects.read(address)


def is_file(address: Address) -> bool:
    return address.is_file() if isinstance(address, Path) else objects.is_file(address)


def exists(address: Address) -> bool:
    """Whether a file is there, or something else in its place."""
    return address.exists() if isinstance(address, Path) else objects.is_file(address)


def size(address: Address) -> int:
    """In bytes; of a folder, all that lies in it."""
    if not isinstance(address, Path):
        return objects.size(address)
    return weight(address) if address.is_dir() else address.stat().st_size


def listing(folder: Address, pattern: str) -> list[Address]:
    """The files in a folder, not below it, whose names match the pattern, in the order of their names."""
    if not isinstance(folder, Path):
        return [*objects.listing(folder, pattern)]
    return [path for path in sorted(folder.glob(pattern)) if path.is_file()]


def folders(folder: Address) -> list[Address]:
    """The folders in a folder, in the order of their names."""
    if not isinstance(folder, Path):
        return [*objects.folders(folder)]
    return [path for path in sorted(folder.glob("*")) if path.is_dir() and not path.is_symlink()]


def arrived(folder: Address) -> list[Address]:
    """The files and folders in a folder that may be data, in the order of their names.

    As for Spark and others, what begins with `_` or a dot is none.
    """
    found = [*listing(folder, "*"), *folders(folder)]
    return sorted((path for path in found if path.name[0] not in "_."), key=lambda path: path.name)


def weight(folder: Address) -> int:
    """The bytes of all files below a folder."""
    if not isinstance(folder, Path):
        return sum(size for size, _ in objects.below(folder))
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def changed(folder: Address) -> datetime:
    """When a file, or anything in a folder or below it, was last written, UTC."""
    if not isinstance(folder, Path):
        if objects.is_file(folder):
            return objects.changed(folder)
        return max((at for _, at in objects.below(folder)), default=datetime.now(UTC))
    return datetime.fromtimestamp(max(path.stat().st_mtime for path in (folder, *folder.rglob("*"))), UTC)


def fetch(address: Address, target: Path) -> None:
    """Copy a file to a path of this machine."""
    if isinstance(address, Path):
        shutil.copyfile(address, target)
    else:
        objects.get(address, target)


@contextmanager
def local(address: Address) -> Iterator[Path]:
    """The file as a path of this machine: itself, or a copy that lasts as long as the block."""
    if isinstance(address, Path):
        yield address
        return
    with TemporaryDirectory(prefix="shotclock-") as folder:
        objects.get(address, copy := Path(folder) / address.name)
        yield copy


def digest(address: Address) -> str:
    """The file's sha256, in hex."""
    found = hashlib.sha256()
    with address.open("rb") if isinstance(address, Path) else objects.opened(address) as file, _reaching(address):
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def identity(address: Address) -> str:
    """The file's digest; that of a folder is made of the names and digests of the files in it."""
    if not isinstance(address, Path) or not address.is_dir():
        return digest(address)
    parts = [path for path in sorted(address.rglob("*")) if path.is_file()]
    told = [f"{path.relative_to(address)} {digest(path)}" for path in parts]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def publish(folder: Address, name: str) -> Address:
    """Make `folder` what readers find under `data/<project>/<name>`, in one step.

    For a path the name is a relative symbolic link, replaced by rename; in an object store it is an object that holds the
    same relative path. `published` follows either. A reader sees the old folder or the new one, whole.
    Of two runs that publish at once, the later one stays.
    """
    link = folder.parents[2] / name
    if not isinstance(link, Path):
        objects.write(link, "/".join(folder.parts[-3:]).encode())
        return link
    partial = link.with_name(f".{name}.{folder.name}.partial")  # each run's own
    partial.unlink(missing_ok=True)
    partial.symlink_to(os.path.relpath(str(folder), link.parent))
    partial.replace(link)
    return link


def published(data: Address, project: str, name: str) -> Address | None:
    """The run folder that `data/<project>/<name>` stands for now, or None if nothing was published.

    Ask once and read all of it from there: whoever asks again for each file may see two runs.
    """
    link = data / project / name
    if isinstance(link, Path):
        return link.resolve() if link.is_dir() else None
    return data / project / objects.read(link).decode() if objects.is_file(link) else None


def inside(text: str, folder: Address) -> Address | None:
    """The file at the address `text` if it really lies below `folder`, else None.

    In a file system links and dots are followed before that is judged; names in an object store must be plain ones.
    """
    if isinstance(folder, Path):
        return _inside(Path(text), folder)
    start = f"{str(folder).rstrip('/')}/"
    plain = text.startswith(start) and _PLAIN.fullmatch(text.removeprefix(start))
    address = at(text) if plain else None
    return address if address is not None and is_file(address) else None


def lies_in(address: Address, places: Iterable[Address]) -> bool:
    """Whether a path lies below one of the places once links are followed. In an object store there are no links."""
    if not isinstance(address, Path):
        return True
    try:
        found = address.resolve()
    except (OSError, RuntimeError):  # a loop of links, in Python 3.12
        return False
    if any(part.is_symlink() for part in (found, *found.parents)):  # from 3.13 on a loop is left as it is
        return False
    return any(found.is_relative_to(place.resolve()) for place in places if isinstance(place, Path))


def _inside(path: Path, folder: Path) -> Path | None:
    if not path.is_absolute():
        return None
    try:
        found = path.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):  # missing, a null byte, a loop of links
        return None
    return found if found.is_relative_to(folder.resolve()) and found.is_file() else None


def discard(folder: Address) -> None:
    """Remove a folder and what is in it; nothing happens when it is not there."""
    if isinstance(folder, Path):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        objects.remove_below(folder)
