"""An id counts once over batches, with its newest row: in windows, gates, counts."""

import pyarrow as pa
import pyarrow.compute as pc

from shotclock.store.versions import registry
from shotclock.store.window import Window, recent_rows


def month_to_date(shop, days=20, a_day=20):
    """Each day's file holds all orders of the month so far."""
    whole = shop.orders(days * a_day, 10_001)
    for day in range(1, days + 1):
        shop.put(f"in/2025-06-{day:02}.parquet", whole.slice(0, day * a_day))
    return whole


def test_files_of_the_month_to_date_hold_each_row_once(shop):
    whole = month_to_date(shop)
    shop.score()
    found = recent_rows("shop")
    assert (found.rows.num_rows, len(found.parts), found.repeated) == (400, 20, 3800)
    assert set(found.rows["order_id"].to_pylist()) == set(whole["order_id"].to_pylist())
    window = Window.newest("shop", registry.require_champion("shop"))
    assert (len(window.batches), window.rows()[1], window.repeated) == (1, 400, 0)
    shop.use(gate={"min_rows": 500}, retraining={"ships": "measured"})  # or else they would be learnt all the same
    done = shop.retrain()
    assert "400 labelled rows, 500 are needed" in done.skip
    assert "3,800 rows repeat an id of an earlier batch" in done.skip


def test_of_two_rows_with_one_id_the_newest_counts_and_lenders_lend_it_once(shop):
    old = shop.orders(300, 10_001)
    shop.put("in/a.parquet", old)
    flipped = old.set_column(5, "bought", pc.subtract(1, old["bought"]))
    shop.put("in/b.parquet", pa.concat_tables([flipped.slice(0, 200), shop.orders(100, 20_001)]))
    shop.score()
    rows, count = Window.newest("shop", registry.require_champion("shop")).rows()
    assert (count, rows.num_rows) == (400, 400)
    labels = dict(zip(rows["order_id"].to_pylist(), rows["bought"].to_pylist(), strict=True))
    wanted = dict(zip(old["order_id"].to_pylist(), flipped["bought"].to_pylist(), strict=True))
    assert all(labels[key] == wanted[key] for key in range(10_001, 10_201))
    assert "400 labelled rows" in shop.check().performance_check.summary


def test_a_window_that_is_larger_than_memory_counts_each_id_once_too(shop, monkeypatch):
    old = shop.orders(600, 10_001)
    shop.put("in/a.parquet", old)
    shop.put("in/b.parquet", old.slice(0, 390))
    shop.score()
    counts = []
    for at_once in (4_000_000, 100):
        monkeypatch.setattr("shotclock.store.window.labels._LABELS_AT_ONCE", at_once)
        shop.use(drift={"min_rows": 400, "max_rows": 50})
        counts.append("600 labelled rows" in shop.check().performance_check.summary)
    assert counts == [True, True]


def test_recent_rows_are_the_newest_and_no_sample(shop):
    rows = shop.orders(3000, 10_001)
    shop.put("in/a.parquet", rows.take(pa.array(range(2999, -1, -1))))
    shop.use(retraining={"recent_rows": 700})
    shop.score()
    found = recent_rows("shop")
    assert sorted(found.rows["order_id"].to_pylist()) == list(range(12_301, 13_001))


def test_where_the_newest_rows_have_no_labels_yet_the_newest_that_have_count(shop):
    rows = shop.orders(4000, 10_001)
    late = rows.set_column(5, "bought", pa.array([*rows["bought"].to_pylist()[:800], *[None] * 3200], pa.int64()))
    shop.put("in/a.parquet", late)
    shop.use(retraining={"recent_rows": 700})
    shop.score()
    assert sorted(recent_rows("shop").rows["order_id"].to_pylist()) == list(range(10_101, 10_801))
