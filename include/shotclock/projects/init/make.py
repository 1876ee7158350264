"""A project made from a table: its file, guessed, and its two raw files."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from shotclock.config import Columns, Project, Reading, load_yaml, settings
from shotclock.errors import ConfigError, ContractError, SourceError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.projects.init import draft
from shotclock.projects.init.guess import Wishes, guess
from shotclock.rows import contract
from shotclock.sources import exports, tabular

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class RawFile:
    """A raw file that was written."""

    file: str
    rows: int


@dataclass(frozen=True)
class Made:
    """A project that was made.

    Attributes:
        why: of each column that is used, what it was taken for and why; `left_out`: of the others.
        warnings: what a person should look at.
    """

    project: str
    file: str
    training: RawFile
    production: RawFile
    columns: Columns
    why: dict[str, str]
    left_out: dict[str, str]
    warnings: tuple[str, ...]


def make_project(
    file: Address,
    wishes: Wishes,
    *,
    production: Address | None = None,
    share: float | None = None,
    name: str | None = None,
    title: str | None = None,
) -> Made:
    """Write a project file and its two raw files from one CSV or parquet file, or two: what each column is is guessed.

    Nothing is overwritten, and nothing is left behind when it fails.

    Args:
        production: the rows to score; or `share`, 0 to 1: as many of the rows in `file`, the older ones, are for training.
        name: the project's; by default made from the file's.

    Raises:
        SourceError: a file cannot be read.
        ConfigError: the name cannot be one, or a file that would be written is there already.
        ContractError: no target or time is found, or what was wished for cannot be.
    """
    name = name or _name_from(file)
    targets = _targets(name)
    table, split, written = _rows(file, production, share, wishes.categories)
    guessed = guess(table, split, wishes)
    reading = _reading(written, guessed.reading)
    parts = {"training": guessed.table.filter(guessed.training), "production": guessed.table.filter(~guessed.training)}
    origin = " and ".join(path.name for path in (file, production) if path)
    facts = _facts(name, title or name.replace("_", " ").capitalize(), origin, parts, guessed.columns, reading)
    text = draft.text(guessed.columns, guessed.why, guessed.left_out, facts)
    with _all_or_nothing(targets.values()), storage.replacing(targets["project"]) as partial:
        partial.write_text(text, encoding="utf-8")
        load_yaml(partial, Project)
        for role, part in parts.items():
            storage.write_table(part.replace_schema_metadata(None), targets[role])
    files = {role: RawFile(str(targets[role]), part.num_rows) for role, part in parts.items()}
    return Made(
        project=name,
        file=str(targets["project"]),
        training=files["training"],
        production=files["production"],
        columns=guessed.columns,
        why=guessed.why,
        left_out=guessed.left_out,
        warnings=(*guessed.warnings, *_size_warnings(facts)),
    )


@contextmanager
def _all_or_nothing(paths: Iterable[Address]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for path in paths:
            storage.withdraw(path)
        raise


def _name_from(file: Address) -> str:
    name = re.sub(r"[^a-z0-9]+", "_", file.name.partition(".")[0].lower()).strip("_")
    return name if name[:1].isalpha() else f"project_{name}".rstrip("_")


def _targets(name: str) -> dict[str, Address]:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"--name: found '{name}', expected lower-case letters, digits and _, beginning with a letter")
    raw = settings().data / "raw"
    targets: dict[str, Address] = {
        "project": settings().projects / f"{name}.yaml",
        "training": raw / f"{name}_training.parquet",
        "production": raw / f"{name}_production.parquet",
    }
    for path in targets.values():
        if storage.exists(path):
            raise ConfigError(f"{path}: is there already and is not overwritten; remove it, or give another --name")
    return targets


def _reading(written: Reading | None, found: Reading) -> Reading | None:
    """How later files of the system are to be read: how the file was written, and what its words mean; None for parquet."""
    if written is None:
        return None
    return found.model_copy(update=written.model_dump(include={"separator", "decimal", "encoding"}))


def _rows(
    file: Address, production: Address | None, share: float | None, as_text: tuple[str, ...]
) -> tuple[pa.Table, Any, Reading | None]:
    """All rows; what tells training rows from production, a mask, or the share of the older ones; how a text is written."""
    table, written = _read(file, as_text)
    if production is None:
        contract.refuse_empty(table.num_rows, str(file))
        return table, share, written
    newer, _ = _read(production, as_text)
    for path, part in ((file, table), (production, newer)):
        contract.refuse_empty(part.num_rows, str(path))
    try:
        both = pa.concat_tables([table, newer], promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ContractError(
            f"{production}: its columns do not fit those of {file} ({error}); correct one of them"
        ) from error
    return both, np.arange(both.num_rows) < table.num_rows, written


def _read(file: Address, as_text: tuple[str, ...]) -> tuple[pa.Table, Reading | None]:
    """The rows of a file, and how it is written. Of a file of text these columns are text, as it stands there."""
    if not storage.is_file(file):
        raise SourceError(f"{file}: no such file; name a CSV or parquet file")
    if file.suffix == ".parquet":
        return storage.read_table(file), None
    content = exports.content(file)
    reading = tabular.sniff(content, str(file))
    padded = reading.model_copy(update={"text": (*reading.text, *as_text)})
    return tabular.trimmed(tabular.read(content, padded, str(file))), reading


def _facts(
    name: str, title: str, origin: str, parts: dict[str, pa.Table], columns: Columns, reading: Reading | None
) -> draft.Facts:
    labelled = {role: len(part) - part[columns.target].null_count for role, part in parts.items()}
    return draft.Facts(
        name=name,
        title=title,
        origin=origin,
        training=f"{name}_training.parquet",
        production=f"{name}_production.parquet",
        training_rows=len(parts["training"]),
        training_labelled=labelled["training"],
        production_rows=len(parts["production"]),
        production_labelled=labelled["production"],
        reading=reading,
    )


def _size_warnings(facts: draft.Facts) -> list[str]:
    warnings = []
    if not facts.production_labelled:
        warnings.append("production has no labels yet: quality is judged once they come, see docs/batches.md")
    if facts.training_labelled < 1000:
        warnings.append(f"{facts.training_labelled:,} labelled training rows are few: intervals will be wide")
    return warnings
