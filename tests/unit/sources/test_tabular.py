"""CSV files as people have them: other separators, decimal commas, other encodings, and what cannot be read."""

import pytest

from shotclock.errors import SourceError
from shotclock.sources.tabular import read_csv

ROWS = [{"name": "a", "price": 1.5, "rooms": 3}, {"name": "b; c", "price": -20.25, "rooms": None}]


def read(content):
    return read_csv(content.encode() if isinstance(content, str) else content, "flats.csv")


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
def test_the_same_rows_are_read_whatever_the_separator_and_the_decimal_mark(text):
    assert read(text).to_pylist() == ROWS


def test_types_are_what_all_values_show_and_not_the_first_ones():
    table = read("n,flag,day\n" + "1,true,2013-01-01\n" * 200_000 + "1.5,false,2013-01-02\n")
    assert [str(kind) for kind in table.schema.types] == ["double", "bool", "date32[day]"]


def test_a_single_column_is_one():
    assert read("n\n1\n2\n").to_pylist() == [{"n": 1}, {"n": 2}]


def test_text_that_is_not_utf_8_is_read_as_latin_1():
    assert read("Straße,n\nKöln,1\n".encode("latin-1")).to_pylist() == [{"Straße": "Köln", "n": 1}]


def test_a_column_without_a_name_is_called_so():
    assert read(",n\n0,5\n1,6\n").column_names == ["unnamed", "n"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found an empty file, expected a line of column names"),
        (" \n\n", "found an empty file"),
        ("1,2\n3,4\n", "found 1, 2 in the first line, expected the names of the columns"),
        ("a,b,a\n1,2,3\n", "column 'a' stands twice in the first line"),
        ("a,b\n1,2\n1,2,3\n", "not a readable CSV file"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_file_and_the_reason(text, message):
    with pytest.raises(SourceError) as caught:
        read(text)
    assert str(caught.value).startswith("flats.csv: ")
    assert message in str(caught.value)
