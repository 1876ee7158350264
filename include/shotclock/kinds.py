"""What Arrow's many types hold: text or numbers; and the same values in the few types that everything here knows."""

import json
import unicodedata
from collections.abc import Sequence
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc

Column = TypeVar("Column", pa.ChunkedArray, pa.Array)

_NAMES = b"shotclock.names"
_PARTS_OF_LETTERS = r"[\p{M}\x{1100}-\x{11ff}]"  # accents, and what Korea's letters are made of


def with_names(names: Sequence[str]) -> dict[bytes, bytes]:
    """What goes with a schema of some of a file's columns, so that `all_names` tells those of the others, too."""
    return {_NAMES: json.dumps(list(names)).encode()}


def all_names(schema: pa.Schema) -> list[str]:
    """The names of the columns of the file that was read, whatever was taken of it."""
    told = (schema.metadata or {}).get(_NAMES)
    return json.loads(told) if told else list(schema.names)


def inner(kind: pa.DataType) -> pa.DataType:
    """The type of the values, also where they are kept in a dictionary, or are said to mean more than they are."""
    if pa.types.is_dictionary(kind):
        return kind.value_type
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def is_text(kind: pa.DataType) -> bool:
    """Whether values of this type are texts, plain or in a dictionary."""
    return bool(pa.types.is_string(inner(kind)) or pa.types.is_large_string(inner(kind)))


def is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def is_known(kind: pa.DataType) -> bool:
    """Whether all that is done with a column of this type can be: `known` leaves it as it is, but for texts in a dictionary."""
    is_odd = pa.types.is_decimal(kind) or pa.types.is_float16(kind) or pa.types.is_string_view(kind)
    return not is_odd and (inner(kind) == kind or (is_text(kind) and pa.types.is_dictionary(kind)))


def known(column: Column) -> Column:
    """The same values in a type that all of Arrow's functions take: of decimals, short floats, views of text,
    dictionaries, and types that others build on these."""
    kind = column.type
    if inner(kind) != kind:
        return known(column.cast(inner(kind)))
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        return column.cast(pa.string() if pa.types.is_string_view(kind) else pa.binary())
    if pa.types.is_float16(kind):
        return column.cast(pa.float32())
    if not pa.types.is_decimal(kind):
        return column
    try:
        return column.cast(pa.int64() if kind.scale <= 0 else pa.float64())
    except pa.ArrowInvalid:  # more than a whole number of 64 bits
        return column.cast(pa.float64())


def spelt(names: Sequence[str]) -> dict[str, str]:
    """The names with composed letters, as a project has them, and what each is in the file; and the names as they are."""
    return {unicodedata.normalize("NFC", name): name for name in names} | {name: name for name in names}


def composed(texts: Column) -> Column:
    """Texts with composed letters (NFC), so that the two spellings of é are one."""
    is_plain = pc.all(pc.string_is_ascii(texts)).as_py() is not False
    if is_plain or not pc.any(pc.match_substring_regex(texts, _PARTS_OF_LETTERS)).as_py():
        return texts
    different = pc.unique(texts)  # Arrow's own way to NFC leaves them apart
    known = pa.array([text and unicodedata.normalize("NFC", text) for text in different.to_pylist()], different.type)
    return known.take(pc.index_in(texts, different))
