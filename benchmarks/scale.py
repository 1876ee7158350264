"""Scoring at scale: rows a second and peak memory of a process, 1 against 2 workers, next to plain copies of the same columns.

    python -m benchmarks.scale --rows 10000000 50000000

The file is made from the project's real rows, jittered so that they do not repeat, in a temporary folder that is removed
afterwards. Each measurement runs in a fresh process: its seconds leave the imports out, its peak memory does not. The copies
are the floor: what pyarrow, DuckDB and polars take to read the same columns and write them, without a prediction. Files stay in
the page cache of a machine that has room for them, so this is about processors and not about disks.

The prediction alone is compared with scikit-learn's own `predict_proba` first, on one core and the same rows: boosting with
the library's default settings, on numbers and with text among them.
"""

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from shotclock.config import Project, project, settings
from shotclock.models import scoring
from shotclock.models.candidates.algorithms import Inputs, Plan
from shotclock.models.predictor import predictor

GROUP_ROWS = 1 << 20  # pyarrow's own default
CHUNK_ROWS = 1 << 18  # that are made at once
MODELS = ("logistic_regression", "decision_tree", "gradient_boosting")
PREDICTED = ("numbers", "counts", "texts")  # what boosting is asked of where its prediction alone is measured
COUNTS = (2, 4, 8, 13, 40)  # values of the whole numbers among the columns, as flags, periods and minutes have
PREDICTED_ROWS = 1 << 17
ROUNDS = 5  # the best of so many, in turn
SEED = 0
PARTITIONS = 8  # at least, so that two workers have as much to do


def main() -> None:
    options = _options()
    if options.one:
        print(json.dumps(_prediction(options.one) if options.one in PREDICTED else _measured(options)))
        return
    for what in PREDICTED:
        alone = subprocess.run(
            [sys.executable, "-m", "benchmarks.scale", "--one", what], stdout=subprocess.PIPE, check=True
        )
        print(_predicted(what, json.loads(alone.stdout)), flush=True)
    for rows in options.rows:
        with tempfile.TemporaryDirectory(prefix="scale-", dir=options.folder) as folder:
            _compare(options, rows, Path(folder))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000_000, 50_000_000])
    parser.add_argument("--repeat", type=int, default=1, help="the best of so many counts")
    parser.add_argument("--project", default="kobe_shots")
    parser.add_argument("--folder", help="where the temporary folder is made")
    parser.add_argument("--one", choices=[*RUNS, *PREDICTED], help=argparse.SUPPRESS)
    parser.add_argument("--share", type=int, nargs=2, default=(0, 1), help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def _compare(options: argparse.Namespace, rows: int, folder: Path) -> None:
    rules, start = project(options.project), time.perf_counter()
    _make_models(rules, folder)
    size = _make_rows(rules, folder / "rows.parquet", rows) / 1e6
    cores = sorted(os.sched_getaffinity(0))
    print(
        f"\n{rows:,} jittered rows, {size:,.0f} MB, made in {time.perf_counter() - start:.0f} s; {len(cores)} cores, "
        f"load {os.getloadavg()[0]:.1f}; best of {options.repeat}, each in a fresh process\n"
    )
    print(
        f"{'what':42} {'M rows/s':>9} {'of pyarrow':>10} {'of fastest':>10} {'CPU s':>6} {'peak MB':>8} {'out MB':>7}"
    )
    copies = {name: _best(options, folder, name) for name in ("pyarrow", "duckdb", "polars")}
    floor = copies["pyarrow"], max(copies.values(), key=_speed)
    for name, found in copies.items():
        _show(f"copy, {name}", found, *floor)
    for model in MODELS:
        _show(f"score, {model}", _best(options, folder, model), *floor)
    one = _best(options, folder, "partitions", cores[:1])
    _show("score partitions, 1 worker on 1 core", one, *floor)
    if len(cores) > 1:
        two = _best(options, folder, "partitions", cores[:2])
        _show("score partitions, 2 workers on 1 core each", two, *floor)
        print(f"2 workers against 1: {_speed(two) / _speed(one):.2f}", flush=True)


def _show(label: str, found: dict[str, float], pyarrow: dict[str, float], fastest: dict[str, float]) -> None:
    speed, ratios = _speed(found), [_speed(found) / _speed(floor) for floor in (pyarrow, fastest)]
    print(
        f"{label:42} {speed / 1e6:9.2f} {ratios[0]:10.2f} {ratios[1]:10.2f} {found['cpu']:6.1f} {found['peak']:8.0f} "
        f"{found['out']:7.0f}",
        flush=True,
    )


def _speed(found: dict[str, float]) -> float:
    return found["rows"] / (found["end"] - found["start"])


def _best(options: argparse.Namespace, folder: Path, what: str, cores: list[int] | None = None) -> dict[str, float]:
    """The fastest of the repeated runs, with the greatest peak of any; `cores`: one process for each, sharing the work."""
    runs = []
    for _ in range(options.repeat):
        started = [_start(options, folder, what, number, cores) for number in range(len(cores or [0]))]
        told = [json.loads(process.communicate()[0]) for process in started]
        if any(process.returncode for process in started):
            sys.exit(f"{what}: failed, see above")
        sums = {name: sum(one[name] for one in told) for name in ("rows", "cpu", "out")}
        runs.append(sums | {"start": min(one["start"] for one in told), "end": max(one["end"] for one in told)})
        runs[-1]["peak"] = max(one["peak"] for one in told)
    return max(runs, key=_speed) | {"peak": max(run["peak"] for run in runs)}


def _start(
    options: argparse.Namespace, folder: Path, what: str, number: int, cores: list[int] | None
) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "benchmarks.scale", "--one", what, "--folder", str(folder)]
    command += ["--project", options.project]
    if cores:
        command += ["--core", str(cores[number]), "--share", str(number), str(len(cores))]
    environment = {
        name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"
    }  # pyarrow heeds it too
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


