"""Which production files were taken in, in which order: each once, also when two runs race. An entry is an MLflow run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shotclock.config import settings
from shotclock.errors import ContractError, SourceError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.handoff import Batch
from shotclock.store import queries, tracking
from shotclock.store.intake import passed_over
from shotclock.store.records import Application, Entry, Stored
from shotclock.store.run import Run

_MOST = 10_000
_ABANDONED = timedelta(minutes=15)  # without a result: whoever took it in has died


@dataclass(frozen=True)
class Look:
    """What a file shows before it is taken in."""

    synthetic: bool
    rows: int


def look(path: Address) -> Look:
    """Whether it is a readable parquet file at all.

    Raises:
        SourceError: it is not.
    """
    from shotclock.sources.find import is_synthetic  # it brings an HTTP client, and most only read the entries

    with storage.open_parquet(path) as file:
        return Look(is_synthetic(path), file.metadata.num_rows)


def entries(project: str) -> list[Batch]:
    """Every batch that was taken in, newest first."""
    return sorted((_batch(entry.record) for entry in _all(project)), key=lambda batch: batch.number, reverse=True)


def arrivals(project: str) -> list[tuple[Batch, datetime]]:
    """Every batch with the moment (UTC) at which it was taken in, oldest first."""
    found = [(_batch(entry.record), entry.at) for entry in _all(project)]
    return sorted(found, key=lambda entry: entry[0].number)


def enter(run: Run, path: Address, sha256: str, *, synthetic: bool) -> Batch:
    """The entry of these rows, the one that they have or a new one; what is scored is the file at `path` either way.

    The same rows under another name count once, but the file that they first came in may hold others by now.
    """
    with storage.locked(_lock(run)):
        known = _all(run.project)
        same = [_batch(entry.record) for entry in known if entry.record.sha256 == sha256]
        found = same[0] if same else _write(run, len(known) + 1, path, sha256, synthetic)
    return replace(found, name=path.name, path=str(path))


def claim(run: Run, files: Sequence[Address], look: Callable[[Address], Look] = look) -> list[Batch]:
    """Enter the files that nobody has taken in yet, in the order given; a run that asks again gets its own ones again.

    A file is known by its name, and its content by its sha256: the same rows under another name are not taken twice; a file
    that was rewritten since is taken in anew. One that cannot be used, because it is damaged, still being written, or not of
    the project's columns, is passed over and named (`passed_over`), and stops no other. What was taken in and then refused
    when it was scored, or came to no result because its run failed or died, is given out again.

    Args:
        look: raises SourceError or ContractError for a file that cannot be used.
    """
    with storage.locked(_lock(run)):
        book, skipped = _Book(run), {}
        for path in files:
            try:
                book.take(path, look)
            except (SourceError, ContractError) as error:
                skipped[path.name] = str(error)
        passed_over.note(run, "batches", skipped)
        return sorted(book.own, key=lambda batch: batch.number)


class _Book:
    """What was taken in so far, and what `run` takes in of it."""

    def __init__(self, run: Run) -> None:
        found = sorted(_all(run.project), key=lambda entry: entry.record.number)
        self._run, self._count = run, len(found)
        self._by_name = {entry.record.name: entry for entry in found}
        self._by_digest = {entry.record.sha256: entry.record.name for entry in found}
        self.own = [_batch(entry.record) for entry in found if entry.record.claimed_by == run.key("claim")]
        self._refused = passed_over.names(run.project, "batches")
        self._scored = {each.record.batch for each in queries.newest(run.project, Application, most=_MOST)}
        self._broken_off = {  # one that is at work may be another process of this moment
            replace(run, id=queries.trace(found).run_id).key("claim")
            for found in queries.unfinished(run.project, run.flow)
            if found.info.status != "RUNNING"
        }

    def take(self, path: Address, look: Callable[[Address], Look]) -> None:
        """Enter the file if it is new, was rewritten, or has to be tried again."""
        entry = self._by_name.get(path.name)
        if entry is not None and _is_as_it_was(path, entry) and not self._is_due(entry):
            return
        seen, sha256 = look(path), storage.identity(path)
        same = entry if entry is not None and entry.record.sha256 == sha256 else None
        if same is not None and not self._is_due(same):
            return
        known_as = self._by_digest.get(sha256, path.name)
        if seen.rows and known_as != path.name:
            raise SourceError(f"{path}: the same bytes were taken in as {known_as}; remove one of the two")
        self._count += same is None
        number = same.record.number if same else self._count
        self.own.append(_write(self._run, number, path, sha256, seen.synthetic))
        self._by_digest[sha256] = path.name

    def _is_due(self, entry: Stored[Entry]) -> bool:
        """Whether what was taken in has come to nothing: refused when it was scored, or left by a run that died."""
        told = entry.record
        if told.claimed_by == self._run.key("claim"):
            return False
        died = told.claimed_by in self._broken_off or datetime.now(UTC) - entry.at > _ABANDONED
        return told.name in self._refused or (died and told.number not in self._scored)


def _is_as_it_was(path: Address, entry: Stored[Entry]) -> bool:
    """Whether the file was not touched since: by size, and by the time of its last change."""
    same_size = entry.record.bytes is None or storage.size(path) == entry.record.bytes
    return same_size and storage.changed(path) <= entry.at


def _lock(run: Run) -> Address:
    return settings().data / run.project / ".ledger.lock"


def _all(project: str) -> list[Stored[Entry]]:
    """The newest entry of each number."""
    found = queries.newest(project, Entry, most=_MOST)
    return list({entry.record.number: entry for entry in reversed(found)}.values())


def _write(run: Run, number: int, path: Address, sha256: str, synthetic: bool) -> Batch:
    entry = Entry(
        number=number,
        name=path.name,
        path=str(path),
        sha256=sha256,
        synthetic=synthetic,
        claimed_by=run.key("claim"),
        bytes=storage.size(path),
    )
    with tracking.tracked(run, f"batch/{number}", Entry, name=f"Batch: {path.name}") as record:
        record.write(entry)
    return _batch(entry)


def _batch(entry: Entry) -> Batch:
    return Batch(number=entry.number, name=entry.name, path=entry.path, sha256=entry.sha256, synthetic=entry.synthetic)
