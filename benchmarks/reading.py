"""What it costs to read a large file: `shotclock init` of it, and its rows by a project's rules, each in a fresh process.

    python -m benchmarks.reading [--megabytes 200] [--ways CSV gzip]

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
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

PIECE = 100_000
WAYS = ("CSV", "gzip", "zip", "UTF-16", "parquet", "folder of parts")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"SHOTCLOCK_HOME": folder, "OMP_NUM_THREADS": "1"}
        given = parser.parse_args()
        every = written(Path(folder), given.megabytes * 1_000_000, given.ways)
        size = every["CSV"].stat().st_size / 1e6
        files = {way: every[way] for way in given.ways}
        print(f"{size:.0f} MB of CSV\n\n{'':<24} {'CPU s':>6} {'peak MB':>8} {'of the size':>12}")
        show("imports alone", in_fresh_process(imports, ""), size)
        for way, file in files.items():
            show(f"init, {way}", in_fresh_process(init, str(file)), size)
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


def written(folder: Path, size: int, ways: Sequence[str]) -> dict[str, Path]:
    """The same rows in each of these ways of writing them, and as CSV."""
    names = ("plain.csv", "packed.csv.gz", "packed_too.zip", "wide.csv", "columns.parquet", "parts")
    files = {way: folder / name for way, name in zip(WAYS, names, strict=True)}
    with files["CSV"].open("wb") as file:
        for number, rows in enumerate(pieces()):
            pacsv.write_csv(rows, file, pacsv.WriteOptions(include_header=number == 0))
            if "folder of parts" in ways:
                files["folder of parts"].mkdir(exist_ok=True)
                pq.write_table(rows, files["folder of parts"] / f"part-{number:05}.parquet")
            if file.tell() >= size:
                break
    if "gzip" in ways:
        with files["CSV"].open("rb") as plain, gzip.open(files["gzip"], "wb", 1) as packed:
            shutil.copyfileobj(plain, packed)
    if "zip" in ways:
        with zipfile.ZipFile(files["zip"], "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            archive.write(files["CSV"], "plain.csv")
    if "UTF-16" in ways:
        with files["CSV"].open(encoding="utf-8") as text, files["UTF-16"].open("w", encoding="utf-16") as other:
            shutil.copyfileobj(text, other)
    if "parquet" in ways:
        pq.write_table(pacsv.read_csv(files["CSV"]), files["parquet"])
    return files


def imports(_: str) -> None:
    from shotclock.projects.init import make  # noqa: F401


def init(given: str) -> None:
    from shotclock.projects.init.guess import Wishes
    from shotclock.projects.init.make import make_project

    make_project(Path(given), Wishes(target="bought"), share=0.6)


def later(file: str) -> None:
    from shotclock.config import load_project
    from shotclock.sources import exports

    name = Path(file).name.partition(".")[0]
    rules = load_project(Path(os.environ["SHOTCLOCK_HOME"]) / "include" / "projects" / f"{name}.yaml")
    exports.write_parquet(Path(file), rules.columns, rules.reading, Path(f"{file}.taken"))


def in_fresh_process(call: Callable[[str], None], given: str) -> tuple[float, float]:
    """CPU seconds and peak MB of one call."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=measured, args=(call, given, theirs))
    process.start()
    theirs.close()  # what ends without a word ends the waiting, too
    found: tuple[float, float] = ours.recv()
    process.join()
    return found


def measured(call: Callable[[str], None], given: str, to: Connection) -> None:
    call(given)
    used = resource.getrusage(resource.RUSAGE_SELF)
    held = (
        Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]
    )  # `ru_maxrss` would count the parent's too
    to.send((used.ru_utime + used.ru_stime, int(held) / 1024))


def show(what: str, found: tuple[float, float], size: float) -> None:
    seconds, peak = found
    print(f"{what:<24} {seconds:>6.1f} {peak:>8.0f} {peak / size:>12.2f}", flush=True)


if __name__ == "__main__":
    main()
