"""CSV files as people have them: other separators, decimal commas, other encodings, and what cannot be read."""

from datetime import UTC, date, datetime

import pytest

from shotclock.errors import SourceError
from shotclock.sources.encodings import encoding, in_utf_8
from shotclock.sources.tabular import read_csv

ROWS = [{"name": "a", "price": 1.5, "rooms": 3}, {"name": "b; c", "price": -20.25, "rooms": None}]


@pytest.fixture
def read(tmp_path):
    """`read(content)`: the table of a file."""

    def table(content):
        path = tmp_path / "flats.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        with in_utf_8(path, encoding(path, "flats.csv"), "flats.csv") as plain:
            return read_csv(plain, "flats.csv")

    return table


@pytest.mark.parametrize(
    "text",
    [
        'name,price,rooms\na,1.5,3\n"b; c",-20.25,NA\n',
        'name;price;rooms\na;1,5;3\n"b; c";-20,25;\n',
        "name\tprice\trooms\na\t1.5\t3\nb; c\t-20.25\t\n",
        "name|price|rooms\r\na|1,5|3\r\nb; c|-20,25|\r\n",
        '\ufeffname,price,rooms\na,1.5,3\n"b; c",-20.25,\n',
    ],
)
def test_the_same_rows_are_read_whatever_the_separator_and_the_decimal_mark(read, text):
    assert read(text).to_pylist() == ROWS


@pytest.mark.parametrize(
    "names",
    [
        ["shop", "2019", "2020"],
        ["0", "1", "y"],
        ["id", "400.5", "401.0", "401.5"],
        ["shop", "2025-06-01"],
        ["#id", "n"],
    ],
)
def test_names_may_look_like_numbers_and_days(read, names):
    values = ["a" if name[0].isalpha() else "5.5" for name in names]
    assert read(f"{','.join(names)}\n{','.join(values)}\n").column_names == names


@pytest.mark.parametrize(
    "above",
    ["Sales, of June,,,,,\n", "Sales,,,,,,\n,,,,,,\n", "# by us\n\n", ",Order,,,,,Result\n", '"Sales, of June"\n'],
)
def test_what_stands_above_the_names_is_passed_over(read, above):
    assert read(f"{above}a,b,c,d,e,f,g\n1,2,3,4,5,6,7\n").column_names == list("abcdefg")


@pytest.mark.parametrize("text", ['"a","C:\\x\\"\n"b","y"\n', '"a","say \\"x\\", y"\n"b","y"\n'])
def test_a_backslash_before_a_mark_escapes_it_where_that_makes_lines_of_equal_length(read, text):
    assert read('"n","m"\n' + text)["m"].to_pylist() == ["C:\\x\\" if "C:" in text else 'say "x", y', "y"]


def test_types_are_what_all_values_show_and_not_the_first_ones(read):
    table = read("n,flag,day\n" + "1,true,2013-01-01\n" * 200_000 + "1.5,false,2013-01-02\n")
    assert [str(kind) for kind in table.schema.types] == ["double", "bool", "date32[day]"]


def test_a_single_column_is_one(read):
    assert read("n\n1\n2\n").to_pylist() == [{"n": 1}, {"n": 2}]


def test_a_name_may_lack_where_rows_have_names_or_end_in_a_separator(read):
    assert read("n;m\n5;a;\n7;b;\n").to_pylist() == [
        {"n": 5, "m": "a", "unnamed": None},
        {"n": 7, "m": "b", "unnamed": None},
    ]
    assert read("n,m,o\n5,6,1,\n7,8,0,\n").column_names == ["n", "m", "o", "unnamed"]
    assert read('"n"\t"m"\n"x"\t6\t7\n"y"\t8\t9\n').column_names == ["unnamed", "n", "m"]


@pytest.mark.parametrize("above", ["", "Sales; of June\n", "Sales, of June\n"])
def test_a_text_may_hold_more_of_another_mark_than_separators_stand_in_a_line(read, above):
    assert read(above + "n,m,o,p\n" + "a;b;c;d;e;f,2,3,4\n" * 9).column_names == ["n", "m", "o", "p"]
    assert read(above + "n;m;o;p\n" + "1,5;2,5;3,5;4,5\n" * 9)["p"][0].as_py() == 4.5


@pytest.mark.parametrize("rows", ["1,5,6\n2,7,8\n", "5,6,\n7,8,\n", "5,25,6\n7,75,8\n"])
def test_fields_without_a_name_are_refused_for_a_comma_in_a_number_gives_as_many(read, rows):
    with pytest.raises(SourceError, match=r"line 2: found 3 fields, expected 2: .* the first line names each field"):
        read(f"n,m\n{rows}")


def test_letters_are_composed_so_that_two_spellings_are_one(read):
    assert read("me\u0301nage,n\nko\u0308ln,1\nk\u00f6ln,2\n").to_pydict() == {
        "m\u00e9nage": ["k\u00f6ln"] * 2,
        "n": [1, 2],
    }


