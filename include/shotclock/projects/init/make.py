"""A project made from a table: its file, guessed, and its two raw files."""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shotclock.config import Columns, Project, Reading, load_yaml, settings
from shotclock.errors import ConfigError, ContractError, SourceError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.kinds import is_text
from shotclock.projects.init import draft
from shotclock.projects.init.columns import Given, Joined, ParquetFile, Partitioned, Rows, TextFile
from shotclock.projects.init.guess import Guess, Wishes, guess
from shotclock.rows import contract
from shotclock.sources import encodings, exports, tabular

_SHOWN = 80
_LONGEST_NAME = 63
_NAME = re.compile(rf"[a-z][a-z0-9_]{{0,{_LONGEST_NAME - 1}}}")


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
    encoding: str | None = None,
    name: str | None = None,
    title: str | None = None,
) -> Made:
    """Write a project file and its two raw files from one CSV or parquet file, or two: what each column is is guessed.

    Nothing is overwritten, and nothing is left behind when it fails.

    Args:
        production: the rows to score; or `share`, 0 to 1: as many of the rows in `file`, the older ones, are for training.
        encoding: of a file of text, where that is not to be guessed.
        name: the project's; by default made from the file's.

    Raises:
        SourceError: a file cannot be read.
        ConfigError: the name cannot be one, or a file that would be written is there already.
        ContractError: no target or time is found, or what was wished for cannot be.
    """
    name = name or _name_from(file)
    targets = _targets(name)
    with ExitStack() as stack:
        dates = (wishes.time,) if wishes.time and wishes.time_format else ()  # which may seem to be ISO's
        way = _Way((*wishes.categories, *dates), encoding, stack)
        table, written = _given(file, way)
        split: Any = share
        if production is not None:
            newer, _ = _given(production, way)
            table, older = Joined([table, newer], [str(file), str(production)]), table.num_rows
            split = np.arange(table.num_rows) < older
        with _named(file, production):
            guessed = guess(table, split, wishes, written or Reading())
    reading = _reading(written, guessed)
    origin = " and ".join(path.name for path in (file, production) if path)
    facts = _facts(name, title or name.replace("_", " ").capitalize(), origin, guessed, reading)
    facts = replace(facts, is_text=written is not None)
    with _all_or_nothing(targets.values()), storage.replacing(targets["project"]) as partial:
        partial.write_text(draft.text(guessed.columns, guessed.why, guessed.left_out, facts), encoding="utf-8")
        load_yaml(partial, Project)
        _write(guessed, targets)
    return Made(
        project=name,
        file=str(targets["project"]),
        training=RawFile(str(targets["training"]), facts.training_rows),
        production=RawFile(str(targets["production"]), facts.production_rows),
        columns=guessed.columns,
        why=guessed.why,
        left_out=guessed.left_out,
        warnings=(
            *([] if encoding else _encoding_warnings(reading, guessed.table)),
            *dict.fromkeys(way.doubts),
            *guessed.warnings,
            *_data_warnings(facts, guessed),
        ),
    )


@contextmanager
def _named(*files: Address | None) -> Iterator[None]:
    """Name the files in what is said of the rows in them."""
    try:
        yield
    except ContractError as error:
        raise ContractError(f"{' and '.join(map(str, filter(None, files)))}: {error}") from error


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
    return (name if name[:1].isalpha() else f"project_{name}")[:_LONGEST_NAME].rstrip("_")


def _targets(name: str) -> dict[str, Address]:
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"--name: found '{name}', expected up to {_LONGEST_NAME} lower-case letters, digits and _, beginning with a letter"
        )
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


_MEANT = {"missing", "ones", "zeros", "times", "text", "row_order"}


def _reading(written: Reading | None, guessed: Guess) -> Reading | None:
    """How later files of the system are to be read: how the file was written, and what its words mean.

    Of a parquet file that is what stands in it in words; None where nothing does.
    """
    found = guessed.reading
    if written is not None:
        return written.model_copy(update=found.model_dump(include=_MEANT))
    is_in_words = is_text(guessed.table.given[guessed.columns.target].type)
    words = {
        name: tuple(word for word in getattr(found, name) if is_in_words or not tabular.NUMBER.fullmatch(word))
        for name in ("ones", "zeros")
    }
    told = Reading.model_validate(found.model_dump(include=_MEANT - {"text"}) | words)
    return None if told == Reading() else told


@dataclass(frozen=True)
class _Way:
    """How files are read: which columns of text stay text, in which encoding; and what was in doubt."""

    as_text: tuple[str, ...]
    encoding: str | None
    stack: ExitStack
    doubts: list[str] = field(default_factory=list)


