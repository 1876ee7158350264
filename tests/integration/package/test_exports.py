"""Every later file of the same system is read as the project says: batches, labels, a file that is named, training rows."""

import gzip

import pyarrow.parquet as pq

from shotclock.reading import history


def text(table, **changes):
    frame = table.to_pandas()
    return frame.to_csv(index=False, **changes).encode()


def test_batches_and_labels_of_every_kind_are_read(shop):
    shop.use(reading={"separator": ";", "decimal": ",", "times": {"ordered_at": "%d.%m.%Y %H:%M"}})
    how = {"sep": ";", "decimal": ",", "date_format": "%d.%m.%Y %H:%M"}
    rows = [shop.orders(300, 5000 + 1000 * number) for number in range(5)]
    (shop.raw / "in").mkdir()
    (shop.raw / "in" / "a.csv").write_bytes(text(rows[0], **how))
    (shop.raw / "in" / "b.csv.gz").write_bytes(gzip.compress(text(rows[1].drop_columns(["bought"]), **how)))
    for part in range(2):
        shop.put(f"in/c.parquet/part-0000{part}-aa.c000.snappy.parquet", rows[2].slice(150 * part, 150))
        shop.put(f"in/dt=2025-06-01/part-0000{part}.parquet", rows[3].slice(150 * part, 150))
    (shop.raw / "in" / "c.parquet" / "_SUCCESS").touch()
    (shop.raw / "in" / "e.tsv").write_bytes(text(rows[4].rename_columns({"age": "aged"}), **how))
    (shop.raw / "labels").mkdir()
    (shop.raw / "labels" / "b.csv").write_bytes(text(rows[1].select(["order_id", "bought"]), sep=";"))
    assert shop.score().rows == 1200
    assert shop.predictions("a.csv")["amount"].to_pylist() == rows[0]["amount"].to_pylist()
    aside = {noted.name: noted.reason for noted in history.passed_over("shop")}
    assert list(aside) == ["e.tsv"]
    assert "column 'age' is missing" in aside["e.tsv"]
    shop.use(drift={"min_rows": 1200}, reading={"separator": ";", "decimal": ","})
    assert "1,200 labelled rows" in shop.check().performance_check.summary


def test_a_named_file_and_a_training_file_are_read_so_too(shop):
    from shotclock.steps import intake
    from shotclock.store.run import Run

    shop.use(reading={"missing": ["", "None"], "ones": ["yes"], "zeros": ["no"]})
    rows = shop.orders(500, 5001)
    words = text(rows).decode().replace(",1\n", ",yes\n").replace(",0\n", ",no\n").encode()
    (shop.raw / "next.csv").write_bytes(words)
    assert shop.score("next.csv").rows == 500
    assert shop.predictions("next.csv")["bought"].to_pylist() == rows["bought"].to_pylist()
    valid = intake.validate(
        Run("shop", "training", "t9"), intake.ingest(Run("shop", "training", "t9"), "training", "next.csv")
    )
    assert pq.read_table(valid.valid)["bought"].to_pylist() == rows["bought"].to_pylist()
