"""Texts from the store are shown letter by letter, and signs as Streamlit draws them."""

import pytest

from shotclock.judging.figure import Figure
from shotclock.words.signs import SIGNS
from shotclock_dashboard import words


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


def test_a_figure_carries_its_interval_or_says_that_it_was_not_measured():
    assert words.figure(Figure(0.5, 0.25, 0.75)) == "0.5000 [0.2500, 0.7500]"
    assert words.figure(None) == "not measured"


def test_a_badge_has_the_icon_and_the_colour_of_its_state():
    assert words.badge("drifted", "drifted") == ":red-badge[:material/cancel: drifted]"
    assert words.badge("unknown", "not judged") == ":gray-badge[:material/help: not judged]"


def test_every_level_has_an_icon_of_its_own():
    assert len({words.ICONS[sign.shape] for sign in SIGNS.values()}) == len(SIGNS)
