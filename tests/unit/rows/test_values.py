"""A feature's values as they are kept, whatever the file held, and the rules that each type has."""

import datetime

import numpy as np
import pyarrow as pa
import pytest

from shotclock.config import Columns, Feature
from shotclock.errors import ContractError
from shotclock.rows import contract, values

NAN = float("nan")
DICTIONARY = pa.dictionary(pa.int32(), pa.string())


def examined(column, **rule):
    columns = Columns(id="id", time="day", target="won", features={"x": Feature(**rule)})
    rows = pa.table({"id": np.arange(len(column)), "day": ["2024-01-01"] * len(column), "x": column})
    contract.check_schema(rows.schema, columns, "rows.parquet", needs_target=False)
    found = contract.examine(rows, columns)
    by_batch = contract.examine(rows.to_batches()[0], columns)
    assert by_batch.reasons == found.reasons
    assert pa.Table.from_batches([by_batch.good]) == found.good.combine_chunks()
    return found


def kept(column, **rule):
    found = examined(column, **rule)
    assert found.reasons == {}
    return found.good["x"].type, found.good["x"].to_pylist()


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (pa.array(["a", "b"]), ["a", "b"]),
        (pa.array(["a", "b"], pa.large_string()), ["a", "b"]),
        (pa.array(["b", "a", "b"], DICTIONARY), ["b", "a", "b"]),
        (pa.array([7, -1], pa.int8()), ["7", "-1"]),
        (pa.array([7, 2**63], pa.uint64()), ["7", "9223372036854775808"]),
        (pa.array([7.0, 12.0]), ["7", "12"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array(["", " a"]), ["", " a"]),
    ],
)
def test_a_category_is_kept_as_text_however_its_codes_were_written(column, texts):
    assert kept(column, type="category") == (pa.string(), texts)


@pytest.mark.parametrize(
    ("rule", "column", "kind", "values"),
    [
        ("category", pa.array(["a", None]), pa.string(), ["a", None]),
        ("category", pa.array([7.0, NAN, None]), pa.string(), ["7", None, None]),
        ("category", pa.nulls(2), pa.string(), [None, None]),
        ("boolean", pa.array([True, None]), pa.int8(), [1, None]),
        ("boolean", pa.array([1.0, NAN]), pa.int8(), [1, None]),
        ("boolean", pa.nulls(2), pa.int8(), [None, None]),
        ("number", pa.array([1.5, NAN, None]), pa.float64(), [1.5, None, None]),
        ("number", pa.nulls(2), pa.float64(), [None, None]),
        ("integer", pa.array([3.0, NAN]), pa.float64(), [3.0, None]),
        ("integer", pa.array([3, None]), pa.int64(), [3, None]),
    ],
)
def test_what_may_be_missing_is_kept_as_null(rule, column, kind, values):
    assert kept(column, type=rule, missing="allowed") == (kind, values)


@pytest.mark.parametrize(
    ("rule", "column", "reasons"),
    [
        ({"type": "category"}, pa.array(["a", None]), {"x: null": 1}),
        ({"type": "category"}, pa.array([1.0, NAN]), {"x: null": 1}),
        ({"type": "category"}, pa.array([1.0, 1.5, 2.0**60]), {"x: not whole": 2}),
        ({"type": "category", "missing": "allowed"}, pa.array([1.0, 1.5, NAN]), {"x: not whole": 1}),
        (
            {"type": "category", "allowed": ["a", 7]},
            pa.array(["a", "7", "8"]),
            {"x: not among the 2 allowed values": 1},
        ),
        (
            {"type": "category", "allowed": ["a"], "missing": "allowed"},
            pa.array(["a", None, "b"], DICTIONARY),
            {"x: not among the 1 allowed values": 1},
        ),
        ({"type": "boolean"}, pa.array([0, 1, 2]), {"x: not 0 or 1": 1}),
        ({"type": "boolean"}, pa.array([True, None]), {"x: null": 1}),
        ({"type": "boolean"}, pa.array([0.0, NAN]), {"x: null": 1}),
        ({"type": "boolean", "missing": "allowed"}, pa.array([0.5, NAN]), {"x: not 0 or 1": 1}),
        ({"type": "number", "max": 9, "missing": "allowed"}, pa.array([1.0, NAN, 10.0]), {"x: above 9": 1}),
        ({"type": "number", "missing": "allowed"}, pa.array([1.0, NAN, np.inf]), {"x: infinite": 1}),
        ({"type": "integer", "missing": "allowed"}, pa.array([1.0, NAN, 1.5]), {"x: not whole": 1}),
        (
            {"type": "integer", "allowed": [1, 2], "missing": "allowed"},
            pa.array([1.0, NAN, 3.0]),
            {"x: not among 1, 2": 1},
        ),
        ({"type": "number"}, pa.array([1.0, NAN]), {"x: not a number": 1}),
        ({"type": "number"}, pa.array([1.0, None]), {"x: null": 1}),
    ],
)
def test_a_row_that_breaks_its_types_rule_is_told_apart(rule, column, reasons):
    found = examined(column, **rule)
    assert found.reasons == reasons
    assert found.bad["x"].type == column.type


@pytest.mark.parametrize(
    ("rule", "column", "expected"),
    [
        ("category", pa.array([datetime.date(2024, 1, 1)]), "text, or codes as integers"),
        ("boolean", pa.array(["yes"]), "true and false, or 0 and 1"),
        ("number", pa.array(["1"]), "a number"),
        ("number", pa.array([True]), "a number"),
        ("category", pa.nulls(1), "text, or codes"),
    ],
)
def test_a_column_of_another_kind_is_refused_whole(rule, column, expected):
    with pytest.raises(ContractError, match=f"column 'x': found type .*, expected {expected}"):
        examined(column, type=rule)


@pytest.mark.parametrize(
    ("levels", "ordered"),
    [
        (["10", "9", "1", "0"], ["0", "1", "9", "10"]),
        (["10", "007", "7", "9"], ["007", "7", "9", "10"]),
        (["10", "9", "Bern"], ["10", "9", "Bern"]),
        (["10", "9", "-1"], ["-1", "10", "9"]),
        (["9" * 5000, "8"], ["8", "9" * 5000]),
        (["²", "1"], ["1", "²"]),
        ([10.0, 9.5, -1.0], [-1.0, 9.5, 10.0]),
        ([], []),
    ],
)
def test_codes_stand_in_the_order_of_their_numbers_and_other_texts_by_name(levels, ordered):
    assert values.in_order(levels) == ordered


def test_rows_without_names_and_gaps_stay_the_rows_that_they_were():
    columns = Columns(id="id", time="day", target="won", features={"x": Feature(type="number")})
    rows = pa.table({"id": [1, 2], "day": ["2024-01-01"] * 2, "x": [1.5, 2]})
    assert contract.examine(rows, columns).good is rows
