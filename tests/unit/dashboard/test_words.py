"""Texts from the store are shown letter by letter, and every term that is shown is explained."""

from datetime import UTC, datetime, timedelta

import pytest

from shotclock.judging.fitness import LEVELS
from shotclock.judging.performance import Figure
from shotclock_dashboard import words

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "![x](http://elsewhere.example/x.png)",
        "[click](javascript:alert)",
        "<script>alert(1)</script>",
        "**bold** _it_ `code` ~~gone~~",
        "$x^2$ :red[danger] :material/home:",
        "# heading",
        "a\n- list\n> quote",
        "back\\slash & more",
    ],
)
def test_no_mark_of_a_text_from_the_store_is_left_unescaped(text):
    shown = words.plain(text)
    assert "\n" not in shown
    for mark in "`*_[]<>#~$:!":
        assert shown.count(mark) == shown.count(f"\\{mark}")


def test_a_text_without_marks_stays_as_it_is():
    assert words.plain("three sensors fired") == "three sensors fired"


def test_plotly_gets_no_tags_from_the_store():
    assert words.harmless("<b>a</b> & <a href=x>") == "&lt;b&gt;a&lt;/b&gt; &amp; &lt;a href=x&gt;"


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        (timedelta(seconds=20), "less than a minute"),
        (timedelta(seconds=-5), "less than a minute"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=5, minutes=59), "5 hours"),
        (timedelta(days=31), "31 days"),
    ],
)
def test_an_age_is_told_in_its_largest_whole_unit(passed, told):
    assert words.age(NOW - passed, NOW) == told


def test_a_figure_carries_its_interval():
    assert words.figure(Figure(0.5, 0.25, 0.75), 2) == "0.50 [0.25, 0.75]"
    assert words.figure(None) == "not measured"


def test_a_window_of_several_batches_is_told_from_the_first_to_the_last():
    assert [words.span(batches) for batches in ((), ("a",), ("a", "b", "c"))] == ["–", "a", "a … c (3 batches)"]


def test_every_level_and_every_figure_has_words():
    assert set(words.LEVELS) == set(LEVELS)
    assert len({sign for sign, _, _ in words.LEVELS.values()}) == len(LEVELS)
    assert set(words.NAMES) <= set(words.HELP)
