"""What it costs to read a large file: `shotclock init` of it, and its rows by a project's rules, each in a fresh process.

    python -m benchmarks.reading [--megabytes 200]

The table is made by a recipe: numbers with gaps, whole numbers, moments, days, categories of few and of thousands of levels,
free text, yes and no. Each way of writing it is measured against the size of the CSV file.
"""

import argparse
import gzip
import multiprocessing
import os
import resource
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

PIECE = 100_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"SHOTCLOCK_HOME": folder, "OMP_NUM_THREADS": "1"}
        files = written(Path(folder), parser.parse_args().megabytes * 1_000_000)
        size = files["CSV"].stat().st_size / 1e6
        print(f"{size:.0f} MB of CSV\n\n{'':<24} {'CPU s':>6} {'peak MB':>8} {'of the size':>12}")
        show("imports alone", in_fresh_process(imports, ""), size)
        for number, (way, file) in enumerate(files.items()):
            show(f"init, {way}", in_fresh_process(init, f"{file} way{number}"), size)
        for way, file in files.items():
            show(f"a later file, {way}", in_fresh_process(later, str(file)), size)


def pieces() -> Iterator[pa.Table]:
    """The table's rows, without an end."""
    random = np.random.default_rng(1)
    first = 0
    while True:
        rows = np.arange(first, first + PIECE)
        amount = np.round(random.lognormal(3, 1, PIECE), 2)
        yield pa.table(
            {
                "order_id": rows + 1,
                "ordered_at": pa.array(np.datetime64("2023-01-01T00:00:00") + rows * 20).cast(pa.string()),
                "amount": pa.array(amount, mask=random.random(PIECE) < 0.03),
                "price": np.round(random.normal(50, 9, PIECE), 4),
                "visits": random.integers(0, 60, PIECE),
                "score": random.normal(0, 1, PIECE),
                "city": random.choice(["Rome", "Oslo", "Lima", "New York, NY"], PIECE),
                "product": np.char.add("P", random.integers(0, 3000, PIECE).astype(str)),
                "signed": pa.array((np.datetime64("2015-01-01") + random.integers(0, 3000, PIECE)).astype(str)),
                "note": np.char.add("called back on ", random.integers(0, 10**6, PIECE).astype(str)),
                "member": pa.array(random.choice(["yes", "no"], PIECE), mask=random.random(PIECE) < 0.1),
                "bought": (random.random(PIECE) < 1 / (1 + np.exp(3 - np.log(amount)))).astype(int),
            }
        )
        first += PIECE


def written(folder: Path, size: int) -> dict[str, Path]:
    """The same rows in each way of writing them."""
    files = {"CSV": folder / "a.csv", "parquet": folder / "b.parquet", "folder of parts": folder / "parts"}
    files["folder of parts"].mkdir()
    with files["CSV"].open("wb") as file:
        writer = None
        for number, rows in enumerate(pieces()):
            pacsv.write_csv(rows, file, pacsv.WriteOptions(include_header=number == 0))
            writer = writer or pq.ParquetWriter(files["parquet"], rows.schema)
            writer.write_table(rows)
            pq.write_table(rows, files["folder of parts"] / f"part-{number:05}.parquet")
            if file.tell() >= size:
                writer.close()
                break
    files |= {"gzip": folder / "c.csv.gz", "zip": folder / "d.zip", "UTF-16": folder / "e.csv"}
    with files["CSV"].open("rb") as plain, gzip.open(files["gzip"], "wb", 1) as packed:
        shutil.copyfileobj(plain, packed)
    with zipfile.ZipFile(files["zip"], "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.write(files["CSV"], "a.csv")
    with files["CSV"].open(encoding="utf-8") as plain, files["UTF-16"].open("w", encoding="utf-16") as other:
        shutil.copyfileobj(plain, other)
    return files


def imports(_: str) -> None:
    from shotclock.projects.init import make  # noqa: F401


def init(given: str) -> None:
    from shotclock.projects.init.guess import Wishes
    from shotclock.projects.init.make import make_project

    file, name = given.split()
    make_project(Path(file), Wishes(target="bought"), share=0.6, name=name)


def later(file: str) -> None:
    from shotclock.config import load_project
    from shotclock.sources import exports

    rules = load_project(Path(os.environ["SHOTCLOCK_HOME"]) / "include" / "projects" / "way0.yaml")
    encoding = "utf-16" if file.endswith("e.csv") else "utf-8"
    reading = rules.reading.model_copy(update={"encoding": encoding})
    exports.write_parquet(Path(file), rules.columns, reading, Path(f"{file}.taken"))


def in_fresh_process(call: Callable[[str], None], given: str) -> tuple[float, float]:
    """CPU seconds and peak MB of one call."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=measured, args=(call, given, theirs))
    process.start()
    found: tuple[float, float] = ours.recv()
    process.join()
    return found


def measured(call: Callable[[str], None], given: str, to: Connection) -> None:
    call(given)
    used = resource.getrusage(resource.RUSAGE_SELF)
    to.send((used.ru_utime + used.ru_stime, used.ru_maxrss / 1024))


def show(what: str, found: tuple[float, float], size: float) -> None:
    seconds, peak = found
    print(f"{what:<24} {seconds:>6.1f} {peak:>8.0f} {peak / size:>12.2f}", flush=True)


if __name__ == "__main__":
    main()
