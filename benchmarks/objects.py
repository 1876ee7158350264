"""Is a file in an object store scored in as little memory as one on a disk, whatever its size, and how fast?

    python -m benchmarks.objects --rows 1000000 10000000

The store is moto, one Python process on this machine that holds everything in memory: its speed is no store's speed. The
memory is that of the scoring process alone. Each measurement runs in a fresh process, with rows as in `benchmarks.scale`.
"""

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import scale as rows_and_models
from shotclock.config import project
from shotclock.files import storage
from shotclock.models import scoring

MODEL = "logistic_regression"
SERVER = "from moto.server import ThreadedMotoServer as S; s = S('127.0.0.1', 0, verbose=False); s.start()\n"
SERVER += "print(s.get_host_and_port()[1], flush=True); import threading; threading.Event().wait()"


def main() -> None:
    options = _options()
    rules = project("kobe_shots")
    print(f"{'rows':>12} {'where':6} {'M rows/s':>9} {'peak MB':>8} {'in MB':>7} {'out MB':>7}")
    with tempfile.TemporaryDirectory(prefix="objects-") as name, _store():
        folder = Path(name)
        rows_and_models._make_models(rules, folder)
        for rows in options.rows:
            rows_and_models._make_rows(rules, folder / "rows.parquet", rows)
            bucket = storage.at("s3://bucket") / str(rows)
            with storage.replacing(bucket / "rows.parquet") as partial:
                storage.fetch(folder / "rows.parquet", partial)
            for where, place in (("disk", folder), ("s3", bucket)):
                command = [sys.executable, "-m", "benchmarks.objects", "--one", str(place), "--folder", name]
                run = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                speed = rows / run["seconds"] / 1e6
                print(
                    f"{rows:12,} {where:6} {speed:9.2f} {run['peak']:8.0f} {run['in']:7.0f} {run['out']:7.0f}",
                    flush=True,
                )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        _measure(storage.at(options.one), Path(options.folder))
        sys.exit()
    return options


def _measure(place: storage.Address, folder: Path) -> None:
    model = pickle.loads((folder / f"{MODEL}.pickle").read_bytes())
    source, target = place / "rows.parquet", place / "out.parquet"
    storage.size(source)  # the client is made before the clock starts
    start = time.perf_counter()
    columns = project("kobe_shots").columns
    scoring.score_file(model, columns, source, target, place / "bad.parquet", version="1", max_bad_share=0.0)
    found = {"seconds": time.perf_counter() - start, "peak": rows_and_models._peak_megabytes()}
    print(json.dumps({**found, "in": storage.size(source) / 1e6, "out": storage.size(target) / 1e6}))
    storage.withdraw(target)


@contextmanager
def _store() -> Iterator[None]:
    """An S3 server with the bucket `bucket`, and the environment that leads to it."""
    import boto3

    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        os.environ |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{(server.stdout.readline()).strip()}"}
        os.environ |= {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1"}
        boto3.client("s3").create_bucket(Bucket="bucket")
        yield
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