# The prediction alone


def _predicted(what: str, found: dict[str, float]) -> str:
    ours, theirs = (PREDICTED_ROWS / found[name] / 1e6 for name in ("ours", "theirs"))
    return (
        f"boosting, {what:8} {ours:.2f} M rows/s of CPU time, scikit-learn {theirs:.3f}: {ours / theirs:.1f} times; "
        f"probabilities differ by {found['apart']:.0e} at most; tables made in {found['made']:.2f} s"
    )


def _prediction(what: str) -> dict[str, float]:
    """CPU seconds of both on one core and of making the tables, and how far the probabilities are apart."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rows, labels, texts = _made_up(what)
    numbers = tuple(range(len(texts), rows.num_columns))
    plan = Plan("gradient_boosting", folds=2, iterations=1, seed=SEED, inputs=Inputs(texts, numbers, missing=texts))
    model = plan.pipeline({}).fit(rows.to_pandas(), labels)
    made, predict = _seconds(lambda: predictor(model, rows.schema.names, "1"))
    frame, best = rows.to_pandas(), {"ours": np.inf, "theirs": np.inf}
    found: dict[str, Any] = {}
    for _ in range(ROUNDS):
        for name, ask in (("ours", lambda: predict(rows)), ("theirs", lambda: model.predict_proba(frame)[:, 1])):
            took, found[name] = _seconds(ask)
            best[name] = min(best[name], took)
    return {**best, "apart": float(np.abs(found["ours"] - found["theirs"]).max()), "made": made}


def _seconds(ask: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    answer = ask()
    return time.process_time() - start, answer


def _made_up(what: str) -> tuple[pa.RecordBatch, np.ndarray[Any, Any], tuple[int, ...]]:
    """Eight columns, of which two are text or five are whole numbers where `what` asks for it; labels; the places of text."""
    rng = np.random.default_rng(SEED)
    values = rng.normal(size=(8, PREDICTED_ROWS))
    odds = values[0] + values[3] * values[4] + np.sin(3 * values[5])
    columns = {f"column_{number}": pa.array(one) for number, one in enumerate(values)}
    if what == "counts":
        for place, count in enumerate(COUNTS):
            columns[f"column_{place}"] = pa.array(
                np.clip(np.floor(values[place] * count / 6 + count / 2), 0, count - 1)
            )
    if what == "texts":
        towns, kinds = rng.integers(0, 100, PREDICTED_ROWS), rng.integers(0, 5, PREDICTED_ROWS)
        odds += rng.normal(size=100)[towns] - values[0]
        for name, codes in (("column_0", towns), ("column_1", kinds)):
            columns[name] = pa.array(codes).cast(pa.string())
    labels = (rng.random(PREDICTED_ROWS) < 1 / (1 + np.exp(-odds))).astype(int)
    return pa.RecordBatch.from_pydict(columns), labels, (0, 1) if what == "texts" else ()


# One measurement, in a process of its own


def _measured(options: argparse.Namespace) -> dict[str, float]:
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    folder = Path(options.folder)
    target = folder / f"out-{options.share[0]}"
    target.mkdir()
    run = RUNS[options.one](project(options.project), folder, target, *options.share)
    start, cpu = time.time(), time.process_time()
    rows = run()
    found = {
        "rows": rows,
        "start": start,
        "end": time.time(),
        "cpu": time.process_time() - cpu,
        "peak": _peak_megabytes(),
    }
    found["out"] = sum(file.stat().st_size for file in target.iterdir()) / 1e6
    for file in target.iterdir():
        file.unlink()
    target.rmdir()
    return found


def _peak_megabytes() -> float:
    """The most memory that this process held, imports included; `getrusage` would count its parent's too."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _columns(rules: Project) -> list[str]:
    return [rules.columns.id, rules.columns.time, *rules.columns.features]


