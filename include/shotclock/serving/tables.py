"""A table file in a request, CSV or parquet, as columns: counted first, and read only then."""

import io
from collections.abc import Callable, Collection, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from shotclock.errors import ContractError
from shotclock.serving import limits

CSV = "text/csv"
PARQUET = "application/vnd.apache.parquet"
_UNREADABLE = (pa.ArrowException, ValueError, OSError, OverflowError)  # what the parsers of pandas and of pyarrow raise
_NUMERIC = (pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
_BATCH = 10_000  # rows that are read at a time


def columns(
    body: bytes,
    kind: str,
    features: Sequence[str],
    require: Callable[[Sequence[Any]], None],
    texts: Collection[str] = (),
    times: Collection[str] = (),
) -> dict[Any, Any]:
    """The columns of a file by name; those of `features` at least.

    Args:
        texts: the columns of a CSV file whose values stay as they are written: a code 007 is no 7.
        times: columns that may hold dates and moments; in a CSV file they are texts.
        require: told the names that there are; raises where one of the features is missing.

    Raises:
        TooLargeError: it holds more than the endpoint takes.
        ContractError: it cannot be read, or a feature is neither numbers nor texts, nor times where it may be.
    """
    try:
        return _csv(body, [*texts, *times]) if kind == CSV else _parquet(body, features, require, times)
    except ContractError:
        raise
    except _UNREADABLE as error:
        raise ContractError(f"the body is not valid {kind}: {error}") from error


def _csv(body: bytes, texts: Collection[str]) -> dict[Any, Any]:
    if b"\0" in body:  # where pandas would end the value
        raise ContractError(f"the body is not valid {CSV}: found a zero byte, expected text")
    lines = body.splitlines()
    limits.check_size(len(lines) - 1, max((line.count(b",") + 1 for line in lines), default=0))
    return dict(pd.read_csv(io.StringIO(body.decode()), dtype=dict.fromkeys(texts, str)).items())


def _parquet(
    body: bytes, features: Sequence[str], require: Callable[[Sequence[Any]], None], times: Collection[str]
) -> dict[str, list[Any]]:
    metadata = pq.read_metadata(io.BytesIO(body))
    _check_metadata(metadata)
    schema = metadata.schema.to_arrow_schema()
    require(schema.names)
    for name in features:
        if not (name in times and pa.types.is_temporal(schema.field(name).type)):
            _check_type(name, schema.field(name).type)
    file = pq.ParquetFile(io.BytesIO(body), read_dictionary=list(features))  # a text that is repeated is kept once
    found: dict[str, list[Any]] = {name: [] for name in features}
    rows = text = 0
    for batch in file.iter_batches(_BATCH, columns=list(features), use_threads=False):
        rows, text = rows + batch.num_rows, text + sum(map(_text_size, batch.columns))
        limits.check_size(rows, len(features))  # the file may hold more than it says
        limits.check("bytes of text", text, limits.MOST_UNFOLDED)
        for name in features:
            found[name] += batch.column(name).to_pylist()
    return found


def _check_metadata(metadata: pq.FileMetaData) -> None:
    limits.check_size(metadata.num_rows, metadata.num_columns)
    # a group's columns are not looked at: where they are damaged, pyarrow ends the process
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    limits.check("bytes unfolded", sum(group.total_byte_size for group in groups), limits.MOST_UNFOLDED)


def _check_type(name: str, found: pa.DataType) -> None:
    inner = found.value_type if pa.types.is_dictionary(found) else found
    if not any(is_(inner) for is_ in (*_NUMERIC, *_TEXT)):
        raise ContractError(f"column '{name}': found the type {found}, expected numbers")


def _text_size(column: pa.Array) -> int:
    """Bytes of a column of texts, each as often as it is repeated; 0 of any other."""
    if not (pa.types.is_dictionary(column.type) and any(is_(column.type.value_type) for is_ in _TEXT)):
        return 0
    return int(pc.sum(pc.binary_length(column.dictionary).take(column.indices)).as_py() or 0)
