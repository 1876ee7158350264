"""A feature's values as they are kept, whatever the file held: truth values as 0 and 1, categories as text, gaps as null.

Numbers stay as the file has them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from shotclock.config import Columns, Feature

Column = TypeVar("Column", pa.ChunkedArray, pa.Array)
Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)
Level = TypeVar("Level", str, int, float)

MOST_CODE = 2**53
"""The largest whole number up to which a float holds each one: a greater one is no code that could be told from the next."""


@dataclass(frozen=True)
class Input:
    """What a model asks for in one column: text or a number, there in every row or not; or the time of a row."""

    name: str
    is_text: bool = False
    may_be_missing: bool = False
    is_time: bool = False

    @classmethod
    def of(cls, features: Mapping[str, Feature]) -> list[Self]:
        return [cls(name, rule.is_text, rule.may_be_missing) for name, rule in features.items()]

    @property
    def is_plain(self) -> bool:
        """Whether it is a number in every row."""
        return not (self.is_text or self.may_be_missing or self.is_time)


def in_order(levels: Iterable[Level]) -> list[Level]:
    """A column's different values: numbers by their size, texts by name, and where all texts are codes, 9 before 10."""
    found = list(levels)
    if not all(isinstance(level, str) and level.isascii() and level.isdecimal() for level in found):
        return sorted(found)
    return sorted(found, key=lambda code: (len(str(code).lstrip("0")), str(code).lstrip("0"), code))


def typed(rows: Rows, columns: Columns) -> Rows:
    """The rows with each feature as its type wants it. They keep the contract: see `contract.examine`."""
    for name, feature in columns.given.items():
        if feature.is_named or feature.may_be_missing:
            rows = rows.set_column(rows.schema.get_field_index(name), name, kept(rows[name], feature))
    return rows


def kept(column: Column, feature: Feature) -> Column:
    """One feature's values: text of a category, 0 and 1 as int8 of a boolean, null for NaN."""
    if feature.is_text:
        return as_text(column)
    if pa.types.is_null(column.type):
        return column.cast(pa.int8() if feature.type == "boolean" else pa.float64())
    known = without_nan(column)
    return known.cast(pa.int8()) if feature.type == "boolean" else known


def as_text(column: Column) -> Column:
    """Codes as text, 7 as well as 7.0 as '7'. A float that is no whole number, which no category may be, becomes null."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_floating(column.type):
        whole = pc.and_(pc.equal(pc.trunc(column), column), pc.less_equal(pc.abs(column), MOST_CODE))
        column = pc.if_else(whole, column, None).cast(pa.int64())
    return column.cast(pa.string())


def without_nan(column: Column) -> Column:
    """Null where a float is not a number: a file says either for a value that is missing."""
    return pc.if_else(pc.is_nan(column), None, column) if pa.types.is_floating(column.type) else column
