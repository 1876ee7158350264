"""Which production files were taken in, in which order: each once, also when two runs race. An entry is an MLflow run."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from shotclock.config import settings
from shotclock.errors import SourceError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.sources import find
from shotclock.store import history, queries, tracking
from shotclock.store.run import Run

log = logging.getLogger(__name__)

KIND = "batch"
_MOST = 10_000


@dataclass(frozen=True)
class Batch:
    """One production file. `number` counts the project's batches in the order in which they were taken in, from 1."""

    number: int
    name: str
    path: str
    sha256: str
    synthetic: bool = False

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def entries(project: str) -> list[Batch]:
    """Every batch that was taken in, newest first."""
    found = [_batch(run) for run in queries.every(project, KIND, most=_MOST)]
    return sorted(found, key=lambda batch: batch.number, reverse=True)


def arrivals(project: str) -> list[tuple[Batch, datetime]]:
    """Every batch with the moment (UTC) at which it was taken in, oldest first."""
    found = [(_batch(run), history.at(run)) for run in queries.every(project, KIND, most=_MOST)]
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
        runs = queries.every(run.project, KIND, most=_MOST)
        own = [_batch(found) for found in runs if history.tag(found, "claimed_by") == run.key("claim")]
        names = {history.tag(found, "batch_name") for found in runs}
        digests = {history.tag(found, "sha256.batch") for found in runs}
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


def _write(run: Run, number: int, path: Address, sha256: str, synthetic: bool) -> Batch:
    batch = Batch(number, path.name, str(path), sha256, synthetic)
    with tracking.tracked(run, f"batch/{number}", f"Batch: {path.name}", kind=KIND) as record:
        record.record(
            metrics={"number": number},
            tags={
                "number": number,
                "batch_name": path.name,
                "path": path,
                "sha256.batch": sha256,
                "synthetic": synthetic,
                "claimed_by": run.key("claim"),
            },
        )
    return batch


def _batch(run: Any) -> Batch:
    return Batch(
        int(history.tag(run, "number")),
        history.tag(run, "batch_name"),
        history.tag(run, "path"),
        history.tag(run, "sha256.batch"),
        history.tag(run, "synthetic") == "True",
    )