def test_a_column_without_a_name_is_called_so(read):
    assert read(",n\n0,5\n1,6\n").column_names == ["unnamed", "n"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found an empty file, expected a line of column names"),
        (" \n\n", "found an empty file"),
        ("1,2\n3,4\n", "found 1, 2 in the first line, expected the names of the columns"),
        ("7,a,1.5\n8,b,2.5\n", "found 7, a, 1.5 in the first line, expected the names of the columns"),
        ("2025-06-01,a\n2025-06-02,b\n", "found 2025-06-01, a in the first line"),
        ("a,b,a\n1,2,3\n", "column 'a' stands twice in the first line"),
        ("a,b\n1,2\n1,2,3\n", "line 3: found 3 fields, expected 2: '1,2,3'"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_file_and_the_reason(read, text, message):
    with pytest.raises(SourceError) as caught:
        read(text)
    assert str(caught.value).startswith("flats.csv: ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("values", "kind", "first"),
    [
        (["1", "2"], "int64", 1),
        (["+1.5", "2"], "double", 1.5),
        (["1e3", "2"], "double", 1000.0),
        (["9223372036854775807", "1"], "int64", 9223372036854775807),
        (["9223372036854775808", "1"], "string", "9223372036854775808"),
        (["007", "8"], "string", "007"),
        (["0", "0.5"], "double", 0.0),
        (["0x1f", "1"], "string", "0x1f"),
        (["nan", "1"], "string", "nan"),
        (["inf", "1"], "string", "inf"),
        (["1.2.3", "1"], "string", "1.2.3"),
        (["true", "FALSE"], "bool", True),
        (["2025-06-01", "2025-06-02"], "date32[day]", date(2025, 6, 1)),
        (["2025-06-01 10:00", "2025-06-02 10:00"], "timestamp[s]", datetime(2025, 6, 1, 10)),
        (["2025-06-01", "2025-06-02 10:00"], "timestamp[s]", datetime(2025, 6, 1)),
        (
            ["2025-06-01T10:00:00Z", "2025-06-02T10:00:00+02:00"],
            "timestamp[s, tz=UTC]",
            datetime(2025, 6, 1, 10, tzinfo=UTC),
        ),
        (["20250601", "20250602"], "int64", 20250601),
        (["2025-02-30", "2025-02-01"], "string", "2025-02-30"),
        (["yes", "no"], "string", "yes"),
        (["", "NA"], "null", None),
    ],
)
def test_what_all_values_of_a_column_are(read, values, kind, first):
    table = read("n,other\n" + "".join(f"{value},x\n" for value in values))
    assert str(table.schema.field("n").type) == kind
    assert table["n"][0].as_py() == first


@pytest.mark.parametrize(
    ("amounts", "rates", "decimal", "thousands"),
    [
        (["$12,345", "$950"], ["12.5%", "3.0%"], ".", ","),
        (["$12,345", "$950"], ["3", "4"], ".", ","),
        (["12.345 €", "950 €"], ["12,5", "3,0"], ",", "."),
        (["12.345 €", "950 €"], ["3", "4"], ",", "."),
        (["12,345", "950"], ["12.5", "3.25"], ".", ","),
        (["12.345", "950"], ["12,5", "3,25"], ",", "."),
        (["12.50 €", "9.50 €"], ["3", "4"], ".", ""),
        (["$0.345", "$9.505"], ["3", "4"], ".", ""),
        (["12,345", "1,950"], ["3", "4"], ",", ""),  # of a measurement that may be
        (["12.345", "1.950", "950"], ["3", "4", "5"], ",", "."),  # which would have marks in all
        (["12.345", "1.951", "950"], ["3", "4", "5"], ".", ""),  # or zeros at the end of none
        (["12.345", "1.950", "950"], ["3.5", "4", "5"], ".", ""),
        (["12’345.5", "1’950.5"], ["3", "4"], ".", "’"),
        (["12\u2009345,5", "1\u2009950,5"], ["3", "4"], ",", "\u2009"),
        (["1,23,456.5", "1,950.5"], ["3", "4"], ".", ","),
        (["12\u202f345,5\u00a0€", "1\u202f950,5\u00a0€"], ["12,5\u00a0%", "3,0\u00a0%"], ",", "\u202f"),
        (["R$ 12.345,5", "R$ 950,5"], ["3 ‰", "4 ‰"], ",", "."),
        (["12.345%", "1.950%"], ["3", "4"], ".", ""),
    ],
)
def test_the_marks_are_told_apart_by_all_numbers_of_a_file_and_in_money_three_digits_are_no_fraction(
    read, amounts, rates, decimal, thousands
):
    def number(text):
        return float(text.strip("R$ €%‰\u00a0").replace(thousands or " ", "").replace(decimal, "."))

    found = read("amount\trate\n" + "".join(f"{amount}\t{rate}\n" for amount, rate in zip(amounts, rates, strict=True)))
    assert found["amount"].to_pylist() == [number(text) for text in amounts]
    assert found["rate"].to_pylist() == [number(text) for text in rates]
