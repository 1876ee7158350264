"""A table of which one column at a time is held, whatever its size: what becomes of the others lies on disk."""

import unicodedata
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol, TypeAlias

import pyarrow as pa
from pyarrow import ipc

from shotclock.config import Reading
from shotclock.errors import ContractError
from shotclock.files import storage
from shotclock.files.storage import Address
from shotclock.kinds import spelt
from shotclock.sources import exports, tabular

Column: TypeAlias = pa.ChunkedArray

_ROWS = 1 << 17  # that are written at once
_PACKED = ipc.IpcWriteOptions(compression="lz4")


class Given(Protocol):
    """A table as it came; Arrow's own are such."""

    @property
    def column_names(self) -> list[str]: ...

    @property
    def num_rows(self) -> int: ...

    def __getitem__(self, name: str) -> Column: ...


class Rows:
    """A table as it came, and the columns that were put in place of its own or before them, in a folder that ends with it."""

    def __init__(self, given: Given) -> None:
        self.given, self.num_rows, self.column_names = given, given.num_rows, list(given.column_names)
        folder = TemporaryDirectory(prefix="shotclock-")
        weakref.finalize(self, folder.cleanup)
        self._folder = Path(folder.name)
        self._kept: dict[str, Path] = {}

    def __getitem__(self, name: str) -> Column:
        if name not in self._kept:
            return self.given[name]
        with pa.OSFile(str(self._kept[name])) as file, ipc.open_file(file) as reader:
            return reader.read_all()[name]

    def put(self, name: str, values: Column) -> None:
        """Keep a column, in pieces of `_ROWS`, as every one is: so rows can be read across them."""
        if name not in self.column_names:
            self.column_names.insert(0, name)
        path = self._kept.setdefault(name, self._folder / f"{len(self._kept)}.arrow")
        with ipc.new_file(path, pa.schema([(name, values.type)]), options=_PACKED) as writer:
            for start in range(0, self.num_rows, _ROWS):
                piece = values.slice(start, _ROWS)
                writer.write_table(pa.table({name: piece.combine_chunks()}))
        pa.default_memory_pool().release_unused()  # what one column took, the next one may need

    def batches(self) -> Iterator[pa.Table]:
        """All rows, piece by piece. Every column was put."""
        with ExitStack() as stack:
            files = {name: stack.enter_context(pa.OSFile(str(self._kept[name]))) for name in self.column_names}
            readers = {name: ipc.open_file(file) for name, file in files.items()}
            for number in range(-(-self.num_rows // _ROWS)):
                yield pa.table({name: reader.get_batch(number).column(0) for name, reader in readers.items()})

    def read(self) -> pa.Table:
        """All of it at once."""
        return pa.table({name: self[name] for name in self.column_names})


class TextFile:
    """A file of text in UTF-8, read once: what its columns hold is seen from all of their values.

    Args:
        folder: where its texts are kept meanwhile.
        as_text: columns that are text, as it stands there.
    """

    def __init__(self, path: Path, reading: Reading, shown: str, folder: Path, as_text: Sequence[str]) -> None:
        self.num_rows, self._as_text, self._reading = 0, as_text, reading
        self._file = folder / f"{path.name}.arrow"
        batches = tabular.texts(path, reading, shown)
        first = next(batches)
        self.column_names: list[str] = first.schema.names
        with ipc.new_file(self._file, first.schema, options=_PACKED) as writer:
            for batch in chain([first], batches):
                writer.write_batch(batch)
                self.num_rows += batch.num_rows

    def __getitem__(self, name: str) -> Column:
        only = ipc.IpcReadOptions(included_fields=[self.column_names.index(name)])
        with pa.OSFile(str(self._file)) as file, ipc.open_file(file, options=only) as reader:
            pieces = [tabular.trimmed(reader.get_batch(number)[name]) for number in range(reader.num_record_batches)]
        texts = pa.chunked_array(pieces)
        return texts if name in self._as_text else tabular.typed(texts, self._reading)


class ParquetFile:
    """A parquet file."""

    def __init__(self, path: Address) -> None:
        self._path = path
        with storage.open_parquet(path) as file:
            self.num_rows, names = file.metadata.num_rows, file.schema_arrow.names
        self._spelt, self.column_names = spelt(names), [unicodedata.normalize("NFC", name) for name in names]

    def __getitem__(self, name: str) -> Column:
        return storage.read_table(self._path, [self._spelt[name]])[self._spelt[name]]


class Partitioned:
    """A table of parts, and the columns that the names of their folders tell, as hive lays them down: `month=2025-06`.

    Args:
        said: of each part what its folders say, and how many rows it has.
        as_text: columns that are text, as it stands there.
    """

    def __init__(
        self,
        table: Given,
        said: Sequence[tuple[Mapping[str, str | None], int]],
        reading: Reading,
        as_text: Sequence[str],
    ) -> None:
        self._table, self._said, self._reading, self._as_text = table, said, reading, as_text
        self._told = dict.fromkeys(name for told, _ in said for name in told if name not in table.column_names)
        self.num_rows, self.column_names = table.num_rows, [*table.column_names, *self._told]

    def __getitem__(self, name: str) -> Column:
        if name not in self._told:
            return self._table[name]
        pieces = [pa.repeat(pa.scalar(told.get(name), pa.string()), rows) for told, rows in self._said]
        texts = tabular.trimmed(pa.chunked_array(pieces))
        return texts if name in self._as_text else tabular.typed(texts, self._reading)


class Joined:
    """The rows of several tables, one after the other; a column that one of them lacks is missing there.

    Raises:
        ContractError: a table has none of the first one's columns.
        SourceError: of a column that is asked for: a value does not fit those of the tables before.
    """

    def __init__(self, tables: Sequence[Given], shown: Sequence[str]) -> None:
        self._tables, self._shown = tables, shown
        for table, name in zip(tables, shown, strict=True):
            if not set(table.column_names) & set(tables[0].column_names):
                raise ContractError(
                    f"{name}: found the columns {', '.join(table.column_names[:4])}, expected those of {shown[0]}: "
                    f"{', '.join(tables[0].column_names[:4])}; take out of the folder what is no part of the table, or write "
                    "the names of its columns in its first line"
                )
        self.num_rows = sum(table.num_rows for table in tables)
        self.column_names = list(dict.fromkeys(name for table in tables for name in table.column_names))

    def __getitem__(self, name: str) -> Column:
        pieces = [
            pa.table({name: table[name] if name in table.column_names else pa.nulls(table.num_rows)})
            for table in self._tables
        ]
        try:
            return pa.concat_tables(pieces, promote_options="permissive")[name]
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            told = next(piece.schema.field(name) for piece in pieces if not pa.types.is_null(piece[name].type))
            alike = [exports.cast(piece[name], told, shown) for piece, shown in zip(pieces, self._shown, strict=True)]
            return pa.chunked_array([chunk for column in alike for chunk in column.chunks], told.type)
