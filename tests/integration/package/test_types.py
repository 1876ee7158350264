"""Files of other types than the training file's go through the whole loop, or are refused where they come in."""

import pyarrow as pa
import pytest

from shotclock.errors import ContractError


@pytest.mark.parametrize(
    "types",
    [
        {"ordered_at": pa.timestamp("us"), "order_id": pa.int32(), "age": pa.float64(), "bought": pa.float64()},
        {"ordered_at": pa.string(), "order_id": pa.uint64(), "amount": pa.float32(), "member": pa.uint8()},
    ],
    ids=str,
)
def test_a_batch_of_other_types_is_scored_judged_and_learnt_from(shop, types):
    shop.put("in/june.parquet", shop.retyped(shop.orders(800, 5001), **types))
    assert shop.score().rows == 800
    assert shop.check().performance_check.verdict != "insufficient data"
    assert shop.retrain().decision in ("keep", "promote")


@pytest.mark.parametrize("types", [{"order_id": pa.string()}, {"ordered_at": pa.timestamp("us", tz="UTC")}], ids=str)
def test_a_batch_whose_ids_or_times_are_of_another_kind_is_refused_with_both_types(shop, types):
    (column, kind), known = next(iter(types.items())), {"order_id": "int64", "ordered_at": "timestamp[ns]"}
    path = str(shop.put("june.parquet", shop.retyped(shop.orders(500, 5001), **types)))
    with pytest.raises(ContractError) as error:
        shop.score(path)
    assert f"{path}: column '{column}': found type {kind}, expected {known[column]}" in str(error.value)


def test_labels_with_ids_of_another_width_meet_their_rows(shop):
    rows = shop.orders(800, 5001)
    shop.put("in/june.parquet", rows.drop_columns(["bought"]))
    shop.put("labels/june.parquet", shop.retyped(rows.select(["order_id", "bought"]), order_id=pa.int32()))
    shop.score()
    assert "800 labelled rows" in shop.check().performance_check.summary
