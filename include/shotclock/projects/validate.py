"""A project file held against its rules, and its raw files against the contract."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import get_args

import pyarrow as pa

from shotclock.config import Columns, Project, Role, project, settings
from shotclock.errors import ConfigError, ContractError, ShotclockError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.rows import contract, types
from shotclock.sources import exports, find
from shotclock.store.intake import taken

_ROWS = 1 << 18  # looked at together


@dataclass(frozen=True)
class ValidFile:
    """One raw file of a project: whether it is there, its rows, and how many of them break the contract, by reason."""

    role: Role
    faults: tuple[str, ...] = ()
    present: bool = True
    path: str = ""
    rows: int | None = None
    bad: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Validated:
    """A project's faults, those of its files among them."""

    project: str
    faults: tuple[str, ...]
    files: tuple[ValidFile, ...]


def validate(name: str) -> Validated:
    """Hold a project's file against the rules of project files, and its raw files against the contract: every fault.

    Nothing is fetched: a raw file that is not there yet is said to be missing, and is no fault.
    """
    try:
        rules = project(name)
    except ConfigError as error:
        return Validated(name, tuple(str(error).splitlines()), ())
    files = tuple(_look(rules, role) for role in get_args(Role))
    return Validated(name, tuple(fault for found in files for fault in found.faults), files)


def _look(project: Project, role: Role) -> ValidFile:
    try:
        source = find.in_place(project, role, settings())
    except ShotclockError as error:
        return ValidFile(role, tuple(str(error).splitlines()))
    return ValidFile(role, present=False) if source is None else _examined(project, role, source.path)


def _examined(project: Project, role: Role, path: Address) -> ValidFile:
    columns, shown = project.columns, str(path)
    allowed = project.quarantine.training if role == "training" else project.quarantine.production
    found = ValidFile(role, path=shown)
    try:
        path = _read(project, role, path)
        with storage.open_parquet(path) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
        found = replace(found, rows=rows)
        contract.check_schema(schema, columns, shown, needs_target=role == "training")
        types.refuse_others(schema, _types(project) or types.of(columns, schema), shown)
        contract.refuse_empty(rows, shown)
        reasons, good = _examined_rows(path, columns, schema)
        found = replace(found, bad=reasons.total(), reasons=contract.worst_first(reasons))
        contract.refuse_above(reasons.total(), reasons, rows, shown, allowed)
        if role == "training":
            contract.refuse_untold(good, columns, shown)
            _enough_to_learn(project, path, shown)
    except ShotclockError as error:
        return replace(found, faults=tuple(str(error).splitlines()))
    return found


def _read(project: Project, role: Role, path: Address) -> Address:
    """The file's rows as parquet. Of a parquet file whose words cannot be read, every column that is wrong is told."""
    try:
        return taken.as_parquet(project, path)
    except ContractError:
        if exports.is_parquet(path):
            with storage.open_parquet(path) as file:
                schema = file.schema_arrow
            contract.check_schema(schema, project.columns, str(path), needs_target=role == "training")
        raise


def _types(project: Project) -> pa.Schema | None:
    """The types that ids and times have in the training file; None where it is not there, or has none."""
    try:
        source = find.in_place(project, "training", settings())
        if source is None:
            return None
        with storage.open_parquet(taken.as_parquet(project, source.path)) as file:
            schema = file.schema_arrow
        contract.check_schema(schema, project.columns, str(source.path), needs_target=True)
    except ShotclockError:
        return None  # that file's own faults are told with it
    return types.of(project.columns, schema)


def _examined_rows(path: Address, columns: Columns, schema: pa.Schema) -> tuple[Counter[str], pa.Table]:
    """How many rows break which rule, and the parts of the others' times.

    Repeated ids are looked for in the whole file, the rest by parts.
    """
    names = [name for name in columns.in_file if name in schema.names]
    repeated = contract.repeated_ids(storage.read_table(path, [columns.id])[columns.id])
    reasons: Counter[str] = Counter()
    told = []
    start = 0
    for batch in storage.read_batches(path, names, _ROWS):
        examined = contract.examine(batch, columns, repeated=repeated[start : start + batch.num_rows])
        reasons.update(examined.reasons)
        told.append(examined.good.select([*columns.of_time]))
        start += batch.num_rows
    return reasons, pa.Table.from_batches(told)


def _enough_to_learn(project: Project, path: Address, shown: str) -> None:
    target = project.columns.target
    labels = storage.read_table(path, [target])[target]
    contract.require_both_classes(labels, target, shown)
    holdout = round((len(labels) - labels.null_count) * project.split.test_share)
    if holdout < project.gate.min_rows:
        raise ContractError(
            f"{shown}: found {len(labels) - labels.null_count:,} labelled rows, of which split.test_share leaves "
            f"{holdout:,} for the gate, expected at least gate.min_rows {project.gate.min_rows:,}; bring more rows or "
            "lower gate.min_rows"
        )
