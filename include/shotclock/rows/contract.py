"""What a row must be: the columns and types of a file, and the rules that each of its rows keeps. Arrow in, Arrow out.

A file whose columns are wrong is refused as a whole. Single rows that break a rule are told apart, with a reason, and
the caller decides by their share whether the rest may be used.
"""

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shotclock.config import Columns, Feature
from shotclock.errors import ContractError
from shotclock.kinds import all_names, is_number, is_text
from shotclock.rows import parts
from shotclock.rows import values as kept

Rows: TypeAlias = pa.Table | pa.RecordBatch
Column: TypeAlias = pa.ChunkedArray | pa.Array
Mask = npt.NDArray[np.bool_]

A_TIME = "2016-04-13T20:15"  # how one may be written
REASON = "reason"  # the column of rows that were set aside, unless the project has one of that name


@dataclass(frozen=True)
class Examination:
    """Rows told apart: `good` keep the contract; `bad` carry their first broken rule in the column `reason` (`Columns.output`).

    Both are of the kind that was examined (table or record batch) and keep its order. The good ones hold their features as
    `values.typed` makes them, with the parts of their time, the bad ones what the file held. `reasons` counts the bad rows by
    reason, most frequent first.
    """

    good: Rows
    bad: Rows
    reasons: dict[str, int]


def check_schema(schema: pa.Schema, columns: Columns, source: str, *, needs_target: bool) -> None:
    """Refuse a file whose columns are not what the project names. Columns that it does not name are of no concern.

    A `number` may be stored as integer or float. An `integer`, a `boolean`, codes of a `category`, and the 0/1 target, may
    be stored as float: whether the values are whole is a matter of rows, and so is whether a time written as text is a date.

    Raises:
        ContractError: a column is missing, stands twice or has a type that cannot be used; the message lists every such
            column, with names in the file that are near to a missing one.
    """
    wanted = {columns.id: "id", columns.time: "time"} | {name: _kind(rule) for name, rule in columns.given.items()}
    if needs_target or columns.target in schema.names:
        wanted[columns.target] = "target"
    problems = [problem for name, kind in wanted.items() if (problem := _column_problem(schema, name, kind))]
    problems += _hourless(schema, columns)
    if problems:
        raise ContractError("\n".join(f"{source}: {problem}" for problem in problems))


def check_labels(schema: pa.Schema, id_column: str, target: str, source: str) -> None:
    """Refuse a file of labels without id and target, or with other types of these.

    Raises:
        ContractError: as for `check_schema`.
    """
    wanted, others = {id_column: "id", target: "target"}, [name for name in schema.names if name != id_column]
    likely = others if len(others) == 1 else []  # whatever it is called, it is meant for the label
    problems = [problem for name, kind in wanted.items() if (problem := _column_problem(schema, name, kind, likely))]
    if problems:
        raise ContractError("\n".join(f"{source}: {problem}" for problem in problems))


def refuse_empty(rows: int, source: str) -> None:
    """Raise ContractError where there is no row to work on."""
    if rows == 0:
        raise ContractError(f"{source}: found no rows, expected at least one; name a file with data")


def first_of(bad: Rows, columns: Columns) -> str:
    """The first of the rows that were set aside, in words: what breaks the rule, and its id."""
    column = bad[columns.output(REASON)][0].as_py().rsplit(": ", 1)[0]
    where = f" in the row with {columns.id} {bad[columns.id][0]}" if column != columns.id else ""
    return f", such as {column} {bad[column][0]}{where}"


def refuse_above(
    bad: int,
    reasons: Mapping[str, int],
    rows: int,
    source: str,
    allowed: float,
    aside: str = "",
    first: str = "",
) -> None:
    """Raise ContractError, worst reason first, when more than the share `allowed` (0 to 1) of `rows` are bad.

    Args:
        aside: the file in which they lie now, if in any.
        first: see `first_of`.
    """
    if bad <= allowed * rows:
        return
    listed = "; ".join(_reason(reason, count) for reason, count in worst_first(reasons).items())
    raise ContractError(
        f"{source}: found {bad:,} of {rows:,} rows ({bad / rows:.2%}) that break the contract, expected at most "
        f"{allowed:.2%}: {listed}{first}. Correct the file; if such rows are right, change the column's rule or the share "
        "'quarantine' in the project file" + (f". The rows were set aside in {aside}" if aside else "")
    )


