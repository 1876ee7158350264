"""Tables as other systems write them: times of digits, words among numbers, targets of words; and what is said of it."""

from datetime import datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from shotclock.errors import ContractError
from shotclock.projects.init.guess import Wishes, guess

ROWS = 200


def table(**columns):
    given = {
        "order_id": list(range(1, ROWS + 1)),
        "ordered_at": [f"2025-01-{day % 28 + 1:02}" for day in range(ROWS)],
        "amount": [float(n % 17) for n in range(ROWS)],
        "visits": [n % 11 for n in range(ROWS)],
        "bought": [n % 2 for n in range(ROWS)],
    }
    return pa.table(given | columns)


def made(wishes=None, **columns):
    return guess(table(**columns), 0.6, wishes or Wishes(target="bought"))


def days(layout):
    return [(datetime(2025, 1, 1) + timedelta(days=n // 2, hours=13 * (n % 2))).strftime(layout) for n in range(ROWS)]


@pytest.mark.parametrize(
    ("values", "layout", "first"),
    [
        ([20250101 + n % 28 for n in range(ROWS)], "%Y%m%d", "2025-01-01 00:00:00"),
        ([1735689600 + 60 * n for n in range(ROWS)], "epoch s", "2025-01-01 00:00:00"),
        ([1735689600000 + 60 * n for n in range(ROWS)], "epoch ms", "2025-01-01 00:00:00"),
        ([2000 + n % 20 for n in range(ROWS)], "%Y", "2000-01-01 00:00:00"),
        ([200001 + n % 12 for n in range(ROWS)], "%Y%m", "2000-01-01 00:00:00"),
        ([20250101000000 + n % 60 for n in range(ROWS)], "%Y%m%d%H%M%S", "2025-01-01 00:00:00"),
        ([45658 + n // 2 for n in range(ROWS)], "excel", "2025-01-01 00:00:00"),
        ([45658.25 + n // 2 for n in range(ROWS)], "excel", "2025-01-01 06:00:00"),
        ([1735689600.5 + 60 * n for n in range(ROWS)], "epoch s", "2025-01-01 00:00:00.500000"),
        (days("%d.%m.%Y %H:%M"), "%d.%m.%Y %H:%M", "2025-01-01 00:00:00"),
        (days("%m/%d/%Y %I:%M:%S %p"), "%m/%d/%Y %I:%M:%S %p", "2025-01-01 00:00:00"),
        (days("%d-%b-%y"), "%d-%b-%y", "2025-01-01 00:00:00"),
        (days("%d.%m.%y"), "%d.%m.%y", "2025-01-01 00:00:00"),
        (days("%y.%m.%d"), "%y.%m.%d", "2025-01-01 00:00:00"),
        (days("%y/%m/%d %H:%M"), "%y/%m/%d %H:%M", "2025-01-01 00:00:00"),
        (days("%B %d, %Y"), "%B %d, %Y", "2025-01-01 00:00:00"),
        (days("%a, %d %b %Y %H:%M:%S GMT"), "%a, %d %b %Y %H:%M:%S GMT", "2025-01-01 00:00:00"),
        (days("%Y-%m"), "%Y-%m", "2025-01-01 00:00:00"),
        (days("%Y-%m-%d %H:%M:%S UTC"), "%Y-%m-%d %H:%M:%S UTC", "2025-01-01 00:00:00"),
        (days("%b %d %Y %I:%M%p"), "%b %d %Y %I:%M%p", "2025-01-01 00:00:00"),
        (days("%m/%d/%Y %I:%M%p"), "%m/%d/%Y %I:%M%p", "2025-01-01 00:00:00"),
        (days("%a %b %d %H:%M:%S %Y"), "%a %b %d %H:%M:%S %Y", "2025-01-01 00:00:00"),
        (days("[%d/%b/%Y:%H:%M:%S +0000]"), "[%d/%b/%Y:%H:%M:%S %z]", "2025-01-01 00:00:00+00:00"),
        (days("%a, %d %b %Y %H:%M:%S +0100"), "%a, %d %b %Y %H:%M:%S %z", "2024-12-31 23:00:00+00:00"),
        (days("%d.%m.%Y, %H:%M:%S"), "%d.%m.%Y, %H:%M:%S", "2025-01-01 00:00:00"),
        (days("%d.%m.%Y %H:%M Uhr"), "%d.%m.%Y %H:%M Uhr", "2025-01-01 00:00:00"),
        (days("%d.%m.%Y %H:%M:%S.250"), "%d.%m.%Y %H:%M:%S.%f", "2025-01-01 00:00:00.250000"),
        (days("%m/%d/%Y, %I:%M:%S\u202f%p"), "%m/%d/%Y, %I:%M:%S %p", "2025-01-01 00:00:00"),
        (days("%Y-%m-%d %I:%M %p"), "%Y-%m-%d %I:%M %p", "2025-01-01 00:00:00"),
        (days("%A, %B %d, %Y"), "%A, %B %d, %Y", "2025-01-01 00:00:00"),
        (days("%d%b%Y:%H:%M:%S"), "%d%b%Y:%H:%M:%S", "2025-01-01 00:00:00"),
        (days("%d-%b-%y %I.%M.%S.000000 %p"), "%d-%b-%y %I.%M.%S.%f %p", "2025-01-01 00:00:00"),
        (days("%Y年%m月%d日"), "%Y年%m月%d日", "2025-01-01 00:00:00"),
        (days("%Y%m%d"), "%Y%m%d", "2025-01-01 00:00:00"),
        (days("%Y%m%d%H%M%S"), "%Y%m%d%H%M%S", "2025-01-01 00:00:00"),
        ([str(1735689600 + 60 * n) for n in range(ROWS)], "epoch s", "2025-01-01 00:00:00"),
        ([f"2025-1-{n % 28 + 1}" for n in range(ROWS)], "%Y-%m-%d", "2025-01-01 00:00:00"),
        ([f"2025-Q{n % 4 + 1}" for n in range(ROWS)], "quarter", "2025-01-01 00:00:00"),
        ([f"Q{n % 4 + 2 if n % 4 < 3 else 1} 2025" for n in range(ROWS)], "quarter", "2025-04-01 00:00:00"),
    ],
)
@pytest.mark.parametrize("wished", [None, "ordered_at"])
def test_digits_are_times_where_the_name_or_a_wish_says_so(values, layout, first, wished):
    found = made(Wishes(target="bought", time=wished), ordered_at=values)
    assert found.columns.time == "ordered_at"
    assert str(found.table["ordered_at"][0].as_py()) == first
    assert found.reading.times == {"ordered_at": layout}
    assert f"written as {layout}" in found.why["ordered_at"]


def test_a_layout_that_is_told_reads_digits_too():
    found = made(
        Wishes(target="bought", time="ordered_at", time_format="%Y%m%d"),
        ordered_at=[20250101 + n % 28 for n in range(ROWS)],
    )
    assert str(found.table["ordered_at"][1]) == "2025-01-02 00:00:00"


def test_a_year_beside_a_date_is_not_taken_for_the_time():
    given = pa.table(
        {
            "year": [2013] * ROWS,
            "day": [n % 28 + 1 for n in range(ROWS)],
            **dict(zip(table().column_names, table().columns, strict=True)),
        }
    )
    assert guess(given, 0.6, Wishes(target="bought")).columns.time == "ordered_at"


def test_digits_in_a_column_of_another_name_are_no_time():
    assert made(price=[2000 + n % 20 for n in range(ROWS)]).columns.time == "ordered_at"


@pytest.mark.parametrize(
    ("word", "other"),
    [("None", "-"), ("unknown", "n/a"), ("NULL", "?"), ("\\N", "(null)"), ("#DIV/0!", "inf"), ("k.A.", "…")],
)
def test_words_for_a_missing_number_are_missing_values_and_that_is_said(word, other):
    amount = [word if n == 3 else other if n == 90 else f"{n % 17}.5" for n in range(ROWS)]
    found = made(amount=amount)
    assert "amount" in found.columns.features
    assert found.table["amount"].null_count == 2
    assert f"{min(word, other)} and {max(word, other)} became missing values" in found.why["amount"]
    assert {word, other} <= set(found.reading.missing)


def test_other_words_among_numbers_are_named():
    found = made(amount=["lots" if n == 3 else str(n) for n in range(ROWS)])
    assert "mostly numbers, but for 'lots'" in found.left_out["amount"]


@pytest.mark.parametrize(
    ("values", "ones", "zeros"),
    [
        (["churned" if n % 3 == 0 else "stayed" for n in range(ROWS)], ("churned",), ("stayed",)),
        (["yes" if n % 3 == 0 else "no" for n in range(ROWS)], ("yes",), ("no",)),
        (["ja" if n % 3 else "nein" for n in range(ROWS)], ("ja",), ("nein",)),
        (["oui" if n % 3 else "non" for n in range(ROWS)], ("oui",), ("non",)),
        (["да" if n % 3 else "нет" for n in range(ROWS)], ("да",), ("нет",)),
        ([["Yes", "NO", "yes", "no"][n % 4] for n in range(ROWS)], ("Yes", "yes"), ("NO", "no")),
        (["T" if n % 3 else "F" for n in range(ROWS)], ("T",), ("F",)),
        ([["Yes", "N", " YES ", "0"][n % 4] for n in range(ROWS)], ("YES", "Yes"), ("0", "N")),
        ([["true", "0", "1", "FALSE", "N"][n % 5] for n in range(ROWS)], ("1", "true"), ("0", "FALSE", "N")),
        ([1 + n % 2 for n in range(ROWS)], ("2",), ("1",)),
        ([-1 if n % 3 else 0 for n in range(ROWS)], ("-1",), ("0",)),
        ([2 * (n % 2) - 1 for n in range(ROWS)], ("1",), ("-1",)),
        ([str(1 + n % 2) for n in range(ROWS)], ("2",), ("1",)),
        (["0" if n % 3 else "1" for n in range(ROWS)], (), ()),
    ],
)
def test_any_two_valued_target_is_taken_and_its_words_are_kept(values, ones, zeros):
    found = made(bought=values)
    assert set(found.table["bought"].to_pylist()) == {0, 1}
    assert (found.reading.ones, found.reading.zeros) == (ones, zeros)


def test_words_for_what_is_missing_among_yes_and_no_are_missing_values():
    found = made(bought=[["yes", "no", "NULL", "-"][n % 4] for n in range(ROWS)])
    assert found.table["bought"].null_count == ROWS // 2
    assert {"NULL", "-"} <= set(found.reading.missing)
    assert "no and yes became 0 and 1; - and NULL became missing values" in found.why["bought"]


@pytest.mark.parametrize(("odd", "row"), [("298", ROWS), ("Bought", 1), ("0/1", 1), ("---", 1)])
def test_a_row_that_is_none_of_the_table_is_named_where_no_target_is_found(odd, row):
    values = [str(n % 2) for n in range(ROWS)]
    values[row - 1] = odd
    with pytest.raises(
        ContractError, match=rf"column 'bought' holds '{odd}' in row {row}, and 0 or 1 elsewhere: take out"
    ):
        made(Wishes(), bought=values, member=["x"] * ROWS)


def test_row_numbers_are_the_id_only_where_nothing_else_is_and_that_is_said():
    numbers = list(range(ROWS))
    found = guess(pa.table({"unnamed": numbers, **dict(zip(table().column_names, table().columns, strict=True))}), 0.6,
                  Wishes(target="bought"))  # fmt: skip
    assert found.columns.id == "order_id"
    found = guess(table(index=numbers).drop_columns(["order_id"]), 0.6, Wishes(target="bought"))
    assert found.columns.id == "index"
    assert any("'index' may count the rows of one file, and begin anew in the next" in told for told in found.warnings)


@pytest.mark.parametrize(("one", "zero"), [("churned", "stayed"), (2, 1), (-1, 0)])
def test_which_value_counts_as_1_is_said_to_be_a_guess(one, zero):
    found = made(bought=[one if n % 3 == 0 else zero for n in range(ROWS)])
    assert any(f"that '{one}' counts as 1 and '{zero}' as 0 is a guess" in warning for warning in found.warnings)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([n * 1.5 for n in range(ROWS)], "200 different values, a number: to predict one is not supported"),
        ([n % 3 for n in range(ROWS)], "3 classes, more than two are not supported"),
        ([["low", "mid", "high"][n % 3] for n in range(ROWS)], "3 classes, more than two are not supported"),
        ([1] * ROWS, "not two outcomes"),
        ([None] * ROWS, "found no value: not two outcomes"),
        (
            ["bought" if n == 100 else str(n % 2) for n in range(ROWS)],
            "holds 'bought' in row 101, and 0 or 1 elsewhere",
        ),
    ],
)
def test_a_target_that_is_not_two_valued_is_refused_plainly(values, said):
    with pytest.raises(ContractError) as error:
        made(bought=values)
    assert said in str(error.value)


def test_ids_of_text_are_kept_as_text_in_later_files():
    assert made(order_id=[f"{n:07}" for n in range(ROWS)]).reading.text == ("order_id",)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([None, *days("%Y-%m-%d")[1:]], "'ordered_at' has no value in 1 of 200 rows, row 1 first"),
        (
            [*days("%Y-%m-%d")[:-1], "Total"],
            "'ordered_at' holds 'Total' in row 200, and dates elsewhere: write it as ISO",
        ),
        ([*days("%Y%m%d")[:-1], "00000000"], "'ordered_at' holds '00000000' in row 200, and dates elsewhere"),
        ([*days("%d.%m.%Y")[:-1], "31.02.2025"], "'ordered_at' holds '31.02.2025' in row 200, and dates elsewhere"),
        (
            [f"0{n % 9 + 1}/0{n % 8 + 1}/2025" for n in range(ROWS)],
            "'ordered_at' is written as %d/%m/%Y or %m/%d/%Y: say which",
        ),
        (
            [f"{n % 9 + 1:02}.{n % 8 + 1:02}.0{n % 7 + 1}" for n in range(ROWS)],
            "'ordered_at' is written as %d.%m.%y or %y.%m.%d: say which",
        ),
        (
            [f"{n % 28 + 1}. Januar 2024" for n in range(ROWS)],
            "'ordered_at' holds '1. Januar 2024' in row 1, which is written in no way that is known: write it as ISO does",
        ),
        (
            [f"2025-06-01T{n % 24:02}:00:00{'Z' if n else ''}" for n in range(ROWS)],
            "'ordered_at' holds '2025-06-01T00:00:00' in row 1, and dates with a zone elsewhere",
        ),
        (
            [f"2025-06-01T{n % 24:02}:00:00{'' if n != 7 else 'Z'}" for n in range(ROWS)],
            "'ordered_at' holds '2025-06-01T07:00:00Z' in row 8, and dates elsewhere",
        ),
        (
            ["2025-05-31 24:00" if n == 24 else f"2025-06-01 {n % 24:02}:00" for n in range(ROWS)],
            "'ordered_at' holds '2025-05-31 24:00' in row 25, and dates elsewhere",
        ),
    ],
)
def test_what_keeps_a_column_from_being_the_time_is_said(values, said):
    with pytest.raises(ContractError) as error:
        made(ordered_at=values)
    assert said in str(error.value) and "--row-order" in str(error.value)


@pytest.mark.parametrize("odd", ["9999-12-31", "1900-01-01"])
def test_a_time_far_from_all_others_is_said(odd):
    found = made(ordered_at=[odd if n == 3 else f"2025-01-{n % 28 + 1:02}" for n in range(ROWS)])
    assert any(
        odd in told and "99 of 100 times lie between 2025-01-01 and 2025-01-28" in told for told in found.warnings
    )


def test_a_target_of_a_mark_or_nothing_is_refused():
    for wishes in (Wishes(target="bought"), Wishes(target="bought", positive="x")):
        with pytest.raises(
            ContractError, match="where nothing stands the outcome is not known: write 0 there, if that is meant"
        ):
            made(wishes, bought=["x" if n % 3 else None for n in range(ROWS)])


def test_rows_that_have_no_time_may_stand_in_their_order():
    found = made(Wishes(target="bought", row_order=True), ordered_at=["x"] * ROWS)
    assert (found.columns.time, found.reading.row_order) == ("row_order", True)
    times = found.table["row_order"].to_pylist()
    assert times == sorted(set(times))
    assert found.training.tolist() == [True] * 120 + [False] * 80


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pa.array(["a", "b"] * (ROWS // 2), pa.string_view()), "category"),
        (pa.array(["a", "b"] * (ROWS // 2)).dictionary_encode(), "category"),
        (pa.array(["a", "b"] * (ROWS // 2), pa.large_string()), "category"),
        (pa.array([1.5, 2.5] * (ROWS // 2)).cast(pa.float16()), "number"),
        (pa.array([Decimal("1.5"), Decimal("2.5")] * (ROWS // 2), pa.decimal256(40, 1)), "number"),
        (pa.array([Decimal(1), Decimal(2)] * (ROWS // 2), pa.decimal128(20, 0)), "integer"),
        (pa.array([2**63 - 1, -(2**63)] * (ROWS // 2)), "integer"),
        (pa.array([2**63 + 1, 5] * (ROWS // 2), pa.uint64()), "integer"),
        (pa.array([1.5, float("nan")] * (ROWS // 2)), "number"),
        (pa.array([1.5, float("inf")] * (ROWS // 2)), "number"),
        (pa.array([1.7e308, -1.7e308] * (ROWS // 2)), "number"),
        (pa.array(["1.5", "-2.5"] * (ROWS // 2)), "number"),
        (pa.array(["1", "2"] * (ROWS // 2)), "category"),
        (pa.ExtensionArray.from_storage(pa.bool8(), pa.array([0, 1] * (ROWS // 2), pa.int8())), "integer"),
    ],
    ids=str,
)
def test_every_type_that_parquet_has_for_numbers_and_text_is_read(values, kind):
    assert made(odd=values).columns.features["odd"].type == kind


@pytest.mark.parametrize(
    "values",
    [
        pa.array([[1]] * ROWS),
        pa.array([{"a": 1}] * ROWS),
        pa.array([b"x", b"y"] * (ROWS // 2)),
        pa.array([b"x", b"y"] * (ROWS // 2), pa.binary_view()),
        pa.array([1, 2] * (ROWS // 2), pa.time32("s")),
        pa.array([1, 2] * (ROWS // 2), pa.duration("s")),
    ],
    ids=lambda values: str(values.type),
)
def test_a_column_of_another_type_is_left_out_with_its_type(values):
    assert made(odd=values).left_out["odd"] == f"{str(values.type).removesuffix('_view')}: neither numbers nor text"


def test_a_column_whose_name_no_metric_may_have_is_left_out():
    names = ["x" * 300, "価" * 60, "How satisfied are you with what we did for you, on a scale from 1 to 7? " * 2]
    found = made(**{name: [float(n % 17) for n in range(ROWS)] for name in names})
    assert [name for name in names if name in found.columns.features] == names[2:]
    assert all("longer than a metric's may be" in found.left_out[name] for name in names[:2])
