"""What a row must be."""

import math
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotclock.config import Columns, Feature
from shotclock.errors import ContractError
from shotclock.rows import contract

COLUMNS = Columns(
    id="id",
    time="day",
    target="won",
    features={
        "size": Feature(type="number", min=-1, max=10),
        "count": Feature(type="integer", min=0),
        "flag": Feature(type="integer", allowed=(0, 1)),
    },
)
GOOD = {"id": 7, "day": "2016-04-13", "size": 1.5, "count": 3, "flag": 1, "won": 0.0}
TYPES = {"id": pa.int64(), "day": pa.string(), "size": pa.float64(), "count": pa.float64(), "flag": pa.int64()}
SCHEMA = pa.schema([*TYPES.items(), ("won", pa.float64())])


def table(*rows, schema=SCHEMA):
    """A table of rows that are good but for what is given; ids count up unless given."""
    full = [GOOD | {"id": number} | row for number, row in enumerate(rows)]
    return pa.table({name: [row[name] for row in full] for name in schema.names}, schema=schema)


def reasons(rows, **options):
    return contract.examine(rows, COLUMNS, **options).reasons


# Columns


def refusal(schema, columns=COLUMNS, *, needs_target=True):
    with pytest.raises(ContractError) as caught:
        contract.check_schema(schema, columns, "shots.parquet", needs_target=needs_target)
    return str(caught.value)


def with_type(name, kind):
    return SCHEMA.set(SCHEMA.get_field_index(name), pa.field(name, kind))


def test_both_real_files_have_the_columns_that_the_project_names(dev_path, prod_path, kobe):
    for path in (dev_path, prod_path):
        contract.check_schema(pq.read_schema(path), kobe.columns, str(path), needs_target=True)


def test_a_renamed_column_is_refused_with_the_name_that_is_near_to_it(prod_path, kobe):
    schema = pq.read_schema(prod_path)
    place = schema.get_field_index("minutes_remaining")
    message = refusal(schema.set(place, pa.field("minutes_remain", pa.int64())), kobe.columns)
    assert message.startswith("shots.parquet: column 'minutes_remaining' is missing; near to it: minutes_remain")


def test_a_missing_column_without_a_near_name_is_refused_with_the_names_that_are_there():
    message = refusal(SCHEMA.remove(SCHEMA.get_field_index("day")))
    assert "column 'day' is missing; found: id, size, count, flag, won" in message


def test_every_wrong_column_is_named_at_once():
    schema = pa.schema([("id", pa.float64()), ("size", pa.string()), ("count", pa.int64()), ("flag", pa.bool_())])
    lines = refusal(schema).splitlines()
    assert [line.split("'")[1] for line in lines] == ["id", "day", "size", "flag", "won"]
    assert all(line.startswith("shots.parquet: ") for line in lines)


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("size", pa.string()),
        ("count", pa.string()),
        ("count", pa.bool_()),
        ("size", pa.null()),
        ("id", pa.float64()),
        ("day", pa.int64()),
        ("won", pa.string()),
    ],
)
def test_a_wrong_type_is_refused_with_what_was_found_and_expected(column, kind):
    message = refusal(with_type(column, kind))
    assert f"column '{column}': found type {kind}, expected " in message


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ("size", pa.int32()),
        ("size", pa.float32()),
        ("count", pa.uint8()),
        ("id", pa.string()),
        ("id", pa.dictionary(pa.int32(), pa.string())),
        ("day", pa.date32()),
        ("day", pa.timestamp("us", tz="UTC")),
        ("day", pa.dictionary(pa.int8(), pa.string())),
        ("won", pa.int8()),
        ("won", pa.null()),
    ],
)
def test_every_type_that_can_hold_the_values_is_accepted(column, kind):
    contract.check_schema(with_type(column, kind), COLUMNS, "shots.parquet", needs_target=True)


def test_the_target_may_be_absent_where_it_is_not_needed_but_must_be_a_number_where_it_is_there():
    contract.check_schema(SCHEMA.remove(5), COLUMNS, "shots.parquet", needs_target=False)
    assert "column 'won'" in refusal(with_type("won", pa.string()), needs_target=False)


def test_a_column_that_stands_twice_is_refused():
    assert "column 'size' stands 2 times" in refusal(SCHEMA.append(pa.field("size", pa.float64())))


def test_a_column_that_is_called_as_one_of_shotclocks_own_keeps_its_name_and_that_one_gives_way():
    columns = COLUMNS.model_copy(update={"features": {**COLUMNS.features, "reason": Feature(type="number", max=1)}})
    rows = table({}, {}).append_column("reason", pa.array([0.5, 2.0]))
    found = contract.examine(rows, columns)
    assert found.bad["reason"].to_pylist() == [2.0]
    assert found.bad["_reason"].to_pylist() == ["reason: above 1"]
    assert columns.probability == "probability"
    assert columns.model_copy(update={"id": "probability", "time": "_probability"}).probability == "__probability"


# Rows