def refuse_stuck(stuck: Mapping[str, float], rows: int, source: str) -> None:
    """Raise ContractError when a feature holds the same value (given by its name) in all of `rows`."""
    if stuck:
        listed = "; ".join(f"column '{name}': all {rows:,} rows hold {value:g}" for name, value in stuck.items())
        raise ContractError(
            f"{source}: {listed}, but the champion's reference does not: this is a broken feed and no drift, so nothing of "
            "the file is scored. Correct it; if the values are right, declare the column as a category ('allowed', and "
            "'drift: jensenshannon') in the project file"
        )


def refuse_untold(rows: Rows, columns: Columns, source: str) -> None:
    """Raise ContractError where a part of the time is the same in all training rows: their times are too coarse to tell it."""
    for name, feature in columns.of_time.items():
        if len(found := rows[name].unique()) == 1:
            raise ContractError(
                f"{source}: column '{columns.time}': the {feature.of_time} is {found[0]} in all {rows.num_rows:,} rows, "
                f"expected several, as feature '{name}' is this part of the time; {_FINER}"
            )


def worst_first(reasons: Mapping[str, int]) -> dict[str, int]:
    """The counts by reason, greatest first, equal ones by name."""
    return dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))


def require_both_classes(target: pa.ChunkedArray | pa.Array, name: str, source: str) -> None:
    """Raise ContractError unless the target holds labelled rows of both 0 and 1: nothing is learned from less."""
    counts = {int(item["values"]): item["counts"] for item in pc.value_counts(target.drop_null()).to_pylist()}
    if not counts:
        raise ContractError(
            f"{source}: column '{name}': no labelled rows left: all {len(target):,} are null, expected some 0 and some "
            "1; name a file with labels"
        )
    if len(counts) == 1:
        only, count = next(iter(counts.items()))
        raise ContractError(
            f"{source}: column '{name}': all {count:,} labelled rows are of one class ({only}), expected some 0 and "
            "some 1; name a file with both outcomes"
        )


def examine(rows: Rows, columns: Columns, *, needs_features: bool = True, repeated: Mask | None = None) -> Examination:
    """Tell the rows that keep the contract from those that do not.

    The rules, in the order in which the first broken one is named: the id is there and is the first of its kind; the
    time is there and is a date, with a time of day where a feature is its hour; each feature is there, unless it may be
    missing, finite, whole where it must be, within its range, among its allowed values; the target, where the column is
    there, is 0, 1 or null. A null target is no breach: the row is unlabelled.

    Args:
        rows: a table or batch whose columns `check_schema` let pass.
        needs_features: False for files without features, such as late labels.
        repeated: marks the rows whose id stood in an earlier row, for one who knows rows outside of `rows`. Without it,
            repeats are looked for within `rows`.
    """
    code: npt.NDArray[np.int16] = np.full(rows.num_rows, -1, dtype=np.int16)
    names: list[str] = []
    for reason, broken in _breaches(rows, columns, needs_features, repeated):
        code[broken & (code < 0)] = len(names)
        names.append(reason)
    reason = columns.output(REASON)
    if not names:
        none = rows.slice(0, 0).append_column(reason, pa.array([], pa.string()))
        return Examination(_typed(rows, columns, needs_features), none, {})
    bad = code >= 0
    reasons = pa.array(names).take(pa.array(code[bad]))
    good, broken_rows = rows.filter(pa.array(~bad)), rows.filter(pa.array(bad))
    told = broken_rows.append_column(reason, reasons)
    return Examination(_typed(good, columns, needs_features), told, worst_first(Counter(reasons.to_pylist())))


def _typed(rows: Rows, columns: Columns, needs_features: bool) -> Rows:
    return parts.added(kept.typed(rows, columns), columns) if needs_features else rows


def feature_rules(
    rows: "Rows | Mapping[str, pa.Array]", features: Mapping[str, Feature]
) -> Iterator[tuple[str, str, Mask]]:
    """Each rule of a feature that some row may break: the column, the rule, and a mask of the rows that do."""
    for name, feature in features.items():
        for rule, broken in _feature_rules(rows[name], feature):
            yield name, rule, broken


