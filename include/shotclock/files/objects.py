"""Object stores: what they do otherwise than a file system. Only `storage` asks, and only for an address that is no path.

An object appears whole, or not at all: a PUT of one object is atomic, and so is the end of an upload in parts. There are no
folders, no links and no locks of a kernel: `Lease` stands in for the last.
"""

import json
import logging
import math
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from shotclock.errors import ConfigError, ShotclockError, SourceAwayError, SourceError, StoreError

if TYPE_CHECKING:
    from upath import UPath

log = logging.getLogger(__name__)

LEASE_SECONDS = 30.0  # without a sign of life after which a lock's holder counts as dead
_SIGNS = 3  # of life in that time
_LOOK_SECONDS = 0.2  # between two looks at a lock that is held
_BLOCK = 4 << 20  # bytes asked for at once: small against memory, large against the time that one request takes
_BLOCKS_BYTES = 128 << 20  # of one file that are held while its columns are read side by side
_SMALLEST_BLOCK = 256 << 10
_PART = 16 << 20  # bytes of an upload in parts
_MOST_PARTS = 10_000  # that S3 takes
_PARTS_AT_ONCE = 2


@contextmanager
def reaching(address: "UPath") -> Iterator[None]:
    """Turn what the store's client raises into an error that names the address and says what to do.

    Raises:
        SourceError: there is no such object, or it was replaced while it was read.
        StoreError: no such bucket, no access, or no answer.
        ConfigError: the package for this kind of store is missing.
    """
    try:
        yield
    except ImportError as error:
        raise ConfigError(f"{address}: {error}; install the package that knows '{address.protocol}'") from error
    except FileNotFoundError as error:
        raise _missing(address) from error
    except _failures() as error:
        explained = _explained(address, error)
        if explained is None:
            raise
        raise explained from error


def _missing(address: "UPath") -> ShotclockError:
    if address.protocol in ("s3", "s3a"):
        try:
            address.fs.info(address.drive)
        except FileNotFoundError:
            return StoreError(f"{address}: there is no bucket '{address.drive}'; make it, or correct the address")
        except _failures():  # who may read the objects need not be allowed to ask for the bucket
            pass
    return SourceError(f"{address}: no such file; put it there or name another one")


def _failures() -> tuple[type[Exception], ...]:
    """What a store's client raises; S3's has errors of its own for a request that got no answer."""
    loaded = sys.modules.get("botocore.exceptions")
    return (OSError, ValueError, loaded.BotoCoreError) if loaded else (OSError, ValueError)


def _explained(address: "UPath", error: Exception) -> ShotclockError | None:
    """The error in our words, or None where it is not the store's."""
    kind, said = type(error).__name__, " ".join(str(error).split())
    if isinstance(error, PermissionError) or "Credentials" in kind:
        how = "check the credentials (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, or a role) and what they allow"
        return StoreError(f"{address}: access denied ({said}); {how}")
    if kind == "FileExpired":
        return SourceAwayError(f"{address}: was replaced while it was read; run again")
    if isinstance(error, ValueError):
        return StoreError(f"{address}: {said}; correct AWS_ENDPOINT_URL") if "endpoint" in said else None
    if isinstance(error, OSError) and not isinstance(error, ConnectionError | TimeoutError):
        return None if error.errno is None else StoreError(f"{address}: refused ({said})")  # without: a file's content
    return StoreError(f"{address}: cannot be reached ({said}); check the network and AWS_ENDPOINT_URL")


def read(address: "UPath") -> bytes:
    with reaching(address):
        content: bytes = address.fs.cat_file(address.path)
        return content


def write(address: "UPath", content: bytes) -> None:
    with reaching(address):
        address.fs.pipe_file(address.path, content)


def put(file: Path, address: "UPath") -> None:
    """Upload a file of this machine. Readers see the object before or the whole new one."""
    how: dict[str, Any] = {}
    if address.protocol in ("s3", "s3a"):  # left to itself, s3fs holds half a gigabyte of a large file
        part = max(_PART, math.ceil(file.stat().st_size / _MOST_PARTS))
        how = {"chunksize": part, "max_concurrency": _PARTS_AT_ONCE}
    with reaching(address):
        address.fs.put_file(str(file), address.path, **how)


def get(address: "UPath", file: Path) -> None:
    how = {"chunksize": _PART, "max_concurrency": _PARTS_AT_ONCE} if address.protocol in ("s3", "s3a") else {}
    with reaching(address):
        address.fs.get_file(address.path, str(file), **how)


def remove(address: "UPath") -> None:
    with suppress(SourceError), reaching(address):
        address.fs.rm_file(address.path)


def remove_below(folder: "UPath") -> None:
    with suppress(SourceError), reaching(folder):
        folder.fs.rm(folder.path, recursive=True)


def is_file(address: "UPath") -> bool:
    try:
        with reaching(address):
            return bool(address.fs.info(address.path)["type"] == "file")
    except SourceError:
        return False


def size(address: "UPath") -> int:
    with reaching(address):
        return int(address.fs.info(address.path)["size"])


def changed(address: "UPath") -> datetime:
    with reaching(address):
        found: datetime = address.fs.modified(address.path)
        return found