def _given(file: Address, way: _Way) -> tuple[Given, Reading | None]:
    """The rows of a file, or of a folder of parts, and how they are written."""
    if not storage.exists(file):
        raise SourceError(f"{file}: no such file; name a CSV or parquet file")
    parts = exports.parts(file)
    found = [_part(part, way) for part in parts]
    table = found[0][0] if len(found) == 1 else Joined([part for part, _ in found], [str(part) for part in parts])
    said = [(exports.by_folders(part, file), of.num_rows) for part, (of, _) in zip(parts, found, strict=True)]
    table = Partitioned(table, said, found[0][1] or Reading(), way.as_text)
    contract.refuse_empty(table.num_rows, str(file))
    if len(table.column_names) == 1:
        raise ContractError(
            f"{file}: found one column, '{table.column_names[0][:60]}', expected several: a time, what is to be predicted, and "
            "what tells it; write a comma, a semicolon or a tab between the fields, and quotation marks around no whole line"
        )
    return table, found[0][1]


def _part(file: Address, way: _Way) -> tuple[Given, Reading | None]:
    if exports.is_parquet(file):
        return ParquetFile(file), None
    path = way.stack.enter_context(exports.unpacked(file))
    if exports.is_parquet(path):
        return ParquetFile(path), None
    encoding = way.encoding or encodings.encoding(path, str(file))
    plain = way.stack.enter_context(encodings.in_utf_8(path, encoding, str(file)))
    reading = tabular.sniff(plain, str(file)).model_copy(update={"encoding": encoding})
    way.doubts.extend(tabular.doubts(plain, reading, str(file)))
    folder = Path(way.stack.enter_context(TemporaryDirectory(prefix="shotclock-")))
    return TextFile(plain, reading, str(file), folder, way.as_text), reading


def _write(guessed: Guess, targets: dict[str, Address]) -> None:
    with ExitStack() as stack:
        writers: dict[str, pq.ParquetWriter] = {}
        start = 0
        for rows in guessed.table.batches():
            is_training = guessed.training[start : start + rows.num_rows]
            for role, chosen in (("training", is_training), ("production", ~is_training)):
                if role not in writers:
                    partial = stack.enter_context(storage.replacing(targets[role]))
                    writers[role] = stack.enter_context(pq.ParquetWriter(partial, rows.schema))
                if chosen.any():
                    writers[role].write_table(rows.filter(pa.array(chosen)))
            start += rows.num_rows


def _facts(name: str, title: str, origin: str, guessed: Guess, reading: Reading | None) -> draft.Facts:
    known = guessed.table[guessed.columns.target].is_valid().to_numpy()
    return draft.Facts(
        name=name,
        title=title,
        origin=origin,
        training=f"{name}_training.parquet",
        production=f"{name}_production.parquet",
        training_rows=int(guessed.training.sum()),
        training_labelled=int(known[guessed.training].sum()),
        production_rows=int((~guessed.training).sum()),
        production_labelled=int(known[~guessed.training].sum()),
        reading=reading,
    )


def _encoding_warnings(reading: Reading | None, table: Rows) -> list[str]:
    """That letters may be wrong: of a file that is no Unicode nobody can know which of the 8-bit encodings it is in."""
    if reading is None or not encodings.is_guess(reading.encoding):
        return []
    texts = [*table.column_names, *(text for name in table.column_names for text in _strange(table[name]))]
    shown = ", ".join(f"'{text}'" for text in texts if not text.isascii())[:_SHOWN]
    return [
        f"the file is not UTF-8 and was read as {reading.encoding} (`reading.encoding`): {shown}. If these are no words, begin "
        "again with --encoding, such as cp850, cp1250 or mac-roman, or with the file in UTF-8"
    ]


def _strange(column: pa.ChunkedArray) -> list[str]:
    """A text of a column that is not of ASCII alone, if there is one."""
    if not is_text(column.type):
        return []
    odd = (chunk.filter(pc.invert(pc.string_is_ascii(chunk))).slice(0, 1).to_pylist() for chunk in column.chunks)
    return next(filter(None, odd), [])


def _data_warnings(facts: draft.Facts, guessed: Guess) -> list[str]:
    warnings = []
    if guessed.reading.ones and not (facts.reading and facts.reading.ones):
        codes = " and ".join((*guessed.reading.zeros, *guessed.reading.ones))
        warnings.append(
            f"target: '{guessed.columns.target}' holds {codes} here; of later parquet files a number is taken as it stands: "
            "write 0 and 1 there, or these codes as text"
        )
    if not facts.production_labelled:
        warnings.append("production has no labels yet: quality is judged once they come, see docs/batches.md")
    if facts.training_labelled < 1000:
        warnings.append(f"{facts.training_labelled:,} labelled training rows are few: intervals will be wide")
    return warnings