def time_rules(times: pa.ChunkedArray | pa.Array, of_time: Mapping[str, Feature]) -> Iterator[tuple[str, Mask]]:
    """Each rule of a time that some row may break: the rule, and a mask of the rows that do.

    Args:
        of_time: the features that are parts of it.
    """
    if times.null_count:
        yield "null", _nulls(times)
    if is_text(times.type):
        yield "not an ISO date", _no_date(times)
        if _hours(of_time):
            yield "no time of day", _mask(pc.less_equal(pc.utf8_length(plain(times)), _DAY_ALONE).fill_null(False))


def parts_of(times: pa.Array, of_time: Mapping[str, Feature], column: str) -> dict[str, pa.Array]:
    """The parts of times that somebody gives by themselves, as a batch's rows have them.

    Raises:
        ContractError: one of them is no time, or does not tell its parts; the message names the first such row, 0 is the first.
    """
    for rule, broken in time_rules(times, of_time):
        if broken.any():
            row = int(broken.argmax())
            raise ContractError(f"column '{column}': row {row} is {times[row]}: {rule}; expected such as {A_TIME}")
    return {name: parts.part(times, feature) for name, feature in of_time.items()}


def wanted(feature: Feature) -> str:
    """What a value of a feature must be, in words."""
    ends = (("at least", feature.min), ("at most", feature.max))
    bounds = [f"{word} {end:g}" for word, end in ends if end is not None]
    values = [f"one of {', '.join(map(str, feature.allowed))}"] if feature.allowed else []
    return ", ".join([_KINDS[feature.type][0], *bounds, *values])


def repeated_ids(ids: pa.ChunkedArray | pa.Array) -> Mask:
    """Mark each row whose id stood in an earlier row. Null ids are no repeats."""
    if increasing(ids):
        return np.zeros(len(ids), dtype=np.bool_)
    encoded = plain(ids).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    repeated = np.ones(len(codes), dtype=np.bool_)
    repeated[np.unique(codes, return_index=True)[1]] = False
    repeated[codes < 0] = False
    return repeated


def increasing(ids: pa.ChunkedArray | pa.Array) -> bool:
    """True when each id that is not null is greater than the one before it, so that none can stand twice."""
    known = plain(ids).drop_null()
    return len(known) < 2 or bool(pc.all(pc.less(known[:-1], known[1:])).as_py())


def plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One array of plain values."""
    array = _one_array(column)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


# Columns and types


def _kind(rule: Feature) -> str:
    return rule.type + _OR_NOTHING if rule.may_be_missing else rule.type


def _column_problem(schema: pa.Schema, name: str, kind: str, likely: Sequence[str] = ()) -> str | None:
    found = schema.get_all_field_indices(name)
    if not found:
        there = all_names(schema)
        near = [other for other in there if other.casefold() == name.casefold()]
        near = near or difflib.get_close_matches(name, there, n=3) or list(likely)
        hint = f"; near to it: {', '.join(near)}" if near else f"; found: {', '.join(there)}"
        return f"column '{name}' is missing{hint}. Rename the file's column, or correct the name in the project file"
    if len(found) > 1:
        return f"column '{name}' stands {len(found)} times, expected once; remove what is not meant"
    expected, fits = _KINDS[kind.removesuffix(_OR_NOTHING)]
    kind_of = schema.field(found[0]).type
    if not fits(kind_of) and not (pa.types.is_null(kind_of) and kind.endswith(_OR_NOTHING)):
        return (
            f"column '{name}': found type {kind_of}, expected {expected}. Convert the column, or fetch the right file"
        )
    return None


def _hourless(schema: pa.Schema, columns: Columns) -> Iterator[str]:
    found = [schema.field(place).type for place in schema.get_all_field_indices(columns.time)]
    if any(map(pa.types.is_date, found)):
        for name in _hours(columns.of_time):
            yield (
                f"column '{columns.time}': found type {found[0]}, expected timestamp, or text such as {A_TIME}, as feature "
                f"'{name}' is its hour; {_FINER}"
            )


def _hours(of_time: Mapping[str, Feature]) -> list[str]:
    return [name for name, feature in of_time.items() if feature.of_time == "hour"]


def _is_id(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind)) or is_text(kind)


def _is_time(kind: pa.DataType) -> bool:
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind)) or is_text(kind)


def _is_truth(kind: pa.DataType) -> bool:
    return bool(pa.types.is_boolean(kind)) or is_number(kind)


def _is_name(kind: pa.DataType) -> bool:
    return is_text(kind) or _is_truth(kind)


def _is_target(kind: pa.DataType) -> bool:
    return is_number(kind) or bool(pa.types.is_null(kind))  # a column without one label has the type null


_DAY_ALONE = 10  # characters, at most, of an ISO date without a time of day
_FINER = "bring times that tell it, or take the feature out of the project file"
_OR_NOTHING = ", or nothing"  # a column without one value has the type null
_KINDS: dict[str, tuple[str, Any]] = {
    "id": ("integer or text", _is_id),
    "time": ("date, timestamp or text such as 2016-04-13", _is_time),
    "number": ("a number (integer or float)", is_number),
    "integer": ("an integer (or a float with whole values)", is_number),
    "boolean": ("true and false, or 0 and 1 as integer or float", _is_truth),
    "category": ("text, or codes as integers (or floats with whole values)", _is_name),
    "target": ("0 and 1 as integer or float, null where unlabelled", _is_target),
}


# Rows. A breach is a reason and a mask of the rows that break the rule; a rule that all rows keep gives none.

Breach = tuple[str, Mask]


def _breaches(rows: Rows, columns: Columns, needs_features: bool, repeated: Mask | None) -> Iterator[Breach]:
    for column, rule, broken in _rules(rows, columns, needs_features, repeated):
        if broken.any():
            yield f"{column}: {rule}", broken


def _rules(
    rows: Rows, columns: Columns, needs_features: bool, repeated: Mask | None
) -> Iterator[tuple[str, str, Mask]]:
    ids = rows[columns.id]
    if ids.null_count:
        yield columns.id, "null", _nulls(ids)
    yield columns.id, "repeated", repeated_ids(ids) if repeated is None else repeated
    for rule, broken in time_rules(rows[columns.time], columns.of_time):
        yield columns.time, rule, broken
    yield from feature_rules(rows, columns.given if needs_features else {})
    if columns.target in rows.schema.names:
        for rule, broken in _target_rules(rows[columns.target]):
            yield columns.target, rule, broken


def _no_date(times: pa.ChunkedArray | pa.Array) -> Mask:
    """Mark the texts that are no ISO 8601 date. Days repeat, so each distinct text is read once."""
    encoded = _one_array(times)
    if not pa.types.is_dictionary(encoded.type):
        encoded = encoded.dictionary_encode()
    if _all_iso(encoded.dictionary):
        return np.zeros(len(encoded), dtype=np.bool_)
    wrong = np.array([not _is_iso(text) for text in encoded.dictionary.to_pylist()] + [False])
    codes = encoded.indices.cast(pa.int64()).fill_null(len(encoded.dictionary))  # a null is another rule's matter
    marked: Mask = wrong[codes.to_numpy(zero_copy_only=False)]
    return marked


def _all_iso(texts: pa.Array) -> bool:
    """True where Arrow reads every text as a time; it reads fast, but fewer forms than ISO 8601 has."""
    try:
        return bool(texts.cast(pa.timestamp("ns")).null_count == 0)
    except pa.ArrowInvalid:
        return False


def _is_iso(text: str | None) -> bool:
    try:
        datetime.fromisoformat(text or "")
    except ValueError:
        return False
    return True


def _feature_rules(column: pa.ChunkedArray | pa.Array, feature: Feature) -> Iterator[Breach]:
    if pa.types.is_null(column.type):
        return
    if feature.is_named:
        yield from _name_rules(column, feature)
        return
    if column.null_count and not feature.may_be_missing:
        yield "null", _nulls(column)
    values = _values(column)
    missing = np.isnan(values) if feature.may_be_missing else np.zeros(0, dtype=np.bool_)
    if _within(values[~missing] if missing.any() else values, feature):
        return
    if not feature.may_be_missing:
        yield "not a number", np.isnan(values)
    yield "infinite", np.isinf(values)
    if feature.type == "integer":
        yield "not whole", _not_whole(values)
    if feature.min is not None:
        yield f"below {feature.min:g}", values < feature.min
    if feature.max is not None:
        yield f"above {feature.max:g}", values > feature.max
    if feature.allowed is not None:
        strange = ~np.isin(values, feature.allowed)
        strange[np.isnan(values)] = False
        yield f"not among {', '.join(map(str, feature.allowed))}", strange


def _name_rules(column: pa.ChunkedArray | pa.Array, feature: Feature) -> Iterator[Breach]:
    """Of a boolean or a category."""
    known = kept.without_nan(column)
    if known.null_count and not feature.may_be_missing:
        yield "null", _nulls(known)
    if feature.type == "boolean":
        values = _values(known.cast(pa.int8()) if pa.types.is_boolean(known.type) else known, null=0)
        yield "not 0 or 1", ~((values == 0) | (values == 1))
        return
    texts = kept.as_text(known)
    if pa.types.is_floating(known.type):
        yield "not whole", _nulls(texts) & ~_nulls(known)
    if feature.allowed is not None:
        strange = pc.invert(pc.is_in(texts, pa.array(feature.allowed, pa.string())))
        yield f"not among the {len(feature.allowed)} allowed values", _mask(pc.and_(strange, texts.is_valid()))


def _within(values: npt.NDArray[Any], feature: Feature) -> bool:
    """True when the smallest and the greatest value alone show that every row keeps every rule of `feature`.

    This is what examining nearly always comes to, at the speed of memory: NaN and infinity cannot pass it.
    """
    if not len(values):
        return True
    low, high = values.min(), values.max()
    in_range = np.isfinite(low) and np.isfinite(high)
    in_range &= (feature.min is None or low >= feature.min) and (feature.max is None or high <= feature.max)
    if in_range and feature.allowed is not None:
        codes = [code for code in feature.allowed if isinstance(code, int)]
        gapless = set(range(min(codes), max(codes) + 1)) == set(codes)
        in_range &= gapless and low >= min(codes) and high <= max(codes)
    needs_whole = feature.type == "integer" or feature.allowed is not None
    return bool(in_range) and not (needs_whole and _not_whole(values).any())


def _target_rules(column: pa.ChunkedArray | pa.Array) -> Iterator[Breach]:
    if pa.types.is_null(column.type):
        return
    values = _values(column, null=0)
    yield "not 0 or 1", ~((values == 0) | (values == 1))


def _not_whole(values: npt.NDArray[Any]) -> Mask:
    if values.dtype.kind != "f":
        return np.zeros(len(values), dtype=np.bool_)
    broken: Mask = np.isfinite(values) & (values != np.trunc(values))
    return broken


def _nulls(column: pa.ChunkedArray | pa.Array) -> Mask:
    return _mask(column.is_null())


def _mask(marked: pa.ChunkedArray | pa.Array) -> Mask:
    return np.asarray(marked.to_numpy(**_copying(marked)))


def _values(column: pa.ChunkedArray | pa.Array, null: int | None = None) -> npt.NDArray[Any]:
    """The column as numpy; nulls become `null`, or the first value that is there, which other rules judge."""
    if column.null_count:
        known = column.drop_null()
        stand_in = null if null is not None else (known[0].as_py() if len(known) else 0)
        column = column.fill_null(pa.scalar(stand_in, column.type))
    return np.asarray(column.to_numpy(**_copying(column)))


def _copying(column: pa.ChunkedArray | pa.Array) -> dict[str, bool]:
    return {} if isinstance(column, pa.ChunkedArray) else {"zero_copy_only": False}


def _one_array(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """One array; chunks with dictionaries of their own are brought to one dictionary."""
    if isinstance(column, pa.ChunkedArray):
        column = column.unify_dictionaries().combine_chunks() if len(column) else pa.array([], column.type)
    return column


def _reason(reason: str, count: int) -> str:
    column, rule = reason.rsplit(": ", 1)
    return f"column '{column}': {count:,} {rule}"
