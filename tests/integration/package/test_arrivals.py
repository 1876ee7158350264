"""What comes into the folders of batches and labels: one bad file stops no other, and is named until it is mended."""

import os

import pyarrow as pa
import pytest

from shotclock.config import settings
from shotclock.errors import ContractError
from shotclock.reading import history
from shotclock.reading.health import Projects
from shotclock.reading.status import status
from shotclock.store.intake import ledger

RULES_WITHOUT_AMOUNT = {"age": {"type": "integer"}, "member": {"type": "integer"}}


def aside():
    return {noted.name: noted.reason for noted in history.passed_over("shop")}


def bad_orders(shop, rows=500, first=9001):
    """More of them break the contract than the project allows."""
    table = shop.orders(rows, first)
    return table.set_column(2, "amount", pa.array([9000.0 + n for n in range(rows)]))


def damaged(path):
    path.write_bytes(path.read_bytes()[:-20])


def test_an_empty_day_is_zero_rows_and_the_days_around_it_are_scored(shop):
    for day, rows in (("1", 500), ("2", 0), ("3", 500), ("4", 0)):
        shop.put(f"in/2025-06-0{day}.parquet", shop.orders(rows, 5000 + 1000 * int(day)))
    done = shop.score()
    assert (done.rows, done.batches) == (1000, (1, 2, 3, 4))
    assert [batch.rows for batch in history.batches("shop")] == [500, 0, 500, 0]
    assert shop.predictions("2025-06-02").num_rows == 0
    assert shop.check().performance_check.verdict != "insufficient data"
    assert aside() == {}


def test_one_bad_file_of_each_kind_stops_no_other_and_is_named_everywhere(shop):
    shop.put("in/a.parquet", shop.orders(500, 5001))
    damaged(shop.put("in/b.parquet", shop.orders(500, 6001)))
    shop.put("in/c.parquet", shop.orders(500, 7001).rename_columns({"age": "aged"}))
    shop.put("in/d.parquet", bad_orders(shop))
    (shop.raw / "in" / "e.pdf").write_text("a report")
    shop.put("in/f.parquet", shop.retyped(shop.orders(500, 8001), order_id=pa.string()))
    (shop.raw / "in" / "_notes.txt").write_text("no data")
    shop.put("in/z.parquet", shop.orders(500, 10001))
    assert shop.score().rows == 1000
    assert list(aside()) == ["b.parquet", "c.parquet", "d.parquet", "e.pdf", "f.parquet"]
    assert "near to it: aged" in aside()["c.parquet"]
    assert "500 of 500 rows (100.00%) that break the contract" in aside()["d.parquet"]
    assert "such as amount 9000.0 in the row with order_id 9001" in aside()["d.parquet"]
    assert "found type string, expected int64" in aside()["f.parquet"]
    assert {noted.name for noted in status("shop").passed_over} == set(aside())
    (row,) = Projects().overview().projects
    assert {noted.name for noted in row.passed_over} == set(aside())
    assert "passed over" in shop.score().skip


@pytest.mark.parametrize("bad", ["damaged", "refused"])
def test_a_mended_file_of_the_same_name_is_taken(shop, bad):
    shop.put("in/a.parquet", shop.orders(500, 5001))
    path = shop.put("in/b.parquet", bad_orders(shop, first=6001))
    if bad == "damaged":
        damaged(path)
    assert shop.score().rows == 500
    assert list(aside()) == ["b.parquet"]
    shop.put("in/b.parquet", shop.orders(500, 6001))
    assert shop.score().rows == 500
    assert aside() == {}


def test_a_refused_file_is_tried_again_and_goes_through_once_the_rule_is_changed(shop):
    shop.put("in/a.parquet", bad_orders(shop, first=6001))
    for _ in range(2):
        assert "nothing new to score" in shop.score().skip
        assert list(aside()) == ["a.parquet"]
    shop.use(columns={"features": {"amount": {"type": "number"}} | RULES_WITHOUT_AMOUNT})
    assert shop.score().rows == 500
    assert aside() == {}
    assert [batch.number for batch in ledger.entries("shop")] == [1]


def test_a_removed_file_is_named_no_more(shop):
    path = shop.put("in/a.parquet", shop.orders(500, 5001))
    damaged(path)
    shop.score()
    path.unlink()
    shop.score()
    assert aside() == {}


def test_a_file_rewritten_in_place_is_taken_anew_and_one_that_was_only_touched_is_not(shop):
    path = shop.put("in/a.parquet", shop.orders(500, 5001))
    assert shop.score().rows == 500
    os.utime(path, (2e9, 2e9))
    assert "nothing new" in shop.score().skip
    shop.put("in/a.parquet", shop.orders(600, 5001))
    assert shop.score().rows == 600
    assert [(batch.number, batch.name) for batch in ledger.entries("shop")] == [(2, "a.parquet"), (1, "a.parquet")]


def test_the_one_file_that_somebody_names_is_an_error_where_it_is_bad(shop):
    path = shop.put("bad.parquet", bad_orders(shop))
    with pytest.raises(ContractError, match="amount"):
        shop.score(str(path))
    empty = shop.put("empty.parquet", shop.orders(0))
    with pytest.raises(ContractError, match="found no rows"):
        shop.score(str(empty))


def test_a_batch_that_was_scored_may_be_archived(shop):
    path = shop.put("in/a.parquet", shop.orders(800, 5001))
    shop.score()
    path.unlink()
    assert "800 labelled rows" in shop.check().performance_check.summary
    shop.second_version()
    assert shop.score().rows == 800


def test_a_file_of_labels_that_is_passed_over_is_named_with_the_near_name(shop):
    rows = shop.orders(800, 5001)
    shop.put("in/a.parquet", rows.drop_columns(["bought"]))
    labels = rows.select(["order_id", "bought"])
    shop.put("labels/good.parquet", labels.slice(0, 500))
    shop.put("labels/l1.parquet", labels.rename_columns(["order_id", "label"]))
    shop.put("labels/l2.parquet", shop.retyped(labels, order_id=pa.string()))
    shop.put("labels/l3.parquet", shop.retyped(labels, order_id=pa.float64()))
    shop.put("labels/l4.parquet", labels.set_column(1, "bought", pa.array([7] * 800)))
    damaged(shop.put("labels/l5.parquet", labels))
    (shop.raw / "labels" / "l6.csv").write_text("order_id,bought\n5001,1\nTotal,9\n")
    shop.score()
    said = shop.check().performance_check.summary
    assert "500 labelled rows" in said
    assert "l1.parquet: column 'bought' is missing; near to it: label" in said
    assert list(aside()) == [f"l{number}.parquet" for number in range(1, 6)] + ["l6.csv"]
    assert "row 2 ('Total'): found type string" in aside()["l6.csv"]
    assert "found type string, expected int64" in aside()["l2.parquet"]
    assert "found type double" in aside()["l3.parquet"]
    assert "found 7, expected 0, 1 or null" in aside()["l4.parquet"]
    shop.put("labels/l1.parquet", labels)
    for name in list(aside())[1:]:
        (settings().data / "raw" / "labels" / name).unlink()
    assert "800 labelled rows" in shop.check().performance_check.summary
    assert aside() == {}
