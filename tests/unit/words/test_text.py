"""What a terminal of 80 columns shows whole."""

import pytest

from shotclock.words.text import WIDTH, table, wrapped


@pytest.mark.parametrize("columns", [1, 3, 7])
@pytest.mark.parametrize("letters", [4, 40, 300])
def test_a_table_fits_whatever_stands_in_it_and_loses_nothing(columns, letters):
    cells = ["ab" * (letters // 2) for _ in range(columns)]
    told = table([f"c{number}" for number in range(columns)], [cells, cells], "   ")
    assert max(map(len, told.splitlines())) <= WIDTH
    assert sum(told.count(letter) for letter in "ab") == 2 * sum(map(len, cells))


def test_square_brackets_and_colons_are_text():
    assert table(("a", "b"), [("[bold]x[/bold]", ":smile: [0.1, 0.2]")]).splitlines() == [
        "a               b",
        "[bold]x[/bold]  :smile: [0.1, 0.2]",
    ]


def test_a_sentence_is_wrapped_below_what_it_begins_with_and_an_address_stays_whole():
    address = "/" + "x" * 100
    told = wrapped("word " * 30 + address, "  why: ").splitlines()
    assert told[0].startswith("  why: word") and all(line.startswith(" " * 7) for line in told[1:])
    assert max(map(len, told[:-1])) <= WIDTH
    assert told[-1].strip() == address