def _pyarrow(rules: Project, folder: Path, target: Path, *_: int) -> Callable[[], int]:
    def run() -> int:
        with pq.ParquetFile(folder / "rows.parquet") as source:
            schema = pa.schema([source.schema_arrow.field(name) for name in _columns(rules)])
            with pq.ParquetWriter(target / "out.parquet", schema) as writer:
                for batch in source.iter_batches(columns=_columns(rules)):
                    writer.write_batch(batch)
            return int(source.metadata.num_rows)

    return run


def _duckdb(rules: Project, folder: Path, target: Path, *_: int) -> Callable[[], int]:
    import duckdb

    duckdb.sql(f"set temp_directory = '{folder / 'duckdb'}'")
    chosen = ", ".join(f'"{name}"' for name in _columns(rules))

    def run() -> int:
        source, copy = folder / "rows.parquet", target / "out.parquet"
        duckdb.sql(f"copy (select {chosen} from '{source}') to '{copy}' (format parquet, compression snappy)")
        return int(pq.read_metadata(copy).num_rows)

    return run


def _polars(rules: Project, folder: Path, target: Path, *_: int) -> Callable[[], int]:
    import polars

    def run() -> int:
        rows = polars.scan_parquet(folder / "rows.parquet").select(_columns(rules))
        rows.sink_parquet(target / "out.parquet", compression="snappy")
        return int(pq.read_metadata(target / "out.parquet").num_rows)

    return run


def _score(name: str) -> Callable[..., Callable[[], int]]:
    def prepare(rules: Project, folder: Path, target: Path, *_: int) -> Callable[[], int]:
        model = pickle.loads((folder / f"{name}.pickle").read_bytes())
        paths = folder / "rows.parquet", target / "out.parquet", target / "quarantine.parquet"
        return lambda: scoring.score_file(model, rules.columns, *paths, version="1", max_bad_share=0.0).scored

    return prepare


