"""Which production files were taken in, in which order: each once, also when two runs race. An entry is an MLflow run."""

import logging
from collections.abc import Sequence
from datetime import datetime

from shotclock.config import settings
from shotclock.errors import SourceError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.handoff import Batch
from shotclock.sources import find
from shotclock.store import queries, tracking
from shotclock.store.records import Entry, Stored
from shotclock.store.run import Run

log = logging.getLogger(__name__)

_MOST = 10_000


def entries(project: str) -> list[Batch]:
    """Every batch that was taken in, newest first."""
    found = [_batch(entry.record) for entry in _all(project)]
    return sorted(found, key=lambda batch: batch.number, reverse=True)


def arrivals(project: str) -> list[tuple[Batch, datetime]]:
    """Every batch with the moment (UTC) at which it was taken in, oldest first."""
    found = [(_batch(entry.record), entry.at) for entry in _all(project)]
    return sorted(found, key=lambda entry: entry[0].number)


def enter(run: Run, path: Address, sha256: str, *, synthetic: bool) -> Batch:
    """The entry of this very file: the one that it has, or a new one."""
    with storage.locked(_lock(run)):
        known = {batch.sha256: batch for batch in entries(run.project)}
        return known.get(sha256) or _write(run, len(known) + 1, path, sha256, synthetic)


def claim(run: Run, files: Sequence[Address]) -> list[Batch]:
    """Enter the files that nobody has taken in yet, in the order given; a run that asks again gets its own ones again.

    A file is known by its name, and its content by its sha256: the same rows under another name are not taken twice. A file
    that cannot be read, because it is still being written or is damaged, holds up those after it, so that the order stays.

    Raises:
        SourceError: the very first new file cannot be read.
    """
    with storage.locked(_lock(run)):
        known = [entry.record for entry in _all(run.project)]
        own = [_batch(entry) for entry in known if entry.claimed_by == run.key("claim")]
        names, digests = {entry.name for entry in known}, {entry.sha256 for entry in known}
        for path in (path for path in files if path.name not in names):
            try:
                synthetic = find.is_synthetic(path)
            except SourceError as error:
                if not own:
                    raise
                log.warning("%s; it and the files after it wait for the next run", error)
                break
            sha256 = storage.digest(path)
            if sha256 in digests:
                log.warning("%s: the same bytes were taken in under another name already; left out", path)
                continue
            own.append(_write(run, len(digests) + 1, path, sha256, synthetic))
            digests.add(sha256)
    return sorted(own, key=lambda batch: batch.number)


def _lock(run: Run) -> Address:
    return settings().data / run.project / ".ledger.lock"


def _all(project: str) -> list[Stored[Entry]]:
    return queries.newest(project, Entry, most=_MOST)


def _write(run: Run, number: int, path: Address, sha256: str, synthetic: bool) -> Batch:
    entry = Entry(
        number=number,
        name=path.name,
        path=str(path),
        sha256=sha256,
        synthetic=synthetic,
        claimed_by=run.key("claim"),
    )
    with tracking.tracked(run, f"batch/{number}", Entry, name=f"Batch: {path.name}") as record:
        record.write(entry)
    return _batch(entry)


def _batch(entry: Entry) -> Batch:
    return Batch(number=entry.number, name=entry.name, path=entry.path, sha256=entry.sha256, synthetic=entry.synthetic)
