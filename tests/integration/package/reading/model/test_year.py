"""A year is read from many batches: whatever is the same for all of them is asked once."""

from collections import Counter

import pyarrow as pa
import pytest

from shotclock.config import project
from shotclock.files import storage
from shotclock.reading.model import year
from shotclock.store import window
from shotclock.store.window import labels


@pytest.fixture
def weeks(shop):
    """Five batches of 100 orders, a day between them; the second file of labels corrects two of the first."""
    for number in range(5):
        shop.put(f"in/week_{number}.parquet", shop.orders(100, 10_000 + 100 * number, f"2025-09-0{number + 1}"))
        shop.score()
    for name, values in {"first": [1, 1, 0], "second": [0, 0, None]}.items():
        ids = pa.array([10_000, 10_250, 10_499])
        shop.put(f"labels/{name}.parquet", pa.table({"order_id": ids, "bought": pa.array(values, pa.int64())}))
    year._past.cache_clear()
    return shop


def test_what_came_later_is_read_once_for_all_batches_and_the_latest_label_counts(weeks, monkeypatch):
    read, real = Counter(), storage.read_batches
    labels._fault.cache_clear()
    assert len(labels.late(project("shop"), labels.schema(project("shop").columns, scored()[0])).files) == 2
    monkeypatch.setattr(
        storage, "read_batches", lambda path, *rest, **more: read.update([path.name]) or real(path, *rest, **more)
    )
    found = year._past("shop", "now").rows.set_index("id")["label"]
    assert read["first.parquet"] == read["second.parquet"] == 1
    assert read["resultado_pipeline.parquet"] == 5
    own = {row["order_id"]: row["bought"] for n in range(5) for row in in_file(weeks, n)}
    assert found.to_dict() == own | {10_000: 0, 10_250: 0, 10_499: 0}


def test_a_batch_of_which_the_sample_holds_no_row_has_its_days_all_the_same(weeks, monkeypatch):
    whole = year._past("shop", "now").stretches
    monkeypatch.setattr(year, "MOST_ROWS", 3)
    past = year._past("shop", "later")
    assert len(past.rows) < 5
    assert [(one.begin, one.end) for one in past.stretches] == [(one.begin, one.end) for one in whole]
    assert year.year("shop").days == {"unknown": 7}


def scored():
    return window.scored_batches("shop")


def in_file(shop, number):
    return storage.read_table(shop.raw / "in" / f"week_{number}.parquet", ["order_id", "bought"]).to_pylist()
