"""What a file says in words, read by the project's rules: every column of a file of text, and the text in a parquet file."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from shotclock.config import Columns, Feature, Reading
from shotclock.errors import ContractError
from shotclock.kinds import inner, is_known, is_number, is_text, known, spelt, with_names
from shotclock.sources import encodings, tabular

_WHOLE = r"^([+-]?\d+)[.,]0+$"  # as SPSS writes a code, 2.00
_FIRST = 1000  # rows in which thousands are looked for


def read_rows(path: Path, columns: Columns, reading: Reading, shown: str) -> Iterator[pa.RecordBatch]:
    """The columns that the project names, as far as a file of text has them, by its rules: what `reading` says decides.

    The names of all its columns go with the schema: see `kinds.all_names`.

    Raises:
        SourceError: see `tabular.read_csv`; it is not in the encoding of `reading`, or has none of the columns.
        ContractError: a value is not what its column holds: the column, the row, what was found and expected.
    """
    row = 0
    with encodings.in_utf_8(path, reading.encoding, shown) as plain:
        there = tabular.names(plain, reading, shown)
        for batch in tabular.texts(plain, reading, shown, columns.in_file):
            names = batch.schema.names
            read = [_Column(name, columns, reading, shown, row).typed(batch[name]) for name in names]
            yield pa.RecordBatch.from_arrays(read, names).replace_schema_metadata(with_names(there))
            row += batch.num_rows


def is_plain(schema: pa.Schema, columns: Columns, reading: Reading) -> bool:
    """Whether a parquet file has nothing in words that the project knows as numbers or moments, only types that it takes, and
    names that are spelt as the project's; a column that stands twice is nobody's to read."""
    named = [field for field in schema if field.name in columns.in_file]
    twice = len({field.name for field in named}) < len(named)
    lacks = set(columns.in_file) & (spelt(schema.names).keys() - set(schema.names))
    are_plain = not any(_is_in_words(field, columns, reading) or _is_other(field, columns) for field in named)
    return twice or (are_plain and not lacks)


def in_types(batch: pa.RecordBatch, columns: Columns, reading: Reading, shown: str, first: int) -> pa.RecordBatch:
    """Rows of a parquet file, in types that the project takes, with what stands there in words read by its rules.

    Args:
        first: how many rows of the file were before these.

    Raises:
        ContractError: see `read_rows`.
    """
    for place, field in enumerate(batch.schema):
        if _is_other(field, columns):
            column = known(batch.column(place))
            column = column.cast(pa.int8()) if pa.types.is_boolean(column.type) else column
            batch = batch.set_column(place, field.name, column)
    for place, field in enumerate(batch.schema):
        if _is_in_words(field, columns, reading):
            column = _Column(field.name, columns, reading, shown, first)
            batch = batch.set_column(place, field.name, column.typed(batch.column(place).cast(pa.string())))
    return batch


def _is_in_words(field: pa.Field, columns: Columns, reading: Reading) -> bool:
    """Text where numbers are meant; text or numbers where a time in a layout is."""
    if field.name == columns.time:
        layout = reading.times.get(field.name)
        return bool(layout) and (is_text(field.type) or is_number(inner(field.type)))
    return is_text(field.type) and _is_numeric(field.name, columns)


def _is_numeric(name: str, columns: Columns) -> bool:
    """Whether the project knows a column as numbers: the target, and all features but categories."""
    feature = columns.features.get(name)
    return name == columns.target or (feature is not None and feature.type != "category")


def _is_other(field: pa.Field, columns: Columns) -> bool:
    """A type that nothing later takes for this column: see `kinds.known`; or truth where 0 and 1 are meant."""
    is_pair = field.name == columns.target or _is_pair(columns.features.get(field.name))
    return not is_known(field.type) or (is_pair and pa.types.is_boolean(field.type))


def _is_pair(feature: Feature | None) -> bool:
    """Whether it is 0 or 1."""
    return feature is not None and set(feature.allowed or ()) == {0, 1}


class _Column:
    """A column of text, and what it holds by the project's rules."""

    def __init__(self, name: str, columns: Columns, reading: Reading, shown: str, first: int) -> None:
        self._name, self._reading, self._shown, self._first = name, reading, shown, first
        feature = columns.features.get(name)
        self._role = (
            feature.type if feature else next(r for r in ("id", "time", "target") if getattr(columns, r) == name)
        )
        self._is_pair = self._role in ("target", "boolean") or _is_pair(feature)

    def typed(self, texts: pa.Array) -> pa.Array:
        known = pc.utf8_trim_whitespace(texts)
        if self._role == "id":
            known = pc.if_else(pc.equal(known, ""), None, known)
            return known if self._name in self._reading.text else self._integers_or_text(known)
        known = pc.if_else(pc.is_in(known, pa.array(self._reading.missing, pa.string())), None, known)
        if self._role == "time":
            return self._times(known)
        return known if self._role == "category" else self._numbers(known)

    def _integers_or_text(self, ids: pa.Array) -> pa.Array:
        try:
            return tabular.numbers(ids, self._reading, pa.int64())
        except pa.ArrowInvalid:
            return ids

    def _times(self, texts: pa.Array) -> pa.Array:
        layout = self._reading.times.get(self._name)
        if layout is None:
            return texts
        expected = "a number" if tabular.is_counted(layout) else f"a time such as {layout}"
        return self._read(texts, lambda found: tabular.moments(found, layout), expected)

    def _numbers(self, texts: pa.Array) -> pa.Array:
        ones, zeros = (
            [
                re.sub(_WHOLE, r"\1", word)
                for word in words
                if self._role == "target" or not tabular.NUMBER.fullmatch(word)
            ]
            for words in (self._reading.ones, self._reading.zeros)
        )
        plain = pc.replace_substring_regex(texts, _WHOLE, r"\1") if self._role == "target" else texts
        is_one, is_zero = self._are(plain, ones, zeros), self._are(plain, zeros, ones)
        told = pc.if_else(is_one, "1", pc.if_else(is_zero, "0", texts))
        expected = " or ".join([*zeros, *ones]) or "0 or 1" if self._is_pair else "a number"
        found = self._read(told, lambda found: tabular.numbers(found, self._reading, pa.float64()), expected)
        self._refuse_thousands(texts)
        return found

    def _are(self, texts: pa.Array, words: list[str], others: list[str]) -> pa.Array:
        """Mark what is one of these words: in whatever case, where 0 and 1 are meant and no word of the others is the same."""
        are_same = pc.is_in(texts, pa.array(words, pa.string()))
        small = {word.lower() for word in words} - {word.lower() for word in others} if self._is_pair else ()
        return pc.or_(are_same, pc.is_in(pc.utf8_lower(texts), pa.array(small, pa.string()))) if small else are_same

    def _refuse_thousands(self, texts: pa.Array) -> None:
        """Refuse 1.850 beside 950 in the first rows of a file, where the project knows no mark of thousands."""
        first = [] if self._first or self._reading.thousands else texts[:_FIRST].drop_null().to_pylist()
        if tabular.are_thousands(first, self._reading.decimal):
            place = next(
                place for place, text in enumerate(texts.to_pylist()) if text and self._reading.decimal in text
            )
            raise self._refused(
                place, texts[place], "fractions behind this mark, and all of these seem to be thousands"
            )

    def _read(self, texts: pa.Array, way: Callable[[pa.Array], pa.Array], expected: str) -> pa.Array:
        try:
            return way(texts)
        except ValueError as error:
            place = first_wrong(way, texts)
            raise self._refused(place, texts[place], expected) from error

    def _refused(self, place: int, found: pa.Scalar, expected: str) -> ContractError:
        return ContractError(
            f"{self._shown}: column '{self._name}', row {self._first + place + 1:,}: found '{found}', expected {expected}; "
            "correct the value, or say under `reading` in the project file what it means ('missing', 'ones', 'zeros', "
            "'decimal', 'thousands', 'units', 'times')"
        )


def first_wrong(way: Callable[[pa.Array], pa.Array], column: pa.Array) -> int:
    """The place, from 0, of the first value that cannot be read in this way, where all together cannot."""
    return next((place for place in range(len(column)) if not _fits(way, column[place : place + 1])), 0)


def _fits(way: Callable[[pa.Array], pa.Array], value: pa.Array) -> bool:
    try:
        way(value)
    except (ValueError, NotImplementedError):
        return False
    return True
