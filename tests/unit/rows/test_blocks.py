"""Where blocks begin, which of them choose and which judge, and what a recipe may learn from before each."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.errors import ContractError
from shotclock.rows.blocks import MOST, Blocks, blocks

FOLDS = 5


def labels(rows, *, every=2):
    """`rows` labels, of which each second one (or each of that many) is 1."""
    return (np.arange(rows) % every == 0).astype(np.int64)


def cut(*sizes, older=1000, min_rows=500):
    return blocks(labels(older), [labels(size) for size in sizes], min_rows, FOLDS)


def sizes(found):
    return [after - before for before, after in pairwise(found.cuts)]


BATCHES = st.lists(st.integers(1, 3000), min_size=1, max_size=12)
NEEDED = st.integers(2, 800)


@given(BATCHES, NEEDED)
def test_every_recent_row_lies_in_one_block_and_no_block_is_smaller_than_a_tenth_of_all(batches, min_rows):
    found = cut(*batches, min_rows=min_rows)
    assert (found.first, found.rows) == (1000, 1000 + sum(batches))
    assert sum(sizes(found)) == sum(batches)
    assert min(sizes(found)) >= sum(batches) // MOST


@given(BATCHES, NEEDED)
def test_the_blocks_that_judge_are_the_newest_and_hold_enough_and_so_do_those_that_choose(batches, min_rows):
    found = cut(*batches, min_rows=min_rows)
    assert found.judging in found.cuts[:-1]
    judging = found.rows - found.judging
    assert judging >= min(sum(batches), 2 * min_rows)
    if found.apart:
        assert found.judging - found.first >= min_rows
        assert found.choosing == slice(0, found.judging - found.first)
    else:
        assert found.choosing == slice(0, sum(batches))


@given(BATCHES, NEEDED)
def test_nothing_that_a_model_learns_from_lies_in_its_block_or_after_it(batches, min_rows):
    found = cut(*batches, min_rows=min_rows)
    for span in found.spans:
        for recent in (False, True):
            learnt = found.learnable(span.start, recent=recent, least=min_rows, most=10_000)
            assert learnt.stop == span.start
            assert 0 <= learnt.start < learnt.stop


@pytest.mark.parametrize(
    ("batches", "expected"),
    [
        ([5412], [542] * 2 + [541] * 8),  # one large file: ten equal parts
        ([127, 193, 111, 177, 195], [127, 193, 111, 177, 195]),  # seasons smaller than the gate needs
        ([300, 5, 400, 3], [305, 403]),  # what is next to nothing joins a neighbour
        ([600, 700, 800], [600, 700, 800]),  # each batch is one
        ([100, 600, 700], [700, 700]),  # what is left over joins the oldest
        ([600, 450, 60], [600, 510]),
        ([9000, 12_000], [2250] * 4 + [2400] * 5),
    ],
    ids=["large", "small", "tiny", "whole", "left over", "newest small", "two large"],
)
def test_blocks_by_their_rows(batches, expected):
    assert sizes(cut(*batches)) == expected


def test_three_tenths_judge_and_the_older_ones_choose():
    found = cut(5412)
    assert (found.judging - found.first, found.rows - found.judging) == (3789, 1623)
    assert found.apart


def test_where_one_model_is_to_be_judged_what_judges_is_one_block():
    found = cut(5412).judged_at_once()
    assert sizes(found)[-1] == found.rows - found.judging
    assert len(sizes(found)) == 8
    assert found.choosing == cut(5412).choosing


def test_recent_rows_alone_are_those_that_came_later_and_where_they_are_few_the_newest_of_all():
    found = Blocks(older=1000, cuts=(1000, 1600, 2200), judging=1600)
    assert found.learnable(2200, recent=True, least=500, most=10_000) == slice(1000, 2200)
    assert found.learnable(1000, recent=True, least=500, most=400) == slice(600, 1000)
    assert found.learnable(1400, recent=True, least=500, most=10_000) == slice(0, 1400)
    assert found.learnable(2200, recent=True, least=500, most=1000) == slice(1200, 2200)
    assert found.learnable(2200, recent=False, least=500, most=400) == slice(0, 2200)


def test_rows_that_came_after_the_training_file_count_as_recent_also_where_they_are_in_no_block():
    found = Blocks(older=1000, cuts=(1000, 1600, 2200), judging=1600, file=300)
    assert found.learnable(1600, recent=True, least=500, most=1000) == slice(600, 1600)
    assert found.learnable(1000, recent=True, least=500, most=1000) == slice(300, 1000)
    assert found.learnable(1000, recent=True, least=800, most=900) == slice(100, 1000)


def test_rows_before_which_a_class_is_missing_are_in_no_block():
    recent = [np.zeros(600, dtype=np.int64), labels(600), labels(600)]
    found = blocks(np.zeros(10, dtype=np.int64), recent, 500, FOLDS)
    assert (found.older, found.cuts) == (10, (1210, 1810))


@pytest.mark.parametrize(
    "older", [np.zeros(0, dtype=np.int64), np.ones(900, dtype=np.int64)], ids=["none", "one class"]
)
def test_rows_of_one_class_alone_judge_nothing(older):
    with pytest.raises(ContractError, match="fewer than 5 of one class: nothing is left to judge a recipe by"):
        blocks(older, [np.ones(900, dtype=np.int64)], 500, FOLDS)
