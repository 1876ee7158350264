"""Every file becomes of the project's types, without a loss, or is refused with what was found."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from shotclock.config import Columns, Feature
from shotclock.errors import ContractError
from shotclock.rows import types

COLUMNS = Columns(
    id="key",
    time="at",
    target="bought",
    features={"amount": Feature(type="number"), "visits": Feature(type="integer")},
)
LONG = pa.int64()
US, NS, DAY = pa.timestamp("us"), pa.timestamp("ns"), pa.date32()
NOON = datetime(2025, 6, 1, 12, 30)


def known(key=LONG, at=US):
    return types.of(COLUMNS, pa.schema([("key", key), ("at", at)]))


def rows(**columns):
    found = {"key": [1, 2], "at": [NOON, NOON], "amount": [1.5, 2.5], "visits": [3, 4], "bought": [0, None]} | columns
    return pa.table(found)


@pytest.mark.parametrize(
    ("column", "found", "expected"),
    [
        ("key", pa.int8(), pa.int64()),
        ("key", pa.uint64(), pa.uint64()),
        ("key", pa.large_string(), pa.string()),
        ("key", pa.dictionary(pa.int8(), pa.string()), pa.string()),
        ("at", pa.string(), pa.string()),
        ("at", pa.date64(), pa.date32()),
        ("at", pa.timestamp("s"), US),
        ("at", pa.timestamp("ms", tz="Europe/Paris"), pa.timestamp("us", tz="UTC")),
        ("at", NS, NS),
    ],
)
def test_id_and_time_are_of_the_kind_that_the_training_rows_have(column, found, expected):
    schema = pa.schema([("key", pa.int64()), ("at", US)])
    schema = schema.set(schema.get_field_index(column), pa.field(column, found))
    assert types.of(COLUMNS, schema).field(column).type == expected


@pytest.mark.parametrize(
    ("column", "values", "expected", "wanted"),
    [
        ("key", pa.array([1, 2], pa.int32()), [1, 2], known()),
        ("key", pa.array(["a", "b"]).dictionary_encode(), ["a", "b"], known(pa.string())),
        ("key", pa.array(["ko\u0308ln", None]), ["k\u00f6ln", None], known(pa.string())),
        ("amount", pa.array([1, 2], pa.int16()), [1.0, 2.0], known()),
        ("amount", pa.array([2**60, 2], pa.int64()), [2.0**60, 2.0], known()),
        ("amount", pa.array([1.5, None], pa.float32()), [1.5, None], known()),
        ("visits", pa.array([1.0, None]), [1, None], known()),
        ("visits", pa.array([True, False]), [1, 0], known()),
        ("bought", pa.array([1.0, 0.0]), [1, 0], known()),
        ("bought", pa.nulls(2), [None, None], known()),
        ("at", pa.array([NOON, NOON], pa.timestamp("ms")), [NOON, NOON], known()),
        ("at", pa.array([NOON, NOON], NS), [NOON, NOON], known()),
        ("at", pa.array(["2025-06-01T12:30", "2025-06-01 12:30:00"]), [NOON, NOON], known()),
        ("at", pa.array([date(2025, 6, 1)] * 2), [datetime(2025, 6, 1)] * 2, known()),
        ("at", pa.array([date(2025, 6, 1)] * 2), ["2025-06-01"] * 2, known(at=pa.string())),
        ("at", pa.array([datetime(2025, 6, 1)] * 2), [date(2025, 6, 1)] * 2, known(at=DAY)),
        ("at", pa.array(["2025-06-01"] * 2), [date(2025, 6, 1)] * 2, known(at=DAY)),
        ("at", pa.array([datetime(2025, 6, 1)] * 2), ["2025-06-01"] * 2, known(at=pa.string())),
        ("at", pa.array([NOON] * 2, pa.timestamp("s")), ["2025-06-01T12:30:00"] * 2, known(at=pa.string())),
        (
            "at",
            pa.array(["2025-06-01T12:30+02:00"] * 2),
            [datetime(2025, 6, 1, 10, 30, tzinfo=UTC)] * 2,
            known(at=pa.timestamp("us", tz="UTC")),
        ),
    ],
)
def test_a_value_of_another_type_becomes_its_equal(column, values, expected, wanted):
    given = rows(**{column: values})
    types.refuse_others(given.schema, wanted, "june.parquet")
    found = types.cast(given, wanted, "june.parquet")
    assert found[column].to_pylist() == expected
    assert found.schema.field(column).type == wanted.field(column).type


@pytest.mark.parametrize(
    ("column", "values", "found", "wanted"),
    [
        ("amount", pa.array([1, 2**53 + 1]), "found 9007199254740993 (int64), which is no double", known()),
        ("visits", pa.array([1.0, 2.5]), "found 2.5 (double), which is no int64", known()),
        ("key", pa.array([1, 2**63], pa.uint64()), "found 9223372036854775808 (uint64), which is no int64", known()),
        ("at", pa.array([0, 1], NS), "00:00:00.000000001 (timestamp[ns]), which is no timestamp[us]", known()),
        ("at", pa.array([datetime(2025, 6, 1), NOON]), "which is no date32[day]", known(at=DAY)),
        ("at", pa.array(["2025-06-01", "2025-06-01T12:30Z"]), "(string), which is no timestamp[us]", known()),
        ("at", pa.array(["2025-06-01", "1 June"]), "found 1 June (string)", known()),
    ],
)
def test_a_value_without_an_equal_is_refused_with_both_types_and_its_row(column, values, found, wanted):
    with pytest.raises(ContractError) as error:
        types.cast(rows(**{"key": [1, 2], column: values}), wanted, "june.parquet")
    key = values[1] if column == "key" else 2
    assert f"june.parquet: column '{column}', row with key {key}: " in str(error.value)
    assert found in str(error.value)


@pytest.mark.parametrize(
    ("column", "kind", "wanted"),
    [
        ("key", pa.string(), known()),
        ("key", pa.float64(), known()),
        ("key", pa.int64(), known(pa.string())),
        ("key", pa.float64(), known(pa.string())),
        ("at", pa.timestamp("us", tz="UTC"), known()),
        ("at", US, known(at=pa.timestamp("us", tz="UTC"))),
        ("at", pa.int64(), known()),
    ],
)
def test_ids_and_times_of_another_kind_are_refused_with_both_types(column, kind, wanted):
    with pytest.raises(ContractError) as error:
        types.refuse_others(pa.schema([(column, kind)]), wanted, "june.parquet")
    expected = wanted.field(column).type
    assert f"june.parquet: column '{column}': found type {kind}, expected {expected}, as" in str(error.value)


def test_texts_that_are_kept_once_stay_so():
    kept = rows(key=pa.array(["a", "b"]).dictionary_encode())
    found = types.cast(kept, known().set(0, kept.schema.field("key")), "june")
    assert found["key"].equals(kept["key"])


def test_what_has_the_types_already_is_not_copied():
    given = types.cast(rows(), known(), "june.parquet")
    assert types.cast(given, known(), "june.parquet")["amount"] is not None
    assert types.cast(given, known(), "june.parquet") is given


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([["1", "2"], ["3", "Total"]], ", row 4 ('Total')"),
        ([["1", " 2 "], ["-3"]], ""),
        ([["1", None], [None, "5.0"]], ", row 4 ('5.0')"),
        ([[1, 2]], ""),
    ],
)
def test_the_first_id_that_is_no_number_is_told_with_its_row(ids, said):
    assert types.first_text(pa.RecordBatch.from_arrays([pa.array(piece)], ["id"]) for piece in ids) == said