def test_all_real_rows_keep_the_contract(dev_path, prod_path, kobe):
    for path, count in ((dev_path, 24_271), (prod_path, 6_426)):
        rows = pq.read_table(path)
        found = contract.examine(rows, kobe.columns)
        assert found.good.equals(rows)
        assert (found.good.num_rows, found.bad.num_rows, found.reasons) == (count, 0, {})


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": None}, "id: null"),
        ({"day": None}, "day: null"),
        ({"day": "13.04.2016"}, "day: not an ISO date"),
        ({"day": ""}, "day: not an ISO date"),
        ({"day": "2016-02-30"}, "day: not an ISO date"),
        ({"size": None}, "size: null"),
        ({"size": math.nan}, "size: not a number"),
        ({"size": math.inf}, "size: infinite"),
        ({"size": -math.inf}, "size: infinite"),
        ({"size": -1.01}, "size: below -1"),
        ({"size": 10.01}, "size: above 10"),
        ({"count": 2.5}, "count: not whole"),
        ({"count": math.inf}, "count: infinite"),
        ({"count": -1}, "count: below 0"),
        ({"flag": 2}, "flag: not among 0, 1"),
        ({"won": 2}, "won: not 0 or 1"),
        ({"won": 0.5}, "won: not 0 or 1"),
        ({"won": math.nan}, "won: not 0 or 1"),
    ],
)
def test_a_row_that_breaks_a_rule_is_set_aside_with_its_reason(row, reason):
    found = contract.examine(table({}, row, {}), COLUMNS)
    assert found.reasons == {reason: 1}
    assert found.bad[contract.REASON].to_pylist() == [reason]
    assert repr(found.bad.drop_columns([contract.REASON]).to_pylist()) == repr(
        table({}, row, {}).slice(1, 1).to_pylist()
    )
    assert found.good["size"].to_pylist() == [1.5, 1.5]


@pytest.mark.parametrize(
    "row",
    [
        {"won": None},
        {"size": -1},
        {"size": 10},
        {"day": "2016-W15-3"},
        {"day": "2016-04-13T12:00:00+02:00"},
        {"id": -3},
    ],
)
def test_a_row_at_the_edge_of_a_rule_is_good(row):
    assert reasons(table({}, row)) == {}


def test_every_time_type_is_read_as_a_date():
    for kind, value in ((pa.date32(), date(2016, 4, 13)), (pa.timestamp("s"), datetime(2016, 4, 13))):
        schema = with_type("day", kind)
        assert reasons(table({"day": value}, {"day": None}, schema=schema)) == {"day: null": 1}


def test_a_time_of_dictionary_type_is_judged_by_its_values():
    schema = with_type("day", pa.dictionary(pa.int8(), pa.string()))
    rows = table({"day": "soon"}, {"day": None}, {}, {"day": "soon"}, schema=schema)
    assert reasons(rows) == {"day: not an ISO date": 2, "day: null": 1}


def test_allowed_values_with_a_gap_refuse_what_lies_between_them():
    columns = COLUMNS.model_copy(update={"features": {"count": Feature(type="integer", allowed=(1, 3))}})
    assert contract.examine(table({"count": 1}, {"count": 2}), columns).reasons == {"count: not among 1, 3": 1}


def test_an_id_that_stands_twice_sets_its_later_rows_aside():
    found = contract.examine(table({"id": 5}, {"id": 4}, {"id": 5}, {"id": 5}, {"id": None}), COLUMNS)
    assert found.reasons == {"id: repeated": 2, "id: null": 1}
    assert found.good["id"].to_pylist() == [5, 4]


def test_ids_of_text_are_told_apart_by_their_text():
    rows = table({"id": "b"}, {"id": "a"}, {"id": "b"}, schema=with_type("id", pa.string()))
    assert reasons(rows) == {"id: repeated": 1}


def test_the_first_broken_rule_is_the_one_that_is_named():
    assert reasons(table({"id": None, "size": math.nan, "won": 7})) == {"id: null": 1}
    assert reasons(table({"size": None, "flag": 9})) == {"size: null": 1}


def test_the_reasons_stand_in_the_order_of_their_counts():
    rows = table({"flag": 2}, {"size": 11}, {"size": 12}, {"count": 0.5}, {"size": 11}, {"count": 0.5})
    assert list(reasons(rows).items()) == [("size: above 10", 3), ("count: not whole", 2), ("flag: not among 0, 1", 1)]


def test_late_labels_are_examined_without_features():
    labels = table({}, {"won": 3}).select(["id", "day", "won"])
    assert reasons(labels, needs_features=False) == {"won: not 0 or 1": 1}


def test_a_target_without_one_label_is_no_breach():
    assert reasons(table({"won": None}, schema=with_type("won", pa.null()))) == {}


def test_no_rows_are_no_breach():
    found = contract.examine(SCHEMA.empty_table(), COLUMNS)
    assert (found.good.num_rows, found.bad.num_rows, found.reasons) == (0, 0, {})


