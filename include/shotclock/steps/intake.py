"""Steps that bring data in: find a raw file, check that its rows keep the contract."""

import hashlib
import logging
from dataclasses import replace

import pyarrow as pa

from shotclock.config import Columns, Project, Role, project, settings
from shotclock.errors import ContractError, SourceError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.handoff import Batch, Cut, Source, ValidBatch, ValidRows
from shotclock.judging.drift.stillness import stands_still_like
from shotclock.models import scoring
from shotclock.rows import contract, types
from shotclock.sources import find, named
from shotclock.steps import shadow
from shotclock.store import history, left, queries
from shotclock.store.intake import ledger, passed_over, taken
from shotclock.store.records import Application
from shotclock.store.run import Run, folder_of
from shotclock.store.versions import registry
from shotclock.store.versions import types as store_types

log = logging.getLogger(__name__)

_MOST_SCORINGS = 1000  # how far back a window that is scored again may reach
_LOOKED_AT = 100_000  # rows at a time


def ingest(run: Run, role: Role, path: str | Address | None = None) -> Source:
    """Find the raw file of `role`, or take the one at `path`, and say what it is.

    Args:
        path: text is what somebody wrote into a trigger, and names what `sources.named` allows; an address is taken as it is.

    Raises:
        SourceError: it is missing, truncated, not the file that the project expects, or not one that may be named.
    """
    left.take_up(run)
    rules = project(run.project)
    source = _given(rules, path) if path else find.find(rules, role, settings())
    rows_path = taken.as_parquet(rules, source.path)
    with storage.open_parquet(rows_path) as file:
        rows = file.metadata.num_rows
    label = "**SYNTHETIC SAMPLE, not real data**" if source.synthetic else "real data"
    if source.synthetic:
        log.warning("%s is a SYNTHETIC sample: no figure that comes from it says anything about the world", source.path)
    return Source(
        path=str(source.path),
        rows=rows,
        sha256=source.sha256,
        synthetic=source.synthetic,
        kept=_unless(rows_path, source.path),
        summary=f"`{source.path}`: {rows:,} rows, {label} ({source.origin})\n\nsha256 `{source.sha256}`",
    )


def _unless(rows_path: storage.Address, path: storage.Address | str) -> str:
    """Where the rows lie, if not in the file itself."""
    return "" if str(rows_path) == str(path) else str(rows_path)


def ingest_batches(run: Run, path: str | Address | None = None) -> list[Batch]:
    """The production files to score: the one at `path`; or the folder's new ones; or, for a new champion, its window again.

    Each file is entered in the ledger once, in the order of the names, also when two runs race. What cannot be used is passed
    over and named: see `ledger.claim`. As long as there is no champion, nothing is taken in from the folder.
    """
    rules = project(run.project)
    if path or rules.data.batches is None:
        source = ingest(run, "production", path)
        entered = ledger.enter(run, storage.at(source.path), source.sha256, synthetic=source.synthetic)
        return [replace(entered, named=True, kept=source.kept)]
    left.take_up(run)
    champion = registry.champion(run.project)
    if champion is None:
        return []
    known = store_types.learnt(rules, champion)
    new = ledger.claim(run, named.files_in(rules.data.batches, settings()), lambda path: _look(rules, known, path))
    return [_readable(rules, batch) for batch in new or _window_again(run.project, champion)]


def _readable(rules: Project, batch: Batch) -> Batch:
    path = storage.at(batch.rows_path)
    return replace(batch, kept=_unless(taken.as_parquet(rules, path), batch.path))


def _look(rules: Project, known: pa.Schema | None, path: storage.Address) -> ledger.Look:
    """What a file shows before it is taken in.

    Raises:
        SourceError: it cannot be read.
        ContractError: its columns are not the project's.
    """
    rows_path = taken.as_parquet(rules, path)
    seen = ledger.look(rows_path)
    _refuse_schema(rules, known, rows_path, str(path))
    return seen


def _refuse_schema(rules: Project, known: pa.Schema | None, path: storage.Address, shown: str) -> int:
    """Refuse a production file whose columns or types are not the project's; else the number of its rows."""
    with storage.open_parquet(path) as file:
        rows, schema = int(file.metadata.num_rows), file.schema_arrow
    contract.check_schema(schema, rules.columns, shown, needs_target=False)
    wanted = known or types.of(rules.columns, schema)
    types.refuse_others(
        schema, wanted, shown, lambda name: types.first_text(storage.read_batches(path, [name], _LOOKED_AT))
    )
    return rows


def _window_again(name: str, champion: registry.Version) -> list[Batch]:
    """The newest batches that hold the project's minimum of rows, oldest first, without those that the champion has scored.

    A batch that nobody has scored yet is left to the run that took it in. Of one whose file lies there no more, the rows that
    were scored are scored again.
    """
    scorings = [stored.record for stored in queries.newest(name, Application, most=_MOST_SCORINGS)]
    newest = {found.batch: found for found in reversed(scorings)}
    by_champion = {found.batch for found in scorings if found.champion == champion.number}
    kept, rows = [], 0
    for batch in (batch for batch in ledger.entries(name) if batch.number in newest):
        if rows >= project(name).drift.min_rows:
            break
        kept.append(batch)
        rows += newest[batch.number].rows
    return [_still_there(batch, newest[batch.number]) for batch in reversed(kept) if batch.number not in by_champion]


def _still_there(batch: Batch, scored: Application) -> Batch:
    path = storage.at(batch.path)
    is_the_same = storage.exists(path) and storage.identity(path) == batch.sha256  # another may lie there by now
    gone = not is_the_same and storage.is_file(storage.at(scored.predictions))
    return replace(batch, kept=scored.predictions) if gone else batch


