"""MLflow's scoring protocol: a request's body in, the model's features out, and the answer as JSON.

It takes what MLflow's own scoring server takes, and converts it the same way. It goes from JSON to the matrix without a
DataFrame in between, which is most of the time of a small request, and its refusals name the column and the row.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shotclock.errors import ContractError, ShotclockError
from shotclock.rows.contract import A_TIME
from shotclock.rows.values import MOST_CODE, Input
from shotclock.serving import limits, tables
from shotclock.serving.tables import CSV, PARQUET

Floats = NDArray[np.float64]

JSON = "application/json"
FORMATS = ("dataframe_split", "dataframe_records", "inputs", "instances")
_SPLIT_KEYS = {"columns", "data", "index"}
_PART = 5000  # rows that are written at a time: no other thread gets its turn meanwhile
_NO_ROWS = "no rows: send at least one"
_LARGEST = float(np.finfo(np.float32).max)  # a tree keeps its numbers so


class MediaTypeError(ShotclockError):
    """A request whose content type the protocol does not know."""


def media_type(header: str | None) -> str:
    """The content type of a request, without its parameters.

    Raises:
        MediaTypeError: it is none that the protocol knows, or not in UTF-8.
    """
    kind, *parameters = [part.strip().lower() for part in (header or "").split(";")]
    if kind not in (JSON, CSV, PARQUET):
        raise MediaTypeError(f"content type: found '{header or 'none'}', allowed: {JSON}, {CSV}, {PARQUET}")
    strange = [part for part in parameters if part and part not in ("charset=utf-8", 'charset="utf-8"')]
    if strange:
        raise MediaTypeError(f"content type: found '{'; '.join(strange)}', allowed: charset=utf-8, or nothing")
    return kind


def matrix(body: bytes, kind: str, features: Sequence[str]) -> Floats:
    """The rows of a request, shape (rows, features), columns in the order of `features`. Other columns are ignored.

    Args:
        kind: a media type, as `media_type` gives it.

    Raises:
        TooLargeError: there are more rows or columns than the endpoint takes.
        ContractError: the body cannot be read; a column is missing or there twice; a value is missing, infinite, too
            large or no number; or there are no rows. The message names the column and the row (0 is the first).
    """
    return _converted(_rows(body, kind, features), features)


def table(body: bytes, kind: str, inputs: Sequence[Input]) -> dict[str, NDArray[Any]]:
    """The rows of a request by column: numbers as floats, NaN where one is missing, and text, None where it is missing; times
    as text, whatever it says.

    A number is taken for the text of a category's code, 7 as well as 7.0 for '7'.

    Raises:
        TooLargeError, ContractError: as `matrix`.
    """
    names = [column.name for column in inputs]
    texts, times = ([column.name for column in inputs if getattr(column, role)] for role in ("is_text", "is_time"))
    rows = _rows(body, kind, names, texts, times)
    if not rows:
        raise ContractError(_NO_ROWS)
    values = zip(inputs, zip(*rows, strict=True), strict=True)
    return {column.name: _way(column)(given, column) for column, given in values}


def _way(column: Input) -> Callable[[Sequence[Any], Input], NDArray[Any]]:
    if column.is_time:
        return _times
    return _texts if column.is_text else _numbers


def _rows(
    body: bytes, kind: str, features: Sequence[str], texts: Sequence[str] = (), times: Sequence[str] = ()
) -> Sequence[Sequence[Any]]:
    """The rows of a request, each a list of values in the order of `features`, as they were sent."""
    if kind == JSON:
        return _from_json(body, features)
    found = tables.columns(body, kind, features, lambda names: _require(names, features), texts, times)
    return _of_columns(found, features)


def answer(
    probabilities: Floats, version: str, flags: Sequence[Mapping[str, object]] = (), *, base_rate: bool = False
) -> bytes:
    """MLflow's answer, with the version that gave it as a second field.

    Args:
        probabilities: of the labels 0 and 1, shape (rows, 2).
        flags: the values that break the contract; a third field, where there are some.
        base_rate: whether the version says the same of every row; then a field says so.
    """
    parts = (probabilities[first : first + _PART].tolist() for first in range(0, len(probabilities), _PART))
    predictions = ", ".join(json.dumps(part)[1:-1] for part in parts)
    flagged = f', "flags": {json.dumps(flags)}' if flags else ""
    alone = ', "base_rate": true' if base_rate else ""
    return f'{{"predictions": [{predictions}], "model_version": {json.dumps(version)}{alone}{flagged}}}'.encode()


def _from_json(body: bytes, features: Sequence[str]) -> Sequence[Sequence[Any]]:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ContractError(f"the body is not valid JSON: {error}") from error
    given = [name for name in FORMATS if name in request] if isinstance(request, dict) else []
    if len(given) != 1:
        found = " and ".join(given) or (f"the keys {_listed(request)}" if isinstance(request, dict) else _kind(request))
        raise ContractError(f"the body: found {found}, expected a JSON object with exactly one of {', '.join(FORMATS)}")
    name = given[0]
    rows = request[name]
    if name == "dataframe_split":
        return _from_split(rows, features)
    if name == "inputs" and isinstance(rows, dict):
        values = {key: value if isinstance(value, list) else [value] for key, value in rows.items()}
        limits.check_size(max(map(len, values.values()), default=0), len(values))
        return _of_columns(values, features)
    return _from_records(rows, name, features)


def _from_split(given: Any, features: Sequence[str]) -> Sequence[Sequence[Any]]:
    if not isinstance(given, dict) or "data" not in given or set(given) - _SPLIT_KEYS:
        found = f"the keys {_listed(given)}" if isinstance(given, dict) else _kind(given)
        raise ContractError(f"dataframe_split: found {found}, expected an object of columns, data and perhaps index")
    columns, rows = given.get("columns"), given["data"]
    if not isinstance(columns, list) or not isinstance(rows, list):
        raise ContractError("dataframe_split: columns and data must be lists: the names, and a list for each row")
    limits.check_size(len(rows), len(columns))
    _require(columns, features)
    for number, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != len(columns):
            found = f"{len(row)} values" if isinstance(row, list) else _kind(row)
            raise ContractError(f"dataframe_split: row {number} is {found}, expected a list of {len(columns)} values")
    places = [columns.index(name) for name in features]
    if places != list(range(len(columns))):
        rows = [[row[place] for place in places] for row in rows]
    return rows


def _from_records(rows: Any, name: str, features: Sequence[str]) -> Sequence[Sequence[Any]]:
    if not isinstance(rows, list):
        raise ContractError(f"{name}: found {_kind(rows)}, expected a list of records")
    limits.check_size(len(rows), len(features))
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise ContractError(
                f"{name}: row {number} is {_kind(row)}, expected a record with the columns {', '.join(features)}"
            )
        if not row.keys() >= set(features):
            _require(list(row), features, f" in row {number}")
    return [[row[name] for name in features] for row in rows]


def _of_columns(columns: Mapping[str, Any], features: Sequence[str]) -> Sequence[Sequence[Any]]:
    _require(list(columns), features)
    lengths = {name: len(columns[name]) for name in features}
    if len(set(lengths.values())) > 1:
        raise ContractError(f"the columns have different lengths: {lengths}")
    return list(zip(*(columns[name] for name in features), strict=True))


def _require(columns: Sequence[Any], features: Sequence[str], where: str = "") -> None:
    missing = [name for name in features if name not in columns]
    if missing:
        others = [name for name in columns if name not in features]
        found = f"; found instead {_listed(others)}" if others else ""
        raise ContractError(f"missing column {_listed(missing)}{where}{found}: the model needs {', '.join(features)}")
    twice = [name for name in features if list(columns).count(name) > 1]
    if twice:
        raise ContractError(f"column {_listed(twice)} is there twice")


def _converted(rows: Sequence[Sequence[Any]], features: Sequence[str]) -> Floats:
    """As pandas converts: a bool and a text that is a number are numbers."""
    if not rows:
        raise ContractError(_NO_ROWS)
    try:
        found = np.asarray(rows, dtype=np.float64, order="F")
    except (ValueError, TypeError, OverflowError):
        found = None
    if found is None or found.ndim != 2 or not (np.abs(found) <= _LARGEST).all():  # nan is neither
        raise _worst(rows, features)
    return found


def _numbers(values: Sequence[Any], column: Input) -> Floats:
    known = [None if column.may_be_missing and _is_missing(value) else value for value in values]
    for number, value in enumerate(known):
        if not _is_number(value) and not (value is None and column.may_be_missing):
            raise _no_number(column.name, number, value)
    return np.asarray(known, dtype=np.float64)  # None becomes NaN


def _texts(values: Sequence[Any], column: Input) -> NDArray[Any]:
    found = [_text(value) for value in values]
    for number, (value, text) in enumerate(zip(values, found, strict=True)):
        if text is None and not (column.may_be_missing and _is_missing(value)):
            raise ContractError(
                f"column '{column.name}': row {number} is {_shown(value)}, expected text or a whole number"
            )
    return np.array(found, dtype=object)


def _times(values: Sequence[Any], column: Input) -> NDArray[Any]:
    for number, value in enumerate(values):
        if not isinstance(value, str | date):  # a datetime is a date
            raise ContractError(
                f"column '{column.name}': row {number} is {_shown(value)}, expected a time such as {A_TIME}"
            )
    return np.array([value if isinstance(value, str) else value.isoformat() for value in values], dtype=object)


def _text(value: Any) -> str | None:
    """The text of a category, as `rows.values` keeps it; None where it is none."""
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return str(int(value)) if value == np.trunc(value) and abs(float(value)) <= MOST_CODE else None
    return str(value) if isinstance(value, str | int | np.integer) else None


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value)))


def _worst(rows: Sequence[Sequence[Any]], features: Sequence[str]) -> ContractError:
    """The first value that cannot be used, by column and row."""
    for name, values in zip(features, zip(*rows, strict=True), strict=True):
        for number, value in enumerate(values):
            if not _is_number(value):
                return _no_number(name, number, value)
    return ContractError("the rows cannot be made a table of numbers")


def _no_number(name: str, number: int, value: Any) -> ContractError:
    wanted = f"a number up to {_LARGEST:.2g}" if _is_number(value, np.inf) else "a number"
    return ContractError(f"column '{name}': row {number} is {_shown(value)}, expected {wanted}")


def _is_number(value: Any, most: float = _LARGEST) -> bool:
    try:
        return np.ndim(value) == 0 and bool(np.abs(np.float64(value)) <= most)
    except (ValueError, TypeError, OverflowError):
        return False


def _shown(value: Any) -> str:
    text = "null" if value is None else json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:40]}…"


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", str: "a text", type(None): "null"}
    return names.get(type(value), f"the value {_shown(value)}")


def _listed(names: Any) -> str:
    shown = [f"'{_shown(name).strip(chr(34))}'" for name in list(names)[:20]]
    return ", ".join(shown) or "none"
