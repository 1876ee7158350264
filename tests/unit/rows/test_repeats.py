"""Ids that stand twice."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotclock.rows import repeats


def found(ids, kind, batch=3, keys_at_once=4):
    array = pa.array(ids, kind)

    def read():
        return (array[start : start + batch] for start in range(0, len(array), batch))

    return repeats.positions(read, len(array), keys_at_once).tolist()


def expected(ids):
    seen = set()
    return [place for place, i in enumerate(ids) if i is not None and (i in seen or seen.add(i))]


numbers = st.lists(st.one_of(st.none(), st.integers(-6, 6), st.sampled_from([2**62, -(2**63)])), max_size=30)
texts = st.lists(st.one_of(st.none(), st.text("aé\0", max_size=3)), max_size=30)


@settings(max_examples=200, deadline=None)
@given(numbers, st.integers(1, 9), st.integers(1, 40))
def test_the_later_rows_of_every_number_are_found_however_the_file_is_cut(ids, batch, keys_at_once):
    assert found(ids, pa.int64(), batch, keys_at_once) == expected(ids)


@settings(max_examples=200, deadline=None)
@given(texts, st.integers(1, 9), st.integers(1, 40))
def test_the_later_rows_of_every_text_are_found_however_the_file_is_cut(ids, batch, keys_at_once):
    assert found(ids, pa.string(), batch, keys_at_once) == expected(ids)


def test_two_texts_that_share_a_key_are_not_taken_for_one(monkeypatch):
    monkeypatch.setattr(repeats, "_keys", lambda ids: np.zeros(len(ids), np.uint64))
    assert found(["b", "a", "c", "a"], pa.string()) == [3]


def test_unsigned_ids_above_the_signed_range_are_told_apart():
    assert found([2**64 - 1, 1, 2**64 - 1], pa.uint64()) == [2]


@pytest.mark.parametrize(("start", "rows", "marked"), [(0, 3, [2]), (3, 3, []), (5, 4, [1, 3]), (9, 2, [])])
def test_a_mask_marks_the_repeats_of_its_rows(start, rows, marked):
    mask = repeats.mask(np.array([2, 6, 8]), start, rows)
    assert len(mask) == rows
    assert np.flatnonzero(mask).tolist() == marked