value = st.one_of(st.none(), st.sampled_from([math.nan, math.inf, -5.0, 0.5, 0.0, 1.0, 9.0, 11.0]))
row = st.fixed_dictionaries(
    {
        "id": st.one_of(st.none(), st.integers(0, 9)),
        "day": st.sampled_from([None, "2016-04-13", "x"]),
        "size": value,
        "count": value,
        "flag": st.one_of(st.none(), st.integers(-1, 2)),
        "won": value,
    }
)


def keeps(row, seen):
    """The contract once more, row by row in plain Python."""
    size, count = row["size"], row["count"]
    return (
        row["id"] is not None
        and row["id"] not in seen
        and row["day"] == "2016-04-13"
        and size is not None
        and -1 <= size <= 10
        and count is not None
        and math.isfinite(count)
        and count >= 0
        and count == int(count)
        and row["flag"] in (0, 1)
        and row["won"] in (None, 0, 1)
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(row, max_size=12))
def test_every_row_is_either_good_or_bad_once_and_in_order(rows):
    whole = table(*rows).append_column("place", pa.array(range(len(rows)), pa.int64()))
    found = contract.examine(whole, COLUMNS)
    seen: set[int] = set()
    expected = []
    for place, given_row in enumerate(rows):
        if keeps(given_row, seen):
            expected.append(place)
        seen.add(given_row["id"])
    assert found.good["place"].to_pylist() == expected
    assert sorted(found.good["place"].to_pylist() + found.bad["place"].to_pylist()) == list(range(len(rows)))
    assert found.bad["place"].to_pylist() == sorted(found.bad["place"].to_pylist())
    assert sum(found.reasons.values()) == found.bad.num_rows


@settings(max_examples=50, deadline=None)
@given(st.lists(row, max_size=12), st.integers(1, 5))
def test_a_record_batch_a_table_and_a_table_of_chunks_are_judged_alike(rows, size):
    whole = table(*rows)
    found = contract.examine(whole, COLUMNS)
    chunked = pa.Table.from_batches(whole.to_batches(max_chunksize=size), whole.schema)
    assert repr(contract.examine(chunked, COLUMNS).bad.to_pylist()) == repr(found.bad.to_pylist())
    for batch in whole.combine_chunks().to_batches():
        assert contract.examine(batch, COLUMNS).reasons == found.reasons


# Shares and classes


def test_a_share_of_bad_rows_up_to_the_allowed_one_passes():
    contract.refuse_above(0, {}, 100, "shots.parquet", 0.0, "aside.parquet")
    contract.refuse_above(1, {"size: null": 1}, 100, "shots.parquet", 0.01, "aside.parquet")


def test_a_share_above_the_allowed_one_is_refused_with_the_worst_column_first():
    with pytest.raises(ContractError) as caught:
        contract.refuse_above(3, {"id: null": 1, "size: infinite": 2}, 200, "shots.parquet", 0.01, "out/aside.parquet")
    message = str(caught.value)
    assert message.startswith(
        "shots.parquet: found 3 of 200 rows (1.50%) that break the contract, expected at most 1.00%"
    )
    assert "column 'size': 2 infinite; column 'id': 1 null" in message
    assert "'quarantine'" in message
    assert message.endswith("The rows were set aside in out/aside.parquet")


def test_the_first_row_that_was_set_aside_is_told(dev, kobe):
    for column, value, said in (("lat", np.inf, "lat inf in the row with shot_id 7"), ("shot_id", 7, "shot_id 7")):
        rows = dev[:3].assign(shot_id=[5, 7, 9])
        rows.loc[rows.index[1 if column == "lat" else 2], column] = value
        found = contract.examine(pa.Table.from_pandas(rows), kobe.columns)
        assert contract.first_of(found.bad, kobe.columns) == f", such as {said}"


def test_infinite_coordinates_in_the_real_rows_are_counted_by_column(dev, kobe):
    dev.loc[:9, "lat"] = np.inf
    dev.loc[10, "lon"] = -np.inf
    found = contract.examine(pa.Table.from_pandas(dev), kobe.columns)
    assert found.reasons == {"lat: infinite": 10, "lon: infinite": 1}
    with pytest.raises(ContractError, match=r"dev\.parquet: .*column 'lat': 10 infinite; column 'lon': 1 infinite"):
        contract.refuse_above(11, found.reasons, len(dev), "dev.parquet", kobe.quarantine.training, "aside.parquet")


def test_no_rows_are_refused():
    contract.refuse_empty(1, "shots.parquet")
    with pytest.raises(ContractError, match=r"shots\.parquet: found no rows"):
        contract.refuse_empty(0, "shots.parquet")


def test_a_target_without_labels_or_with_one_class_cannot_be_trained_on():
    contract.require_both_classes(pa.array([0.0, None, 1.0]), "won", "shots.parquet")
    with pytest.raises(ContractError, match=r"shots\.parquet: column 'won': no labelled rows left: all 2 are null"):
        contract.require_both_classes(pa.array([None, None], pa.float64()), "won", "shots.parquet")
    with pytest.raises(
        ContractError, match=r"shots\.parquet: column 'won': all 3 labelled rows are of one class \(1\)"
    ):
        contract.require_both_classes(pa.chunked_array([[1.0, 1.0, None], [1.0]]), "won", "shots.parquet")