def _partitions(rules: Project, folder: Path, target: Path, number: int, of: int) -> Callable[[], int]:
    """Every `of`th partition, as that worker would score them, the search for repeated ids left out: `validate` does it."""
    source, model = folder / "rows.parquet", pickle.loads((folder / f"{MODELS[0]}.pickle").read_bytes())
    at_most = min(rules.scoring.partition_rows, max(GROUP_ROWS, pq.read_metadata(source).num_rows // PARTITIONS))

    def run() -> int:
        rows = 0
        for part in scoring.partitions(source, at_most)[number::of]:
            paths = source, target / f"{part.number}.parquet", target / "quarantine.parquet"
            given: Any = {"partition": part, "repeated": np.empty(0, np.int64), "version": "1"}
            rows += scoring.score_partition(model, rules.columns, *paths, **given).scored
        return rows

    return run


RUNS: dict[str, Callable[..., Callable[[], int]]] = {
    "pyarrow": _pyarrow,
    "duckdb": _duckdb,
    "polars": _polars,
    **{name: _score(name) for name in MODELS},
    "partitions": _partitions,
}


# What is measured on


def _make_models(rules: Project, folder: Path) -> None:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    features, target = list(rules.columns.features), rules.columns.target
    rows = pq.read_table(_real(rules.data.training), columns=[*features, target]).to_pandas().dropna()
    models = (
        make_pipeline(StandardScaler(), LogisticRegression()),
        make_pipeline(DecisionTreeClassifier(max_depth=4)),
        make_pipeline(HistGradientBoostingClassifier(early_stopping=False)),
    )
    for name, model in zip(MODELS, models, strict=True):
        model.fit(rows[features], rows[target].astype(int))
        (folder / f"{name}.pickle").write_bytes(pickle.dumps(model))


def _make_rows(rules: Project, path: Path, rows: int) -> int:
    """Draw real rows by chance and jitter their features within their rules; ids count up. Gives the file's bytes."""
    names = (rules.data.training, rules.data.production)
    real = pa.concat_tables([pq.read_table(_real(name), columns=rules.columns.all) for name in names])
    real = real.replace_schema_metadata(None).combine_chunks()
    rng = np.random.default_rng(SEED)
    with pq.ParquetWriter(path, real.schema) as writer:
        for start in range(0, rows, GROUP_ROWS):
            end = min(start + GROUP_ROWS, rows)
            chunks = range(start, end, CHUNK_ROWS)
            made = [_jittered(rules, real, first, min(CHUNK_ROWS, end - first), rng) for first in chunks]
            writer.write_table(pa.concat_tables(made), row_group_size=GROUP_ROWS)
    return path.stat().st_size


def _jittered(rules: Project, real: pa.Table, first: int, rows: int, rng: np.random.Generator) -> pa.Table:
    drawn = real.take(pa.array(rng.integers(0, real.num_rows, rows)))
    drawn = _with(drawn, rules.columns.id, np.arange(first, first + rows))
    for name, rule in rules.columns.features.items():
        values = drawn[name].to_numpy()
        if rule.type == "number":
            values = np.clip(values + rng.normal(0, values.std() / 100, rows), rule.min, rule.max)
        elif rule.allowed is None:
            values = np.clip(values + rng.integers(-1, 2, rows), rule.min, rule.max).astype(values.dtype)
        drawn = _with(drawn, name, values)
    return drawn


def _with(table: pa.Table, name: str, values: np.ndarray[Any, Any]) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(name), pa.array(values))


def _real(name: str) -> Path:
    folders = [folder for folder in (settings().data_source, settings().data / "raw") if folder]
    found = next((folder / name for folder in folders if (folder / name).is_file()), None)
    if found is None:
        sys.exit(
            f"{name} is in none of {[str(folder) for folder in folders]}: run `make data`, or set SHOTCLOCK_DATA_DIR"
        )
    return found


if __name__ == "__main__":
    main()
