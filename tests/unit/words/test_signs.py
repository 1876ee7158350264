"""Each level has its own word, shape, letter and colour, and every verdict has a level."""

from typing import get_args

import pytest

from shotclock.judging.fitness import LEVELS
from shotclock.judging.verdict import Status
from shotclock.words.signs import SIGNS, WORST_FIRST, column, sign


@pytest.mark.parametrize("told", ["word", "alone", "shape", "letter", "colour"])
def test_no_two_levels_look_the_same(told):
    assert len({getattr(one, told) for one in SIGNS.values()}) == len(LEVELS)


def test_every_level_and_every_status_has_a_sign():
    assert [sign(level).level for level in LEVELS] == list(LEVELS)
    assert [sign(status).level for status in get_args(Status)] == ["fit", "watch", "unfit", "unknown"]
    assert sorted(WORST_FIRST) == sorted(LEVELS)


def test_a_column_has_drifted_from_its_threshold_on():
    assert [column(score, 0.1) for score in (0.0999, 0.1)] == ["stable", "drifted"]
    assert (sign("stable"), sign("drifted")) == (SIGNS["fit"], SIGNS["unfit"])
