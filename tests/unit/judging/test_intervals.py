"""The interval around a share of few rows."""

import pytest

from shotclock.errors import ContractError
from shotclock.judging.intervals import wilson


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (481, 1624, 0.2745, 0.3188)],
)
def test_the_interval_is_wilsons(hits, rows, low, high):
    assert wilson(hits, rows) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize("rows", [1, 2, 7, 100])
def test_it_holds_the_share_and_stays_within_0_and_1(rows):
    for hits in range(rows + 1):
        low, high = wilson(hits, rows)
        assert 0 <= low <= hits / rows <= high <= 1


def test_it_is_the_same_seen_from_the_other_side():
    low, high = wilson(3, 20)
    assert wilson(17, 20) == pytest.approx((1 - high, 1 - low))


def test_more_rows_make_it_narrower():
    widths = [high - low for low, high in (wilson(rows // 4, rows) for rows in (4, 40, 400, 4000))]
    assert widths == sorted(widths, reverse=True)


@pytest.mark.parametrize(("hits", "rows"), [(0, 0), (-1, 5), (6, 5)])
def test_a_share_of_nothing_or_of_too_little_is_refused(hits, rows):
    with pytest.raises(ContractError, match=f"found {hits} hits in {rows} rows, expected at least one row"):
        wilson(hits, rows)