def listing(folder: "UPath", pattern: str) -> "list[UPath]":
    """The objects in the folder, not below it, whose names match the pattern, in the order of their names."""
    return [folder / name for name in _names(folder, "file") if fnmatch(name, pattern)]


def folders(folder: "UPath") -> "list[UPath]":
    """What is a folder in a folder: names that further names lie below, in their order."""
    return [folder / name for name in _names(folder, "directory")]


def _names(folder: "UPath", kind: str) -> list[str]:
    """What lies in the folder itself; not the empty object by which some tools mark a folder, nor the folder if it is none."""
    try:
        with reaching(folder):
            found = folder.fs.ls(folder.path, detail=True)
    except SourceError:
        return []
    paths = [entry["name"].rstrip("/").rpartition("/") for entry in found if entry["type"] == kind]
    return sorted(name for parent, _, name in paths if parent == folder.path.rstrip("/"))


def below(folder: "UPath") -> list[tuple[int, datetime]]:
    """Size and time of each object below the folder."""
    with reaching(folder):
        found = folder.fs.find(folder.path, detail=True)
    return [(int(entry["size"]), entry["LastModified"]) for entry in found.values()]


@contextmanager
def opened(address: "UPath", columns: int = 1) -> Iterator[Any]:
    """Open an object for reading here and there, by blocks of which the last ones used are kept.

    Args:
        columns: how many places are read side by side, as those of a parquet file are: each has a block of its own.
    """
    blocks = columns + 4
    block = min(_BLOCK, max(_SMALLEST_BLOCK, _BLOCKS_BYTES // blocks))
    how = {"cache_type": "blockcache", "block_size": block, "cache_options": {"maxblocks": blocks}}
    with reaching(address):
        file = address.fs.open(address.path, "rb", **how)
    with file:
        yield file


class Lease:
    """A lock in an object store: an object that says who holds it, and that is only ever replaced by compare-and-set.

    S3 writes an object on the condition that there is none (`If-None-Match: *`) or that it still is the one that was read
    (`If-Match`), so of two that write at once one wins. The holder renews the object all the time. Whoever waits and sees the
    same content for `seconds` takes the lock over: that is measured by the clock of the one who waits, so clocks need not
    agree. A holder that stood still for longer, and lost the lock, is told at the end.
    """

    def __init__(self, address: "UPath", seconds: float) -> None:
        if address.protocol not in ("s3", "s3a"):
            raise ConfigError(
                f"{address}: '{address.protocol}' cannot lock, and nothing is published where two runs could collide; "
                "keep SHOTCLOCK_DATA on s3:// or on a disk (raw files, batches and labels may lie there)"
            )
        self._address, self._seconds = address, seconds
        self._me, self._signs, self._tag = uuid4().hex, 0, ""
        self._lost, self._done = False, threading.Event()
        self._renewal = threading.Thread(target=self._renew, daemon=True)

    def acquire(self) -> None:
        """Wait for the lock, and begin to renew it."""
        seen, since = "", time.monotonic()
        while True:
            tag, holder = self._look()
            if tag != seen:
                seen, since = tag, time.monotonic()
            free = not holder or time.monotonic() - since > self._seconds
            if free and self._replace(tag, self._me):
                break
            if not free:
                time.sleep(_LOOK_SECONDS)
        self._renewal.start()

    def release(self) -> None:
        """Give the lock back.

        Raises:
            StoreError: another one took it over meanwhile.
        """
        self._done.set()
        self._renewal.join()
        if self._lost or not self._replace(self._tag, ""):
            raise StoreError(
                f"{self._address}: the lock was lost: this process gave no sign of life for {self._seconds:g} s and another "
                "one took over; look at what both have written, and run again"
            )

    def _renew(self) -> None:
        while not self._lost and not self._done.wait(self._seconds / _SIGNS):
            try:
                self._lost = not self._replace(self._tag, self._me)
            except StoreError as error:
                log.warning("%s: not renewed, trying again", error)

    def _look(self) -> tuple[str, str]:
        """What identifies the lock's present content, and its holder; both empty where there is none."""
        tag, content = self._content()
        return tag, json.loads(content)["holder"] if content else ""

    def _content(self) -> tuple[str, bytes]:
        try:
            with opened(self._address) as file, reaching(self._address):
                return str(file.details["ETag"]), file.read()
        except SourceError:  # none there, or replaced this moment
            return "", b""

    def _replace(self, tag: str, holder: str) -> bool:
        """Write the lock anew if it is still the one called `tag`, or, for an empty tag, if there is none."""
        self._signs += 1
        content = json.dumps({"holder": holder, "by": self._me, "sign": self._signs}).encode()
        condition = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
        with reaching(self._address):
            try:
                written = self._address.fs.pipe_file(self._address.path, content, **condition)
            except OSError as error:
                if not _is_refusal(error):
                    raise
                return self._was_written(content)
        self._tag = str(written["ETag"])
        return True

    def _was_written(self, content: bytes) -> bool:
        """Whether the content stands there all the same: the answer was lost, and the client had asked again."""
        self._tag, found = self._content()
        return found == content


def _is_refusal(error: OSError) -> bool:
    """Whether the store refused because the condition does not hold: the object is gone, is written just now, is another."""
    answer = getattr(error.__cause__, "response", {}).get("ResponseMetadata", {})
    return answer.get("HTTPStatusCode") in (404, 409, 412)
