"""The rows under test."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotclock.errors import ContractError
from shotclock.rows import labelling


def batches(ids, size):
    table = pa.table({"id": ids})
    return table.to_batches(max_chunksize=size)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 500), st.integers(1, 500), st.integers(0, 3))
def test_the_same_rows_are_drawn_however_the_file_is_cut(one, other, seed):
    ids = list(range(500))
    drawn = [labelling.sample(batches(ids, size), "id", share=0.3, seed=seed) for size in (one, other)]
    assert drawn[0].equals(drawn[1])


@given(st.floats(0.05, 0.95), st.floats(0.05, 0.95))
def test_a_smaller_sample_is_a_part_of_a_larger_one(one, other):
    ids = pa.array(range(2000))
    small, large = (labelling.chosen(ids, share, 7) for share in sorted((one, other)))
    assert not (small & ~large).any()


def test_about_the_share_is_drawn_and_another_seed_draws_others():
    ids = pa.array([f"shot-{number}" for number in range(20_000)])
    drawn = [labelling.chosen(ids, 0.25, seed) for seed in (1, 2)]
    assert [mask.mean() for mask in drawn] == pytest.approx([0.25, 0.25], abs=0.01)
    assert 0.04 < (drawn[0] & drawn[1]).mean() < 0.09


def test_the_whole_share_is_every_row():
    assert labelling.chosen(pa.array([3, 1, 2]), 1.0, 0).all()


def test_no_batch_is_no_table():
    assert labelling.sample([], "id", share=0.5, seed=1) is None


# Labels


def labels_of(ids, values):
    return pa.table({"id": ids, "won": pa.array(values, pa.int64())})


@given(st.permutations(list(range(8))), st.sets(st.integers(0, 12)))
def test_labels_meet_their_rows_by_id_in_any_order(order, known):
    predictions = pa.table({"id": order, "probability": np.linspace(0, 1, 8)})
    labels = labels_of(sorted(known), [i % 2 for i in sorted(known)])
    joined = labelling.with_labels(predictions, labels, "id", "won")
    assert joined["id"].to_pylist() == order
    assert joined["won"].to_pylist() == [i % 2 if i in known else None for i in order]


@pytest.mark.parametrize("kind", [pa.int32(), pa.int64(), pa.string(), pa.large_string()])
def test_a_window_without_labels_has_an_empty_column_whatever_its_ids_are(kind):
    predictions = pa.table({"id": pa.array([1, 2]).cast(kind)})
    joined = labelling.with_labels(predictions, labelling.no_labels(["id", "won"]), "id", "won")
    assert joined["won"].to_pylist() == [None, None]


def test_ids_of_another_width_still_meet():
    predictions = pa.table({"id": pa.array([1, 2], pa.int32())})
    assert labelling.with_labels(predictions, labels_of([2], [1]), "id", "won")["won"].to_pylist() == [None, 1]


def test_ids_that_could_never_meet_are_refused():
    predictions = pa.table({"id": [1, 2]})
    with pytest.raises(ContractError, match=r"'id': the labels' ids are string, the predictions' are int64.*one kind"):
        labelling.with_labels(predictions, labels_of(["a"], [1]), "id", "won")


@pytest.mark.parametrize("values", [[0.0, None, 1.0], [0, None, 1], [False, None, True]])
def test_labels_are_whole_numbers_of_the_rows_that_have_one(values):
    found = labelling.labels(pa.table({"id": [1, 2, 3], "won": values}), "won")
    assert found.to_pydict() == {"id": [1, 3], "won": [0, 1]}
    assert found["won"].type == pa.int64()


def test_a_column_without_one_label_has_none():
    assert labelling.labels(pa.table({"id": [1], "won": pa.nulls(1)}), "won").num_rows == 0


@pytest.mark.parametrize("value", [2, 0.5, -1, float("nan")])
def test_a_label_that_is_neither_0_nor_1_is_refused(value):
    with pytest.raises(ContractError, match=f"'won': found {float(value)}, expected 0, 1 or null"):
        labelling.labels(pa.table({"id": [1, 2], "won": [1.0, float(value)]}), "won")


def test_of_an_id_that_stands_twice_the_first_row_counts():
    found = labelling.first_of_each(pa.table({"id": ["b", "a", "b"], "won": [1, 0, 0]}), "id")
    assert found.to_pydict() == {"id": ["b", "a"], "won": [1, 0]}


# Large windows: predictions and their file as two streams


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 59)), st.integers(1, 70), st.integers(1, 70), st.booleans())
def test_rows_that_were_set_aside_do_not_shift_the_labels_of_the_others(aside, one, other, texts):
    ids = [f"shot-{(number * 7) % 60}" if texts else (number * 7) % 60 for number in range(60)]
    source = pa.table({"id": ids, "won": pa.array([number % 3 % 2 for number in range(60)])})
    kept = [number for number in range(60) if number not in aside]
    predictions = source.select(["id"]).take(pa.array(kept, pa.int64()))
    if not kept:
        return
    joined = labelling.aligned(predictions.to_batches(one), source.to_batches(other), "id", "won")
    assert pa.Table.from_batches(joined).to_pydict() == source.take(pa.array(kept)).to_pydict()


def test_predictions_of_another_file_are_refused():
    source = pa.table({"id": [1, 2, 3], "won": [0, 1, 0]})
    predictions = pa.table({"id": [1, 9, 3]})
    with pytest.raises(ContractError, match=r"column 'id': id 9 of the predictions is not in the file"):
        list(labelling.aligned(predictions.to_batches(), source.to_batches(), "id", "won"))


@given(st.integers(1, 7))
def test_each_id_is_in_one_bucket_wherever_it_stands_also_beside_a_null(of):
    ids = pa.array(range(300))
    found = labelling.bucket(ids, of)
    assert set(found) <= set(range(of))
    beside = labelling.bucket(pa.array([None, *range(300)]), of)
    np.testing.assert_array_equal(beside[1:], found)
