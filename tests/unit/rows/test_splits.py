"""Rows made ready for training."""

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotclock.config import Columns, Feature, RetrainingRules
from shotclock.errors import ContractError
from shotclock.rows import splits

COLUMNS = Columns(id="id", time="day", target="won", features={"size": Feature(type="number")})


def rows(*labels, first_id=0, day="2016-04-13"):
    ids = list(range(first_id, first_id + len(labels)))
    table = {"id": ids, "day": [day] * len(ids), "size": [1.0] * len(ids)}
    return pa.table({**table, "won": pa.array(labels, pa.float64())})


# Filter


def test_dev_keeps_20285_labelled_rows_and_the_columns_that_the_model_uses(dev_path, kobe):
    filtered = splits.filter_labelled(pq.read_table(dev_path), kobe.columns)
    assert filtered.num_rows == 20_285
    assert filtered.column_names == [
        "shot_id",
        "game_date",
        "lat",
        "lon",
        "minutes_remaining",
        "period",
        "playoffs",
        "shot_distance",
        "shot_made_flag",
    ]
    assert sum(column.null_count for column in filtered.columns) == 0
    assert pc.mean(filtered["shot_made_flag"]).as_py() == pytest.approx(0.4773, abs=5e-5)


def test_the_order_of_the_file_does_not_matter(dev, kobe):
    table = pa.Table.from_pandas(dev)
    shuffled = pa.Table.from_pandas(dev.sample(frac=1, random_state=1))
    assert splits.filter_labelled(shuffled, kobe.columns).equals(splits.filter_labelled(table, kobe.columns))


def test_rows_stand_in_the_order_of_time_and_then_of_id():
    table = pa.concat_tables([rows(1, 0, first_id=5, day="2016-04-14"), rows(0, 1)])
    assert splits.filter_labelled(table, COLUMNS)["id"].to_pylist() == [0, 1, 5, 6]


def test_a_label_stored_as_float_becomes_a_whole_number():
    assert splits.filter_labelled(rows(1.0, None, 0.0), COLUMNS)["won"].type == pa.int64()


def test_a_file_without_one_label_is_refused_by_its_column():
    with pytest.raises(ContractError, match=r"'won': no labelled row is left of 2.*name a file with labels"):
        splits.filter_labelled(rows(None, None), COLUMNS)


# Split


def test_the_split_of_dev_is_16228_and_4057_with_equal_shares_of_hits(dev_path, kobe):
    filtered = splits.filter_labelled(pq.read_table(dev_path), kobe.columns)
    train, test = splits.split(filtered, "shot_made_flag", test_share=0.2, seed=42)
    assert (train.num_rows, test.num_rows) == (16_228, 4_057)
    shares = [pc.mean(part["shot_made_flag"]).as_py() for part in (train, test)]
    assert shares == pytest.approx([0.4773, 0.4774], abs=5e-5)


@given(st.lists(st.sampled_from([0, 1]), min_size=10, max_size=60), st.integers(0, 5))
def test_every_row_stands_in_exactly_one_part_in_its_order(labels, seed):
    table = rows(0, 0, 1, 1, *labels)
    train, test = splits.split(table, "won", test_share=0.25, seed=seed)
    ids = [part["id"].to_pylist() for part in (train, test)]
    assert sorted(ids[0] + ids[1]) == table["id"].to_pylist()
    assert ids[0] == sorted(ids[0]) and ids[1] == sorted(ids[1])


def test_the_same_seed_gives_the_same_split_and_another_one_another():
    table = rows(*([0, 1] * 50))
    parts = [splits.split(table, "won", test_share=0.2, seed=seed)[1] for seed in (1, 1, 2)]
    assert parts[0].equals(parts[1])
    assert not parts[0].equals(parts[2])


@pytest.mark.parametrize(("labels", "found"), [([1, 1, 1], "3 of 1"), ([0, 0, 1], "2 of 0.*, 1 of 1"), ([], "no rows")])
def test_a_split_needs_two_rows_of_each_class(labels, found):
    with pytest.raises(ContractError, match=f"'won': found {found}"):
        splits.split(rows(*labels), "won", test_share=0.2, seed=1)


# The recent rows


@given(st.integers(0, 400), st.integers(1, 98), st.data())
def test_time_cuts_into_three_parts_that_follow_each_other(count, train, data):
    validation = data.draw(st.integers(1, 99 - train))
    parts = splits.split_by_time(rows(*([0] * count)), train / 100, validation / 100)
    assert [i for part in parts for i in part["id"].to_pylist()] == list(range(count))
    assert parts[0].num_rows == pytest.approx(count * train / 100, abs=0.51)


def test_production_is_cut_into_2706_1082_and_1624_rows(prod_path, kobe):
    recent = splits.filter_labelled(pq.read_table(prod_path), kobe.columns)
    assert [part.num_rows for part in splits.split_by_time(recent, 0.5, 0.2)] == [2_706, 1_082, 1_624]


@given(st.integers(1, 3000), st.integers(1, 98), st.data())
def test_the_rows_asked_for_leave_the_gate_its_holdout_to_within_a_row(holdout, train, data):
    validation = data.draw(st.integers(1, 99 - train))
    rules = RetrainingRules(train_share=train / 100, validation_share=validation / 100)
    needed = splits.rows_for_holdout(holdout, rules)
    left = needed - round(needed * (rules.train_share + rules.validation_share))
    assert left >= holdout - 1
    assert (needed - 2) * (1 - rules.train_share - rules.validation_share) <= holdout


def test_a_gate_of_500_rows_asks_for_1667_recent_ones():
    assert splits.rows_for_holdout(500, RetrainingRules()) == 1_667


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([], "0 labelled rows, 4 are needed"),
        ([1, 0, None, 1], "3 labelled rows, 4 are needed"),
        ([0, 0, 0, 0, None], "all 4 labelled rows are 0"),
        ([0, 0, 1, 0], ""),
    ],
)
def test_what_recent_rows_lack_is_said(labels, said):
    found = splits.lacking(pa.chunked_array([pa.array(labels, pa.int64())]), 4)
    assert found.startswith(said) and bool(found) == bool(said)


def test_older_and_recent_rows_stand_in_the_order_of_time_each_id_once():
    older, recent = rows(0, 0, 0, day="2015-01-01"), rows(1, 1, first_id=2)
    assert splits.only_older(older, recent, COLUMNS)["id"].to_pylist() == [
        0,
        1,
    ]  # id 2 counts as the recent rows have it


def test_older_rows_of_text_ids_keep_their_types():
    older = rows(0, 1).set_column(0, "id", pa.array(["a", "b"]))
    found = splits.only_older(older, older.slice(1), COLUMNS)
    assert found.schema.types == older.schema.types
    assert found["id"].to_pylist() == ["a"]
