"""Scales that hold every value, and pictures of which no value can become an element."""

from xml.etree import ElementTree

import pytest

from shotclock.judging.figure import Figure
from shotclock.words.drawing import Drawing, Scale

EVIL = '"><script>alert(1)</script>'


@pytest.mark.parametrize("figure", [Figure(0.02, 0.01, 0.03), Figure(-3.0, -4.0, 7.5), Figure(0.0, 0.0, 0.0)])
def test_a_scale_holds_all_values_and_its_ticks_lie_on_it(figure):
    scale = Scale.around([figure], 0.0, 0.001, pixels=(0, 420))
    for value in (figure.low, figure.value, figure.high, 0.0, 0.001, *scale.ticks()):
        assert 0 <= scale(value) <= 420
    assert 3 <= len(scale.ticks()) <= 9


def test_a_scale_without_room_ends_with_its_values_and_may_run_upwards():
    scale = Scale.around([Figure(0.0, -1.0, 3.0)], 0.0, pixels=(100.0, 0.0), room=0.0)
    assert [scale(value) for value in (-1.0, 0.0, 3.0)] == [100.0, 75.0, 0.0]


@pytest.mark.parametrize(("upright", "ends"), [(False, ("0.0", "40.0", "7", "7")), (True, ("7", "7", "40.0", "0.0"))])
def test_an_interval_is_a_line_from_end_to_end_along_its_scale(upright, ends):
    drawing = Drawing(40, 14, "", "x")
    drawing.interval(Figure(0.5, 0.0, 1.0), Scale((0.0, 1.0), (0.0, 40.0)), 7, "span", upright=upright)
    (line,) = ElementTree.fromstring(drawing.svg())
    assert tuple(line.get(name) for name in ("x1", "x2", "y1", "y2")) == ends


def test_a_picture_that_says_nothing_is_passed_over_by_who_reads_the_page_out():
    picture = ElementTree.fromstring(Drawing(14, 14, "", "icon").svg())
    assert (picture.get("aria-hidden"), picture.get("role")) == ("true", None)


def test_no_value_becomes_an_element():
    drawing = Drawing(10, 10, EVIL, EVIL)
    drawing.text((0, 0), EVIL, EVIL)
    drawing.text((0, 0), EVIL, turned=True)
    for shape in ("circle", "ring", "triangle", "down", "square", "back", "cross"):
        drawing.mark((1.0, 1.0), shape, EVIL, EVIL)
    picture = ElementTree.fromstring(drawing.svg())
    assert picture.get("aria-label") == EVIL
    assert {part.tag for part in picture.iter()} == {"svg", "text", "circle", "polygon", "path", "title"}