def _given(rules: Project, path: str | Address) -> find.Source:
    """The file that someone named by hand."""
    file = named.named(path, settings()) if isinstance(path, str) else path
    rows_path = taken.as_parquet(rules, file)
    with storage.open_parquet(rows_path):
        pass
    return find.Source(file, storage.identity(file), find.is_synthetic(rows_path), "named")


def validate(run: Run, source: Source) -> ValidRows:
    """Refuse a training file that breaks the contract; set single bad rows aside, up to the share that the project allows."""
    rules, path = project(run.project), storage.at(source.rows_path)
    with storage.open_parquet(path) as file:
        schema = file.schema_arrow
    contract.check_schema(schema, rules.columns, source.path, needs_target=True)
    examined = contract.examine(storage.read_table(path, rules.columns.in_file), rules.columns)
    good = types.cast(examined.good, types.of(rules.columns, schema), source.path)
    bad = examined.bad.num_rows
    valid, quarantine = folder_of(run) / "data_valid.parquet", folder_of(run) / "quarantine.parquet"
    if bad:
        storage.write_table(examined.bad, quarantine)
    first = contract.first_of(examined.bad, rules.columns) if bad else ""
    contract.refuse_above(
        bad, examined.reasons, source.rows, source.path, rules.quarantine.training, str(quarantine), first
    )
    contract.refuse_untold(good, rules.columns, source.path)
    storage.write_table(good, valid)
    reasons = "".join(f"\n- {reason}: {count}" for reason, count in examined.reasons.items())
    return ValidRows(
        path=source.path,
        rows=source.rows,
        sha256=source.sha256,
        synthetic=source.synthetic,
        valid=str(valid),
        quarantined=bad,
        summary=f"{examined.good.num_rows:,} rows keep the contract, {bad} set aside{reasons}",
    )


def validate_batches(run: Run, batches: list[Batch]) -> list[ValidBatch]:
    """Refuse production files whose columns are wrong; cut those that are large. Gives what is scored each by itself.

    A file may be larger than memory: its rows are checked while they are scored. One of a folder that is refused is passed
    over: the others go on.

    Raises:
        SourceError, ContractError: the one file that was asked for is refused.
    """
    return [part for batch in batches for part in _validated_or_passed_over(run, batch)]


def _validated_or_passed_over(run: Run, batch: Batch) -> list[ValidBatch]:
    try:
        return _validated(run, batch)
    except (SourceError, ContractError) as error:
        if batch.named or error.may_pass:
            raise
        passed_over.add(run, "batches", batch.name, str(error))
        return []


def _validated(run: Run, batch: Batch) -> list[ValidBatch]:
    rules, path = project(run.project), storage.at(batch.rows_path)
    rows = _refuse_schema(rules, store_types.learnt(rules), path, batch.path)
    if batch.named:
        contract.refuse_empty(rows, batch.path)
    if rows >= rules.drift.min_rows:  # in fewer, a value may well stand still by chance
        contract.refuse_stuck(_stuck(rules, path, rows), rows, batch.path)
    summary = f"`{batch.path}`: {rows:,} rows; every column is there, with its type"
    valid = ValidBatch(**{**vars(batch), "rows": rows, "summary": summary})
    if rows <= rules.scoring.partition_rows:
        return [valid]
    cuts = scoring.partitions(path, rules.scoring.partition_rows)
    return _cut(run, replace(valid, summary=f"{summary}; scored in {len(cuts)} partitions"), cuts)


def _cut(run: Run, batch: ValidBatch, partitions: list[scoring.Partition]) -> list[ValidBatch]:
    """One item for each partition, with what all must agree on: model version, repeated ids, and the names of their files."""
    columns, champion = project(run.project).columns, registry.require_champion(run.project)
    before = shadow.of(run.project, champion)
    repeated, key = _repeated(run, batch), _key(batch, columns, champion.number, len(partitions))
    beside = before.number if before else ""
    return [replace(batch, cut=Cut(partition, champion.number, repeated, key, beside)) for partition in partitions]


def _repeated(run: Run, batch: ValidBatch) -> str:
    """The address of the numbers of the rows that repeat an id; too many of them end the run before anything is scored."""
    rules, path = project(run.project), storage.at(batch.rows_path)
    repeated = scoring.repeated_rows(path, rules.columns)
    reasons = {f"{rules.columns.id}: repeated": repeated.num_rows}
    contract.refuse_above(repeated.num_rows, reasons, batch.rows, batch.path, rules.quarantine.production)
    written = folder_of(run) / f"repeated_{batch.number}.parquet"
    storage.write_table(repeated, written)
    return str(written)


def _key(batch: ValidBatch, columns: Columns, version: str, parts: int) -> str:
    """A digest of all that a partition's bytes depend on: a try with other rules or another champion writes other files."""
    made_of = [batch.sha256, version, str(parts), columns.model_dump_json()]
    return hashlib.sha256("\n".join(made_of).encode()).hexdigest()[:8]


def _stuck(project: Project, path: storage.Address, rows: int) -> dict[str, float]:
    """The amounts that stand still in this file and in no stretch of the champion's reference, each with its one value."""
    amounts = [name for name, feature in project.columns.given.items() if not feature.is_category]
    still = storage.standing_still(path, amounts)
    champion = registry.champion(project.name) if still else None
    if champion is None:
        return {}
    reference = history.reference(project.name, champion)
    known = storage.standing_still(reference, list(still))
    moving = [name for name in still if name not in known]
    if not moving:
        return {}
    before = storage.read_table(reference, moving)
    return {name: still[name] for name in moving if not stands_still_like(before[name].to_numpy(), rows)}
